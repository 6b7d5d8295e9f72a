"""From heatmaps to landmarks: plain batched functions, shared by all codecs.

All take heatmaps (B, K, h, w), tensors of any float dtype on any device, and return cells (B, K, 2) in (x, y) order,
float32 at least. Which pixel a cell stands for is the codec's business (its grid).
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def argmax(heatmaps: Tensor) -> Tensor:
    """Cell of the maximum (structured paper, Eq. 1); the first one in row order where several are equal.

    >>> maps = torch.tensor([[[[0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.5, 0.0]]]])  # one map of 4 x 2 cells
    >>> argmax(maps).tolist()
    [[[1.0, 1.0]]]
    """
    width = heatmaps.shape[-1]
    flat = heatmaps.flatten(2).argmax(2)
    cells = torch.stack([flat % width, torch.div(flat, width, rounding_mode='floor')], dim=-1)
    return cells.to(_at_least_float32(heatmaps.dtype))


def quarter_shift(heatmaps: Tensor) -> Tensor:
    """Maximum, moved by 0.25 cell towards its larger neighbour in x and in y.

    The standard refinement of hourglass models; not moved on the border of the map or where both neighbours are equal.

    >>> quarter_shift(torch.tensor([[[[0.0, 0.0, 0.0], [0.2, 1.0, 0.5], [0.0, 0.0, 0.0]]]])).tolist()
    [[[1.25, 1.0]]]
    """
    cells = argmax(heatmaps)
    patches = patches_around(heatmaps, cells.long(), 3, 3)  # (B, K, 3, 3), -inf outside
    x_diff = patches[:, :, 1, 2] - patches[:, :, 1, 0]
    y_diff = patches[:, :, 2, 1] - patches[:, :, 0, 1]
    diff = torch.stack([x_diff, y_diff], dim=-1)
    return cells + 0.25 * torch.where(diff.isfinite(), diff.sign(), torch.zeros_like(diff))


def local_soft_argmax(heatmaps: Tensor, window: int | tuple[int, int] = 5, *, temperature: float = 0.1) -> Tensor:
    """Softmax-weighted mean position in a window around the maximum (subpixel paper, Eq. 4).

    >>> maps = torch.tensor([[[[0.0, 0.0, 0.0], [0.0, 1.0, 0.9], [0.0, 0.0, 0.0]]]])
    >>> print(local_soft_argmax(maps, window=3, temperature=0.1).numpy().round(2))
    [[[1.27 1.  ]]]

    Args:
        heatmaps (Tensor): (B, K, h, w).
        window (int | tuple): Odd side of the window, or (w, h), in cells. Cells outside the map take no part.
        temperature (float): Divides the heatmap before the softmax. 0.1, tau = 10 in the subpixel paper, is its choice
            for Gaussians of peak 1; for raw scores of the structured loss use that of the loss.

    Returns:
        Tensor: (B, K, 2) cells; differentiable with respect to the heatmaps except for the choice of the window.
    """
    width, height = window if isinstance(window, (tuple, list)) else (window, window)
    if width % 2 == 0 or height % 2 == 0:
        raise ValueError(f'window must be odd, got {window}')
    cells = argmax(heatmaps)
    patches = patches_around(heatmaps, cells.long(), width, height)
    weights = torch.softmax(patches.flatten(2) * (1 / temperature), dim=2).view_as(patches)
    columns, rows = (
        torch.arange(side, device=heatmaps.device, dtype=weights.dtype) - side // 2 for side in (width, height)
    )
    shift = torch.stack([(weights.sum(2) * columns).sum(-1), (weights.sum(3) * rows).sum(-1)], dim=-1)
    return cells + shift


def expectation(heatmaps: Tensor) -> Tensor:
    """Mean position of non-negative maps (STAR reference code); the centre of the map where a map is all zero.

    >>> expectation(torch.tensor([[[[0.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 0.0]]]])).tolist()
    [[[1.5, 1.0]]]
    """
    heatmaps = heatmaps.to(_at_least_float32(heatmaps.dtype))
    height, width = heatmaps.shape[-2:]
    total = heatmaps.sum((2, 3)).clamp(min=1e-6)
    # around the centre, so that the total's lower bound pulls to it and not to the first cell
    x = torch.arange(width, device=heatmaps.device, dtype=heatmaps.dtype) - (width - 1) / 2
    y = torch.arange(height, device=heatmaps.device, dtype=heatmaps.dtype) - (height - 1) / 2
    mean = torch.stack([(heatmaps.sum(2) * x).sum(-1) / total, (heatmaps.sum(3) * y).sum(-1) / total], dim=-1)
    return mean + mean.new_tensor([(width - 1) / 2, (height - 1) / 2])


def spatial_softmax(scores: Tensor, temperature: float = 1.0) -> Tensor:
    """softmax(F / temperature) over the cells of each map (B, K, h, w), float32 at least.

    >>> spatial_softmax(torch.zeros(1, 1, 2, 2)).tolist()
    [[[[0.25, 0.25], [0.25, 0.25]]]]
    """
    scores = scores.to(_at_least_float32(scores.dtype))
    return torch.softmax(scores.flatten(2) / temperature, dim=2).view_as(scores)


def spatial_scores(distributions: Tensor, temperature: float = 1.0) -> Tensor:
    """Scores whose :func:`spatial_softmax` is these distributions (B, K, h, w), 0 where they are lowest.

    >>> print(spatial_softmax(spatial_scores(torch.tensor([[[[0.1, 0.9]]]]), 2.0), 2.0).numpy().round(3))
    [[[[0.1 0.9]]]]
    """
    scores = temperature * distributions.clamp(min=torch.finfo(distributions.dtype).tiny).log()
    return scores - scores.amin((2, 3), keepdim=True)


def moved(maps: Tensor, cells: Sequence[float]) -> Tensor:
    """Non-negative maps (B, K, h, w) moved left and up by parts of a cell (x, y), from 0 to 1, by linear interpolation:
    the sum is kept, and the mean moves by as much, but for what would leave the map, which stays in its first cells.

    >>> moved(torch.tensor([[[[0.0, 1.0, 3.0]]]]), (0.25, 0.0)).tolist()
    [[[[0.25, 1.5, 2.25]]]]
    """
    for dim, part in zip((-1, -2), cells):
        size = maps.shape[dim]
        gone = part * maps
        stay = torch.cat([maps.narrow(dim, 0, 1), (maps - gone).narrow(dim, 1, size - 1)], dim)
        come = torch.cat([gone.narrow(dim, 1, size - 1), torch.zeros_like(gone.narrow(dim, 0, 1))], dim)
        maps = stay + come
    return maps


def patches_around(heatmaps: Tensor, cells: Tensor, width: int, height: int) -> Tensor:
    """(B, K, height, width) around integer cells (B, K, 2); -inf outside the map."""
    left, above = width // 2, height // 2
    heatmaps = heatmaps.to(_at_least_float32(heatmaps.dtype))
    padded = F.pad(heatmaps, (left, left, above, above), value=float('-inf'))
    columns = cells[..., 0, None] + torch.arange(width, device=heatmaps.device)
    rows = cells[..., 1, None] + torch.arange(height, device=heatmaps.device)  # (B, K, height)
    flat = rows[..., :, None] * padded.shape[-1] + columns[..., None, :]
    return padded.flatten(2).gather(2, flat.flatten(2)).view(*flat.shape)


def as_arrays(pixels: Tensor, scores: Tensor) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Landmarks (B, K, 2) and scores (B, K) as MMPose has them: B arrays (1, K, 2) and B of (1, K).

    Where a score is NaN, its landmark is, too: an argmax finds a place in any map.
    """
    pixels = pixels.masked_fill(scores.isnan()[..., None], torch.nan)
    return list(pixels[:, None].cpu().numpy()), list(scores[:, None].cpu().numpy())


def as_maps(maps: np.ndarray | Tensor) -> Tensor:
    """Maps as a tensor of floats: a copy of an array, which MMPose's codecs take; such a tensor itself."""
    if not isinstance(maps, Tensor):
        maps = torch.from_numpy(np.array(maps, order='C'))  # arrays may be mirrored views, or read-only
    return maps if maps.is_floating_point() else maps.float()


def _at_least_float32(dtype: torch.dtype) -> torch.dtype:
    return dtype if dtype == torch.float64 else torch.float32
