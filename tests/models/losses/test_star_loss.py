"""STAR loss, the moments and principal axes under it, and the distances: reference values, eigh, naive versions."""

import math
import re

import numpy as np
import pytest
import torch
from mmpose.registry import MODELS

from mmfld.models.losses import STARLoss, heatmap_moments, principal_axes
from mmfld.models.losses.distances import get_distance

CASES = ('case0_uniform', 'case1_peaky', 'case2_relu_in')
H, W = 9, 12


@pytest.fixture(params=CASES)
def golden(request, golden_dir):
    return {
        key: torch.from_numpy(value) for key, value in np.load(golden_dir / f'star_loss_{request.param}.npz').items()
    }


def random_case(batch=2, keypoints=3, height=H, width=W, dtype=torch.float64):
    """Non-negative maps with some empty cells, and annotations."""
    rng = torch.Generator().manual_seed(0)
    heatmaps = torch.randn(batch, keypoints, height, width, generator=rng, dtype=dtype).relu() ** 3
    targets = torch.rand(batch, keypoints, 2, generator=rng, dtype=dtype) * 2 - 1
    return heatmaps, targets


def value_and_gradient(loss, heatmaps, *args):
    heatmaps = heatmaps.detach().clone().requires_grad_()
    value = loss(heatmaps, *args)
    return value.detach(), torch.autograd.grad(value, heatmaps)[0]


# --- moments ---------------------------------------------------------------------------------------------------------


