"""Milliseconds of every loss, forward and backward, beside a naive version of the same formula.

    python tools/analysis_tools/benchmark_losses.py --device cpu --threads 2

The naive versions are plain automatic differentiation of the formulas as printed; that of STAR goes the way of its
reference code, with ``torch.linalg.eigh`` on the CPU. They also serve the tests. The two take turns, and the medians of
the wall clock count. Beside them stand how far the two are apart, in parts of the largest value and gradient, and on a
GPU the memory that a step needs on top of its inputs.
"""

import argparse
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from benchmark_utils import Stopwatch
from torch import Tensor

from mmfld.models.losses import (
    AnisotropicDirectionLoss,
    DistributionRegularization,
    SoftArgmaxLoss,
    STARLoss,
    StructuredHeatmapLoss,
    WeightedAdaptiveWingLoss,
)
from mmfld.structures import FaceLayout, get_layout, layout_names

SAMPLES = 10  # label samples of the structured loss, as in its paper


def naive_star_loss(heatmaps: Tensor, targets: Tensor) -> Tensor:
    """STAR loss with smooth-l1 distance and value restriction (STAR paper, Eq. 1, 4, 6 and 7)."""
    mean, covariance = naive_moments(heatmaps)
    eigenvalues, eigenvectors = torch.linalg.eigh(covariance.cpu())
    eigenvalues, eigenvectors = eigenvalues.to(mean), eigenvectors.to(mean)
    errors = targets - mean
    loss = 0
    for k in range(2):
        projection = (eigenvectors[..., k] * errors).sum(-1, keepdim=True)
        loss = loss + naive_smooth_l1(projection) / (eigenvalues[..., k] + 1e-5).sqrt()
    return (loss + eigenvalues.abs().sum(-1)).mean()


def naive_moments(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Means (B, K, 2) and covariances (B, K, 2, 2) in [-1, 1] of maps (B, K, h, w) (STAR paper, Eq. 1 and 4)."""
    height, width = heatmaps.shape[2:]
    p = heatmaps / heatmaps.sum((2, 3), keepdim=True).clamp(min=1e-6)
    grid = torch.stack(torch.meshgrid(torch.linspace(-1, 1, width), torch.linspace(-1, 1, height), indexing='xy'))
    grid = grid.to(p)  # (2, h, w)
    mean = (p[:, :, None] * grid).sum((3, 4))
    offsets = (grid - mean[..., None, None]).flatten(3)  # (B, K, 2, h w)
    covariance = torch.matmul(p.flatten(2)[:, :, None] * offsets, offsets.transpose(2, 3))
    v1, v2 = p.sum((2, 3)) + 1e-5, (p**2).sum((2, 3)) + 1e-5
    return mean, covariance / (v1 - v2 / v1)[..., None, None]


def naive_smooth_l1(errors: Tensor, threshold: float = 0.01) -> Tensor:
    """Of the lengths of vectors (..., D) (STAR paper, Eq. 8)."""
    squared = (errors**2).sum(-1)
    length = squared.clamp(min=1e-6).sqrt()
    return torch.where(length < threshold, 0.5 / threshold * squared, length - 0.5 * threshold)


def naive_soft_argmax_loss(heatmaps: Tensor, targets: Tensor) -> Tensor:
    """Smooth-l1 distance of the mean (STAR paper, Eq. 1 and 2)."""
    height, width = heatmaps.shape[2:]
    p = heatmaps / heatmaps.sum((2, 3), keepdim=True).clamp(min=1e-6)
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing='ij')
    mean = torch.stack([(p * x.to(p)).sum((2, 3)), (p * y.to(p)).sum((2, 3))], -1)
    return naive_smooth_l1(mean - targets).mean()


def naive_anisotropic_direction_loss(heatmaps: Tensor, targets: Tensor, layout: FaceLayout) -> Tensor:
    """ADL of ADNet, with the variances' ratio of the heatmap, landmark by landmark on every boundary."""
    tangents = {}
    for boundary in layout.boundaries:
        ring = boundary.indices
        for n, k in enumerate(ring):
            if k in tangents:
                continue
            following = ring[(n + 1) % len(ring)] if boundary.closed or n + 1 < len(ring) else None
            previous = ring[n - 1] if boundary.closed or n > 0 else None
            ahead = F.normalize(targets[:, following] - targets[:, k], dim=-1) if following is not None else 0
            behind = F.normalize(targets[:, k] - targets[:, previous], dim=-1) if previous is not None else 0
            tangents[k] = F.normalize(ahead + behind, dim=-1)
    mean, covariance = naive_moments(heatmaps)
    losses = []
    for k in range(layout.num_keypoints):
        error = mean[:, k] - targets[:, k]
        if k in tangents:
            along = tangents[k]
            across = torch.stack([-along[:, 1], along[:, 0]], -1)
            axes = torch.stack([along, across], -2)
            variances = (axes @ covariance[:, k] @ axes.transpose(1, 2)).detach().diagonal(dim1=1, dim2=2)
            ratio = (variances[:, 0] / variances[:, 1]).clamp(1, 9)[:, None]
            error = torch.cat(
                [
                    (2 / (ratio + 1)).sqrt() * (error * along).sum(-1, keepdim=True),
                    (2 * ratio / (ratio + 1)).sqrt() * (error * across).sum(-1, keepdim=True),
                ],
                -1,
            )
        losses.append(naive_smooth_l1(error))
    return torch.stack(losses).mean()


def naive_distribution_regularization(heatmaps: Tensor, targets: Tensor, sigma: float = 1.0) -> Tensor:
    """Jensen-Shannon divergence to a Gaussian of ``sigma`` cells (Nibali et al., 2018)."""
    height, width = heatmaps.shape[2:]
    p = heatmaps / heatmaps.sum((2, 3), keepdim=True).clamp(min=1e-6)
    y, x = torch.meshgrid(torch.arange(height).to(p), torch.arange(width).to(p), indexing='ij')
    centre_x = (targets[..., 0, None, None] + 1) * (width - 1) / 2
    centre_y = (targets[..., 1, None, None] + 1) * (height - 1) / 2
    q = torch.exp(-((x - centre_x) ** 2 + (y - centre_y) ** 2) / (2 * sigma**2))
    q = q / q.sum((2, 3), keepdim=True)
    log_p, log_q, log_middle = ((maps + 1e-24).log() for maps in (p, q, (p + q) / 2))
    return (p * (log_p - log_middle) + q * (log_q - log_middle)).sum((2, 3)).mean() / 2


def naive_structured_heatmap_loss(scores: Tensor, targets: Tensor) -> Tensor:
    """Structured paper, Eq. 11-13 with alpha = epsilon = 1, sample by sample of targets (B, K, S, 2)."""
    batch, keypoints, height, width = scores.shape
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing='ij')
    grid = torch.stack([x, y], -1).to(scores)
    last = grid.new_tensor([width - 1, height - 1])
    loss = 0
    for target in targets.unbind(2):
        cell = ((target + 1) / 2 * last).round()
        margin = naive_smooth_l1(grid - (2 * cell / last - 1)[:, :, None, None])
        flat = (cell[..., 1] * width + cell[..., 0]).long()
        annotated = scores.flatten(2).gather(2, flat[..., None])[..., 0]
        loss = loss + ((margin + scores).flatten(2).logsumexp(2) - annotated).mean()
    return loss / targets.shape[2]


