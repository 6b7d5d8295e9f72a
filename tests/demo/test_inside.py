"""Heatmaps and attention maps are drawn where the landmarks are."""

import numpy as np
import pytest

from mmfld.apis.checkpoint_model import CheckpointModel
from mmfld.demo.answers import Answer
from mmfld.demo.inside import Inside, cover, look_inside, normalised, views
from mmfld.runtime import FaceLandmarker
from mmfld.structures import cells_to_pixels, get_layout

CROP = np.full((384, 384, 3), 100, np.uint8)


@pytest.fixture(scope='module')
def answer(tilted):
    landmarker = FaceLandmarker(CheckpointModel())
    faces = landmarker(tilted)
    return Answer(landmarker, tilted, faces, faces, None, [], '')


@pytest.mark.parametrize('orientation', ['auto', 'upright'])
def test_heatmaps_peak_at_the_landmarks(answer, tilted, orientation):
    landmarker = FaceLandmarker(answer.landmarker.model, orientation=orientation)
    inside = look_inside(Answer(landmarker, tilted, answer.found, answer.found, None, [], ''), 0)
    assert inside.crop.shape == (256, 256, 3) and inside.heatmaps.shape == (68, 32, 32)
    if orientation == 'auto':  # the crop is upright, and what the network sees there is what was found
        cells = inside.heatmaps.reshape(68, -1).argmax(1)
        cells = np.column_stack([cells % 32, cells // 32]).astype(float)
        peaks = cells_to_pixels(cells, 32, 256, inside.grid)
        assert np.median(np.hypot(*(inside.points - peaks).T)) < 6
    corners = inside.points[[36, 45]]
    angle = np.rad2deg(np.arctan2(*(corners[1] - corners[0])[::-1]))
    assert angle == pytest.approx(0 if orientation == 'auto' else answer.found[0].angle, abs=0.1)


def test_a_face_that_was_not_found_is_an_error(answer):
    for number in (1, -1):
        with pytest.raises(ValueError, match=f'^found no face {number}, expected one of 1$'):
            look_inside(answer, number)


def test_a_model_without_maps_says_so(answer):
    exported = FaceLandmarker(threads=1)
    with pytest.raises(ValueError, match='^mmfld_robust_mini.onnx has no heatmaps to look at: choose a checkpoint$'):
        look_inside(Answer(exported, answer.image, answer.found, answer.faces, None, [], ''), 0)


@pytest.mark.parametrize('grid', ['half_pixel', 'align_corners'])
def test_a_map_is_bright_where_its_grid_has_the_cell(grid):
    heatmap = np.zeros((8, 8), np.float32)
    heatmap[2, 5] = 1
    picture = cover(CROP, heatmap, grid).astype(int).sum(2)
    y, x = (np.flatnonzero(picture.max(axis) == picture.max()).mean() for axis in (1, 0))
    np.testing.assert_allclose((x, y), cells_to_pixels(np.array([5.0, 2.0]), 8, 384, grid), atol=1)


def test_a_small_crop_is_enlarged_and_its_landmark_marked_in_place():
    picture = cover(CROP[:128, :128], np.zeros((8, 8), np.float32), 'half_pixel', np.array([100.0, 50.0]))
    assert picture.shape == (384, 384, 3)
    y, x = np.argwhere((picture == (0, 255, 0)).all(axis=2)).mean(axis=0)
    assert (x, y) == pytest.approx((301, 151), abs=1)


def test_a_landmark_may_lie_anywhere():
    for point in ([1e9, -1e9], [np.nan, 0]):
        cover(CROP, np.zeros((8, 8), np.float32), 'half_pixel', np.array(point))


def test_views_are_of_the_landmark_and_of_its_boundaries():
    layout = get_layout('300w68')
    boundaries = np.zeros((layout.num_boundaries, 8, 8))
    views_of = views(Inside(CROP, np.zeros((68, 2)), np.zeros((68, 8, 8)), boundaries, 'half_pixel', layout), 36)
    assert [caption for _, caption in views_of] == [
        'heatmap of landmark 36',
        'heatmaps of all landmarks',
        'attention: right_eye',
        'attention: all boundaries',
    ]
    without = views(Inside(CROP, np.zeros((68, 2)), np.zeros((68, 8, 8)), None, 'half_pixel', layout), 36)
    assert len(without) == 2
    with pytest.raises(ValueError, match='^found landmark 68, expected 0 to 67$'):
        views(Inside(CROP, np.zeros((68, 2)), np.zeros((68, 8, 8)), None, 'half_pixel', layout), 68)


def test_maps_are_normalised_by_their_maximum():
    np.testing.assert_allclose(normalised(np.array([[-1.0, 2.0, 4.0]])), [[0, 0.5, 1]])
    np.testing.assert_array_equal(normalised(np.full((2, 2), -1.0)), 0)
