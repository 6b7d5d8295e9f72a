"""What models state against annotators: made-up spreads of known directions, and which landmarks are compared."""

import csv
import importlib
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmfld.synthetic import SyntheticFaceGenerator

PROJECT = Path(__file__).parents[2] / 'projects' / 'semantic_ambiguity'
NAMES = (
    'annotator_report',
    'face_panel',
    'lfpw_annotations',
    'shared_landmarks',
    'spreads',
    'stated_covariances',
    'stated_picture',
    'stated_report',
    'stated_spreads',
)
FACES = 40


@pytest.fixture(scope='module')
def modules():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROJECT))
        importlib.import_module('stated_spreads')
    found = {name: sys.modules.pop(name) for name in NAMES}
    found['stated_spreads'].BOOTSTRAPS, found['spreads'].PERMUTATIONS = 50, 100
    return found


@pytest.fixture(scope='module')
def study(modules):
    return modules['stated_spreads']


@pytest.fixture(scope='module')
def shared(modules):
    return modules['shared_landmarks']


@pytest.fixture(scope='module')
def covariances(modules):
    return modules['stated_covariances']


@pytest.fixture(scope='module')
def face():
    """One rendered face; landmarks in pixels of its picture."""
    return SyntheticFaceGenerator(seed=0, flags='none')[0]


def turned(points: np.ndarray, degrees: float, scale: float) -> np.ndarray:
    """Points (..., 2) turned and scaled."""
    return points @ (scale * matrix(degrees)).T


def matrix(degrees: float) -> np.ndarray:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cos, -sin], [sin, cos]])


def ellipse(degrees: float, major: float, minor: float) -> np.ndarray:
    """(2, 2) covariance with these standard deviations."""
    return matrix(degrees) @ np.diag([major**2, minor**2]) @ matrix(degrees).T


def level(shared, face) -> np.ndarray:
    """(25, 2) landmarks with the eye line horizontal, inter-ocular distance 100."""
    points = shared.FROM_MODELS.keypoints(face.keypoints['300w68'].astype(float))
    right, left = points[list(shared.SHARED.eye_corners)]
    angle = np.degrees(np.arctan2(*(left - right)[::-1]))
    return turned(points, -angle, 100 / np.hypot(*(left - right)))


def stated(study, spread):
    return study.StatedSpreads(spread, spread, spread)


def test_known_covariances_give_known_angles_and_ratios(study, shared, face):
    frame = shared.frame(np.tile(level(shared, face), (FACES, 1, 1)))
    shape = (FACES, shared.SHARED.num_keypoints, 2, 2)
    people = shared.in_frame(np.broadcast_to(ellipse(10, 3, 1), shape), frame)
    model = shared.in_frame(np.broadcast_to(ellipse(40, 4, 2), shape), frame)
    result = study.compare(people, frame, dict(model=stated(study, model)), frame)
    assert result['direction']['model']['median'] == pytest.approx(30)
    assert (result['direction']['model']['under_22'], result['direction']['model']['under_45']) == (0, 1)
    assert result['direction']['model']['alignment'] == pytest.approx(0.5)  # cos(2 * 30 degrees)
    assert result['size']['annotators']['ratio'] == pytest.approx(3)
    assert result['size']['model']['ratio'] == pytest.approx(2)
    assert result['size']['model']['std'] == pytest.approx(np.sqrt((4**2 + 2**2) / 2) / 100)
    chin = result['areas']['contour']['model']
    along = (4 * np.cos(np.radians(40))) ** 2 + (2 * np.sin(np.radians(40))) ** 2  # of the eye line
    assert chin['share'] == pytest.approx(along / 20)


def test_faces_that_are_turned_and_scaled_give_the_same(study, shared, face):
    rng = np.random.default_rng(0)
    points, told = level(shared, face), np.stack([ellipse(*rng.uniform((0, 3, 1), (180, 5, 2))) for _ in range(25)])
    upright = shared.in_frame(told[None], shared.frame(points[None]))
    degrees, scales = rng.uniform(-60, 60, FACES), rng.uniform(0.5, 3, FACES)
    moved = np.stack([turned(points, *place) + 200 for place in zip(degrees, scales)])
    maps = np.stack([scale * matrix(angle) for angle, scale in zip(degrees, scales)])[:, None]
    frame = shared.frame(moved)
    spread = shared.in_frame(maps @ told @ maps.swapaxes(-1, -2), frame)
    np.testing.assert_allclose(spread.pooled().trace, upright.trace[0])
    np.testing.assert_allclose(spread.pooled().axis, upright.axis[0])
    np.testing.assert_allclose(frame.axes, np.tile(shared.frame(points[None]).axes, (FACES, 1)), atol=1e-9)


