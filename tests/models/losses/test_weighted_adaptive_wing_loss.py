"""Adaptive wing loss with weight map: the reference's values, a naive float64 version, and mixed precision."""

import math

import numpy as np
import pytest
import torch
from mmpose.models.losses import AdaptiveWingLoss
from mmpose.registry import MODELS

from mmfld.models.losses import WeightedAdaptiveWingLoss


def naive(output, target, weight=10.0, alpha=2.1, omega=14.0, epsilon=1.0, theta=0.5):
    """Element by element, as printed (AWing, Eq. 4, 5 and 9); (B, C, h, w) -> scalar."""
    total = 0
    batch, channels, height, width = output.shape
    for b, c, i, j in np.ndindex(batch, channels, height, width):
        y = target[b, c, i, j].item()
        delta = (output[b, c, i, j] - y).abs()
        power = (theta / epsilon) ** (alpha - y)
        slope = omega / (1 + power) * (alpha - y) * (theta / epsilon) ** (alpha - y - 1) / epsilon
        offset = theta * slope - omega * math.log1p(power)
        value = omega * torch.log1p((delta / epsilon) ** (alpha - y)) if delta < theta else slope * delta - offset
        around = target[b, c, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
        total = total + value * (1 + weight * (around.max() >= 0.2))
    return total / output.numel()


@pytest.fixture
def maps():
    generator = torch.Generator().manual_seed(0)
    output = torch.rand(2, 2, 6, 5, generator=generator, dtype=torch.float64)
    target = torch.rand(2, 2, 6, 5, generator=generator, dtype=torch.float64) ** 6
    return output.requires_grad_(), target


def value_and_gradient(loss, output, target):
    value = loss(output, target)
    return value.detach(), torch.autograd.grad(value, output)[0]


@pytest.mark.parametrize('map_weight, suffix', [(10.0, 'wm1'), (0.0, 'wm0')])
def test_value_equals_the_reference(golden_dir, map_weight, suffix):
    golden = np.load(golden_dir / 'awing.npz')
    loss = WeightedAdaptiveWingLoss(map_weight)(torch.from_numpy(golden['pred']), torch.from_numpy(golden['target']))
    np.testing.assert_allclose(loss.item(), golden[f'loss_{suffix}'], rtol=1e-5)


@pytest.mark.parametrize('map_weight, suffix', [(10.0, 'wm1'), (0.0, 'wm0')])
def test_gradient_equals_the_reference(golden_dir, map_weight, suffix):
    golden = np.load(golden_dir / 'awing.npz')
    output = torch.from_numpy(golden['pred']).requires_grad_()
    WeightedAdaptiveWingLoss(map_weight)(output, torch.from_numpy(golden['target'])).backward()
    expected = golden[f'grad_{suffix}']
    np.testing.assert_allclose(output.grad.numpy(), expected, rtol=1e-4, atol=1e-6 * abs(expected).max())


@pytest.mark.parametrize('options', [{}, dict(alpha=1.7, omega=5.0, epsilon=0.3, theta=0.2)])
def test_value_and_gradient_equal_the_naive_version(maps, options):
    ours = value_and_gradient(WeightedAdaptiveWingLoss(**options), *maps)
    torch.testing.assert_close(ours, value_and_gradient(lambda o, t: naive(o, t, **options), *maps))


def test_without_the_map_it_is_mmposes_loss(maps):
    torch.testing.assert_close(WeightedAdaptiveWingLoss(map_weight=0)(*maps), AdaptiveWingLoss()(*maps))


def test_gradcheck(maps):
    assert torch.autograd.gradcheck(lambda o: WeightedAdaptiveWingLoss()(o, maps[1]), maps[0])


def test_weight_map_reaches_one_cell_around_the_target():
    target = torch.zeros(1, 1, 7, 7)
    target[0, 0, 3, 3] = 0.2
    output = torch.full((1, 1, 7, 7), 0.1, requires_grad=True)
    WeightedAdaptiveWingLoss()(output, target).backward()
    plain = torch.full((1, 1, 7, 7), 0.1, requires_grad=True)
    WeightedAdaptiveWingLoss(map_weight=0)(plain, target).backward()
    weight = torch.ones(7, 7)
    weight[2:5, 2:5] = 11
    torch.testing.assert_close(output.grad[0, 0] / plain.grad[0, 0], weight)


def test_a_perfect_prediction_costs_nothing_and_has_no_gradient(maps):
    output = maps[1].clone().requires_grad_()
    value, gradient = value_and_gradient(WeightedAdaptiveWingLoss(), output, maps[1])
    assert (value.item(), gradient.abs().max().item()) == (pytest.approx(0, abs=1e-9), 0)


def test_loss_weight(maps):
    torch.testing.assert_close(WeightedAdaptiveWingLoss(loss_weight=3.0)(*maps), 3 * WeightedAdaptiveWingLoss()(*maps))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(maps, dtype):
    output, target = maps[0].detach().to(dtype).requires_grad_(), maps[1].float()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        value, gradient = value_and_gradient(WeightedAdaptiveWingLoss(), output, target)
    expected = value_and_gradient(WeightedAdaptiveWingLoss(), output.detach().float().requires_grad_(), target)
    assert value.dtype == torch.float32
    torch.testing.assert_close((value, gradient), (expected[0], expected[1].to(dtype)))


def test_small_gradients_are_rounded_after_the_loss_was_scaled(maps):
    """As mixed precision in float16 needs it: before, they would be zero."""
    output, target = maps[0].detach().float(), maps[1].float()
    scaled = value_and_gradient(
        lambda o, t: 2**30 * WeightedAdaptiveWingLoss(loss_weight=2.0**-30)(o, t),
        output.half().requires_grad_(),
        target,
    )[1]
    expected = value_and_gradient(WeightedAdaptiveWingLoss(), output.half().float().requires_grad_(), target)[1]
    torch.testing.assert_close(scaled, expected.half())


def test_the_target_has_no_gradient(maps):
    target = maps[1].clone().requires_grad_()
    WeightedAdaptiveWingLoss()(maps[0], target).backward()
    assert target.grad is None


def test_defaults_are_those_of_the_reference():
    loss = MODELS.build(dict(type='WeightedAdaptiveWingLoss'))
    assert (loss.omega, loss.theta, loss.epsilon, loss.alpha, loss.map_weight) == (14, 0.5, 1, 2.1, 10)