def test_moments_equal_the_reference(golden):
    mean, covariance = heatmap_moments(golden['heatmap'])
    torch.testing.assert_close(mean, golden['mean_xy'], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(covariance, golden['cov'], rtol=1e-4, atol=1e-6)


def test_moments_equal_those_of_weighted_samples():
    heatmaps, _ = random_case(1, 1)
    mean, covariance = heatmap_moments(heatmaps)
    x, y = np.meshgrid(np.linspace(-1, 1, W), np.linspace(-1, 1, H))
    weights = (heatmaps / heatmaps.sum()).numpy().ravel()
    np.testing.assert_allclose(mean[0, 0], [(weights * x.ravel()).sum(), (weights * y.ravel()).sum()], atol=1e-12)
    # but for the two constants 1e-5
    np.testing.assert_allclose(covariance[0, 0], np.cov(x.ravel(), y.ravel(), aweights=weights), rtol=2e-5)


@pytest.mark.parametrize(
    'scale, eps', [(1, 1e-6), (1e-8, 1e-12), (1e-11, 1e-14)], ids=['normalised', 'total below 1e-6', 'total below 1e-9']
)
def test_gradcheck_of_the_moments(scale, eps):
    heatmaps = random_case(1, 2, 3, 4)[0] * scale
    assert torch.autograd.gradcheck(heatmap_moments, heatmaps.requires_grad_(), eps=eps, rtol=1e-3, atol=1e-3)


def test_mean_and_covariance_of_an_empty_map_are_zero():
    mean, covariance = heatmap_moments(torch.zeros(1, 1, H, W))
    assert (mean.abs().max(), covariance.abs().max()) == (0, 0)


@pytest.mark.parametrize('total', [1e-12, 1e-10, 1e-9, 1e-8, 3e-7, 7e-7])
def test_variances_of_nearly_empty_maps_are_between_0_and_1(total):
    one = torch.zeros(1, 1, 9, 9)
    one[0, 0, 2, 7] = total
    _, covariance = heatmap_moments(torch.cat([one, torch.full_like(one, total / 81)]))
    eigenvalues = torch.linalg.eigvalsh(covariance)
    assert eigenvalues.min() > -1e-7 and eigenvalues.max() < 1


def test_float32_moments_of_a_sharp_map_far_from_the_centre():
    heatmaps = torch.zeros(1, 1, 64, 64, dtype=torch.float64)
    heatmaps[0, 0, 60, 58:62] = torch.tensor([1e-3, 1, 1e-2, 1e-4])
    (_, single), (_, double) = heatmap_moments(heatmaps.float()), heatmap_moments(heatmaps)
    torch.testing.assert_close(single.double(), double, rtol=2e-3, atol=0)  # float32 of 1 - V2


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_moments_of_half_precision_are_float32(dtype):
    half = random_case()[0].to(dtype)
    torch.testing.assert_close(heatmap_moments(half), heatmap_moments(half.float()), rtol=0, atol=0)


# --- principal axes --------------------------------------------------------------------------------------------------


def covariances(kind):
    rng = torch.Generator().manual_seed(0)
    factor = torch.randn(50, 2, 2, generator=rng, dtype=torch.float64)
    if kind == 'random':
        return factor @ factor.mT
    if kind == 'diagonal':
        return torch.diag_embed(factor[..., 0] ** 2)
    return 0.3 * torch.eye(2, dtype=torch.float64) + 1e-3 * (factor + factor.mT)  # nearly isotropic


@pytest.mark.parametrize('kind, atol', [('random', 1e-7), ('diagonal', 1e-7), ('nearly isotropic', 1e-4)])
def test_axes_equal_eigh(kind, atol):
    matrices = covariances(kind)
    values, axes = principal_axes(matrices)
    expected_values, expected_axes = torch.linalg.eigh(matrices)
    torch.testing.assert_close(values, expected_values, rtol=1e-5, atol=1e-8)
    cosines = (axes * expected_axes.mT).sum(-1).abs()  # eigh has them as columns; signs are arbitrary
    torch.testing.assert_close(cosines, torch.ones_like(cosines), rtol=0, atol=atol)


@pytest.mark.parametrize('kind, rtol', [('random', 1e-6), ('diagonal', 1e-6), ('nearly isotropic', 1e-2)])
def test_gradient_of_the_axes_equals_that_of_eigh(kind, rtol):
    rng = torch.Generator().manual_seed(1)
    weights, forms = (torch.randn(50, 2, *size, generator=rng, dtype=torch.float64) for size in ((), (2, 2)))

    def gradient(eigen):
        matrices = covariances(kind).requires_grad_()
        values, axes = eigen(matrices)
        # a function of eigenvalues and of eigenvectors up to their signs
        (values * weights + (axes[..., None] * axes[..., None, :] * forms).sum((-2, -1))).sum().backward()
        return (matrices.grad + matrices.grad.mT) / 2

    def eigh(matrices):
        values, columns = torch.linalg.eigh(matrices)
        return values, columns.mT

    ours, expected = gradient(principal_axes), gradient(eigh)
    assert ((ours - expected).flatten(1).norm(dim=1) < rtol * expected.flatten(1).norm(dim=1)).all()


def test_eigenvalues_equal_the_reference(golden):
    torch.testing.assert_close(principal_axes(golden['cov'])[0], golden['evals'], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    'matrix',
    [
        [[0.0, 0.0], [0.0, 0.0]],
        [[0.3, 0.0], [0.0, 0.3]],
        [[0.1, 0.1], [0.1, 0.1]],
        [[0.0, 0.0], [0.0, 0.2]],
        [[1e-12, 0.0], [0.0, 0.0]],
    ],
)
def test_degenerate_matrices_have_orthonormal_axes_and_a_finite_gradient(matrix):
    matrix = torch.tensor(matrix).requires_grad_()
    values, axes = principal_axes(matrix)
    torch.testing.assert_close(axes @ axes.T, torch.eye(2))
    (values.sum() + (axes * torch.tensor([[1.0, 2.0], [3.0, 5.0]])).sum()).backward()
    assert matrix.grad.isfinite().all()


# --- distances -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'name, below, above',
    [
        ('l1', 0.0035, 0.35),
        ('l2', 1.25e-5, 0.125),
        ('smooth_l1', 0.5 / 0.01 * 0.005**2, 0.5 - 0.005),
        ('wing', 0.01 * math.log(1 + 0.005 / 2), 0.5 - (0.01 - 0.01 * math.log(1 + 0.01 / 2))),
    ],
)
def test_distances_of_the_errors_3_4_5(name, below, above):
    errors = torch.tensor([[0.003, -0.004], [0.3, -0.4]], dtype=torch.float64)
    np.testing.assert_allclose(get_distance(name)(errors), [below, above], rtol=1e-12)


