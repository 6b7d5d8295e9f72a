"""MMPose's own heads for export: what their ``predict`` gives, on tensors. Their codecs decode in NumPy, map by map."""

from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from mmpose.codecs import MSRAHeatmap, SimCCLabel, UDPHeatmap
from mmpose.models.heads import HeatmapHead, SimCCHead
from mmpose.models.utils.tta import flip_heatmaps, flip_vectors
from torch import Tensor, nn

from ..codecs.decoders import argmax, patches_around, quarter_shift

Decoded = tuple[Tensor, Tensor]


def functions_of(head: nn.Module) -> tuple[Callable, Callable]:
    """What turns features into maps, and maps into landmarks (B, K, 2) in pixels of the input and scores (B, K).

    They are called as ``predict_maps`` of :class:`StackedHeatmapHead` and ``landmarks`` of :class:`HeatmapCodec`.

    DARK and UDP take a Newton step, which rounding decides where a map is nearly flat around its maximum, as those of
    an untrained network are: such a network fails the comparison of the export.

    Raises:
        TypeError: If it is neither a ``HeatmapHead`` with ``MSRAHeatmap`` or the Gaussian ``UDPHeatmap``, nor a
            ``SimCCHead`` with ``SimCCLabel`` without ``use_dark``.
    """
    codec = getattr(head, 'decoder', None)
    if isinstance(head, HeatmapHead):
        if isinstance(codec, MSRAHeatmap):
            return partial(heatmaps, head), partial(msra_landmarks, codec)
        if isinstance(codec, UDPHeatmap) and codec.heatmap_type == 'gaussian':
            return partial(heatmaps, head), partial(udp_landmarks, codec)
    if isinstance(head, SimCCHead) and isinstance(codec, SimCCLabel) and not codec.use_dark:
        return partial(simcc_maps, head), partial(simcc_landmarks, codec)
    raise TypeError(
        f'{type(head).__name__} with the codec {type(codec).__name__} cannot be exported: expected a head '
        'of this package, a HeatmapHead with MSRAHeatmap or UDPHeatmap (gaussian), or a SimCCHead with '
        'SimCCLabel (use_dark=False)'
    )


def heatmaps(head: HeatmapHead, feats, samples: Sequence, test_cfg: dict) -> Tensor:
    """(B, K, h, w), averaged with those of the mirrored input if ``test_cfg.flip_test``."""
    if not test_cfg.get('flip_test', False):
        return head(feats)
    feats, flipped = feats
    mirrored = flip_heatmaps(
        head(flipped),
        samples[0].metainfo['flip_indices'],
        test_cfg.get('flip_mode', 'heatmap'),
        test_cfg.get('shift_heatmap', False),
    )
    return (head(feats) + mirrored) / 2


def simcc_maps(head: SimCCHead, feats, samples: Sequence, test_cfg: dict) -> tuple[Tensor, Tensor]:
    """(B, K, Lx) and (B, K, Ly), averaged with those of the mirrored input if ``test_cfg.flip_test``."""
    if not test_cfg.get('flip_test', False):
        return head(feats)
    feats, flipped = feats
    mirrored = flip_vectors(*head(flipped), samples[0].metainfo['flip_indices'])
    return tuple((axis + other) / 2 for axis, other in zip(head(feats), mirrored))


