"""Boxes: tight, overlapping, suppressed."""
import numpy as np
import pytest

from mmfld.runtime.boxes import middle_and_size, non_maximum_suppression, overlaps, tight_box

BOX = np.array([0., 0., 10., 20.])


def test_tight_box_of_several_faces():
    points = np.array([[[1, 5], [4, 2]], [[-1, 0], [3, 3]]], float)
    np.testing.assert_array_equal(tight_box(points), [[1, 2, 4, 5], [-1, 0, 3, 3]])


def test_middle_and_size():
    middle, size = middle_and_size(np.array([[2., 4., 6., 10., 0.9]]))
    np.testing.assert_array_equal(middle, [[4, 7]])
    np.testing.assert_array_equal(size, [[4, 6]])


@pytest.mark.parametrize('mode, expected', [('iou', 50 / 250), ('iof', 50 / 200), ('smaller', 50 / 100)])
def test_overlaps(mode, expected):
    # 5 x 10 are shared by 10 x 20 and 10 x 10
    found = overlaps(BOX[None], np.array([[5., 10., 15., 20., 1.], [100., 100., 110., 110., 1.]]), mode)
    np.testing.assert_allclose(found, [[expected, 0]])


def test_overlaps_of_none_and_of_empty_boxes():
    assert overlaps(np.zeros((0, 5)), BOX[None]).shape == (0, 1)
    assert overlaps(BOX[None], np.zeros((0, 4))).shape == (1, 0)
    assert overlaps(np.array([[3., 3., 3., 3.]]), BOX[None])[0, 0] == 0


def test_the_best_of_overlapping_boxes_stays():
    boxes = np.array([[0, 0, 10, 10, 0.5], [1, 0, 11, 10, 0.9], [20, 0, 30, 10, 0.1], [0, 6, 10, 16, 0.4]])
    assert non_maximum_suppression(boxes, 0.3).tolist() == [1, 3, 2]
    assert non_maximum_suppression(np.zeros((0, 5)), 0.3).tolist() == []