@pytest.mark.parametrize('name', ['smooth_l1', 'wing'])
def test_distances_have_no_step_at_the_threshold(name):
    lengths = torch.tensor([[0.01 * (1 - 1e-9)], [0.01 * (1 + 1e-9)]], dtype=torch.float64)
    below, above = get_distance(name)(lengths)
    assert below.item() == pytest.approx(above.item(), abs=1e-10)


@pytest.mark.parametrize('name', ['l1', 'l2', 'smooth_l1', 'wing'])
def test_no_error_has_neither_distance_nor_gradient(name):
    errors = torch.zeros(1, 2, requires_grad=True)
    distance = get_distance(name)(errors).sum()
    distance.backward()
    assert (distance.item(), errors.grad.abs().max().item()) == (0, 0)


def test_smooth_l1_equals_the_reference(golden_dir):
    golden = np.load(golden_dir / 'smoothl1.npz')
    found = get_distance('smooth_l1')(torch.from_numpy(golden['a'] - golden['b']))
    np.testing.assert_allclose(found, golden['loss_none'], rtol=1e-5)
    np.testing.assert_allclose(found.mean(), golden['loss_mean'], rtol=1e-5)


# --- loss ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('restriction, key', [('none', 'loss_smoothl1_w0'), ('value', 'loss_smoothl1_w1')])
def test_value_equals_the_reference(golden, restriction, key):
    loss = STARLoss(restriction=restriction)(golden['heatmap'], golden['gt'])
    np.testing.assert_allclose(loss.item(), golden[key].item(), rtol=1e-4)


def test_gradient_equals_the_reference(golden):
    _, gradient = value_and_gradient(STARLoss(), golden['heatmap'], golden['gt'])
    assert (gradient - golden['grad']).norm() < 1e-3 * golden['grad'].norm()


SCALAR_DISTANCES = dict(
    l1=abs,
    l2=lambda e: e * e,
    smooth_l1=lambda e: 0.5 / 0.01 * e * e if abs(e) < 0.01 else abs(e) - 0.5 * 0.01,
    wing=lambda e: 0.01 * math.log(1 + abs(e) / 2) if abs(e) < 0.01 else abs(e) - 0.01 + 0.01 * math.log(1 + 0.01 / 2),
)


def naive_loss(heatmaps, targets, distance, restriction_weight=0.0):
    """Landmark by landmark, as printed (STAR paper, Eq. 4-7); (B, K)."""
    losses = np.zeros(heatmaps.shape[:2])
    height, width = heatmaps.shape[2:]
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    for index in np.ndindex(*losses.shape):
        p = heatmaps[index].numpy() / heatmaps[index].numpy().sum()
        mean = np.array([(p * x).sum(), (p * y).sum()])
        offsets = np.stack([x - mean[0], y - mean[1]])
        v1, v2 = 1 + 1e-5, (p**2).sum() + 1e-5
        eigenvalues, columns = np.linalg.eigh((p * offsets[:, None] * offsets).sum((2, 3)) / (v1 - v2 / v1))
        for value, vector in zip(eigenvalues, columns.T):
            projection = vector @ (targets[index].numpy() - mean)
            losses[index] += SCALAR_DISTANCES[distance](projection) / math.sqrt(value + 1e-5)
            losses[index] += restriction_weight * value
    return losses


@pytest.mark.parametrize('distance', SCALAR_DISTANCES)
def test_every_distance_equals_the_naive_version(distance):
    heatmaps, targets = random_case()
    targets[0, 0] = heatmap_moments(heatmaps)[0][0, 0] + 0.005  # below the threshold
    loss = STARLoss(distance, restriction='none')(heatmaps, targets)
    np.testing.assert_allclose(loss.item(), naive_loss(heatmaps, targets, distance).mean(), rtol=1e-6)