def naive_weighted_adaptive_wing_loss(output: Tensor, target: Tensor) -> Tensor:
    """AWing (ICCV 2019), Eq. 4, 5 and 9, with a mask for each branch."""
    alpha, omega, epsilon, theta = 2.1, 14, 1, 0.5
    delta = (output - target).abs()
    exponent = alpha - target
    power = torch.pow(torch.full_like(target, theta / epsilon), exponent)
    slope = omega / (1 + power) * exponent * torch.pow(torch.full_like(target, theta / epsilon), exponent - 1) / epsilon
    offset = theta * slope - omega * torch.log(1 + power)
    small, large = delta < theta, delta >= theta
    loss = torch.zeros_like(output)
    loss[small] = omega * torch.log(1 + torch.pow(delta[small] / epsilon, exponent[small]))
    loss[large] = slope[large] * delta[large] - offset[large]
    near = F.max_pool2d(target, 3, stride=1, padding=1) >= 0.2
    return (loss * (1 + 10 * near)).mean()


def make_work(shape: tuple[int, int, int, int], device: str, dtype: torch.dtype = torch.float32) -> dict[str, tuple]:
    """Name -> our loss, its naive version, and the prediction and target that both get.

    The predictions are what a network shows: a noisy, elongated spot near each annotation on a weak floor with empty
    cells. The annotations lie where no landmark is on the border.
    """
    batch, keypoints, height, width = shape
    layouts = {layout.num_keypoints: layout for layout in map(get_layout, layout_names())}
    if keypoints not in layouts:
        raise ValueError(f'no layout has {keypoints} landmarks, expected one of {sorted(layouts)} in the shape {shape}')
    layout = layouts[keypoints]
    rng = torch.Generator().manual_seed(0)

    def uniform(low, high, *size):
        return low + (high - low) * torch.rand(*size, generator=rng, dtype=dtype)

    targets = uniform(-0.8, 0.8, batch, keypoints, 2)
    samples = targets[:, :, None] + uniform(-0.05, 0.05, batch, keypoints, SAMPLES, 2)
    x, y = torch.linspace(-1, 1, width, dtype=dtype), torch.linspace(-1, 1, height, dtype=dtype)[:, None]
    centre, spread = targets + uniform(-0.1, 0.1, batch, keypoints, 2), uniform(0.03, 0.3, batch, keypoints, 2)

    def spots(centre, spread):
        dx, dy = (
            (grid - c[..., None, None]) / s[..., None, None]
            for grid, c, s in zip((x, y), centre.unbind(-1), spread.unbind(-1))
        )
        return torch.exp(-(dx**2 + dy**2) / 2)

    noise = uniform(-1, 1, *shape)
    heatmaps = (spots(centre, spread) * (1 + noise) + 0.01 * noise).relu()
    points = spots(targets, torch.full_like(targets, 0.05))
    outputs = torch.sigmoid(8 * spots(centre, spread) + noise - 5)
    heatmaps, outputs, points, targets, samples = (
        tensor.to(device) for tensor in (heatmaps, outputs, points, targets, samples)
    )
    return {
        'STARLoss': (STARLoss(), naive_star_loss, heatmaps, targets),
        'SoftArgmaxLoss': (SoftArgmaxLoss(), naive_soft_argmax_loss, heatmaps, targets),
        'AnisotropicDirectionLoss': (
            AnisotropicDirectionLoss(layout).to(device),
            lambda maps, to: naive_anisotropic_direction_loss(maps, to, layout),
            heatmaps,
            targets,
        ),
        'DistributionRegularization': (
            DistributionRegularization(),
            naive_distribution_regularization,
            heatmaps,
            targets,
        ),
        f'StructuredHeatmapLoss, {SAMPLES} samples': (
            StructuredHeatmapLoss(),
            naive_structured_heatmap_loss,
            10 * heatmaps,
            samples,
        ),
        'WeightedAdaptiveWingLoss': (WeightedAdaptiveWingLoss(), naive_weighted_adaptive_wing_loss, outputs, points),
    }


