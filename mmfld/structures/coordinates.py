"""Coordinates: the ONE place that converts between pixels, heatmap cells and [-1, 1].

All functions are elementwise arithmetic on (..., 2) arrays in (x, y) order and work on NumPy arrays and torch tensors
alike. Pixel and cell centres are at integers. ``size`` is (w, h) of the image or map in question, or one int for both.

Normalised coordinates put -1 and 1 on the outer *borders* of the image: g = (2 p + 1) / W - 1 (STAR reference code).
Two grids place the cells of a heatmap of w cells in that range:

==================  ===============================  ====================================================
``half_pixel``      g = (2 c + 1) / w - 1            cell borders cover the image; x = (c + 0.5) W / w - 0.5
``align_corners``   g = 2 c / (w - 1) - 1            outermost cell centres lie on the image border;
                                                     x = c W / (w - 1) - 0.5. STAR's networks use it
==================  ===============================  ====================================================

Between pixels and cells there is a third, ``proportional``: x = c W / w, with cell 0 on pixel 0 (attentive paper,
Eq. 4; MMPose's SimCC). It is not symmetric: mirrored, cell c becomes w - w / W - c and not w - 1 - c.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    import torch

Array = TypeVar('Array', np.ndarray, 'torch.Tensor')
Size = int | Sequence[int]

GRIDS = ('half_pixel', 'align_corners')


def normalize(pixels: Array, size: Size) -> Array:
    """Pixels (..., 2) of an image of ``size`` -> [-1, 1]. Points outside the image are not clamped.

    >>> normalize(np.array([-0.5, 127.5, 255.5]), 256).tolist()  # left border, middle and right border
    [-1.0, 0.0, 1.0]
    """
    return (2 * pixels + 1) / _like(size, pixels) - 1


def denormalize(points: Array, size: Size) -> Array:
    """[-1, 1] -> pixels of an image of ``size``; the inverse of :func:`normalize`."""
    return ((points + 1) * _like(size, points) - 1) / 2


def cells_to_normalized(cells: Array, size: Size, grid: str) -> Array:
    """Heatmap cells (..., 2) of a map of ``size`` -> [-1, 1].

    Args:
        cells (ndarray | Tensor): Float cell positions.
        size (int | (int, int)): (w, h) of the heatmap.
        grid (str): ``'half_pixel'`` or ``'align_corners'``.
    """
    scale, shift = _grid_terms(size, grid, cells)
    return cells * scale + shift


def normalized_to_cells(points: Array, size: Size, grid: str) -> Array:
    """[-1, 1] -> float heatmap cells; the inverse of :func:`cells_to_normalized`."""
    scale, shift = _grid_terms(size, grid, points)
    return (points - shift) / scale


def cells_to_pixels(cells: Array, heatmap_size: Size, input_size: Size, grid: str) -> Array:
    """Heatmap cells (..., 2) -> pixels of the network input; ``grid`` may also be ``'proportional'``.

    >>> cells_to_pixels(np.array([0.0, 63.0]), 64, 256, 'half_pixel').tolist()  # the middles of the outermost cells
    [1.5, 253.5]
    >>> cells_to_pixels(np.array([0.0, 63.0]), 64, 256, 'align_corners').tolist()
    [-0.5, 255.5]
    """
    if grid == 'proportional':
        return cells * (_like(input_size, cells) / _like(heatmap_size, cells))
    return denormalize(cells_to_normalized(cells, heatmap_size, grid), input_size)


def pixels_to_cells(pixels: Array, heatmap_size: Size, input_size: Size, grid: str) -> Array:
    """Pixels of the network input (..., 2) -> float heatmap cells; ``grid`` may also be ``'proportional'``."""
    if grid == 'proportional':
        return pixels * (_like(heatmap_size, pixels) / _like(input_size, pixels))
    return normalized_to_cells(normalize(pixels, input_size), heatmap_size, grid)


def _grid_terms(size: Size, grid: str, like: Any) -> tuple[Any, Any]:
    """Scale and shift of g = c * scale + shift."""
    if grid == 'align_corners' and min(size if isinstance(size, (tuple, list)) else (size,)) < 2:
        raise ValueError(f'grid {grid!r} needs 2 cells or more a side, found {size}')
    sides = _like(size, like)
    if grid == 'half_pixel':
        return 2 / sides, 1 / sides - 1
    if grid == 'align_corners':
        return 2 / (sides - 1), 0 * sides - 1
    raise ValueError(f'unknown grid {grid!r}, expected one of {GRIDS}')


def _like(size: Size, like: Any) -> Any:
    """``size`` as an array of the kind, dtype and device of ``like``, without a copy between devices for one int."""
    if isinstance(like, (np.ndarray, int, float, np.generic)):
        return np.asarray(size, dtype=np.result_type(like, np.float32))
    if isinstance(size, Sequence):
        return like.new_tensor(list(size))
    return like.new_tensor(int(size)) if not like.is_floating_point() else like.new_full((), int(size))
