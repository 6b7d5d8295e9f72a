"""Milliseconds of every loss, forward and backward, beside a naive version of the same formula.

    python tools/analysis_tools/benchmark_losses.py --device cpu --threads 2

The naive versions are those of ``plain_losses.py``. The two take turns, and the medians of the wall clock count. Beside
them stand how far the two are apart, in parts of the largest value and gradient, and on a GPU the memory that a step
needs on top of its inputs.
"""

import argparse
from collections.abc import Callable

import numpy as np
import torch
from benchmark_utils import Stopwatch
from plain_losses import (
    naive_anisotropic_direction_loss,
    naive_distribution_regularization,
    naive_soft_argmax_loss,
    naive_star_loss,
    naive_structured_heatmap_loss,
    naive_weighted_adaptive_wing_loss,
)
from torch import Tensor

from mmfld.models.losses import (
    AnisotropicDirectionLoss,
    DistributionRegularization,
    SoftArgmaxLoss,
    STARLoss,
    StructuredHeatmapLoss,
    WeightedAdaptiveWingLoss,
)
from mmfld.structures import get_layout, layout_names

SAMPLES = 10  # label samples of the structured loss, as in its paper


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
