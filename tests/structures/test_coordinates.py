"""Coordinates: published examples, inverses, and equal results in NumPy and torch."""

import numpy as np
import pytest
import torch

from mmfld.structures import (
    GRIDS,
    cells_to_normalized,
    cells_to_pixels,
    denormalize,
    normalize,
    normalized_to_cells,
    pixels_to_cells,
)


@pytest.mark.parametrize('pixel, expected', [(-0.5, -1), (255.5, 1), (127.5, 0), (0, -255 / 256)])
def test_normalize(pixel, expected):
    assert normalize(np.array([[pixel, pixel]]), 256).tolist() == [[expected, expected]]


@pytest.mark.parametrize('name', ['WFLW', '300W', 'COFW'])
def test_normalize_equals_the_reference(golden_dir, name):
    golden = np.load(golden_dir / f'targets_{name}.npz')
    np.testing.assert_allclose(normalize(golden['points'], 256), golden['norm_points'], atol=1e-6)


def test_points_outside_are_not_clamped():
    assert normalize(np.array([-128.5, 383.5]), 256).tolist() == [-2, 2]


@pytest.mark.parametrize('cell, pixel', [(0, -0.5), (63, 255.5), (31.5, 127.5), (1, 256 / 63 - 0.5)])
def test_align_corners_cells_in_pixels(cell, pixel):
    np.testing.assert_allclose(cells_to_pixels(np.array([cell, cell]), 64, 256, 'align_corners'), pixel, atol=1e-12)


@pytest.mark.parametrize('cell', [0, 10, 63])
def test_half_pixel_cells_in_pixels(cell):
    assert cells_to_pixels(np.array([cell, cell]), 64, 256, 'half_pixel').tolist() == [4 * cell + 1.5] * 2


@pytest.mark.parametrize('cell', [0, 10, 767])
def test_proportional_cells_in_pixels(cell):
    np.testing.assert_allclose(cells_to_pixels(np.array([cell, cell]), 768, 256, 'proportional'), cell / 3, atol=1e-12)


def test_proportional_cells_of_a_narrow_image():
    assert pixels_to_cells(np.array([96.0, 96.0]), (384, 512), (192, 256), 'proportional').tolist() == [192, 192]
    assert pixels_to_cells(np.array([96.0, 96.0]), 384, (192, 256), 'proportional').tolist() == [192, 144]


def test_mirrored_proportional_cells():
    mirrored = 255 - cells_to_pixels(np.array([10.0, 20.0]), 768, 256, 'proportional')
    np.testing.assert_allclose(pixels_to_cells(mirrored, 768, 256, 'proportional'), [768 - 3 - 10, 768 - 3 - 20])


@pytest.mark.parametrize('cell, expected', [(0, -1), (63, 1), (21, -1 / 3)])
def test_align_corners_cells_in_normalized(cell, expected):
    np.testing.assert_allclose(cells_to_normalized(np.array([cell]), 64, 'align_corners'), expected, atol=1e-12)


def test_x_goes_with_width_and_y_with_height():
    assert normalize(np.array([[191.5, 255.5]]), (192, 256)).tolist() == [[1, 1]]


@pytest.mark.parametrize('grid', GRIDS + ('proportional',))
def test_cells_and_pixels_are_inverse(grid):
    cells = np.random.default_rng(0).uniform(-5, 70, (7, 3, 2))
    pixels = cells_to_pixels(cells, (48, 64), (192, 256), grid)
    np.testing.assert_allclose(pixels_to_cells(pixels, (48, 64), (192, 256), grid), cells, atol=1e-10)


@pytest.mark.parametrize('grid', GRIDS)
def test_cells_and_normalized_are_inverse(grid):
    points = np.random.default_rng(0).uniform(-1, 1, (5, 2))
    cells = normalized_to_cells(points, (48, 64), grid)
    np.testing.assert_allclose(cells_to_normalized(cells, (48, 64), grid), points, atol=1e-12)


def test_normalize_and_denormalize_are_inverse():
    pixels = np.random.default_rng(0).uniform(-50, 300, (5, 2))
    np.testing.assert_allclose(denormalize(normalize(pixels, (192, 256)), (192, 256)), pixels, atol=1e-10)


@pytest.mark.parametrize('grid', GRIDS)
@pytest.mark.parametrize('size', [64, (64, 48)])
def test_torch_equals_numpy(grid, size):
    cells = np.random.default_rng(0).uniform(0, 48, (4, 2))
    ours = cells_to_normalized(torch.from_numpy(cells), size, grid)
    np.testing.assert_allclose(ours.numpy(), cells_to_normalized(cells, size, grid), atol=1e-15)


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
def test_numpy_keeps_the_dtype(dtype):
    assert pixels_to_cells(np.zeros((3, 2), dtype), (64, 64), (256, 256), 'align_corners').dtype == dtype


@pytest.mark.parametrize('size', [64, (64, 64)])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_torch_keeps_the_dtype(dtype, size):
    assert cells_to_normalized(torch.zeros(3, 2, dtype=dtype), size, 'half_pixel').dtype == dtype


@pytest.mark.parametrize('kind', [np.array, torch.tensor])
@pytest.mark.parametrize('size', [64, (64, 64)])
@pytest.mark.parametrize('grid, expected', [('half_pixel', [1 / 64 - 1, 1 - 1 / 64]), ('align_corners', [-1, 1])])
def test_integer_cells_give_floats(kind, size, grid, expected):
    np.testing.assert_allclose(np.asarray(cells_to_normalized(kind([[0, 63]]), size, grid)), [expected], atol=1e-7)


@pytest.mark.parametrize('size', [768, (768, 384)])
@pytest.mark.parametrize('convert', [cells_to_pixels, pixels_to_cells])
def test_proportional_in_torch_equals_numpy(convert, size):
    places = np.random.default_rng(0).uniform(0, 256, (4, 2))
    ours = convert(torch.from_numpy(places), size, (192, 256), 'proportional')
    np.testing.assert_allclose(ours.numpy(), convert(places, size, (192, 256), 'proportional'), atol=1e-12)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_proportional_keeps_the_dtype(dtype):
    assert cells_to_pixels(torch.zeros(3, 2, dtype=dtype), 768, (256, 256), 'proportional').dtype == dtype


def test_proportional_cells_have_no_place_in_normalized_coordinates():
    with pytest.raises(ValueError, match="unknown grid 'proportional'"):
        cells_to_normalized(np.zeros(2), 64, 'proportional')


def test_gradient_flows():
    pixels = torch.zeros(1, 2, requires_grad=True)
    normalize(pixels, (128, 256)).sum().backward()
    assert pixels.grad.tolist() == [[2 / 128, 2 / 256]]


def test_unknown_grid():
    with pytest.raises(ValueError, match="unknown grid 'corners', expected one of"):
        cells_to_normalized(np.zeros(2), 64, 'corners')
