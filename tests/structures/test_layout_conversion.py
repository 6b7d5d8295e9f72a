"""Conversions between layouts: landmark by landmark, on symmetric faces, and on faces annotated in both layouts."""

import csv
import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from mmfld.structures import convert_keypoints, get_conversion, get_layout
from mmfld.synthetic import Camera, Expression, FaceShape, Identity, project_face

CONVERSIONS = [('wflw98', '300w68'), ('300w68', '300w49'), ('300w68', 'cofw25'), ('cofw29', 'cofw25')]


@pytest.fixture(params=CONVERSIONS, ids=' -> '.join)
def conversion(request):
    return get_conversion(*request.param)


def random_points(layout: str) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 200, (3, get_layout(layout).num_keypoints, 2))


def test_one_mean_per_landmark(conversion):
    assert len(conversion.indices) == conversion.target.num_keypoints
    assert conversion.indices.min() >= 0 and conversion.indices.max() < conversion.source.num_keypoints
    np.testing.assert_allclose(conversion.weights.sum(axis=1), 1)


def test_mirrored_faces_are_converted_to_mirrored_faces(conversion):
    points = random_points(conversion.source.name)
    mirrored = (points * [-1, 1])[:, list(conversion.source.flip_indices)]
    expected = (conversion.keypoints(points) * [-1, 1])[:, list(conversion.target.flip_indices)]
    np.testing.assert_allclose(conversion.keypoints(mirrored), expected, atol=1e-9)


def test_eye_corners_and_areas_stay_what_they_are(conversion):
    for index, landmark in zip(conversion.target.eye_corners, conversion.source.eye_corners):
        assert set(conversion.indices[index]) == {landmark}
    for area, indices in conversion.target.areas.items():
        assert set(conversion.indices[list(indices)].flat) <= set(conversion.source.areas[area])


def test_wflw_to_68():
    points = random_points('wflw98')
    found = convert_keypoints(points, 'wflw98', '300w68')
    np.testing.assert_array_equal(found[:, :17], points[:, 0:33:2])
    np.testing.assert_array_equal(found[:, [17, 26]], points[:, [33, 46]])
    np.testing.assert_array_equal(found[:, 18:26, 0], points[:, [34, 35, 36, 37, 42, 43, 44, 45], 0])
    upper, lower = points[:, [34, 35, 36, 37, 42, 43, 44, 45], 1], points[:, [41, 40, 39, 38, 50, 49, 48, 47], 1]
    np.testing.assert_allclose(found[:, 18:26, 1], (upper + lower) / 2)
    np.testing.assert_array_equal(found[:, 27:36], points[:, 51:60])
    np.testing.assert_array_equal(found[:, [36, 39, 42, 45]], points[:, [60, 64, 68, 72]])
    near, middle = points[:, [61, 63, 65, 67, 69, 71, 73, 75]], points[:, [62, 62, 66, 66, 70, 70, 74, 74]]
    np.testing.assert_allclose(found[:, [37, 38, 40, 41, 43, 44, 46, 47]], (2 * near + middle) / 3)
    np.testing.assert_array_equal(found[:, 48:], points[:, 76:96])


def test_68_to_49():
    points = random_points('300w68')
    np.testing.assert_array_equal(
        convert_keypoints(points, '300w68', '300w49'), np.delete(points, [*range(17), 60, 64], axis=1)
    )


def test_68_to_what_cofw_has_in_common():
    points = random_points('300w68')
    found = convert_keypoints(points, '300w68', 'cofw25')
    np.testing.assert_array_equal(found[:, :10], points[:, [17, 26, 21, 22, 19, 24, 36, 45, 39, 42]])
    np.testing.assert_allclose(found[:, 10:14], (points[:, [37, 40, 43, 46]] + points[:, [38, 41, 44, 47]]) / 2)
    np.testing.assert_allclose(found[:, 14], points[:, 36:42].mean(axis=1))
    np.testing.assert_allclose(found[:, 15], points[:, 42:48].mean(axis=1))
    np.testing.assert_array_equal(found[:, 16:], points[:, [30, 33, 48, 54, 51, 62, 66, 57, 8]])


def test_cofw_to_what_68_have_in_common():
    points = random_points('cofw29')
    np.testing.assert_array_equal(
        convert_keypoints(points, 'cofw29', 'cofw25'), np.delete(points, [5, 7, 18, 19], axis=1)
    )


