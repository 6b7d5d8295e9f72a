"""The loss through the window: a naive version, and what it reaches."""

import numpy as np
import pytest
import torch
from mmpose.registry import MODELS

from mmfld.models.losses import LocalSoftArgmaxLoss

H, W = 9, 12


def random_case(dtype=torch.float64):
    """Maps, and annotations of which about half lie in the window around the maximum."""
    rng = torch.Generator().manual_seed(0)
    heatmaps = torch.rand(4, 3, H, W, generator=rng, dtype=dtype)
    width, height = torch.tensor(W), torch.tensor(H)
    flat = heatmaps.flatten(2).argmax(2)
    cells = torch.stack([flat % W, flat // W], -1) + 6 * torch.rand(4, 3, 2, generator=rng, dtype=dtype) - 3
    return heatmaps, (2 * cells + 1) / torch.stack([width, height]) - 1


def naive(heatmaps, targets, window, tau):
    """(B, K) squared distances in cells, and whether they count."""
    losses, counts = np.zeros(heatmaps.shape[:2]), np.zeros(heatmaps.shape[:2], bool)
    for index in np.ndindex(*losses.shape):
        truth = ((targets[index].numpy() + 1) * [W, H] - 1) / 2
        scores = heatmaps[index].numpy()
        row, column = np.unravel_index(scores.argmax(), scores.shape)
        reach = window // 2
        cells = [
            (x, y)
            for y in range(max(0, row - reach), min(H, row + reach + 1))
            for x in range(max(0, column - reach), min(W, column + reach + 1))
        ]
        weights = np.exp([tau * scores[y, x] for x, y in cells])
        found = (weights[:, None] * cells).sum(0) / weights.sum()
        counts[index] = (abs(truth - [column, row]) <= reach + 0.5).all()
        losses[index] = ((found - truth) ** 2).sum()
    return losses, counts


@pytest.mark.parametrize('window, tau', [(5, 10.0), (3, 4.0)])
def test_equals_the_naive_version(window, tau):
    case, weights = random_case(), torch.linspace(0, 1, 12, dtype=torch.float64).view(4, 3)
    losses, counts = naive(*case, window, tau)
    assert 0.1 < counts.mean() < 0.9
    found = LocalSoftArgmaxLoss(window, temperature=1 / tau, loss_weight=0.5)(*case, weights)
    assert found.item() == pytest.approx(0.5 * (losses * counts * weights.numpy()).mean(), rel=1e-9)


def test_a_landmark_outside_the_window_has_no_gradient_and_the_others_only_inside_of_it():
    heatmaps, targets = random_case()
    _, counts = naive(heatmaps, targets, 5, 10.0)
    LocalSoftArgmaxLoss()(heatmaps.requires_grad_(), targets).backward()
    reached = (heatmaps.grad != 0).flatten(2).sum(2).numpy()
    assert (reached[counts] > 1).all() and (reached <= 25).all()
    assert (reached[~counts] == 0).all()


def test_mixed_precision_is_computed_in_float32():
    heatmaps, targets = random_case(torch.float32)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        value = LocalSoftArgmaxLoss()(heatmaps.bfloat16(), targets)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, LocalSoftArgmaxLoss()(heatmaps.bfloat16().float(), targets))


def test_is_registered():
    assert MODELS.build(dict(type='LocalSoftArgmaxLoss', window=7)).window == 7
