"""Anisotropic direction loss: examples by hand, neighbours on boundaries, and the ratio of the heatmap."""

import math

import numpy as np
import pytest
import torch
from mmpose.registry import MODELS

from mmfld.models.losses import AnisotropicDirectionLoss, SoftArgmaxLoss
from mmfld.structures import Boundary, FaceLayout, get_layout

SIDE = 11  # cells; 0.2 apart in [-1, 1]


def make_layout(*boundaries: Boundary) -> FaceLayout:
    keypoints = 1 + max(max(boundary.indices) for boundary in boundaries)
    return FaceLayout('made_up', keypoints, (), boundaries, (0, 1), None, dict(face=tuple(range(keypoints))))


PAIR = make_layout(Boundary('line', (0, 1)))
PATH = make_layout(Boundary('path', (0, 1, 2, 3)))
RING = make_layout(Boundary('ring', (0, 1, 2, 3), closed=True))


def spots(*weights) -> torch.Tensor:
    """(1, K, h, w) maps, each of a dict of cells (x, y) from the centre and their values."""
    maps = torch.zeros(1, len(weights), SIDE, SIDE)
    for k, cells in enumerate(weights):
        for (x, y), value in cells.items():
            maps[0, k, SIDE // 2 + y, SIDE // 2 + x] = value
    return maps


def random_case(layout='cofw29', dtype=torch.float64):
    rng = torch.Generator().manual_seed(0)
    keypoints = get_layout(layout).num_keypoints
    heatmaps = torch.randn(2, keypoints, SIDE, SIDE, generator=rng, dtype=dtype).relu() ** 3
    return heatmaps, torch.rand(2, keypoints, 2, generator=rng, dtype=dtype) * 2 - 1


def value_and_gradient(loss, heatmaps, *args):
    heatmaps = heatmaps.detach().clone().requires_grad_()
    value = loss(heatmaps, *args)
    return value.detach(), torch.autograd.grad(value, heatmaps)[0]


def cost(along: float, across: float, ratio: float) -> float:
    """Of an error with these components, beyond the threshold 0.01."""
    return math.sqrt(2 / (ratio + 1) * along**2 + 2 * ratio / (ratio + 1) * across**2) - 0.005


def test_two_landmarks_by_hand():
    heatmaps = spots({(0, 0): 1}, {(3, 1): 1})  # means (0, 0) and (0.6, 0.2)
    targets = torch.tensor([[[0.1, -0.2], [0.8, -0.2]]])  # on a horizontal line
    loss = AnisotropicDirectionLoss(PAIR, ratio=2)(heatmaps, targets)
    assert loss.item() == pytest.approx((cost(0.1, 0.2, 2) + cost(0.2, 0.4, 2)) / 2, rel=1e-5)


def test_a_slanted_boundary_by_hand():
    heatmaps = spots({(0, 0): 1}, {(3, 1): 1})
    targets = torch.tensor([[[0.0, -0.5], [0.3, -0.1]]])  # direction (0.6, 0.8)
    loss = AnisotropicDirectionLoss(PAIR, ratio=2)(heatmaps, targets)
    # errors (0, 0.5) and (0.3, 0.3)
    expected = (cost(0.4, 0.3, 2) + cost(0.42, 0.06, 2)) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    'layout, expected',
    [
        (PATH, [(1, 0), (0.5**0.5, 0.5**0.5), (-(0.5**0.5), 0.5**0.5), (-1, 0)]),
        (RING, [(0.5**0.5, -(0.5**0.5)), (0.5**0.5, 0.5**0.5), (-(0.5**0.5), 0.5**0.5), (-(0.5**0.5), -(0.5**0.5))]),
    ],
    ids=['open', 'closed'],
)
def test_tangents_at_the_corners_of_a_square(layout, expected):
    square = torch.tensor([[[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]])
    np.testing.assert_allclose(AnisotropicDirectionLoss(layout).tangents(square)[0], expected, atol=1e-6)


def test_tangents_are_perpendicular_to_the_bisector_whatever_the_distances():
    points = random_case()[1][:, :4]
    ahead, behind = points[:, 2] - points[:, 1], points[:, 0] - points[:, 1]
    bisector = ahead / ahead.norm(dim=-1, keepdim=True) + behind / behind.norm(dim=-1, keepdim=True)
    tangent = AnisotropicDirectionLoss(PATH).tangents(points)[:, 1]
    np.testing.assert_allclose((tangent * bisector).sum(-1), [0, 0], atol=1e-12)


def test_tangents_of_collinear_neighbours():
    line = torch.tensor([[[-0.4, 0.2], [-0.1, 0.2], [0.7, 0.2], [0.8, 0.2]]])
    np.testing.assert_allclose(AnisotropicDirectionLoss(PATH).tangents(line)[0], [[1, 0]] * 4, atol=1e-6)


@pytest.mark.parametrize(
    'points, undirected',
    [([[0.2, 0.2]] * 4, [0, 1, 2, 3]), ([[0.0, 0.0], [0.5, 0.0], [0.0, 0.0], [0.0, 0.3]], [1])],
    ids=['all in one place', 'there and back'],
)
def test_points_without_a_direction_are_isotropic(points, undirected):
    tangents = AnisotropicDirectionLoss(PATH).tangents(torch.tensor([points]))
    assert (tangents[0] == 0).all(-1).nonzero().flatten().tolist() == undirected


def test_without_any_direction_it_is_the_soft_argmax_loss():
    heatmaps, _ = random_case(PATH)
    targets = torch.full((2, 4, 2), 0.2, dtype=torch.float64)
    found = value_and_gradient(AnisotropicDirectionLoss(PATH, ratio=2), heatmaps, targets)
    torch.testing.assert_close(found, value_and_gradient(SoftArgmaxLoss(), heatmaps, targets))


def test_landmarks_on_no_boundary_are_isotropic():
    layout = make_layout(Boundary('line', (0, 2)))
    heatmaps, targets = spots({(0, 0): 1}, {(0, 0): 1}, {(3, 0): 1}), torch.tensor([[[0.0, 0], [0.3, 0.4], [0.6, 0]]])
    loss = AnisotropicDirectionLoss(layout, ratio=2)(heatmaps, targets)
    assert loss.item() == pytest.approx((0.5 - 0.005) / 3, rel=1e-5)


def test_a_landmark_on_two_boundaries_has_its_neighbours_on_the_first():
    layout = get_layout('cofw29')
    first = next(boundary for boundary in layout.boundaries if 22 in boundary.indices)
    assert (first.indices[0], first.closed) == (22, True)
    loss = AnisotropicDirectionLoss('cofw29')
    assert (loss.previous[22], loss.following[22]) == (first.indices[-1], first.indices[1])


@pytest.mark.parametrize('reach_x, reach_y, ratio', [(3, 2, 9 / 4), (4, 1, 9), (1, 4, 1), (3, 3, 1)])
def test_ratio_is_that_of_the_variances_within_1_and_9(reach_x, reach_y, ratio):
    cross = {(reach_x, 0): 1, (-reach_x, 0): 1, (0, reach_y): 1, (0, -reach_y): 1}
    heatmaps, targets = spots(cross, cross), torch.tensor([[[-0.3, -0.2], [0.2, -0.2]]])  # a horizontal line
    loss = AnisotropicDirectionLoss(PAIR)(heatmaps, targets)
    assert loss.item() == pytest.approx((cost(0.3, 0.2, ratio) + cost(0.2, 0.2, ratio)) / 2, rel=1e-5)


def test_ratio_has_no_gradient():
    cross = {(3, 0): 1, (-3, 0): 1, (0, 2): 1, (0, -2): 1}
    case = spots(cross, cross), torch.tensor([[[-0.3, -0.2], [0.2, -0.2]]])
    found = value_and_gradient(AnisotropicDirectionLoss(PAIR), *case)
    torch.testing.assert_close(found, value_and_gradient(AnisotropicDirectionLoss(PAIR, ratio=9 / 4), *case))


def test_ratio_1_is_the_soft_argmax_loss():
    case = random_case()
    found = value_and_gradient(AnisotropicDirectionLoss('cofw29', ratio=1), *case)
    torch.testing.assert_close(found, value_and_gradient(SoftArgmaxLoss(), *case))


def test_loss_turns_with_the_image():
    heatmaps, targets = random_case()
    value, gradient = value_and_gradient(AnisotropicDirectionLoss('cofw29'), heatmaps, targets)
    turned = value_and_gradient(AnisotropicDirectionLoss('cofw29'), heatmaps.transpose(2, 3), targets.flip(-1))
    torch.testing.assert_close(turned, (value, gradient.transpose(2, 3)))


def test_empty_maps_and_single_cells_have_a_finite_value_and_gradient():
    heatmaps, targets = spots({}, {(2, 1): 1}), torch.tensor([[[0.1, 0.2], [0.4, 0.2]]])
    value, gradient = value_and_gradient(AnisotropicDirectionLoss(PAIR), heatmaps, targets)
    assert value.isfinite() and gradient.isfinite().all()


def test_keypoint_weights():
    heatmaps, targets = random_case(PATH)
    weights = torch.tensor([[1.0, 0.0, 2.0, 1.0], [0.5, 1.0, 1.0, 1.0]], dtype=torch.float64)
    loss = AnisotropicDirectionLoss(PATH)
    value, gradient = value_and_gradient(loss, heatmaps, targets, weights)
    single = sum(
        weights[b, k] * loss(heatmaps, targets, torch.eye(8).view(8, 2, 4)[4 * b + k])
        for b in range(2)
        for k in range(4)
    )
    torch.testing.assert_close(value, single)
    assert (gradient.abs().amax((2, 3)) == 0).nonzero().tolist() == [[0, 1]]


def test_loss_weight():
    case = random_case()
    torch.testing.assert_close(
        AnisotropicDirectionLoss('cofw29', loss_weight=3.0)(*case), 3 * AnisotropicDirectionLoss('cofw29')(*case)
    )


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_mixed_precision_is_computed_in_float32(dtype):
    heatmaps, targets = random_case(dtype=torch.float32)
    heatmaps, loss = heatmaps.to(dtype), AnisotropicDirectionLoss('cofw29')
    with torch.autocast('cpu', dtype=torch.bfloat16):
        value, gradient = value_and_gradient(loss, heatmaps, targets)
    expected, expected_gradient = value_and_gradient(loss, heatmaps.float(), targets)
    assert (value.dtype, gradient.dtype) == (torch.float32, dtype)
    torch.testing.assert_close((value, gradient), (expected, expected_gradient.to(dtype)))


def test_neighbours_are_not_in_the_checkpoint():
    loss = MODELS.build(dict(type='AnisotropicDirectionLoss'))
    assert len(loss.previous) == 98 and not loss.state_dict()


@pytest.mark.parametrize('ratio', [0.5, -2.0, float('nan')])
def test_bad_ratio(ratio):
    with pytest.raises(ValueError, match=f'ratio must be at least 1, got {ratio}'):
        AnisotropicDirectionLoss(ratio=ratio)


@pytest.mark.parametrize(
    'heatmaps, targets', [((2, 28, 9, 9), (2, 28, 2)), ((2, 29, 9, 9), (2, 29, 5, 2)), ((2, 29, 9), (2, 29, 2))]
)
def test_wrong_shapes(heatmaps, targets):
    with pytest.raises(ValueError, match=r'targets \(B, K, 2\) with K = 29, got'):
        AnisotropicDirectionLoss('cofw29')(torch.zeros(heatmaps), torch.zeros(targets))
