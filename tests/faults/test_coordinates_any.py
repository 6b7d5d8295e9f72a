"""Coordinates go there and back, whatever the size of image and map."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmfld.structures import (
    GRIDS,
    cells_to_normalized,
    cells_to_pixels,
    denormalize,
    normalize,
    normalized_to_cells,
    pixels_to_cells,
)

sides = st.integers(1, 20000)
sizes = st.tuples(sides, sides)
map_sizes = st.tuples(st.integers(2, 4096), st.integers(2, 4096))
# from an image's width before it to one behind it, as parts of it
places = st.lists(st.tuples(st.floats(-1, 2), st.floats(-1, 2)), min_size=1, max_size=5)
kinds = st.sampled_from([lambda points: points, torch.from_numpy, lambda points: torch.from_numpy(points).float()])


def scaled(places, size):
    return np.array(places) * np.array(size)


def close(found, expected, size):
    """Within a hundred thousandth of the side, and what single precision resolves."""
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=0, atol=1e-6 * max(size) + 1e-4)


@given(sizes, places, kinds)
def test_pixels_go_to_the_unit_and_back(size, places, kind):
    pixels = kind(scaled(places, size))
    close(denormalize(normalize(pixels, size), size), pixels, size)


@given(map_sizes, places, kinds, st.sampled_from(GRIDS))
def test_cells_go_to_the_unit_and_back(size, places, kind, grid):
    cells = kind(scaled(places, size))
    close(normalized_to_cells(cells_to_normalized(cells, size, grid), size, grid), cells, size)


@given(sizes, map_sizes, places, kinds, st.sampled_from((*GRIDS, 'proportional')))
def test_pixels_go_to_cells_and_back(size, map_size, places, kind, grid):
    pixels = kind(scaled(places, size))
    close(cells_to_pixels(pixels_to_cells(pixels, map_size, size, grid), map_size, size, grid), pixels, size)


@given(map_sizes, places, st.sampled_from(GRIDS))
def test_mirrored_cells_are_mirrored_in_the_unit(size, places, grid):
    cells = scaled(places, size)
    mirrored = np.array(size) - 1 - cells
    np.testing.assert_allclose(
        cells_to_normalized(mirrored, size, grid), -cells_to_normalized(cells, size, grid), atol=1e-9
    )


@given(sizes)
def test_the_borders_of_an_image_are_the_ends_of_the_unit(size):
    corners = np.array([[-0.5, -0.5], np.array(size) - 0.5])
    np.testing.assert_allclose(normalize(corners, size), [[-1, -1], [1, 1]], atol=1e-12)


@pytest.mark.parametrize('size', [1, (1, 8), (8, 1)])
def test_one_cell_has_no_place_between_its_corners(size):
    for convert in (cells_to_normalized, normalized_to_cells):
        with pytest.raises(ValueError, match="grid 'align_corners' needs 2 cells or more a side, found"):
            convert(np.zeros((3, 2)), size, 'align_corners')