@pytest.mark.parametrize('weight', [0.0, 2.5])
def test_mahalanobis_is_that_of_the_inverse_covariance(weight):
    heatmaps, targets = random_case()
    mean, covariance = heatmap_moments(heatmaps)
    errors = targets - mean
    expected = torch.einsum('bki,bkij,bkj->bk', errors, torch.linalg.inv(covariance + 1e-5 * torch.eye(2)), errors)
    expected = expected + weight * covariance.diagonal(dim1=-2, dim2=-1).sum(-1)
    loss = MODELS.build(dict(type='MahalanobisLoss', restriction_weight=weight))(heatmaps, targets)
    torch.testing.assert_close(loss, expected.mean(), rtol=1e-4, atol=0)


def test_weight_of_the_value_restriction():
    heatmaps, targets = random_case()
    loss = STARLoss(restriction_weight=2.5)(heatmaps, targets)
    np.testing.assert_allclose(loss.item(), naive_loss(heatmaps, targets, 'smooth_l1', 2.5).mean(), rtol=1e-6)


def test_detach_takes_eigenvalues_and_eigenvectors_as_constants():
    heatmaps, targets = random_case()
    values, axes = principal_axes(heatmap_moments(heatmaps)[1])

    def constants(maps, targets):
        projections = (axes * (targets - heatmap_moments(maps)[0])[:, :, None]).sum(-1, keepdim=True)
        return (get_distance('smooth_l1')(projections) / (values + 1e-5).sqrt()).sum(-1).mean()

    found = value_and_gradient(STARLoss(restriction='detach'), heatmaps, targets)
    torch.testing.assert_close(found, value_and_gradient(constants, heatmaps, targets))


def test_without_restriction_the_eigenvalues_get_a_gradient():
    heatmaps, targets = random_case()
    free, fixed = (value_and_gradient(STARLoss(restriction=name), heatmaps, targets)[1] for name in ('none', 'detach'))
    assert (free - fixed).norm() > 0.1 * fixed.norm()


@pytest.mark.parametrize(
    'transform, of_targets',
    [
        (lambda maps: maps.transpose(2, 3), lambda xy: xy.flip(-1)),
        (lambda maps: maps.flip(3), lambda xy: xy * xy.new_tensor([-1, 1])),
        (lambda maps: maps.rot90(1, (2, 3)), lambda xy: xy.flip(-1) * xy.new_tensor([1, -1])),
    ],
    ids=['transposed', 'mirrored', 'rotated by 90 degrees'],
)
def test_loss_turns_with_the_image(transform, of_targets):
    heatmaps, targets = random_case()
    value, gradient = value_and_gradient(STARLoss(), heatmaps, targets)
    turned = value_and_gradient(STARLoss(), transform(heatmaps), of_targets(targets))
    torch.testing.assert_close(turned, (value, transform(gradient)))


def test_errors_along_an_elongated_map_cost_less():
    angle, major, minor = math.radians(30), 0.25, 0.1
    along = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    across = torch.stack([-along[1], along[0]])
    grid = torch.stack(torch.meshgrid(*[torch.linspace(-1, 1, 64, dtype=torch.float64)] * 2, indexing='xy'), -1)
    heatmaps = torch.exp(-((grid @ along / major) ** 2 + (grid @ across / minor) ** 2) / 2)[None, None]
    losses = [
        STARLoss(restriction='none')(heatmaps, 0.1 * direction[None, None]).item() for direction in (along, across)
    ]
    np.testing.assert_allclose(losses, [0.095 / major, 0.095 / minor], rtol=0.01)


def test_scale_of_the_heatmaps_is_no_matter():
    heatmaps, targets = random_case()
    value, gradient = value_and_gradient(STARLoss(), heatmaps, targets)
    scaled = value_and_gradient(STARLoss(), 3 * heatmaps, targets)
    torch.testing.assert_close(scaled, (value, gradient / 3))


def test_channels_last_heatmaps_give_the_same():
    heatmaps, targets = random_case()
    last = heatmaps.to(memory_format=torch.channels_last)
    torch.testing.assert_close(
        value_and_gradient(STARLoss(), last, targets), value_and_gradient(STARLoss(), heatmaps, targets)
    )


