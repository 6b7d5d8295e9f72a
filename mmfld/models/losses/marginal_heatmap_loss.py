"""Loss of the attentive paper (Yin et al., 2020) on one-dimensional heatmaps."""

from mmpose.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class MarginalHeatmapLoss(nn.Module):
    """Squared distance ||h^x - h^x*||^2 + ||h^y - h^y*||^2, summed over landmarks (Eq. 11), averaged over faces.

    Called as MMPose's losses for SimCC, e.g. ``KLDiscretLoss``, which can take its place.

    >>> import torch
    >>> maps, targets = (torch.zeros(1, 2, 4), torch.zeros(1, 2, 4)), (torch.ones(1, 2, 4), torch.zeros(1, 2, 4))
    >>> MarginalHeatmapLoss()(maps, targets).item()  # two landmarks, each off by 1 in four bins over x
    8.0

    Args:
        loss_weight (float): Defaults to 1.
    """

    def __init__(self, loss_weight: float = 1.0):
        super().__init__()
        self.loss_weight = loss_weight

    def forward(
        self, maps: tuple[Tensor, Tensor], targets: tuple[Tensor, Tensor], target_weight: Tensor | None = None
    ) -> Tensor:
        """Loss of a batch.

        Args:
            maps (tuple[Tensor, Tensor]): Predicted over x and y, (B, K, L) each.
            targets (tuple[Tensor, Tensor]): Of the same shapes.
            target_weight (Tensor, optional): (B, K).

        Returns:
            Tensor: Scalar.
        """
        squares = sum((predicted - target).square().sum(-1) for predicted, target in zip(maps, targets))  # (B, K)
        if target_weight is not None:
            squares = squares * target_weight
        return self.loss_weight * squares.sum() / len(squares)
