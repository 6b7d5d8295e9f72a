"""Distribution regularisation: SciPy's divergence, its bounds, and empty cells."""

import math

import numpy as np
import pytest
import torch
from mmpose.registry import MODELS
from scipy.spatial.distance import jensenshannon

from mmfld.models.losses import DistributionRegularization

H, W = 9, 12


def random_case(dtype=torch.float64):
    """Maps with empty cells, and annotations."""
    rng = torch.Generator().manual_seed(0)
    heatmaps = torch.randn(2, 3, H, W, generator=rng, dtype=dtype).relu()
    return heatmaps, torch.rand(2, 3, 2, generator=rng, dtype=dtype) * 2 - 1


def gaussian(x: float, y: float, sigma: float = 1.0) -> np.ndarray:
    """(h, w) around cell (x, y)."""
    columns, rows = np.meshgrid(np.arange(W), np.arange(H))
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))


def naive(heatmaps, targets, sigma=1.0):
    """(B, K) squares of SciPy's distance, which normalises."""
    losses = np.zeros(heatmaps.shape[:2])
    for index in np.ndindex(*losses.shape):
        x, y = (targets[index].numpy() + 1) / 2 * [W - 1, H - 1]
        losses[index] = jensenshannon(heatmaps[index].numpy().ravel(), gaussian(x, y, sigma).ravel()) ** 2
    return losses


def value_and_gradient(loss, heatmaps, *args):
    heatmaps = heatmaps.detach().clone().requires_grad_()
    value = loss(heatmaps, *args)
    return value.detach(), torch.autograd.grad(value, heatmaps)[0]


@pytest.mark.parametrize('sigma', [1.0, 2.3])
def test_value_equals_scipys(sigma):
    case = random_case()
    np.testing.assert_allclose(DistributionRegularization(sigma)(*case).item(), naive(*case, sigma).mean(), rtol=1e-9)


@pytest.mark.parametrize('grid', ['align_corners', 'half_pixel'])
def test_raw_scores_are_normalised_by_a_softmax(grid):
    scores, targets = random_case()
    scores = scores - 1  # of either sign
    maps = torch.softmax(10 * scores.flatten(2), 2).view_as(scores)
    size = torch.tensor([W, H])
    if grid == 'half_pixel':  # cell c lies at (2 c + 1) / w - 1
        targets_of_corners = (((targets + 1) * size - 1) / 2) * 2 / (size - 1) - 1
    else:
        targets_of_corners = targets
    found = DistributionRegularization(1.5, temperature=0.1, grid=grid)(scores, targets).item()
    np.testing.assert_allclose(found, naive(maps, targets_of_corners, 1.5).mean(), rtol=1e-9)


def test_temperature_must_be_positive():
    with pytest.raises(ValueError, match='temperature must be positive, got 0'):
        DistributionRegularization(temperature=0)


def test_gradcheck():
    heatmaps, targets = random_case()
    assert torch.autograd.gradcheck(
        lambda maps: DistributionRegularization()(maps + 0.1, targets), heatmaps.requires_grad_()
    )


def test_equal_maps_cost_nothing_and_have_no_gradient():
    heatmaps = torch.from_numpy(5 * gaussian(4.4, 3)).float()[None, None]
    targets = torch.tensor([[[2 * 4.4 / (W - 1) - 1, 2 * 3 / (H - 1) - 1]]])
    value, gradient = value_and_gradient(DistributionRegularization(), heatmaps, targets)
    assert value.item() == pytest.approx(0, abs=1e-6)
    assert gradient.abs().max().item() == pytest.approx(0, abs=1e-6)


def test_disjoint_maps_cost_ln_2():
    heatmaps = torch.zeros(1, 1, H, W)
    heatmaps[0, 0, 0, 0] = 7
    loss = DistributionRegularization(sigma=0.5)(heatmaps, torch.tensor([[[1.0, 1.0]]]))
    assert loss.item() == pytest.approx(math.log(2), rel=1e-6)


@pytest.mark.parametrize('scale', [0.0, 1e-9, 1.0])
def test_gradient_is_finite_with_empty_cells(scale):
    heatmaps, targets = random_case(torch.float32)
    value, gradient = value_and_gradient(DistributionRegularization(), heatmaps * scale, targets)
    assert value.isfinite() and gradient.isfinite().all()


def test_scale_of_the_heatmaps_is_no_matter():
    heatmaps, targets = random_case()
    value, gradient = value_and_gradient(DistributionRegularization(), heatmaps, targets)
    scaled = value_and_gradient(DistributionRegularization(), 3 * heatmaps, targets)
    torch.testing.assert_close(scaled, (value, gradient / 3))


def test_gaussians_of_annotations_on_the_border_have_sum_1():
    maps = DistributionRegularization().gaussian(torch.tensor([[[-1.0, 0.0], [1.2, 1.0]]]), W, H)
    np.testing.assert_allclose(maps.sum((2, 3)), [[1, 1]], rtol=1e-6)


def test_keypoint_weights():
    case = random_case()
    weights = torch.tensor([[1.0, 0.0, 2.0], [0.5, 1.0, 1.0]], dtype=torch.float64)
    value, gradient = value_and_gradient(DistributionRegularization(), *case, weights)
    np.testing.assert_allclose(value, (naive(*case) * weights.numpy()).mean(), rtol=1e-9)
    assert (gradient.abs().amax((2, 3)) == 0).nonzero().tolist() == [[0, 1]]


def test_loss_weight():
    case = random_case()
    torch.testing.assert_close(
        DistributionRegularization(loss_weight=3.0)(*case), 3 * DistributionRegularization()(*case)
    )


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_mixed_precision_is_computed_in_float32(dtype):
    heatmaps, targets = random_case(torch.float32)
    heatmaps = heatmaps.to(dtype)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        value, gradient = value_and_gradient(DistributionRegularization(), heatmaps, targets)
    expected, expected_gradient = value_and_gradient(DistributionRegularization(), heatmaps.float(), targets)
    assert (value.dtype, gradient.dtype) == (torch.float32, dtype)
    torch.testing.assert_close((value, gradient), (expected, expected_gradient.to(dtype)))


def test_default_sigma_is_one_cell():
    assert MODELS.build(dict(type='DistributionRegularization')).sigma == 1


@pytest.mark.parametrize('sigma', [0.0, -1.0, float('nan')])
def test_bad_sigma(sigma):
    with pytest.raises(ValueError, match=f'sigma must be positive, got {sigma}'):
        DistributionRegularization(sigma)


@pytest.mark.parametrize('targets', [(2, 4, 2), (2, 3, 5, 2)])
def test_targets_of_the_wrong_shape(targets):
    with pytest.raises(ValueError, match=r'expected heatmaps \(B, K, h, w\) and targets \(B, K, 2\), got'):
        DistributionRegularization()(random_case()[0], torch.zeros(targets))
