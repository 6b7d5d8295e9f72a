"""Decoders against published vectors, MMPose's own refinement and hand-made maps."""

import numpy as np
import pytest
import torch
from mmpose.codecs.utils import get_heatmap_maximum, refine_keypoints

from mmfld.codecs import decoders
from mmfld.structures import cells_to_normalized

FUNCTIONS = ('argmax', 'quarter_shift', 'local_soft_argmax', 'expectation')


def zeros(height=64, width=64, dtype=torch.float32) -> torch.Tensor:
    return torch.zeros(1, 1, height, width, dtype=dtype)


def gaussians(sigma: float, centers: np.ndarray) -> torch.Tensor:
    """(1, N, 64, 64) float64 of peak 1."""
    x, y = centers[:, 0, None], centers[:, 1, None]
    columns = np.exp(-((np.arange(64) - x) ** 2) / (2 * sigma**2))
    rows = np.exp(-((np.arange(64) - y) ** 2) / (2 * sigma**2))
    return torch.from_numpy(rows[:, :, None] * columns[:, None, :])[None]


@pytest.fixture
def noise() -> torch.Tensor:
    return torch.randn(2, 5, 24, 32, generator=torch.Generator().manual_seed(0))


def test_expectation_equals_the_reference(golden_dir):
    golden = np.load(golden_dir / 'decoder.npz')
    cells = decoders.expectation(torch.from_numpy(golden['heatmap']))
    np.testing.assert_allclose(cells_to_normalized(cells, 64, 'align_corners').numpy(), golden['coords'], atol=1e-5)


def test_local_soft_argmax_equals_the_published_formula(golden_dir):
    golden = np.load(golden_dir / 'formula_vectors.npz')
    found = np.stack(
        [
            np.stack(
                [
                    decoders.local_soft_argmax(
                        gaussians(sigma, golden['sp_centers']), window, temperature=1 / float(golden['sp_tau'])
                    )[0].numpy()
                    for window in golden['sp_windows']
                ],
                1,
            )
            for sigma in golden['sp_sigma']
        ]
    )
    np.testing.assert_allclose(found, golden['sp_decoded'], atol=1e-12)


@pytest.mark.parametrize('function', FUNCTIONS)
def test_shape_and_dtype(noise, function):
    cells = getattr(decoders, function)(noise.abs())
    assert (tuple(cells.shape), cells.dtype) == ((2, 5, 2), torch.float32)


@pytest.mark.parametrize('function', FUNCTIONS)
def test_float64_stays_float64(noise, function):
    assert getattr(decoders, function)(noise.abs().double()).dtype == torch.float64


@pytest.mark.parametrize('function', FUNCTIONS)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_decoded_in_float32(noise, function, dtype):
    maps = noise.abs().to(dtype)
    function = getattr(decoders, function)
    torch.testing.assert_close(function(maps), function(maps.float()))


@pytest.mark.parametrize('function', FUNCTIONS)
def test_each_map_is_decoded_by_itself(noise, function):
    function = getattr(decoders, function)
    maps = noise.abs()
    alone = torch.stack([torch.stack([function(maps[b : b + 1, k : k + 1])[0, 0] for k in range(5)]) for b in range(2)])
    torch.testing.assert_close(function(maps), alone)


def test_argmax_equals_numpy(noise):
    expected = [[np.unravel_index(m.argmax(), m.shape)[::-1] for m in face] for face in noise.numpy()]
    np.testing.assert_array_equal(decoders.argmax(noise).numpy(), expected)


@pytest.mark.parametrize('function', ['argmax', 'quarter_shift'])
def test_of_equal_maxima_the_first_in_row_order_counts(function):
    maps = zeros()
    maps[0, 0, [5, 9], [40, 10]] = 1
    assert getattr(decoders, function)(maps).tolist() == [[[40, 5]]]


def test_quarter_shift_equals_mmpose_inside_the_map():
    maps = torch.rand(1, 200, 64, 64, generator=torch.Generator().manual_seed(0)).numpy()[0]
    maps[:, :2], maps[:, -2:], maps[:, :, :2], maps[:, :, -2:] = 0, 0, 0, 0  # MMPose leaves out two rows and columns
    expected = refine_keypoints(get_heatmap_maximum(maps)[0][None].copy(), maps)[0]
    np.testing.assert_array_equal(decoders.quarter_shift(torch.from_numpy(maps)[None])[0].numpy(), expected)


# cell (x, y) of the maximum in a map of 6 x 5 -> shift with a larger right neighbour and a larger lower one
BORDERS = {
    (0, 0): (0, 0),
    (5, 4): (0, 0),
    (0, 2): (0, 0.25),
    (5, 2): (0, 0.25),
    (2, 0): (0.25, 0),
    (2, 4): (0.25, 0),
    (1, 1): (0.25, 0.25),
    (4, 3): (0.25, 0.25),
}