@pytest.mark.parametrize('yaw', (0.0, 0.4, -0.9))
def test_two_ways_to_the_common_landmarks_of_one_face(yaw):
    # of a face with 97 px between the eye corners; the 68 put the inner end of a brow on its upper edge
    points = project_face(FaceShape(Identity(), Expression()), Camera(yaw, scale=90, center=(127.5, 100))).keypoints
    distance = np.linalg.norm(
        convert_keypoints(points['300w68'], '300w68', 'cofw25')
        - convert_keypoints(points['cofw29'], 'cofw29', 'cofw25'),
        axis=1,
    )
    tolerance = np.full(25, 1e-4)
    tolerance[2:4], tolerance[10:14], tolerance[14:16] = 3.5, 1, 2  # brows, lids, pupils
    assert (distance <= tolerance).all()


def test_wflw_lids_are_those_of_68_points():
    # on a smooth lid the thirds between two neighbours are the third and two thirds of the lid
    points = project_face(FaceShape(Identity(), Expression()), Camera(scale=90, center=(127.5, 100))).keypoints
    np.testing.assert_allclose(
        convert_keypoints(points['wflw98'], 'wflw98', '300w68')[36:48], points['300w68'][36:48], atol=0.5
    )


@pytest.mark.parametrize('dtype', (np.float32, np.float64))
def test_shape_and_dtype(dtype):
    points = np.zeros((2, 3, 98, 2), dtype)
    found = convert_keypoints(points, 'wflw98', '300w68')
    assert found.shape == (2, 3, 68, 2) and found.dtype == dtype
    assert convert_keypoints(points[:0], 'wflw98', '300w68').shape == (0, 3, 68, 2)


def test_what_is_not_finite_stays_where_it_is():
    points = random_points('wflw98')[0]
    points[62] = np.nan  # the middle of the upper lid of the right eye
    found = convert_keypoints(points, 'wflw98', '300w68')
    assert set(np.flatnonzero(np.isnan(found).any(axis=1))) == {37, 38}


def test_score_is_the_least_of_those_it_is_made_from():
    scores = np.ones((2, 98), np.float32)
    scores[0, [41, 60]] = 0.25, 0.5  # lower edge of the right brow, corner of the right eye
    expected = np.ones((2, 68), np.float32)
    expected[0, [18, 36]] = 0.25, 0.5
    found = get_conversion('wflw98', '300w68').scores(scores)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float32


def test_conversion_to_the_layout_itself_is_a_copy():
    own = dataclasses.replace(get_layout('aflw19'), name='own')
    points = random_points('aflw19')
    found = convert_keypoints(points, own, own)
    np.testing.assert_array_equal(found, points)
    assert not np.shares_memory(found, points)


def test_errors_name_what_was_expected():
    with pytest.raises(KeyError, match='no conversion 300w68 -> wflw98, expected one of wflw98 -> 300w68, 300w68 -> '):
        get_conversion('300w68', 'wflw98')
    with pytest.raises(KeyError, match="unknown face layout 'wflw'"):
        get_conversion('wflw', '300w68')
    with pytest.raises(ValueError, match=r"keypoints have shape \(68, 2\), expected \(..., 98, 2\) for .* 'wflw98'"):
        convert_keypoints(np.zeros((68, 2)), 'wflw98', '300w68')
    with pytest.raises(ValueError, match=r"scores have shape \(68,\), expected \(..., 98\) for .* 'wflw98'"):
        get_conversion('wflw98', '300w68').scores(np.zeros(68))


# --- real faces ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope='module')
def wflw_faces(shared_dir):
    """98 points and, from another list, 68 points of 1,966 test faces of WFLW."""
    folder = shared_dir / 'data/wflw'

    def read(paths, count) -> dict:
        faces = {}
        for path in paths:
            for line in path.read_text().splitlines():
                *values, name = line.split()
                points = np.array(values[: 2 * count], float).reshape(count, 2)
                faces[(name, *points[0].round(2))] = points
        return faces

    faces = read(folder.glob('list_98pt_test_*.txt'), 98)
    others = read([folder / 'list_68pt_rect_attr_test.txt'], 68)
    return np.array(list(faces.values())), np.array([others[key] for key in faces])


