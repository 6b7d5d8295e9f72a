"""Ellipses of stated errors."""

import numpy as np
import pytest

from mmfld.runtime.drawing import ELLIPSE, HIDDEN, POINT, draw_ellipses, draw_faces
from mmfld.runtime.landmarker import Face
from mmfld.uncertainty.measures import ellipse_radius


def of_colour(image, colour):
    """(H, W) bool, also where lines are smoothed."""
    return (np.abs(image.astype(int) - colour) < 100).all(-1)


def extent(image, colour):
    """Columns and rows (min and max) of a colour."""
    rows, columns = np.nonzero(of_colour(image, colour))
    return columns.min(), columns.max(), rows.min(), rows.max()


def test_an_ellipse_holds_as_much_as_it_says():
    image = np.zeros((200, 300, 3), np.uint8)
    draw_ellipses(image, np.array([[150.0, 100.0]]), np.diag([40.0**2, 20.0**2])[None])
    radius = ellipse_radius(0.68)
    expected = 150 - 40 * radius, 150 + 40 * radius, 100 - 20 * radius, 100 + 20 * radius
    assert extent(image, ELLIPSE) == pytest.approx(expected, abs=1.5)


def test_it_lies_along_its_covariance():
    image = np.zeros((200, 200, 3), np.uint8)
    draw_ellipses(image, np.array([[100.0, 100.0]]), 400 * np.array([[[1.0, 0.95], [0.95, 1.0]]]))
    rows, columns = np.nonzero(of_colour(image, ELLIPSE))
    assert np.corrcoef(columns, rows)[0, 1] > 0.8


def test_covered_landmarks_are_red_and_others_not():
    image = np.zeros((100, 200, 3), np.uint8)
    points, covariances = np.array([[50.0, 50.0], [150.0, 50.0]]), 100 * np.eye(2)[None].repeat(2, 0)
    draw_ellipses(image, points, covariances, np.array([0.9, 0.2]), 5.0)
    assert extent(image, ELLIPSE)[1] < 100 < extent(image, HIDDEN)[0]


@pytest.mark.parametrize(
    'landmark, variance', [((np.nan, 0), 1.0), ((10, 10), np.inf), ((1e9, 0), 1.0), ((10, 10), 0.0)]
)
def test_what_cannot_be_drawn_draws_nothing_or_a_point(landmark, variance):
    image = np.zeros((20, 20, 3), np.uint8)
    draw_ellipses(image, np.array([landmark]), np.diag([variance, variance])[None])
    assert (image.any(-1)).sum() <= 4


def test_faces_have_them_if_their_model_tells():
    landmarks = np.array([[30.0, 30.0], [70.0, 60.0]], np.float32)
    box, covariances = np.array([30.0, 30.0, 70.0, 60.0]), 25 * np.eye(2)[None].repeat(2, 0)
    face = Face(landmarks, np.ones(2), box, 1.0, 0.0, covariances=covariances)
    image = np.zeros((100, 100, 3), np.uint8)
    assert not of_colour(draw_faces(image, [face]), ELLIPSE).any()
    drawn = draw_faces(image, [face], degrees_of_freedom=5.0)
    assert of_colour(drawn, ELLIPSE).sum() > 10 and (drawn == POINT).all(-1).any() and not image.any()


def test_a_face_without_covariances_among_those_of_a_calibrated_model_has_no_ellipses():
    face = Face(np.array([[30.0, 30.0], [70.0, 60.0]]), np.ones(2), np.array([30.0, 30.0, 70.0, 60.0]), 1.0, 0.0)
    drawn = draw_faces(np.zeros((100, 100, 3), np.uint8), [face], degrees_of_freedom=5.0)
    assert not of_colour(drawn, ELLIPSE).any() and (drawn == POINT).all(-1).any()
