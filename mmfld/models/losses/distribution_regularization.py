"""Distribution regularisation (DR) of heatmaps (Nibali et al., 2018).

As in the STAR paper (Zhou et al., CVPR 2023, Table 3) and the subpixel paper (Bulat et al., BMVC 2021, section 4.1).
"""

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...codecs.decoders import spatial_softmax
from ...structures import normalized_to_cells
from .temperature import check_temperature

TINY = 1e-24  # bounds the logarithm of empty cells


@MODELS.register_module()
class DistributionRegularization(nn.Module):
    """Jensen-Shannon divergence between the normalised heatmap and a Gaussian around the annotation.

    Between 0 (equal) and ln 2 = 0.693 (disjoint). Computed in float32 at least, also under autocast. With
    ``temperature`` it is the Gaussian prior of the subpixel paper's global soft-argmax.

    >>> loss, target = DistributionRegularization(), torch.zeros(1, 1, 2)
    >>> round(loss(loss.gaussian(target, 9, 9), target).item(), 3)
    0.0
    >>> far = torch.zeros(1, 1, 9, 9)
    >>> far[..., 0, 0] = 1.0
    >>> round(loss(far, target).item(), 3)
    0.693

    Args:
        sigma (float): Of the Gaussian, in cells. Defaults to 1.
        temperature (float, optional): Raw scores F are normalised to softmax(F / temperature). Defaults to None: the
            maps are non-negative.
        grid (str): Where the cells lie between -1 and 1 in the targets. Defaults to ``'align_corners'``.
        loss_weight (float): Defaults to 1; neither paper gives it.
    """

    def __init__(
        self,
        sigma: float = 1.0,
        *,
        temperature: float | None = None,
        grid: str = 'align_corners',
        loss_weight: float = 1.0,
    ):
        super().__init__()
        if not sigma > 0:
            raise ValueError(f'sigma must be positive, got {sigma}')
        self.sigma = sigma
        self.temperature = check_temperature(temperature)
        self.grid = grid
        self.loss_weight = loss_weight

    def forward(self, heatmaps: Tensor, targets: Tensor, keypoint_weights: Tensor | None = None) -> Tensor:
        """Loss of a batch.

        Args:
            heatmaps (Tensor): (B, K, h, w), >= 0, or raw scores with ``temperature``; normalised here.
            targets (Tensor): (B, K, 2) annotations in [-1, 1].
            keypoint_weights (Tensor, optional): (B, K); 0 leaves a landmark out.

        Returns:
            Tensor: Scalar, the mean over batch and landmarks times ``loss_weight``.
        """
        if heatmaps.dim() != 4 or targets.shape != (*heatmaps.shape[:2], 2):
            raise ValueError(
                'expected heatmaps (B, K, h, w) and targets (B, K, 2), '
                f'got {tuple(heatmaps.shape)} and {tuple(targets.shape)}'
            )
        with torch.autocast(heatmaps.device.type, enabled=False):
            heatmaps = heatmaps if heatmaps.dtype == torch.float64 else heatmaps.float()
            if self.temperature is None:
                predicted = heatmaps / heatmaps.sum((2, 3), keepdim=True).clamp(min=1e-6)
            else:
                predicted = spatial_softmax(heatmaps, self.temperature)
            expected = self.gaussian(targets.to(predicted), heatmaps.shape[-1], heatmaps.shape[-2])
            log_middle = ((predicted + expected) / 2 + TINY).log()
            loss = (
                predicted * ((predicted + TINY).log() - log_middle) + expected * ((expected + TINY).log() - log_middle)
            ).sum((2, 3)) / 2
        if keypoint_weights is not None:
            loss = loss * keypoint_weights
        return self.loss_weight * loss.mean()

    def gaussian(self, targets: Tensor, width: int, height: int) -> Tensor:
        """(B, K, h, w) Gaussians around (B, K, 2) positions in [-1, 1], each with sum 1."""
        centres = normalized_to_cells(targets, (width, height), self.grid)

        def along(centre: Tensor, cells: int) -> Tensor:
            offsets = torch.arange(cells, device=centre.device, dtype=centre.dtype) - centre[..., None]
            return torch.softmax(-(offsets**2) / (2 * self.sigma**2), dim=-1)

        return along(centres[..., 1], height)[..., None] * along(centres[..., 0], width)[..., None, :]