def test_real_wflw_faces_in_68_points(wflw_faces):
    points, expected = wflw_faces
    assert len(points) == 1966
    inter_ocular = np.linalg.norm(points[:, 60] - points[:, 72], axis=1)
    distance = np.linalg.norm(convert_keypoints(points, 'wflw98', '300w68') - expected, axis=2) / inter_ocular[:, None]
    brows_and_lids = [*range(18, 26), 37, 38, 40, 41, 43, 44, 46, 47]
    np.testing.assert_allclose(np.delete(distance, brows_and_lids, axis=1), 0, atol=1e-9)
    # the list takes the upper edge of the brows, and the middle between corner and top of the lid
    np.testing.assert_array_equal(points[:, [34, 35, 36, 37, 42, 43, 44, 45]], expected[:, 18:26])
    np.testing.assert_allclose((points[:, 60] + points[:, 62]) / 2, expected[:, 37], atol=1e-5)
    assert 100 * distance.mean() == pytest.approx(0.815, abs=0.001)
    assert 100 * distance[:, 18:26].mean() == pytest.approx(4.00, abs=0.01)


def eye_opening(points: np.ndarray) -> float:
    """Median over faces of the opening of the right eye relative to its width."""
    lids = np.linalg.norm(points[:, [37, 38]] - points[:, [41, 40]], axis=2).mean(axis=1)
    return float(np.median(lids / np.linalg.norm(points[:, 36] - points[:, 39], axis=1)))


def test_eyes_of_wflw_open_as_those_of_300w(shared_dir, wflw_faces):
    points, others = wflw_faces
    with open(shared_dir / 'data/300w_csv/face_landmarks_300w_valid.csv') as file:
        real = np.array(
            [[[row[f'original_{k}_{axis}'] for axis in 'xy'] for k in range(68)] for row in csv.DictReader(file)], float
        )
    assert eye_opening(convert_keypoints(points, 'wflw98', '300w68')) == pytest.approx(eye_opening(real), abs=0.02)
    assert eye_opening(others) < 0.7 * eye_opening(real)


def test_deviations_of_a_mean_are_the_mean_of_the_deviations():
    conversion = get_conversion('300w68', 'cofw25')
    alike = np.tile(np.array([[4.0, 1.0], [1.0, 9.0]], np.float32), (2, 68, 1, 1))
    found = conversion.covariances(alike)
    assert (found.shape, found.dtype) == ((2, 25, 2, 2), np.float32)
    np.testing.assert_allclose(found, np.tile(alike[0, 0], (2, 25, 1, 1)), rtol=1e-5)
    random = np.random.default_rng(0).normal(size=(68, 2, 2))
    random = random @ random.swapaxes(1, 2)
    found = conversion.covariances(random)
    assert (np.linalg.eigvalsh(found) >= 0).all()
    deviations = np.sqrt(random[:, [0, 1], [0, 1]])
    np.testing.assert_allclose(
        np.sqrt(found[:, [0, 1], [0, 1]]), (deviations[conversion.indices] * conversion.weights).sum(1)
    )
    with pytest.raises(ValueError, match=r'covariances have shape \(25, 2, 2\), expected \(..., 68, 2, 2\)'):
        conversion.covariances(found)


def test_98_of_the_106_landmarks_of_lapa_are_mirrored_as_those_of_wflw():
    """What the page on layouts says which these are."""
    page = Path(__file__).resolve().parents[2] / 'docs' / 'concepts' / 'layouts.md'
    kept = eval(re.search(r'kept = (np\.r_\[.*?\])', page.read_text())[1]).tolist()
    lapa = get_layout(dict(from_file='configs/_base_/datasets/lapa.py'))
    assert lapa.num_keypoints == 106 and len(kept) == 98
    assert tuple(kept.index(lapa.flip_indices[k]) for k in kept) == get_layout('wflw98').flip_indices


@pytest.mark.parametrize('angle', [90.0, 180.0, -37.5])
def test_turned_faces_are_converted_to_turned_faces(angle):
    rng = np.random.default_rng(0)
    conversion = get_conversion('wflw98', '300w68')
    points = rng.normal(size=(2, 98, 2))
    factors = rng.normal(size=(2, 98, 2, 2))
    spread = factors @ factors.swapaxes(-1, -2)
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    turn = np.array([[cos, -sin], [sin, cos]])  # clockwise on the screen, as y points down
    # each face by its own angle, the second one not at all
    both = np.stack([turn, np.eye(2)])
    found = conversion.keypoints(points @ both.swapaxes(-1, -2), np.array([angle, 0.0]))
    np.testing.assert_allclose(found, conversion.keypoints(points) @ both.swapaxes(-1, -2), atol=1e-12)
    both = both[:, None]
    found = conversion.covariances(both @ spread @ both.swapaxes(-1, -2), np.array([angle, 0.0]))
    np.testing.assert_allclose(found, both @ conversion.covariances(spread) @ both.swapaxes(-1, -2), atol=1e-9)