def test_annotators_and_models_that_vary_alike_have_the_same_spread(shared, face):
    """Annotators turned and scaled like the faces that they annotate."""
    rng = np.random.default_rng(1)
    points = face.keypoints['cofw29'].astype(float)
    noise = rng.standard_normal((2000, 3, 29, 2)) @ np.diag([3.0, 1.0])
    people = turned(points + noise, 25, 2)
    spread, frame = shared.annotators(people)
    errors = turned(np.tile(np.diag([9.0, 1.0]), (1, 25, 1, 1)), 0, 1)
    alike = shared.in_frame(errors, shared.frame(shared.FROM_ANNOTATORS.keypoints(points)[None]))
    np.testing.assert_allclose(spread.pooled().trace, alike.trace[0], rtol=0.2)
    assert spread.pooled().ratio == pytest.approx(np.full(25, 3.0), rel=0.1)
    assert np.isfinite(frame.shapes).all()


def test_matched_landmarks_lie_at_the_same_place(shared):
    """On the mean of rendered faces, whose two schemes are exact."""
    faces = [SyntheticFaceGenerator(seed=0, flags='none')[index] for index in range(8)]
    people, models = (
        shared.frame(conversion.keypoints(np.stack([face.keypoints[name].astype(float) for face in faces])))
        for conversion, name in ((shared.FROM_ANNOTATORS, 'cofw29'), (shared.FROM_MODELS, '300w68'))
    )
    first, second = (frame.shapes.mean(0)[shared.COMPARED] for frame in (people, models))
    distances = abs(first[:, None] - second + (second - first).mean())
    assert distances.diagonal().max() < 0.08
    assert (distances.argmin(1) == np.arange(len(first))).all()


def test_left_and_right_are_not_exchanged_on_the_real_faces(modules, shared, shared_dir):
    mean = json.loads((PROJECT.parents[1] / 'mmfld' / 'applications' / 'mean_faces.json').read_text())['300w68']
    flip = np.array(shared.SHARED.flip_indices)
    pairs = shared.COMPARED[flip[shared.COMPARED] != shared.COMPARED]
    models = shared.frame(shared.FROM_MODELS.keypoints(np.array(mean)[None, :, :2])).shapes[0, pairs]
    path = shared_dir / 'data' / 'lfpw29' / 'kbvt_lfpw_v1_test.csv'
    points, _, _ = modules['lfpw_annotations'].read_annotations(path)
    people = shared.annotators(points)[1].shapes.mean(0)[pairs]
    distances = abs(people[:, None] - models + (models - people).mean())
    assert len(pairs) == 12
    assert (distances.argmin(1) == np.arange(len(people))).all()


def test_only_single_landmarks_are_compared(shared):
    compared = [shared.SHARED_NAMES[k] for k in shared.COMPARED]
    assert len(compared) == 19
    assert not any('eye_center' in name or 'pupil' in name for name in compared)
    assert {'chin', 'left_eye_out', 'nose_center_bottom', 'mouth_center_bottom_lip_top'} <= set(compared)


def test_a_calibration_that_exchanges_axes_is_noticed(study, shared, face):
    frame = shared.frame(level(shared, face)[None])
    before = np.tile(ellipse(20, 3, 1), (1, 25, 1, 1))
    after = before.copy()
    after[0, 0] = ellipse(20, 1, 2)
    turns = study._turns(shared.in_frame(after, frame), shared.in_frame(before, frame))
    assert turns['exchanged'] == pytest.approx(1 / 19)
    assert turns['otherwise'] < 1e-6


def test_errors_are_those_beside_the_mean_of_all_faces(shared, face):
    frame = shared.frame(np.tile(level(shared, face), (2, 1, 1)))
    errors = np.tile([7.0, -3.0], (2, 25, 1)) + np.array([[[1.0, 0]], [[-1.0, 0]]])
    spread = shared.errors_in_frame(errors, frame).pooled()
    np.testing.assert_allclose(spread.trace, 1e-4)
    np.testing.assert_allclose(spread.axis, 1e-4)