def test_loss_of_samples_is_the_mean_of_single_ones():
    heatmaps, targets = random_case()
    samples = targets[:, :, None] + torch.linspace(-0.2, 0.1, 8, dtype=torch.float64).view(4, 2)
    single = [value_and_gradient(STARLoss(), heatmaps, samples[:, :, s]) for s in range(4)]
    mean = tuple(sum(tensors) / 4 for tensors in zip(*single))
    torch.testing.assert_close(value_and_gradient(STARLoss(), heatmaps, samples), mean)


def test_keypoint_weights():
    heatmaps, targets = random_case()
    weights = torch.tensor([[1.0, 0.0, 2.0], [0.5, 1.0, 1.0]], dtype=torch.float64)
    value, gradient = value_and_gradient(STARLoss(), heatmaps, targets, weights)
    np.testing.assert_allclose(
        value, (naive_loss(heatmaps, targets, 'smooth_l1', 1.0) * weights.numpy()).mean(), rtol=1e-6
    )
    assert (gradient.abs().amax((2, 3)) == 0).nonzero().tolist() == [[0, 1]]


def test_loss_weight():
    heatmaps, targets = random_case()
    torch.testing.assert_close(STARLoss(loss_weight=3.0)(heatmaps, targets), 3 * STARLoss()(heatmaps, targets))


def degenerate_maps():
    one, row, two = (torch.zeros(H, W) for _ in range(3))
    one[2, 5] = 1
    row[4] = torch.rand(W, generator=torch.Generator().manual_seed(0))
    two[2, 5], two[7, 3] = 1, 0.5
    cross = torch.zeros(H, H)
    cross[4, [2, 6]], cross[[2, 6], 4] = 1, 1
    return {
        'all zero': one * 0,
        'one cell': one,
        'two cells': two,
        'one row': row,
        'one column': row.T,
        'isotropic': cross,
        'uniform square': torch.ones(H, H),
        'total 1e-8': one * 1e-8,
        'total 1e-9, two cells': two * 1e-9 / 1.5,
        'total 1e-10, wide': torch.full((H, W), 1e-10 / (H * W)),
        'total 1e-12, wide': torch.full((H, W), 1e-12 / (H * W)),
    }


@pytest.mark.parametrize('restriction', ['value', 'detach', 'none'])
@pytest.mark.parametrize('name', degenerate_maps())
def test_degenerate_maps_have_a_finite_value_and_gradient(name, restriction):
    heatmaps = degenerate_maps()[name][None, None]
    value, gradient = value_and_gradient(STARLoss(restriction=restriction), heatmaps, torch.tensor([[[0.3, -0.7]]]))
    assert value.isfinite() and gradient.isfinite().all()


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_mixed_precision_is_computed_in_float32(dtype):
    heatmaps, targets = random_case(dtype=torch.float32)
    heatmaps = heatmaps.to(dtype)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        value, gradient = value_and_gradient(STARLoss(), heatmaps, targets)
    expected, expected_gradient = value_and_gradient(STARLoss(), heatmaps.float(), targets)
    assert (value.dtype, gradient.dtype) == (torch.float32, dtype)
    torch.testing.assert_close((value, gradient), (expected, expected_gradient.to(dtype)))


def test_defaults_are_the_papers():
    loss = MODELS.build(dict(type='STARLoss'))
    assert (loss.distance, loss.restriction, loss.restriction_weight, loss.loss_weight) == (
        get_distance('smooth_l1'),
        'value',
        1,
        1,
    )


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(distance='l3'), "unknown distance 'l3', expected one of"),
        (dict(restriction='both'), "unknown restriction 'both', expected 'value', 'detach' or 'none'"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        STARLoss(**options)


@pytest.mark.parametrize('targets', [(2, 4, 2), (1, 3, 2), (2, 3, 5, 3), (2, 3), (2, 3, 1, 5, 2)])
def test_targets_of_the_wrong_shape(targets):
    with pytest.raises(ValueError, match=rf'expected heatmaps .* got \(2, 3, 9, 12\) and {re.escape(str(targets))}'):
        STARLoss()(random_case()[0], torch.zeros(targets))
