"""Aligned crops: five points where the template has them, both matrices, large faces without aliasing."""

import cv2
import numpy as np
import pytest

from mmfld.applications import TEMPLATES, align, eye_opening, five_points, mouth_opening
from mmfld.applications.alignment import similarity
from mmfld.structures import get_layout, layout_names
from mmfld.synthetic import Camera, Expression, FaceShape, Identity, project_face


def face(expression=Expression(), roll=0.0, scale=60.0, center=(200.0, 150.0)):
    """Layout -> (K, 2) landmarks of the mean face."""
    camera = Camera(roll=np.deg2rad(roll), scale=scale, center=center)
    return project_face(FaceShape(Identity(), expression), camera).keypoints


def discs(points, size=(400, 300), radius=6):
    """An image with a disc at each point."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    for x, y in points:
        cv2.circle(image, (round(x * 16), round(y * 16)), radius * 16, (255, 255, 255), cv2.FILLED, cv2.LINE_AA, 4)
    return image


@pytest.mark.parametrize('layout', layout_names())
@pytest.mark.parametrize('roll', [0, 50, 180])
def test_eyes_nose_and_mouth_lie_where_the_template_has_them(layout, roll):
    landmarks = face(roll=roll)[layout]
    image = discs(five_points(landmarks, layout))
    found = align(image, landmarks, 224, 'arcface', layout)
    assert found.image.shape == (224, 224, 3) and found.residual < 12
    moved = five_points(landmarks, layout) @ found.matrix[:, :2].T + found.matrix[:, 2]
    np.testing.assert_allclose(moved, TEMPLATES['arcface'] * 224, atol=16)
    for x, y in np.round(moved).astype(int):
        assert found.image[y, x].min() > 200


def test_both_matrices_belong_together():
    landmarks = face(roll=30)['300w68']
    found = align(np.zeros((300, 400), np.uint8), landmarks, 112)
    there = landmarks @ found.matrix[:, :2].T + found.matrix[:, 2]
    np.testing.assert_allclose(there @ found.back[:, :2].T + found.back[:, 2], landmarks, atol=1e-3)


def test_an_own_template():
    landmarks = face()['300w68']
    points = five_points(landmarks, '300w68')
    found = align(np.zeros((300, 400, 3), np.uint8), landmarks, 300, points + (5, -20))
    np.testing.assert_allclose(found.matrix, [[1, 0, 5], [0, 1, -20]], atol=1e-6)
    assert found.residual == pytest.approx(0, abs=1e-6)


def test_the_similarity_is_the_best_one_and_does_not_mirror():
    rng = np.random.default_rng(0)
    points, target = rng.normal(size=(2, 5, 2))
    matrix = similarity(points, target)

    def error(matrix):
        return ((points @ matrix[:, :2].T + matrix[:, 2] - target) ** 2).sum()

    assert np.linalg.det(matrix[:, :2]) > 0
    for _ in range(50):
        a, b, x, y = rng.normal(0, 0.05, 4)
        assert error(matrix + np.array([[a, -b, x], [b, a, y]])) >= error(matrix)


def test_large_faces_are_scaled_down_without_aliasing():
    """Stripes of one pixel become their mean, and an edge stays where it is."""
    landmarks = face(scale=900, center=(2000, 1500))['300w68']
    image = np.zeros((3200, 4000, 3), np.uint8)
    image[:, ::2] = 255
    crop = align(image, landmarks, 112).image
    assert crop[20:90, 20:90].std() < 6 and crop[20:90, 20:90].mean() == pytest.approx(127.5, abs=3)
    edge = np.zeros((3200, 4000), np.uint8)
    edge[:, 2000:] = 255
    found = align(edge, landmarks, 112)
    (a, b, c), row = found.back[0], 60
    column = (1999.5 - b * row - c) / a  # where the edge belongs in this row
    dark = (1 - found.image[row] / 255).sum()  # pixels, of which the first one begins at -0.5
    assert dark - 0.5 == pytest.approx(column, abs=0.05)


def test_what_lies_outside_is_black():
    landmarks = face(center=(5, 5))['300w68']
    crop = align(np.full((300, 400, 3), 200, np.uint8), landmarks, 112).image
    assert (crop[:20, :20] == 0).all() and crop.max() == 200


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(size=1), 'size=1, expected'),
        (dict(size=2.5), 'size=2.5'),
        (dict(template='casia'), "unknown template 'casia'"),
        (dict(template=np.zeros((4, 2))), r'template: found shape \(4, 2\)'),
        (dict(layout='wflw98'), r'expected \(..., 98, 2\)'),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        align(np.zeros((300, 400, 3), np.uint8), face()['300w68'], **arguments)


def test_landmarks_that_are_no_face():
    with pytest.raises(ValueError, match='lie on one spot'):
        align(np.zeros((30, 40, 3), np.uint8), np.zeros((68, 2)))
    with pytest.raises(ValueError, match="layout 'own3' does not say which landmarks are eyes, nose and mouth"):
        five_points(np.zeros((3, 2)), dict(name='own3', num_keypoints=3))


@pytest.mark.parametrize('layout', ['wflw98', '300w68', 'cofw29'])
def test_openings_follow_the_expression(layout):
    neutral, closed, shout = (
        face(expression)[layout]
        for expression in (Expression(), Expression(eye_closure=1.0), Expression(mouth_open=1.0))
    )
    assert 0.2 < eye_opening(neutral, layout).min() < 0.5 and eye_opening(closed, layout).max() < 0.1
    assert mouth_opening(neutral, layout) < 0.06 < 0.3 < mouth_opening(shout, layout)
    assert eye_opening(np.stack([neutral, closed]), layout).shape == (2, 2)
    wink = face(Expression(eye_closure=0.5, closure_asymmetry=0.5))[layout]  # the subject's left eye closes
    right, left = eye_opening(wink, layout)
    assert left < 0.1 < right


def test_openings_by_their_formula():
    points = np.zeros((68, 2))
    points[36:42] = (0, 0), (1, -1), (2, -2), (4, 0), (2, 1), (1, 1)  # (2 + 3) / (2 * 4)
    assert eye_opening(points)[0] == pytest.approx(0.625)
    points[60:68] = (0, 0), (1, -1), (2, -1), (3, -1), (6, 0), (3, 2), (2, 2), (1, 2)
    assert mouth_opening(points) == pytest.approx(0.5)


def test_a_layout_without_lids_is_refused():
    with pytest.raises(ValueError, match="layout 'aflw19' has 3 landmarks on boundary 'right_eye', expected one that"):
        eye_opening(np.zeros((19, 2)), 'aflw19')
    with pytest.raises(ValueError, match="layout 'aflw19' has no boundary 'inner_lip'"):
        mouth_opening(np.zeros((19, 2)), get_layout('aflw19'))


@pytest.mark.parametrize(
    'image, options, message',
    [
        (None, {}, 'image: found NoneType'),
        (np.zeros((0, 5, 3), np.uint8), {}, 'image: found uint8 .0, 5, 3.'),
        (np.zeros((9, 9, 3), bool), {}, 'image: found bool'),
        (np.zeros((9, 9, 3), np.int64), {}, 'image: found int64'),
        (np.zeros((9, 9, 3), np.uint8), dict(size=100_000), 'size=100000, expected a whole number from 2 to 16384'),
        (np.zeros((9, 9, 3), np.uint8), dict(template=np.zeros((5, 2))), 'template: found five points on one spot'),
    ],
)
def test_what_cannot_be_aligned_is_one_sentence(image, options, message):
    points = np.random.default_rng(0).uniform(0, 9, (68, 2))
    with pytest.raises(ValueError, match=message):
        align(image, points, **options)
