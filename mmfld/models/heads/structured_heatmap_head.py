"""Head of the structured paper: heatmap regression without soft-argmax (Yang and Yeh, ICCV 2025)."""

from collections.abc import Sequence

import torch
from mmpose.registry import MODELS
from mmpose.utils.typing import ConfigType, OptConfigType, OptSampleList
from torch import Tensor

from ...structures import FaceLayout
from .stacked_heatmap_head import StackedHeatmapHead


@MODELS.register_module()
class StructuredHeatmapHead(StackedHeatmapHead):
    """Structured loss on the attention-weighted raw scores of every stack, with auxiliary boundary losses (Eq. A14).

    Goes with ``HourglassAAM(heatmap_activation='none')`` and the codec :class:`ImageAwareSmoothing`, whose label
    samples are the targets. AWing factors and stack weights are STAR's, which the paper follows.

    Args:
        layout (str | FaceLayout): Defaults to ``'wflw98'``.
        loss_landmark (dict): Defaults to ``StructuredHeatmapLoss(loss_weight=5000)``, lambda as printed. Against a loss
            averaged over landmarks that leaves the point and edge maps nearly untrained; if the authors averaged over
            the 64 x 64 cells too, the same lambda is 5000 / 4096 = 1.22 here.
        loss_point, loss_edge (dict): Default to ``WeightedAdaptiveWingLoss(loss_weight=10)``.
        fuse, stack_weights, decoder, loss_regularization: See :class:`StackedHeatmapHead`.
    """

    def __init__(
        self,
        layout: str | FaceLayout = 'wflw98',
        loss_landmark: ConfigType = dict(type='StructuredHeatmapLoss', loss_weight=5000.0),
        loss_point: ConfigType = dict(type='WeightedAdaptiveWingLoss', loss_weight=10.0),
        loss_edge: ConfigType = dict(type='WeightedAdaptiveWingLoss', loss_weight=10.0),
        fuse: str = 'mul',
        stack_weights: Sequence[float] | None = None,
        decoder: OptConfigType = None,
        loss_regularization: OptConfigType = None,
        init_cfg: OptConfigType = None,
    ):
        super().__init__(
            layout, loss_landmark, loss_point, loss_edge, fuse, stack_weights, decoder, loss_regularization, init_cfg
        )

    def landmark_targets(self, batch_data_samples: OptSampleList) -> Tensor:
        """(B, K, S, 2) label samples in [-1, 1]."""
        return torch.cat([sample.gt_instance_labels.keypoint_samples for sample in batch_data_samples])
