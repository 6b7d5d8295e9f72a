"""Structured prediction loss on heatmap scores, without soft-argmax (Yang and Yeh, ICCV 2025, Eq. 11-13).

For one landmark with scores F over the cells and annotated cell y,

    L(y) = eps * ln( sum_y' exp( (alpha * Delta(y, y') + F(y')) / eps ) ) - F(y).

With Delta = 0 this is cross-entropy with temperature eps. The paper leaves two things open, both arguments here: the
unit of Delta and of its threshold 0.01 (default [-1, 1], in which that constant was introduced), and the norm behind
the smooth-l1 threshold (default Euclidean; Eq. 12 writes squared l2 inside and l1 outside).
"""

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ...structures import normalized_to_cells
from .temperature import check_temperature

MARGINS = ('none', 'l1', 'l2', 'smooth_l1')
UNITS = ('normalized', 'cell', 'pixel')


def margin_table(
    height: int,
    width: int,
    margin: str = 'smooth_l1',
    unit: str = 'normalized',
    norm: str = 'l2',
    threshold: float = 0.01,
    input_size: int = 256,
) -> Tensor:
    """Delta for every offset between two cells of a map.

    >>> margin_table(1, 3, 'l1', unit='cell').tolist()  # offsets of -2 to 2 cells
    [[2.0, 1.0, 0.0, 1.0, 2.0]]

    Args:
        height, width (int): Size of the map in cells, h and w.
        margin (str): ``'none'`` (0), ``'l1'`` (sum of absolute differences), ``'l2'`` (squared Euclidean distance) or
            ``'smooth_l1'`` (Eq. 12: squared l2 * 0.5 / s below the threshold s, distance - 0.5 s above).
        unit (str): Unit of the offsets: ``'normalized'`` ([-1, 1] between the outermost cells), ``'cell'`` or
            ``'pixel'`` of a network input of ``input_size`` pixels.
        norm (str): Distance behind the smooth-l1 threshold, ``'l2'`` (Euclidean) or ``'l1'``.
        threshold (float): s, in ``unit``.

    Returns:
        Tensor: (2 h - 1, 2 w - 1) float64 on the CPU; entry [h - 1 + i, w - 1 + j] belongs to the offset (j, i).
    """
    if margin not in MARGINS:
        raise ValueError(f'unknown margin {margin!r}, expected one of {MARGINS}')
    if unit not in UNITS:
        raise ValueError(f'unknown unit {unit!r}, expected one of {UNITS}')
    if norm not in ('l1', 'l2'):
        raise ValueError(f"unknown norm {norm!r}, expected 'l1' or 'l2'")

    def offsets(cells: int) -> Tensor:
        steps = torch.arange(1 - cells, cells, dtype=torch.float64)
        if unit == 'cell':
            return steps
        return steps * (2 / max(cells - 1, 1)) * (input_size / 2 if unit == 'pixel' else 1)

    dy, dx = offsets(height)[:, None], offsets(width)
    if margin == 'none':
        return 0 * (dy + dx)
    if margin == 'l1':
        return dy.abs() + dx.abs()
    squared = dy**2 + dx**2
    if margin == 'l2':
        return squared
    distance = dy.abs() + dx.abs() if norm == 'l1' else squared.sqrt()
    return torch.where(distance < threshold, 0.5 / threshold * squared, distance - 0.5 * threshold)


class _StructuredLoss(torch.autograd.Function):
    """Mean over S samples; one (B, K, h, w) buffer at a time, whatever S is."""

    @staticmethod
    def forward(ctx, scores: Tensor, cells: Tensor, table: Tensor, temperature: float) -> Tensor:
        batch, keypoints, height, width = scores.shape
        samples = cells.shape[2]
        x, y = cells[..., 0], cells[..., 1]
        flat = y * width + x  # (B, K, S)
        loss = -scores.flatten(2).gather(2, flat).mean(2)

        table = table / temperature
        spread = float(table.max() - table.min())  # on the CPU still: no wait for a device
        # exp(scores) and exp(table) are each computed once while their product cannot underflow in float32
        bounded = spread < 60
        scaled = scores / temperature
        peak = scaled.amax((2, 3), keepdim=True)
        if bounded:
            top = float(table.max())
            table = (table - top).exp()
            scaled = scaled.sub_(peak).exp_()
        windows = table.to(scores).unfold(0, height, 1).unfold(1, width, 1)  # view: [h-1-y, w-1-x] -> Delta(y, .)

        gradient = torch.zeros_like(scores)
        for s in range(samples):
            weights = windows[height - 1 - y[..., s], width - 1 - x[..., s]]
            if bounded:
                weights.mul_(scaled)
                log_shift = peak[..., 0, 0] + top
            else:
                weights.add_(scaled)
                shift = weights.amax((2, 3), keepdim=True)
                weights.sub_(shift).exp_()
                log_shift = shift[..., 0, 0]
            total = weights.sum((2, 3))
            loss += (total.log() + log_shift) * (temperature / samples)
            gradient.addcmul_(weights, (1 / (total * samples))[..., None, None])
            del weights  # before the next one is gathered
        ones = torch.full_like(flat, -1 / samples, dtype=scores.dtype)
        gradient.flatten(2).scatter_add_(2, flat, ones)
        ctx.save_for_backward(gradient)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_loss: Tensor):
        (gradient,) = ctx.saved_tensors
        return gradient * grad_loss[..., None, None], None, None, None