def test_an_unknown_model_is_an_error(covariances):
    with pytest.raises(ValueError, match="--models: found 'nobody_mini', expected models of the package: .*star_mini"):
        covariances.models(['star_mini', 'nobody_mini'])


def test_methods_that_are_not_there_are_left_out(covariances, monkeypatch):
    monkeypatch.setattr(covariances, 'shipped_names', lambda suffix: ['attentive1d_mini', 'other', 'star_mini'])
    assert covariances.models(None) == ['star_mini', 'attentive1d_mini']
    monkeypatch.setattr(covariances, 'shipped_names', lambda suffix: ['other'])
    with pytest.raises(ValueError, match='--models: found none of structured_mini, .* which has other'):
        covariances.models(None)


def coco(folder: Path, points: np.ndarray, image: np.ndarray | None) -> Path:
    """A file with one face."""
    if image is not None:
        cv2.imwrite(str(folder / 'face.png'), image)
    keypoints = np.concatenate([points, np.full((len(points), 1), 2)], axis=1).ravel().tolist()
    content = dict(
        images=[dict(id=1, file_name='face.png')],
        annotations=[dict(id=1, image_id=1, category_id=1, keypoints=keypoints)],
    )
    (folder / 'faces.json').write_text(json.dumps(content))
    return folder / 'faces.json'


def annotations(modules, folder: Path, points: np.ndarray) -> Path:
    """A file of two faces (29, 2), each with three annotators who vary."""
    rng = np.random.default_rng(0)
    with open(folder / 'people.csv', 'w', newline='') as file:
        writer = csv.writer(file, delimiter='\t')
        writer.writerow(modules['lfpw_annotations'].HEADER)
        for number in range(2):
            for worker in modules['lfpw_annotations'].WORKERS:
                values = np.concatenate([points + rng.standard_normal(points.shape), np.zeros((29, 1))], axis=1)
                values = np.insert(values, 28, np.full((6, 3), 2), axis=0)  # six points of the ears
                writer.writerow([f'http://face/{number}', worker, *values.ravel()])
    return folder / 'people.csv'


def test_faces_of_another_layout_are_an_error(covariances, shared, face, tmp_path):
    path = coco(tmp_path, face.keypoints['cofw29'], face.image)
    message = 'annotation 1: found 29 annotated landmarks of 29, expected all 68 of 300w68'
    with pytest.raises(ValueError, match=message):
        covariances.read_faces(path, tmp_path, shared.MODELS, 1)


def test_a_face_without_image_is_an_error(covariances, shared, face, tmp_path):
    path = coco(tmp_path, face.keypoints['300w68'], None)
    with pytest.raises(FileNotFoundError, match='face.png: found no image that OpenCV can read'):
        covariances.read_faces(path, tmp_path, shared.MODELS, 1)


def test_command_prints_tables_and_writes_numbers_and_picture(modules, study, face, tmp_path, capsys):
    people = annotations(modules, tmp_path, face.keypoints['cofw29'].astype(float))
    faces = coco(tmp_path, face.keypoints['300w68'], face.image)
    arguments = [str(people), str(faces), str(tmp_path), '--models', 'star_mini', '--out-dir', str(tmp_path / 'out')]
    result = study.main(arguments)
    printed = capsys.readouterr().out
    assert '2 faces with 3 annotators, 0 with fewer left out; 1 face for star_mini' in printed
    for text in ('star_mini, maps', 'variance along the boundary', 'mouth_center_top_lip_top'):
        assert text in printed
    written = json.loads((tmp_path / 'out' / 'stated_spreads.json').read_text())
    assert written['direction']['star_mini']['median'] == result['direction']['star_mini']['median']
    assert 10_000 < (tmp_path / 'out' / 'stated_spreads.png').stat().st_size < 400_000
    # the maps of STAR are many times wider than the errors that the calibration states
    assert written['size']['star_mini, maps']['std'] > 3 * written['size']['star_mini']['std'] > 0
    assert written['calibration']['star_mini']['otherwise'] < 0.1


def test_csv_of_another_format_is_an_error(study, face, tmp_path):
    (tmp_path / 'other.csv').write_text('imgurl,worker\n')
    faces = coco(tmp_path, face.keypoints['300w68'], face.image)
    with pytest.raises(ValueError, match='other.csv, line 1: found 1 columns, expected 107'):
        study.main([str(tmp_path / 'other.csv'), str(faces), str(tmp_path), '--models', 'star_mini'])