def msra_landmarks(codec: MSRAHeatmap, maps: Tensor) -> Decoded:
    """``MSRAHeatmap.decode``: moved by a quarter of a cell, or with ``unbiased`` DARK."""
    cells, scores = _maximum(maps)
    x, y = cells.unbind(-1)
    height, width = maps.shape[-2:]
    if codec.unbiased:
        logs = _blurred(maps, codec.blur_kernel_size).clamp(min=1e-10).log()
        patches = patches_around(logs, cells.long().clamp(min=0), 5, 5)

        def at(right: int, down: int) -> Tensor:
            return patches[:, :, 2 + down, 2 + right]

        middle = at(0, 0)
        shift, determinant = _newton(
            (at(1, 0) - at(-1, 0)) / 2,
            (at(0, 1) - at(0, -1)) / 2,
            (at(2, 0) - 2 * middle + at(-2, 0)) / 4,
            (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4,
            (at(0, 2) - 2 * middle + at(0, -2)) / 4,
        )
        moves = (x > 1) & (x < width - 2) & (y > 1) & (y < height - 2) & (determinant != 0)
        moves = torch.stack([moves, moves], dim=-1)
    else:
        shift = quarter_shift(maps) - argmax(maps)
        moves = torch.stack([(x > 1) & (y > 0), (y > 1) & (x > 0)], dim=-1)
    cells = cells + torch.where(moves, shift, torch.zeros_like(shift))
    return cells * cells.new_tensor(codec.scale_factor.tolist()), scores


def udp_landmarks(codec: UDPHeatmap, maps: Tensor) -> Decoded:
    """``UDPHeatmap.decode`` of Gaussian maps, its reading of other maps where one is nowhere above 0 included."""
    cells, scores = _maximum(maps)
    logs = F.pad(_blurred(maps, codec.blur_kernel_size).clamp(1e-3, 50.0).log(), (1, 1, 1, 1), mode='replicate')
    count, height, width = logs.shape[1:]
    x, y = (cells.long() + 1).unbind(-1)
    index = x + y * width + torch.arange(count, device=maps.device) * (height * width)

    def at(right: int, down: int) -> Tensor:
        return logs.flatten(1).gather(1, (index + right + down * width) % (count * height * width))

    middle = at(0, 0)
    cross = (at(1, 1) - at(1, 0) - at(0, 1) + 2 * middle - at(-1, 0) - at(0, -1) + at(-1, -1)) / 2
    tiny = float(np.finfo(np.float32).eps)
    shift, _ = _newton(
        (at(1, 0) - at(-1, 0)) / 2,
        (at(0, 1) - at(0, -1)) / 2,
        (at(1, 0) - 2 * middle + at(-1, 0)).double() + tiny,
        cross,
        (at(0, 1) - 2 * middle + at(0, -1)).double() + tiny,
    )
    pixels = [side / (count - 1) for side, count in zip(codec.input_size, codec.heatmap_size)]
    return (cells + shift) * cells.new_tensor(pixels), scores


def simcc_landmarks(codec: SimCCLabel, x_maps: Tensor, y_maps: Tensor) -> Decoded:
    """``SimCCLabel.decode``."""
    bins = torch.stack([axis.argmax(-1) for axis in (x_maps, y_maps)], dim=-1).float()
    scores = torch.minimum(x_maps.amax(-1), y_maps.amax(-1))
    return _nowhere(bins, scores) / codec.simcc_split_ratio, scores


def _maximum(maps: Tensor) -> Decoded:
    scores = maps.amax((2, 3))
    return _nowhere(argmax(maps), scores), scores


def _nowhere(cells: Tensor, scores: Tensor) -> Tensor:
    """-1 where no score is above 0."""
    return torch.where(scores[..., None] > 0, cells, -torch.ones_like(cells))


def _blurred(maps: Tensor, kernel_size: int) -> Tensor:
    """As OpenCV does with zeros around, each map with its maximum kept."""
    kernel = maps.new_tensor(cv2.getGaussianKernel(kernel_size, 0)[:, 0].tolist())
    flat = maps.flatten(0, 1)[:, None]
    blurred = F.conv2d(flat, kernel.view(1, 1, 1, -1), padding=(0, kernel_size // 2))
    blurred = F.conv2d(blurred, kernel.view(1, 1, -1, 1), padding=(kernel_size // 2, 0)).view_as(maps)
    return blurred * (maps.amax((2, 3)) / blurred.amax((2, 3)))[..., None, None]


def _newton(dx: Tensor, dy: Tensor, dxx: Tensor, dxy: Tensor, dyy: Tensor) -> tuple[Tensor, Tensor]:
    """Where a parabola has its extremum, (..., 2) from its derivatives (...), and the determinant of the second ones.

    In float64, as the differences of maps that are nearly flat leave few digits.
    """
    dx, dy, dxx, dxy, dyy = (part.double() for part in (dx, dy, dxx, dxy, dyy))
    determinant = dxx * dyy - dxy**2
    shift = torch.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], dim=-1) / determinant[..., None]
    return shift.float(), determinant