def value_and_gradient(loss: Callable, prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Of one step; the gradient is that of the prediction."""
    prediction = prediction.detach().requires_grad_()
    value = loss(prediction, target)
    (gradient,) = torch.autograd.grad(value, prediction)
    return value.detach(), gradient


def difference(ours: Tensor, naive: Tensor) -> float:
    """Largest difference, in parts of the largest value."""
    return ((ours - naive).abs().max() / naive.abs().max()).item()


def measure(ours: Callable, naive: Callable, prediction: Tensor, target: Tensor, repeats: int) -> dict[str, float]:
    """Median milliseconds and differences of one loss, and on a GPU the MiB that a step needs on top of its inputs."""
    losses = dict(ours=ours, naive=naive)
    row, found = {}, {}
    for name, loss in losses.items():  # warms up, too
        if prediction.is_cuda:
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
        found[name] = value_and_gradient(loss, prediction, target)
        if prediction.is_cuda:
            row[f'{name}_mib'] = (torch.cuda.max_memory_allocated() - before) / 2**20
    row['value'], row['gradient'] = map(difference, found['ours'], found['naive'])
    watch = Stopwatch(prediction.device)
    for _ in range(repeats):
        for name, loss in losses.items():
            with watch(name):
                value_and_gradient(loss, prediction, target)
    return row | {f'{name}_ms': 1000 * float(np.median(laps)) for name, laps in watch.laps.items()}


def main(argv=None):
    parser = argparse.ArgumentParser(
        description='Speed of the losses, forward and backward, beside naive versions.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        '--shape',
        type=int,
        nargs=4,
        default=(16, 98, 64, 64),
        metavar=('B', 'K', 'H', 'W'),
        help='faces, landmarks of a layout, and cells of a heatmap',
    )
    parser.add_argument('--device', nargs='+', default=['cpu'] + ['cuda'] * torch.cuda.is_available())
    parser.add_argument('--threads', type=int, default=torch.get_num_threads(), help='of the CPU')
    parser.add_argument('--repeats', type=int, default=11)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)

    report = {}
    for device in args.device:
        name = torch.cuda.get_device_name() if device.startswith('cuda') else f'CPU, {args.threads} threads'
        print(
            f'{name}, {" x ".join(map(str, args.shape))}, float32\n{"":<34} {"ours":>9} {"naive":>9} {"ratio":>6}   '
            'differences of value and gradient'
        )
        for loss, work in make_work(args.shape, device).items():
            row = report[device, loss] = measure(*work, args.repeats)
            print(
                f'{loss:<34} {row["ours_ms"]:>6.1f} ms {row["naive_ms"]:>6.1f} ms '
                f'{row["naive_ms"] / row["ours_ms"]:>5.1f}x   {row["value"]:.0e} {row["gradient"]:.0e}'
                + (f'   {row["ours_mib"]:.0f} and {row["naive_mib"]:.0f} MiB' if 'ours_mib' in row else '')
            )
    return report


if __name__ == '__main__':
    main()
