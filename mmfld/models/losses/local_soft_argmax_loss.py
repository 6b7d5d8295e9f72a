"""Squared error of what the local soft-argmax decodes.

The loss through the window in the subpixel paper (Bulat et al., BMVC 2021, section 4.3).
"""

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...codecs import decoders
from ...structures import normalized_to_cells
from .temperature import check_temperature


@MODELS.register_module()
class LocalSoftArgmaxLoss(nn.Module):
    """Squared distance in cells between the local soft-argmax (Eq. 4) and the annotation.

    Goes with a loss on the maps themselves, as it reaches no cell outside of the window. A landmark that lies outside
    of the window around its map's maximum does not count: no weights inside of it could decode to it. The paper reports
    that such a loss does not help, without its form and its weight. Computed in float32 at least, also under autocast.

    >>> maps = torch.zeros(1, 1, 8, 8)
    >>> maps[..., 3, 3] = 3.0
    >>> loss = LocalSoftArgmaxLoss(grid='align_corners', loss_weight=1.0)
    >>> round(loss(maps, torch.tensor([[[1 / 7, -1 / 7]]])).item(), 3)  # a cell to the right
    1.0

    Args:
        window (int): d, in cells. Defaults to 5.
        temperature (float): Of the softmax. Defaults to 0.1.
        grid (str): Where the cells lie between -1 and 1 in the targets. Defaults to ``'half_pixel'``.
        loss_weight (float): Defaults to 0.001: an error of one cell then costs 0.6 times what a Gaussian of sigma 1.5
            does that is missing on 64 x 64 cells, pi sigma^2 / 4096.
    """

    def __init__(
        self, window: int = 5, *, temperature: float = 0.1, grid: str = 'half_pixel', loss_weight: float = 1e-3
    ):
        super().__init__()
        self.window = window
        self.temperature = check_temperature(temperature)
        self.grid = grid
        self.loss_weight = loss_weight

    def forward(self, heatmaps: Tensor, targets: Tensor, keypoint_weights: Tensor | None = None) -> Tensor:
        """Loss of a batch.

        Args:
            heatmaps (Tensor): (B, K, h, w).
            targets (Tensor): (B, K, 2) annotations in [-1, 1].
            keypoint_weights (Tensor, optional): (B, K); 0 leaves a landmark out.

        Returns:
            Tensor: Scalar, the mean over batch and landmarks, those that do not count included, times ``loss_weight``.
        """
        with torch.autocast(heatmaps.device.type, enabled=False):
            found = decoders.local_soft_argmax(heatmaps, self.window, temperature=self.temperature)
            cells = normalized_to_cells(targets.to(found), heatmaps.shape[:-3:-1], self.grid)
            inside = ((cells - decoders.argmax(heatmaps)).abs() <= self.window / 2).all(-1)
            loss = ((found - cells) ** 2).sum(-1) * inside
            if keypoint_weights is not None:
                loss = loss * keypoint_weights
            return self.loss_weight * loss.mean()
