"""Boxes: tight, overlapping, suppressed."""

import numpy as np
import pytest

from mmfld.runtime.boxes import found_boxes, given_boxes, middle_and_size, non_maximum_suppression, overlaps, tight_box

BOX = np.array([0.0, 0.0, 10.0, 20.0])


def test_tight_box_of_several_faces():
    points = np.array([[[1, 5], [4, 2]], [[-1, 0], [3, 3]]], float)
    np.testing.assert_array_equal(tight_box(points), [[1, 2, 4, 5], [-1, 0, 3, 3]])


def test_middle_and_size():
    middle, size = middle_and_size(np.array([[2.0, 4.0, 6.0, 10.0, 0.9]]))
    np.testing.assert_array_equal(middle, [[4, 7]])
    np.testing.assert_array_equal(size, [[4, 6]])


@pytest.mark.parametrize('mode, expected', [('iou', 50 / 250), ('iof', 50 / 200), ('smaller', 50 / 100)])
def test_overlaps(mode, expected):
    # 5 x 10 are shared by 10 x 20 and 10 x 10
    found = overlaps(BOX[None], np.array([[5.0, 10.0, 15.0, 20.0, 1.0], [100.0, 100.0, 110.0, 110.0, 1.0]]), mode)
    np.testing.assert_allclose(found, [[expected, 0]])


def test_overlaps_of_none_and_of_empty_boxes():
    assert overlaps(np.zeros((0, 5)), BOX[None]).shape == (0, 1)
    assert overlaps(BOX[None], np.zeros((0, 4))).shape == (1, 0)
    assert overlaps(np.array([[3.0, 3.0, 3.0, 3.0]]), BOX[None])[0, 0] == 0


def test_the_best_of_overlapping_boxes_stays():
    boxes = np.array([[0, 0, 10, 10, 0.5], [1, 0, 11, 10, 0.9], [20, 0, 30, 10, 0.1], [0, 6, 10, 16, 0.4]])
    assert non_maximum_suppression(boxes, 0.3).tolist() == [1, 3, 2]
    assert non_maximum_suppression(np.zeros((0, 5)), 0.3).tolist() == []


@pytest.mark.parametrize(
    'boxes, message',
    [
        ([1, 2, 3, 4], r'of shape \(4,\), expected \(N, 4\)'),
        ([[1, 2, 3, 4, 0.9]], r'of shape \(1, 5\), expected \(N, 4\)'),
        ([[1, 2, 3, 4], [1, 2]], r'found \[\[1, 2, 3, 4\], \[1, 2\]\], expected N lists'),
        ('box', "found 'box', expected N lists"),
        ([[1, 2, 3, 4], [3, 2, 1, 4]], r'found \[3.0, 2.0, 1.0, 4.0\], expected .* x1 < x2'),
        ([[1, 2, float('inf'), 4]], 'found .*inf'),
        ([[100, 2, 120, 4]], r'\[100.0, 2.0, 120.0, 4.0\] lies outside of the image, whose size is 100 x 50'),
        ([[-9, -9, -1, 20]], 'lies outside'),
        ([[0.2, 0.1, 0.7, 0.9]], r'\[0.2, 0.1, 0.7, 0.9\] in an image of 100 x 50, expected pixels, not parts'),
        ([[0, 0, 1, 1]], 'expected pixels'),
        ([[5, 6, 5.0001, 6.5]], 'expected pixels'),
        ([[0, 0, 1e300, 1e300]], 'in an image of 100 x 50, expected pixels'),
        ([[10, 10, 10.0001, 40]], '0.0001 pixels thin, expected a face'),
        (np.array([[1, 2, 30, 40j]]), 'expected N lists'),
    ],
)
def test_boxes_that_are_none(boxes, message):
    with pytest.raises(ValueError, match=f'^boxes: .*{message}'):
        given_boxes(boxes, (100, 50), 'boxes')


def test_boxes_that_are_some():
    np.testing.assert_array_equal(given_boxes([[-5, 2, 3, 70]], (100, 50), 'boxes'), [[-5, 2, 3, 70, 1]])
    for none in ([], np.zeros((0, 4))):
        assert given_boxes(none, (100, 50), 'boxes').shape == (0, 5)


@pytest.mark.parametrize(
    'box, message',
    [
        ([-5000, -5000, 10, 10], 'expected pixels'),
        ([-99, -99, 5, 5], 'lies outside of the image, whose size is 64 x 48'),
        ([10, 10, 11, 11], 'expected pixels, not parts of the image'),
    ],
)
def test_a_box_that_hardly_touches_the_image_or_is_a_pixel_is_none(box, message):
    with pytest.raises(ValueError, match=message):
        given_boxes([box], (64, 48), 'boxes')


def test_a_picture_of_a_pixel_has_a_box():
    assert given_boxes([[0, 0, 1, 1]], (1, 1), 'boxes').shape == (1, 5)


def test_what_detectors_return():
    for none in (None, [], np.zeros((0, 5)), np.zeros((0, 4))):
        assert found_boxes(none, (100, 50)).shape == (0, 5)
    np.testing.assert_array_equal(found_boxes([[1, 2, 3, 4, 0.5, 9]], (100, 50)), [[1, 2, 3, 4, 0.5]])
    np.testing.assert_array_equal(found_boxes([[1, 2, 1, 4, 0.9], [1, 2, 3, 4, 0.5]], (100, 50)), [[1, 2, 3, 4, 0.5]])
    for wrong in ([[1, 2, 3, 4]], [1, 2, 3, 4, 0.5], [[1, 2, 3, float('nan'), 0.5]], 'face', [[5, 2, 3, 4, 0.5]]):
        with pytest.raises(ValueError, match='the detector returns .*expected'):
            found_boxes(wrong, (100, 50))


@pytest.mark.parametrize(
    'box, message',
    [
        ([0.1, 0.1, 0.9, 0.9, 0.9], 'of an image of 100 x 50, expected pixels, not parts of the image'),
        ([110, 10, 130, 40, 0.9], 'which lies outside of the image of 100 x 50'),
        ([10, 10, 30, 40, 1j], 'numbers'),
    ],
)
def test_a_detector_that_answers_in_other_units_or_places_is_an_error(box, message):
    with pytest.raises(ValueError, match=f'^the detector returns .*{message}'):
        found_boxes(np.array([box]), (100, 50))