@pytest.mark.parametrize('cell', BORDERS)
def test_quarter_shift_stays_on_the_border(cell):
    maps = torch.arange(30.0).view(1, 1, 5, 6)  # grows to the right and downwards
    maps[0, 0, cell[1], cell[0]] = 100
    assert (decoders.quarter_shift(maps) - torch.tensor(cell)).tolist() == [[list(BORDERS[cell])]]


def test_quarter_shift_stays_between_equal_neighbours():
    maps = zeros()
    maps[0, 0, 30, 29:32] = torch.tensor([0.5, 1, 0.5])
    assert decoders.quarter_shift(maps).tolist() == [[[30, 30]]]


def naive_local_soft_argmax(scores: np.ndarray, window, tau: float) -> np.ndarray:
    """(h, w) float64 -> cell (x, y); the window is its side or (w, h)."""
    y, x = np.unravel_index(scores.argmax(), scores.shape)
    total, mean, (across, down) = 0, np.zeros(2), np.broadcast_to(window, 2) // 2
    for row in range(max(y - down, 0), min(y + down + 1, scores.shape[0])):
        for column in range(max(x - across, 0), min(x + across + 1, scores.shape[1])):
            weight = np.exp(tau * (scores[row, column] - scores[y, x]))
            total, mean = total + weight, mean + weight * np.array([column, row])
    return mean / total


@pytest.mark.parametrize('window', [1, 3, 5, 7, (7, 1), (1, 5), (3, 9)])
@pytest.mark.parametrize('tau', [1.0, 10.0])
def test_local_soft_argmax_equals_the_loops(noise, window, tau):
    maps = noise.double()
    # some maxima on the borders
    maps[0, 0, 0, 0], maps[0, 1, -1, -1], maps[0, 2, 7, 0], maps[0, 3, -2, 9] = 9, 9, 9, 9
    expected = [[naive_local_soft_argmax(m, window, tau) for m in face] for face in maps.numpy()]
    np.testing.assert_allclose(
        decoders.local_soft_argmax(maps, window, temperature=1 / tau).numpy(), expected, atol=1e-10
    )


def test_local_soft_argmax_is_exact_for_a_window_wider_than_the_map():
    maps = torch.rand(1, 1, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(
        decoders.local_soft_argmax(maps, 9, temperature=0.5)[0, 0].numpy(),
        naive_local_soft_argmax(maps[0, 0].numpy(), 9, 2.0),
        atol=1e-12,
    )


def test_local_soft_argmax_passes_gradcheck():
    maps = torch.rand(1, 2, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    maps[0, 0, 0, 0] = 2  # a window over the border
    torch.autograd.gradcheck(lambda m: decoders.local_soft_argmax(m, 3, temperature=0.2), maps.requires_grad_())


def test_local_soft_argmax_of_huge_scores_is_finite():
    maps = 1e4 * torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert decoders.local_soft_argmax(maps).isfinite().all()


def test_local_soft_argmax_of_a_line():
    line = torch.tensor([0.0, 0.5, 1.0, 0.75, 0.0]).view(1, 1, 1, 5)
    weights = np.exp(10 * np.array([0.5, 1, 0.75]))
    np.testing.assert_allclose(
        decoders.local_soft_argmax(line, (3, 1))[0, 0].numpy(), [weights @ [1, 2, 3] / weights.sum(), 0], rtol=1e-6
    )


@pytest.mark.parametrize('window', [(4, 3), (3, 4)])
def test_window_with_an_even_side(window):
    with pytest.raises(ValueError, match=r'window must be odd, got \(\d, \d\)'):
        decoders.local_soft_argmax(zeros(), window)


def test_even_window():
    with pytest.raises(ValueError, match='window must be odd, got 4'):
        decoders.local_soft_argmax(zeros(), window=4)


def test_expectation_of_an_empty_map_is_the_centre():
    assert decoders.expectation(zeros(48, 64)).tolist() == [[[31.5, 23.5]]]


def test_expectation_of_two_cells():
    maps = zeros(48, 64)
    maps[0, 0, 10, 20], maps[0, 0, 30, 60] = 3, 1
    np.testing.assert_allclose(decoders.expectation(maps)[0, 0].numpy(), [30, 15], atol=1e-4)


def test_expectation_of_a_weak_map_is_pulled_to_the_centre():
    maps = zeros()
    maps[0, 0, 0, 0] = 0.5e-6  # half of the smallest total
    np.testing.assert_allclose(decoders.expectation(maps)[0, 0].numpy(), [15.75, 15.75], atol=1e-4)


@pytest.mark.parametrize('temperature', [1.0, 0.1])
def test_spatial_softmax_equals_the_formula(noise, temperature):
    weights = np.exp(noise.double().numpy() / temperature)
    np.testing.assert_allclose(
        decoders.spatial_softmax(noise, temperature).numpy(),
        weights / weights.sum((2, 3), keepdims=True),
        rtol=1e-4,
        atol=1e-12,
    )
