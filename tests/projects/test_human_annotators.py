"""Annotators against image-aware smoothing: made-up annotations of known spread, and the format of the real file."""

import csv
import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial import procrustes
from scipy.spatial.distance import cdist

from mmfld.codecs import ImageAwareSmoothing
from mmfld.structures import Boundary, FaceLayout, denormalize, get_layout, pixels_to_cells
from mmfld.synthetic import SyntheticFaceGenerator

PROJECT = Path(__file__).parents[2] / 'projects' / 'semantic_ambiguity'
LAYOUT = get_layout('cofw29')
FACES = 60
STD = 0.03  # of the noise, in inter-ocular distances


@pytest.fixture(scope='module')
def modules():
    names = ('human_annotators', 'spreads', 'lfpw_annotations', 'annotator_report', 'annotator_picture')
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROJECT))
        importlib.import_module('human_annotators')
    found = {name: sys.modules.pop(name) for name in names}
    found['human_annotators'].BOOTSTRAPS, found['spreads'].PERMUTATIONS = 100, 200
    return found


@pytest.fixture(scope='module')
def study(modules):
    return modules['human_annotators']


@pytest.fixture(scope='module')
def spreads(modules):
    return modules['spreads']


@pytest.fixture(scope='module')
def annotations(modules):
    return modules['lfpw_annotations']


@pytest.fixture(scope='module')
def faces():
    """(F, 29) complex pixels: one face, turned, scaled and moved; inter-ocular distance 60 to 150."""
    rng = np.random.default_rng(1)
    face = SyntheticFaceGenerator(seed=0)[0].keypoints['cofw29'].astype(float) @ [1, 1j]
    face = (face - face.mean()) / abs(face[9] - face[8])
    scale = rng.uniform(60, 150, (FACES, 1)) * np.exp(1j * rng.uniform(-0.5, 0.5, (FACES, 1)))
    return face * scale + 300 + 300j


