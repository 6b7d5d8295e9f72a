"""Distance between soft-argmax and annotation: what STAR and the structured loss are compared with (STAR, Eq. 2)."""

from mmpose.registry import MODELS
from torch import Tensor, nn

from ...codecs.decoders import spatial_softmax
from ...structures import cells_to_normalized, normalized_to_cells
from .distances import get_distance
from .heatmap_moments import heatmap_moments
from .star_loss import as_samples
from .temperature import check_temperature


@MODELS.register_module()
class SoftArgmaxLoss(nn.Module):
    """Distance between the mean of the normalised heatmap and the annotation.

    Non-negative maps are normalised by their sum; raw scores F, with ``temperature``, to softmax(F / temperature), as
    in the global soft-argmax of the subpixel paper's Table 1.

    >>> import torch
    >>> maps = torch.zeros(1, 1, 5, 5)
    >>> maps[..., 2, 2] = 1.0  # at (0, 0)
    >>> round(SoftArgmaxLoss(distance='l1')(maps, torch.tensor([[[0.5, 0.0]]])).item(), 4)  # mean over x and y
    0.25

    Args:
        distance (str): ``'l1'`` and ``'l2'`` (means over x and y), ``'smooth_l1'`` or ``'wing'`` (of the Euclidean
            length), in units of [-1, 1]. Defaults to ``'smooth_l1'``.
        temperature (float, optional): Of raw scores. Defaults to None: the maps are non-negative.
        grid (str): Where the cells lie between -1 and 1 in the targets. Defaults to ``'align_corners'``.
        loss_weight (float): Defaults to 1.
    """

    def __init__(
        self,
        distance: str = 'smooth_l1',
        *,
        temperature: float | None = None,
        grid: str = 'align_corners',
        loss_weight: float = 1.0,
    ):
        super().__init__()
        self.distance = get_distance(distance)
        self.temperature = check_temperature(temperature)
        self.grid = grid
        self.loss_weight = loss_weight

    def forward(self, heatmaps: Tensor, targets: Tensor, keypoint_weights: Tensor | None = None) -> Tensor:
        """Arguments and result as :meth:`STARLoss.forward`, but for ``temperature`` and ``grid``."""
        targets = as_samples(heatmaps, targets)
        if self.temperature is not None:
            heatmaps = spatial_softmax(heatmaps, self.temperature)
        mean, _ = heatmap_moments(heatmaps)
        # the moments are those of the outermost cells at -1 and 1
        size = heatmaps.shape[:-3:-1]
        targets = cells_to_normalized(normalized_to_cells(targets.to(mean), size, self.grid), size, 'align_corners')
        loss = self.distance(mean[:, :, None] - targets).mean(-1)
        if keypoint_weights is not None:
            loss = loss * keypoint_weights
        return self.loss_weight * loss.mean()