def structured_heatmap_loss(
    scores: Tensor,
    cells: Tensor,
    margin: str = 'smooth_l1',
    alpha: float = 1.0,
    temperature: float = 1.0,
    **margin_options,
) -> Tensor:
    """Structured loss of each landmark, averaged over its label samples (Eq. 11 and 13).

    >>> scores = torch.zeros(1, 1, 4, 4)
    >>> structured_heatmap_loss(scores, torch.tensor([[[0, 0]]]), margin='none').exp().numpy().round(3).tolist()
    [[16.0]]

    Computed in float32 at least, also under autocast. Memory does not grow with the number of samples.

    Args:
        scores (Tensor): (B, K, h, w) raw scores F; no activation.
        cells (Tensor): (B, K, 2) or (B, K, S, 2) int64 annotated cells (x, y) inside the map.
        margin (str): See :func:`margin_table`, as for ``margin_options`` (unit, norm, threshold, input_size).
        alpha (float): Weight of the margin.
        temperature (float): eps; towards 0 the loss approaches the structural hinge loss.

    Returns:
        Tensor: (B, K); no gradient flows to the margin.
    """
    if cells.dim() == 3:
        cells = cells[:, :, None]
    if scores.dim() != 4 or cells.dim() != 4 or scores.shape[:2] != cells.shape[:2] or cells.shape[-1] != 2:
        raise ValueError(
            'expected scores (B, K, h, w) and targets (B, K, 2) or (B, K, S, 2), '
            f'got {tuple(scores.shape)} and {tuple(cells.shape)}'
        )
    table = alpha * margin_table(*scores.shape[2:], margin, **margin_options)
    with torch.autocast(scores.device.type, enabled=False):
        scores = scores if scores.dtype == torch.float64 else scores.float()
        # contiguous: the loss addresses cells by their row-major number
        return _StructuredLoss.apply(scores.contiguous(), cells, table, temperature)


@MODELS.register_module()
class StructuredHeatmapLoss(nn.Module):
    """Structured loss for landmark heatmaps (Eq. 11-13).

    >>> scores = torch.zeros(1, 1, 4, 4)  # of 16 cells, none of which stands out: cross-entropy ln 16
    >>> round(StructuredHeatmapLoss(margin='none')(scores, torch.zeros(1, 1, 2)).item(), 3)
    2.773
    >>> scores[..., 2, 2] = 20.0  # the annotated cell does
    >>> round(StructuredHeatmapLoss(margin='none')(scores, torch.tensor([[[1 / 3, 1 / 3]]])).item(), 3)
    0.0

    Args:
        margin (str): ``'none'``, ``'l1'``, ``'l2'`` or ``'smooth_l1'`` (Table 5). Defaults to ``'smooth_l1'``.
        alpha (float): Weight of the margin. Defaults to 1.
        temperature (float): eps. Defaults to 1.
        unit (str): Unit of the margin, ``'normalized'``, ``'cell'`` or ``'pixel'``. Defaults to ``'normalized'``.
        norm (str): Distance behind the smooth-l1 threshold, ``'l2'`` or ``'l1'``. Defaults to ``'l2'``.
        threshold (float): s of Eq. 12, in ``unit``. Defaults to 0.01.
        input_size (int): Pixels of the network input, for ``unit='pixel'``. Defaults to 256.
        grid (str): Where the heatmap's cells lie in [-1, 1]. Defaults to ``'align_corners'``, as in the
            paper and in STAR.
        loss_weight (float): Lambda of Eq. A14. Defaults to 1.
    """

    def __init__(
        self,
        margin: str = 'smooth_l1',
        alpha: float = 1.0,
        temperature: float = 1.0,
        unit: str = 'normalized',
        norm: str = 'l2',
        threshold: float = 0.01,
        input_size: int = 256,
        grid: str = 'align_corners',
        loss_weight: float = 1.0,
    ):
        super().__init__()
        self.margin = margin
        self.alpha = alpha
        self.temperature = check_temperature(temperature)
        self.margin_options = dict(unit=unit, norm=norm, threshold=threshold, input_size=input_size)
        # a misspelt choice stops here, not in the first step
        margin_table(2, 2, margin, **self.margin_options)
        normalized_to_cells(torch.zeros(2), 2, grid)
        self.grid = grid
        self.loss_weight = loss_weight

    def forward(self, scores: Tensor, targets: Tensor, keypoint_weights: Tensor | None = None) -> Tensor:
        """Loss of a batch.

        Args:
            scores (Tensor): (B, K, h, w) raw scores.
            targets (Tensor): (B, K, 2) or (B, K, S, 2) in [-1, 1]; snapped to the nearest cell of the map.
            keypoint_weights (Tensor, optional): (B, K); 0 leaves a landmark out.

        Returns:
            Tensor: Scalar, the mean over batch, landmarks and samples times ``loss_weight``.
        """
        height, width = scores.shape[-2:]
        cells = normalized_to_cells(targets.double(), (width, height), self.grid)
        cells = torch.minimum(cells.round().long().clamp(min=0), cells.new_tensor([width - 1, height - 1]).long())
        loss = structured_heatmap_loss(scores, cells, self.margin, self.alpha, self.temperature, **self.margin_options)
        if keypoint_weights is not None:
            loss = loss * keypoint_weights
        return self.loss_weight * loss.mean()
