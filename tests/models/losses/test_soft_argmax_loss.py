"""Soft-argmax loss: the distance of the decoded position."""

import pytest
import torch
from mmpose.registry import MODELS

from mmfld.codecs import decoders
from mmfld.models.losses import SoftArgmaxLoss
from mmfld.models.losses.distances import get_distance
from mmfld.structures import cells_to_normalized

H, W = 9, 12


def random_case(dtype=torch.float64):
    rng = torch.Generator().manual_seed(0)
    heatmaps = torch.randn(2, 3, H, W, generator=rng, dtype=dtype).relu() ** 3
    return heatmaps, torch.rand(2, 3, 2, generator=rng, dtype=dtype) * 2 - 1


def of_expectation(heatmaps, targets, distance='smooth_l1'):
    """(B, K) distances of the decoded positions."""
    decoded = cells_to_normalized(decoders.expectation(heatmaps), (W, H), 'align_corners')
    return get_distance(distance)(decoded - targets)


def value_and_gradient(loss, heatmaps, *args):
    heatmaps = heatmaps.detach().clone().requires_grad_()
    value = loss(heatmaps, *args)
    return value.detach(), torch.autograd.grad(value, heatmaps)[0]


@pytest.mark.parametrize('distance', ['l1', 'l2', 'smooth_l1', 'wing'])
def test_equals_the_distance_of_the_expectation(distance):
    case = random_case()
    ours = value_and_gradient(SoftArgmaxLoss(distance), *case)
    expected = value_and_gradient(lambda *case: of_expectation(*case, distance).mean(), *case)
    torch.testing.assert_close(ours, expected)


def test_a_map_of_one_cell_is_exact():
    heatmaps = torch.zeros(1, 1, 11, 11)
    heatmaps[0, 0, 7, 2] = 0.3  # (-0.6, 0.4)
    loss = SoftArgmaxLoss('l1')(heatmaps, torch.tensor([[[-0.5, 0.1]]]))
    assert loss.item() == pytest.approx((0.1 + 0.3) / 2, rel=1e-5)


def test_an_empty_map_lies_in_the_centre_and_has_a_finite_gradient():
    value, gradient = value_and_gradient(SoftArgmaxLoss('l1'), torch.zeros(1, 1, H, W), torch.tensor([[[0.4, -0.2]]]))
    assert value.item() == pytest.approx(0.3)
    assert gradient.isfinite().all()


def test_loss_of_samples_is_the_mean_of_single_ones():
    heatmaps, targets = random_case()
    samples = targets[:, :, None] + torch.linspace(-0.2, 0.1, 8, dtype=torch.float64).view(4, 2)
    single = [value_and_gradient(SoftArgmaxLoss(), heatmaps, samples[:, :, s]) for s in range(4)]
    mean = tuple(sum(tensors) / 4 for tensors in zip(*single))
    torch.testing.assert_close(value_and_gradient(SoftArgmaxLoss(), heatmaps, samples), mean)


def test_keypoint_weights():
    case = random_case()
    weights = torch.tensor([[1.0, 0.0, 2.0], [0.5, 1.0, 1.0]], dtype=torch.float64)
    value, gradient = value_and_gradient(SoftArgmaxLoss(), *case, weights)
    torch.testing.assert_close(value, (of_expectation(*case) * weights).mean())
    assert (gradient.abs().amax((2, 3)) == 0).nonzero().tolist() == [[0, 1]]


def test_loss_weight():
    torch.testing.assert_close(SoftArgmaxLoss(loss_weight=3.0)(*random_case()), 3 * SoftArgmaxLoss()(*random_case()))


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_mixed_precision_is_computed_in_float32(dtype):
    heatmaps, targets = random_case(torch.float32)
    heatmaps = heatmaps.to(dtype)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        value, gradient = value_and_gradient(SoftArgmaxLoss(), heatmaps, targets)
    expected, expected_gradient = value_and_gradient(SoftArgmaxLoss(), heatmaps.float(), targets)
    assert (value.dtype, gradient.dtype) == (torch.float32, dtype)
    torch.testing.assert_close((value, gradient), (expected, expected_gradient.to(dtype)))


def test_is_registered_with_the_papers_distance():
    assert MODELS.build(dict(type='SoftArgmaxLoss')).distance is get_distance('smooth_l1')


def test_unknown_distance():
    with pytest.raises(ValueError, match="unknown distance 'mse', expected one of"):
        SoftArgmaxLoss('mse')


def test_targets_of_the_wrong_shape():
    with pytest.raises(ValueError, match=r'got \(2, 3, 9, 12\) and \(2, 4, 2\)'):
        SoftArgmaxLoss()(random_case()[0], torch.zeros(2, 4, 2))


# ------------------------------------------------------------------------------------------------ raw scores
@pytest.mark.parametrize('temperature', [2.0, 0.1])
def test_raw_scores_are_normalised_by_a_softmax(temperature):
    scores, targets = random_case()
    scores = scores - 1  # of either sign
    found = value_and_gradient(SoftArgmaxLoss(temperature=temperature), scores, targets)
    expected = value_and_gradient(
        lambda scores, targets: of_expectation(
            torch.softmax(scores.flatten(2) / temperature, 2).view_as(scores), targets
        ).mean(),
        scores,
        targets,
    )
    torch.testing.assert_close(found, expected)


def test_raw_scores_may_be_moved_by_a_constant():
    scores, targets = random_case()
    torch.testing.assert_close(
        SoftArgmaxLoss(temperature=0.1)(scores - 7, targets), SoftArgmaxLoss(temperature=0.1)(scores, targets)
    )


@pytest.mark.parametrize('grid', ['align_corners', 'half_pixel'])
def test_a_target_on_its_cell_costs_nothing(grid):
    scores = torch.zeros(1, 1, H, W, dtype=torch.float64)
    scores[0, 0, 6, 2] = 100
    target = cells_to_normalized(torch.tensor([[[2.0, 6.0]]], dtype=torch.float64), (W, H), grid)
    assert SoftArgmaxLoss('l1', temperature=0.1, grid=grid)(scores, target).item() == pytest.approx(0, abs=1e-12)


def test_distance_on_the_half_pixel_grid_by_hand():
    scores = torch.zeros(1, 1, H, W, dtype=torch.float64)
    scores[0, 0, 6, 2] = 100
    target = cells_to_normalized(torch.tensor([[[4.5, 5.0]]], dtype=torch.float64), (W, H), 'half_pixel')
    # 2.5 and 1 cells, in halves of the distance between the outermost cells
    expected = (2.5 * 2 / (W - 1) + 1 * 2 / (H - 1)) / 2
    assert SoftArgmaxLoss('l1', temperature=0.1, grid='half_pixel')(scores, target).item() == pytest.approx(expected)


def test_raw_scores_in_mixed_precision_are_computed_in_float32():
    scores, targets = random_case(torch.float32)
    scores = (scores - 1).bfloat16()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        value = SoftArgmaxLoss(temperature=0.1, grid='half_pixel')(scores, targets)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, SoftArgmaxLoss(temperature=0.1, grid='half_pixel')(scores.float(), targets))


@pytest.mark.parametrize('temperature', [0.0, -1.0])
def test_temperature_must_be_positive(temperature):
    with pytest.raises(ValueError, match=f'temperature must be positive, got {temperature}'):
        SoftArgmaxLoss(temperature=temperature)