def annotate(faces: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """(F, 3, 29, 2) pixels; ``noise`` (F, 3, 29) complex, in inter-ocular distances of the image."""
    points = faces[:, None] + noise * abs(faces[:, 9] - faces[:, 8])[:, None, None]
    return np.stack([points.real, points.imag], axis=-1)


def normal(*shape: int) -> np.ndarray:
    return STD * np.random.default_rng(2).standard_normal(shape)


@pytest.fixture(scope='module')
def isotropic(study, faces):
    noise = normal(2, FACES, 3, 29)
    return study.compare(annotate(faces, noise[0] + 1j * noise[1]), np.ones((FACES, 3, 29), bool))


@pytest.fixture(scope='module')
def along(study, spreads, faces):
    axes = spreads.boundary_axes(faces, LAYOUT)
    noise = normal(FACES, 3, 29) * np.exp(0.5j * np.angle(axes))[:, None]
    return study.compare(annotate(faces, noise), np.ones((FACES, 3, 29), bool))


def rows_of(annotations, points: np.ndarray) -> list:
    """Rows of a file with these annotations, averages in front as in the original."""
    rows = [annotations.HEADER]
    for number, face in enumerate(points):
        for worker, person in zip(('average', *annotations.WORKERS), (face.mean(0), *face)):
            triples = np.concatenate([person, np.zeros((29, 1))], axis=1)
            triples = np.concatenate([triples[:28], np.full((6, 3), 2), triples[28:]])  # six points of the ears
            rows.append([f'http://face/{number}', worker, *map(str, triples.ravel())])
    return rows


def write(path: Path, rows: list) -> Path:
    with open(path, 'w', newline='') as file:
        csv.writer(file, delimiter='\t', lineterminator='\n').writerows(rows)
    return path


def test_reads_what_was_written(annotations, faces, tmp_path):
    points = annotate(faces[:3], np.zeros((3, 3, 29)))
    rows = rows_of(annotations, points)
    rows[3][2 + 3 * 34 + 2] = '1'  # the chin of the first face as worker_1 has it
    found, visible, skipped = annotations.read_annotations(write(tmp_path / 'a.csv', rows))
    np.testing.assert_allclose(found, points)
    assert np.argwhere(~visible).tolist() == [[0, 1, 28]]
    assert skipped == 0


def test_faces_with_fewer_annotators_are_left_out_and_counted(annotations, faces, tmp_path):
    rows = rows_of(annotations, annotate(faces[:3], np.zeros((3, 3, 29))))
    del rows[6]  # worker_0 of the second face
    found, _, skipped = annotations.read_annotations(write(tmp_path / 'a.csv', rows))
    assert (len(found), skipped) == (2, 1)


@pytest.mark.parametrize(
    'line, column, text, message',
    [
        (1, 4, 'left_eyebrow_out_u', "line 1, column 5: found 'left_eyebrow_out_u', expected 'left_eyebrow_out_t'"),
        (3, 2, 'x', "line 3, column 'left_eyebrow_out_x': found 'x', expected a finite number"),
        (3, 106, 'nan', "line 3, column 'chin_t': found 'nan', expected a finite number"),
        (4, 4, '7', "line 4, column 'left_eyebrow_out_t': found '7', expected 0, 1, 2 or 3"),
        (
            4,
            1,
            'worker_3',
            "line 4, column 'worker': found 'worker_3', expected 'average' or one of "
            "('worker_0', 'worker_1', 'worker_2')",
        ),
        (4, 1, 'worker_0', "line 4: found 'worker_0' of http://face/0 a second time, expected one row each"),
        (5, 106, None, 'line 5: found 106 columns, expected 107'),
        (1, 106, None, 'line 1: found 106 columns, expected 107'),
    ],
)
def test_broken_files_are_named_with_the_place(annotations, faces, tmp_path, line, column, text, message):
    rows = [list(row) for row in rows_of(annotations, annotate(faces[:1], np.zeros((1, 3, 29))))]
    if text is None:
        del rows[line - 1][column]
    else:
        rows[line - 1][column] = text
    path = write(tmp_path / 'broken.csv', rows)
    with pytest.raises(ValueError) as error:
        annotations.read_annotations(path)
    assert str(error.value) == f'{path}, {message}'


def test_a_file_without_complete_faces_is_refused(annotations, tmp_path):
    path = write(tmp_path / 'empty.csv', [annotations.HEADER])
    with pytest.raises(ValueError, match='found no face with the annotators'):
        annotations.read_annotations(path)


def test_names_follow_the_layout(annotations):
    swapped = [name.replace('left', 'L').replace('right', 'left').replace('L', 'right') for name in annotations.NAMES]
    assert [annotations.NAMES.index(name) for name in swapped] == list(LAYOUT.flip_indices)


def test_order_of_the_real_file_is_that_of_cofw(spreads, annotations, shared_dir):
    points, _, skipped = annotations.read_annotations(shared_dir / 'data' / 'lfpw29' / 'kbvt_lfpw_v1_test.csv')
    assert (len(points), skipped) == (299, 1)
    faces = points.mean(1) @ [1, 1j]
    mean = ((faces - faces.mean(1, keepdims=True)) / (faces[:, 9] - faces[:, 8])[:, None]).mean(0)
    order = spreads.check_order(mean, LAYOUT)
    assert order['matched'] == 29
    assert order['largest'] < 0.5 * order['nearest_other']
    samples = json.loads((shared_dir / 'data' / 'mmpose_samples' / 'cofw' / 'test_cofw.json').read_text())
    for sample in samples['annotations']:
        keypoints = np.array(sample['keypoints']).reshape(29, 3)[:, :2]
        first, second, _ = procrustes(np.stack([mean.real, mean.imag], -1), keypoints)
        assert linear_sum_assignment(cdist(first, second))[1].tolist() == list(range(29))


def test_a_wrong_order_is_noticed(spreads, faces):
    shape = faces[0] - faces[0].mean()
    shape = shape / (shape[9] - shape[8])
    order = np.arange(29)
    order[[0, 10]] = 10, 0
    assert spreads.check_order(shape, LAYOUT)['matched'] == 29
    assert spreads.check_order(shape[order], LAYOUT)['matched'] < 29


def test_axes_along_a_boundary(spreads):
    layout = FaceLayout('lens', 5, (), (Boundary('eye', (0, 1, 2, 3)),), (0, 2), None, dict(face=tuple(range(5))))
    shape = np.array([-3, 1j, 3, -1j, 9])  # corners left and right; landmark 4 is on no boundary
    np.testing.assert_allclose(spreads.boundary_axes(shape[None], layout), [[1, 1, 1, 1, 0]], atol=1e-12)
    np.testing.assert_allclose(spreads.boundary_axes(shape[None] * 1j, layout), [[-1, -1, -1, -1, 0]], atol=1e-12)
    across = spreads.boundary_axes(shape[None], layout, round_corners=True)
    np.testing.assert_allclose(across, [[-1, 1, -1, 1, 0]], atol=1e-12)
    assert spreads.corners(shape, layout).tolist() == [True, False, True, False, False]


def test_spread_of_covariances_is_that_of_numpy(spreads):
    samples = np.random.default_rng(3).standard_normal((2, 50)) * [[3], [1]] + [[0], [2]]
    centred = (samples - samples.mean(1, keepdims=True)).T @ [1, 1j]
    eye_line = np.array([2j])  # a face that lies on its side
    ours = spreads.spread_of_samples(centred[None, :, None] / eye_line)
    theirs = spreads.spread_of_covariances(np.cov(samples)[None, None], eye_line)
    np.testing.assert_allclose(ours.trace, theirs.trace)
    np.testing.assert_allclose(ours.axis, theirs.axis)
    # wide in the image, so across the face's eye line
    assert spreads.angles(theirs.axis, np.ones((1, 1)))[0, 0] > 80


def test_an_isotropic_covariance_has_no_direction(spreads):
    spread = spreads.spread_of_covariances(np.eye(2)[None, None] * [[1 + 1e-12], [1]], np.array([1 + 1j]))
    assert spread.axis[0, 0] == 0
    assert np.isnan(spreads.angles(spread.axis, np.ones((1, 1))))[0, 0]


def test_angles_and_alignment(spreads):
    axes = np.exp(2j * np.radians([0.0, 30, 60, 90]))
    np.testing.assert_allclose(spreads.angles(axes, np.ones(4)), [0, 30, 60, 90])
    np.testing.assert_allclose(spreads.angles(axes, axes[::-1]), [90, 30, 30, 90])
    ones = spreads.Spread(np.ones(4), np.ones(4) + 0j)
    assert spreads.alignment(ones, ones) == pytest.approx(1)
    assert spreads.alignment(ones, spreads.Spread(np.ones(4), -ones.axis)) == pytest.approx(-1)
    assert spreads.alignment(ones, spreads.Spread(np.ones(4), axes)) == pytest.approx(0)
    # the anisotropies are the weights, and the size does not matter
    mixed = spreads.Spread(np.array([1.0, 10, 1, 1]), np.array([1, -1, 0, 0]) + 0j)
    assert spreads.alignment(ones, mixed) == pytest.approx((1 - 0.1) / 1.1)


def test_prediction_is_the_covariance_of_the_codec(study, faces):
    codec = ImageAwareSmoothing(LAYOUT, gamma=1.0, num_samples=20000)
    pixels = study.crop_points(annotate(faces[:1], np.zeros((1, 3, 29))), codec)[:, 0]
    np.random.seed(0)
    samples = denormalize(codec.encode(pixels)['keypoint_samples'][0].astype(float), codec.input_size)
    predicted = study.predict(pixels, codec)[f'k={codec.patch_radius}'][0]
    cells = pixels_to_cells(pixels[0], codec.heatmap_size, codec.input_size, codec.map_grid)
    inner = np.flatnonzero(((cells > 12) & (cells < 51)).all(1))  # there the samples are not clamped to the image
    assert len(inner) > 10
    for k in inner:
        # the codec's samples are on the scale of align_corners: 63 steps over the image
        np.testing.assert_allclose(np.cov((samples[k] * 63 / 256).T), predicted[k], atol=0.05 * np.trace(predicted[k]))


def test_own_edges_are_those_of_the_boundaries_through_a_landmark(study, faces):
    codec = ImageAwareSmoothing(LAYOUT)
    pixels = study.crop_points(annotate(faces[:1], np.zeros((1, 3, 29))), codec)[:, 0]
    moved = pixels.copy()
    moved[:, :8] += [0, 8]  # the brows, two cells nearer to the eyes
    before, after = study.predict(pixels, codec), study.predict(moved, codec)
    eyes = range(8, 16)
    assert (before['k=8'][0, eyes] != after['k=8'][0, eyes]).any()
    np.testing.assert_array_equal(before['k=8, own'][0, eyes], after['k=8, own'][0, eyes])
    # the pupils and the chin have no edges of their own, the left corner of the mouth those of both lips
    np.testing.assert_array_equal(before['k=8, own'][:, [16, 17, 28]], before['image-unaware'][:, [16, 17, 28]])
    edges = study.edge_maps(pixels[0], LAYOUT, codec.input_size, codec.heatmap_size)
    lips = [n for n, boundary in enumerate(LAYOUT.boundaries) if 22 in boundary.indices]
    cells = pixels_to_cells(pixels[0], codec.heatmap_size, codec.input_size, codec.map_grid)
    expected = study.smoothing_stages(edges[lips], cells[22:23], 8).covariances[0]
    assert len(lips) == 2
    np.testing.assert_array_equal(before['k=8, own'][0, 22], expected)


def test_crop_is_as_high_as_the_landmarks(study, faces):
    codec = ImageAwareSmoothing(LAYOUT)
    pixels = study.crop_points(annotate(faces, np.zeros((FACES, 3, 29))), codec)
    np.testing.assert_allclose(pixels[..., 1].min((1, 2)), -0.5)
    np.testing.assert_allclose(pixels[..., 1].max((1, 2)), 255.5)
    np.testing.assert_allclose(pixels[..., 0].max((1, 2)) + pixels[..., 0].min((1, 2)), 255)


def test_noise_along_the_boundaries_is_found_there(along):
    assert along['share']['all on boundaries']['annotators']['share'] > 0.99
    assert along['direction']['boundary']['face']['under_22'] > 0.99
    assert along['direction']['boundary']['pooled']['alignment'] > 0.99
    assert along['direction']['boundary']['pooled']['median'] < 2
    assert along['direction']['boundary']['pooled']['p'] < 0.01


def test_isotropic_noise_is_at_chance(isotropic):
    assert isotropic['share']['all on boundaries']['annotators']['share'] == pytest.approx(0.5, abs=0.02)
    for name in ('eye line', 'boundary', 'k=8'):
        face = isotropic['direction'][name]['face']
        assert face['count'] == FACES * 26
        assert face['under_45'] == pytest.approx(0.5, abs=0.04)
        assert face['under_22'] == pytest.approx(0.25, abs=0.04)
        assert face['median'] == pytest.approx(45, abs=4)


def test_p_values_of_isotropic_noise_are_uniform(spreads, faces):
    axes = spreads.boundary_axes(faces, LAYOUT)
    boundary, chosen = spreads.Spread(abs(axes), axes), LAYOUT.boundary_of_keypoint.any(1)
    draws = np.ones((1, FACES))
    values = []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal((2, FACES, 3, 29))
        human = spreads.spread_of_samples(
            (noise[0] - noise[0].mean(1, keepdims=True)) + 1j * (noise[1] - noise[1].mean(1, keepdims=True))
        )
        orders = spreads.shuffled_landmarks(chosen, LAYOUT, rng)
        values.append(spreads.pooled_direction(human, boundary, chosen, (draws, draws), orders)['p'])
    assert np.mean(values) == pytest.approx(0.5, abs=0.12)
    assert np.mean(np.array(values) < 0.05) < 0.15


def test_sizes_are_those_of_the_noise(isotropic):
    np.testing.assert_allclose([row['human_std'] for row in isotropic['landmarks']], STD * np.sqrt(2), rtol=0.2)
    cells = isotropic['cells']
    assert (
        isotropic['size']['image-unaware']['gamma_interval'][0]
        < (cells['annotators'] / cells['image-unaware']) ** 2
        < isotropic['size']['image-unaware']['gamma_interval'][1]
    )
    # a constant has no correlation
    assert 'spearman' not in isotropic['size']['image-unaware']


def test_annotators_who_follow_a_spread_have_it_in_the_mean(spreads):
    spread = spreads.Spread(np.full((4000, 1), 3.0), np.full((4000, 1), 2 * np.exp(1j)))
    drawn = spreads.simulate(spread, 3, np.random.default_rng(0)).pooled()
    assert drawn.trace[0] == pytest.approx(3, rel=0.05)
    assert drawn.axis[0] == pytest.approx(2 * np.exp(1j), rel=0.06)


def test_systematic_offsets_are_told_from_noise(spreads):
    noise = normal(2, 400, 3, 29)
    noise = noise[0] + 1j * noise[1]
    offsets = STD * np.array([1, -1, 0])[:, None] * np.ones(29)
    for habit, part in ((0 * offsets, 0), (offsets, 1 / 3)):  # variances 2 STD^2 of the noise, STD^2 of the offsets
        values = noise + habit
        found = spreads.systematic_part(values - values.mean(1, keepdims=True), np.random.default_rng(0))
        assert found['offset'] == pytest.approx(part, abs=0.02)
        assert (found['offset'] > found['offset_shuffled'][1]) == (part > 0)


def test_shifts_of_a_whole_face_are_told_from_noise(spreads):
    noise = normal(2, 400, 3, 30)
    noise = noise[0] + 1j * noise[1]
    values = noise[:, :, :29] + noise[:, :, 29:]
    for deviations, correlation in ((noise[:, :, :29], 0), (values, 0.5)):
        deviations = deviations - deviations.mean(1, keepdims=True)
        found = spreads.systematic_part(deviations, np.random.default_rng(0))
        assert found['whole_face'] == pytest.approx(correlation, abs=0.05)


def test_landmarks_change_places_in_pairs(spreads):
    chosen = LAYOUT.boundary_of_keypoint.any(1)
    orders = spreads.shuffled_landmarks(chosen, LAYOUT, np.random.default_rng(0))
    flip = np.array(LAYOUT.flip_indices)
    assert (np.sort(orders, axis=1) == np.arange(29)).all()
    assert (orders[:, ~chosen] == np.flatnonzero(~chosen)).all()
    assert (orders[:, flip] == flip[orders]).all()
    assert len(np.unique(orders, axis=0)) == len(orders)


def test_command_prints_tables_and_writes_numbers_and_picture(study, annotations, faces, tmp_path, capsys):
    noise = normal(2, 10, 3, 29)
    path = write(tmp_path / 'a.csv', rows_of(annotations, annotate(faces[:10], noise[0] + 1j * noise[1])))
    result = study.main([str(path), '--out-dir', str(tmp_path / 'out')])
    written = json.loads((tmp_path / 'out' / 'human_annotators.json').read_text())
    assert written['size']['k=8']['gamma'] == result['size']['k=8']['gamma']
    assert 10_000 < (tmp_path / 'out' / 'human_annotators.png').stat().st_size < 300_000
    printed = capsys.readouterr().out
    assert '10 faces with 3 annotators, 0 with fewer left out' in printed
    for text in ('gamma that fits', 'all on boundaries', 'nose_center_top'):
        assert text in printed
