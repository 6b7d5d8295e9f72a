"""Head of the subpixel paper: subpixel heatmap regression (Bulat, Sanchez and Tzimiropoulos, BMVC 2021)."""

from collections.abc import Sequence

import torch
from mmpose.registry import MODELS
from mmpose.utils.typing import ConfigType, OptConfigType, OptSampleList
from torch import Tensor

from ...structures import FaceLayout
from .stacked_heatmap_head import Features, StackedHeatmapHead


@MODELS.register_module()
class SubpixelHeatmapHead(StackedHeatmapHead):
    """Squared error between the heatmaps of every stack and Gaussian targets.

    Goes with :class:`FAN` and the codec :class:`ContinuousHeatmap`, whose encoding and decoding make the method: the
    standard one, too, is this head with ``encoding='rounded'`` and ``decoder='quarter_shift'``.

    Args:
        layout (str | FaceLayout): Defaults to ``'300w68'``.
        loss_landmark (dict): Defaults to MMPose's ``KeypointMSELoss``, the mean over batch, landmarks and cells.
        loss_window (dict, optional): Further loss through the window of the decoder (section 4.3), as
            :class:`LocalSoftArgmaxLoss`.
        stack_weights (Sequence[float]): Defaults to (1, 1), the sum over FAN's two stacks.
        decoder (dict, optional): The codec that turns the last stack's heatmaps into landmarks.
    """

    def __init__(
        self,
        layout: str | FaceLayout = '300w68',
        loss_landmark: ConfigType = dict(type='KeypointMSELoss', use_target_weight=True),
        stack_weights: Sequence[float] = (1.0, 1.0),
        decoder: OptConfigType = None,
        loss_window: OptConfigType = None,
        init_cfg: OptConfigType = None,
    ):
        super().__init__(layout, loss_landmark, stack_weights=stack_weights, decoder=decoder, init_cfg=init_cfg)
        self.loss_window = MODELS.build(loss_window) if loss_window is not None else None

    def landmark_targets(self, batch_data_samples: OptSampleList) -> Tensor:
        """(B, K, h, w) target heatmaps."""
        return torch.stack([sample.gt_fields.heatmaps for sample in batch_data_samples])

    def loss(self, feats: Features, batch_data_samples: OptSampleList, train_cfg: ConfigType = {}) -> dict:
        """That of the base class and, where there is such a loss, ``loss_window``, the weighted sum over stacks."""
        losses = super().loss(feats, batch_data_samples, train_cfg)
        if self.loss_window is not None:
            labels, weights = (
                torch.cat([sample.gt_instance_labels[key] for sample in batch_data_samples])
                for key in ('keypoint_labels', 'keypoint_weights')
            )
            losses['loss_window'] = sum(
                factor * self.loss_window(maps, labels, weights)
                for factor, maps in zip(self.stack_weights, self(feats))
            )
        return losses
