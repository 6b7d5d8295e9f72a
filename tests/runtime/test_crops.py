"""Crops that are turned with the face, and the way back."""

import numpy as np
import pytest

from mmfld.runtime.crops import covariances_to_image, crop_matrix, crop_of_box, eye_angle, sample, to_image, turn, warp
from mmfld.structures import get_layout

LAYOUT = get_layout('300w68')


def face(angle, middle=(60.0, 50.0)):
    """68 points whose eyes are turned clockwise by ``angle`` on the screen."""
    points = np.random.default_rng(0).uniform(-20, 20, (68, 2))
    points[36], points[45] = (-15, -5), (15, -5)
    a = np.deg2rad(angle)
    return points @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) + middle


@pytest.mark.parametrize('angle', [0, 30, 90, -135, 180])
def test_the_crop_of_the_eyes_angle_shows_them_side_by_side(angle):
    found = eye_angle(face(angle), LAYOUT)
    assert (found - angle + 180) % 360 - 180 == pytest.approx(0, abs=1e-9)
    eyes = turn(face(angle), found)[[36, 45]]
    assert eyes[0, 1] == pytest.approx(eyes[1, 1]) and eyes[1, 0] > eyes[0, 0]


@pytest.mark.parametrize('angle', [0, 37, 180])
def test_turn_is_what_the_crop_does(angle):
    points = face(10)
    matrix = crop_matrix(np.array([0.0, 0.0]), (100, 100), angle, (101, 101))
    np.testing.assert_allclose(points @ matrix[:, :2].T + matrix[:, 2], turn(points, angle) * 1.01 + 50)


def test_points_of_a_crop_go_back_to_the_image():
    points = np.stack([face(20), face(-70)])
    matrices = np.stack([crop_matrix(np.array([40.0, 70.0]), (80, 80), a, (64, 64)) for a in (20.0, -70.0)])
    cropped = np.einsum('nij,nkj->nki', matrices[..., :2], points) + matrices[:, None, :, 2]
    np.testing.assert_allclose(to_image(cropped, matrices), points)


def test_covariances_of_a_crop_go_back_to_the_image():
    matrices = np.stack([crop_matrix((50, 40), (30, 30), angle, (64, 64)) for angle in (0.0, 35.0)])
    points = np.random.default_rng(0).normal(size=(2, 1, 100, 2)) * [3, 1] + 20
    in_image = to_image(points.reshape(2, 100, 2), matrices)
    found = covariances_to_image(np.stack([np.cov(one[0].T)[None] for one in points]), matrices)
    np.testing.assert_allclose(found[:, 0], [np.cov(one.T) for one in in_image], rtol=1e-9)


def test_a_turned_crop_of_a_turned_image_is_the_image():
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    turned = np.ascontiguousarray(np.rot90(image, -1))  # clockwise
    matrix = crop_matrix(np.array([19.5, 19.5]), (40, 40), 90.0, (40, 40))
    np.testing.assert_array_equal(sample(turned, [matrix], (40, 40))[0], image)


def test_boxes_and_crops_of_several_faces():
    boxes = np.array([[0.0, 0.0, 10.0, 20.0], [0.0, 0.0, 30.0, 20.0]])
    centers, sides = crop_of_box(boxes, 'longer_side', 1.5, LAYOUT)
    np.testing.assert_allclose(centers, [[5, 10], [15, 10]])
    np.testing.assert_allclose(sides, [30, 45])


def test_a_rule_of_faces_takes_the_annotated_face_where_landmarks_do_not_span_it():
    box, face_box = np.array([0.0, 0.0, 10.0, 10.0]), np.array([0.0, 0.0, 22.0, 11.0])
    for layout, side in (('cofw29', 22), ('300w68', 10)):
        assert crop_of_box(box, 'face_220', 1.0, get_layout(layout), face_box)[1] == pytest.approx(side * 256 / 220)


@pytest.mark.parametrize('angle', [0.0, 30.0, -100.0])
@pytest.mark.parametrize('length', [32767, 70000])
def test_a_crop_of_an_image_longer_than_opencv_takes_is_that_of_its_part(length, angle):
    part = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    image = np.zeros((40, length, 3), np.uint8)
    image[:, -50:] = part
    expected = warp(part, crop_matrix((30.0, 20.0), (32, 32), angle, (32, 32)), (32, 32))
    matrix = crop_matrix((length - 20.0, 20.0), (32, 32), angle, (32, 32))
    np.testing.assert_allclose(warp(image, matrix, (32, 32)).astype(int), expected, atol=8)  # 1 / 32 pixel
    turned = np.ascontiguousarray(image.swapaxes(0, 1))
    matrix = matrix[:, [1, 0, 2]]
    np.testing.assert_allclose(sample(turned, [matrix], (32, 32))[0].astype(int), expected, atol=8)


def test_a_crop_beside_a_long_image_is_empty():
    image = np.full((3, 40000, 3), 255, np.uint8)
    for center in ((-500.0, 1.0), (40500.0, 1.0), (20000.0, -90.0)):
        assert not warp(image, crop_matrix(center, (64, 64), 0.0, (32, 32)), (32, 32)).any()


def test_a_crop_longer_than_opencv_takes_is_an_error():
    image = np.zeros((3, 40000, 3), np.uint8)
    with pytest.raises(ValueError, match='found a crop of 40000 x 3 pixels of an image of 40000 x 3, expected at most'):
        warp(image, crop_matrix((20000.0, 1.0), (39000, 39000), 0.0, (32, 32)), (32, 32))
