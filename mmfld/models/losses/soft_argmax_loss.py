"""Distance between soft-argmax and annotation: what STAR and the structured loss are compared with (P4, Eq. 2)."""
from typing import Optional

from torch import Tensor, nn

from mmpose.registry import MODELS

from .distances import get_distance
from .heatmap_moments import heatmap_moments
from .star_loss import as_samples


@MODELS.register_module()
class SoftArgmaxLoss(nn.Module):
    """Distance between the mean of the normalised heatmap and the annotation.

    Args:
        distance (str): ``'l1'`` and ``'l2'`` (means over x and y), ``'smooth_l1'`` or ``'wing'`` (of the Euclidean
            length), in units of [-1, 1]. Defaults to ``'smooth_l1'``.
        loss_weight (float): Defaults to 1.
    """

    def __init__(self, distance: str = 'smooth_l1', loss_weight: float = 1.):
        super().__init__()
        self.distance = get_distance(distance)
        self.loss_weight = loss_weight

    def forward(self, heatmaps: Tensor, targets: Tensor, keypoint_weights: Optional[Tensor] = None) -> Tensor:
        """Arguments and result as :meth:`STARLoss.forward`."""
        targets = as_samples(heatmaps, targets)
        mean, _ = heatmap_moments(heatmaps)
        loss = self.distance(mean[:, :, None] - targets).mean(-1)
        if keypoint_weights is not None:
            loss = loss * keypoint_weights
        return self.loss_weight * loss.mean()
