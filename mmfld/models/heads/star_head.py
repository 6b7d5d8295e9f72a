"""Head of STAR (Zhou et al., CVPR 2023), of ADNet (ICCV 2021) and of the soft-argmax baselines."""

from collections.abc import Sequence

import torch
from mmpose.registry import MODELS
from mmpose.utils.typing import ConfigType, OptConfigType, OptSampleList
from torch import Tensor

from ...codecs.decoders import spatial_softmax
from ...structures import FaceLayout
from ..losses.heatmap_moments import heatmap_moments, principal_axes
from .stacked_heatmap_head import StackedHeatmapHead


@MODELS.register_module()
class STARHead(StackedHeatmapHead):
    """Landmark loss on the attention-weighted, non-negative heatmaps of every stack, with auxiliary boundary losses.

    Goes with ``HourglassAAM(heatmap_activation='in_relu')`` and the codec :class:`BoundaryAwareHeatmap`, which decodes
    the expectation of the last stack's maps. The loss makes the method: :class:`STARLoss`, :class:`SoftArgmaxLoss`
    (STAR's baseline) or :class:`AnisotropicDirectionLoss` (ADNet).

    Logged beside the losses, whichever they are: ``sqrt_lambda_1`` and ``sqrt_lambda_2``, standard deviations of the
    last stack's maps along their first and second principal component (STAR paper, Eq. 5, Fig. 1 and 2), means over the
    landmarks of the batch, in percent of the crop's side.

    Args:
        layout (str | FaceLayout): Defaults to ``'wflw98'``.
        loss_landmark (dict): Defaults to ``STARLoss()``.
        loss_point, loss_edge (dict): Default to ``WeightedAdaptiveWingLoss(loss_weight=10)``.
        loss_regularization (dict, optional): Further loss on the same maps, as :class:`DistributionRegularization`.
        target_key (str): Label that the losses compare with: ``'keypoint_labels'``, or ``'keypoint_samples'`` of
            :class:`ImageAwareSmoothing` (structured paper, Table 6). Defaults to ``'keypoint_labels'``.
        fuse, stack_weights, decoder: See :class:`StackedHeatmapHead`.
    """

    def __init__(
        self,
        layout: str | FaceLayout = 'wflw98',
        loss_landmark: ConfigType = dict(type='STARLoss'),
        loss_point: ConfigType = dict(type='WeightedAdaptiveWingLoss', loss_weight=10.0),
        loss_edge: ConfigType = dict(type='WeightedAdaptiveWingLoss', loss_weight=10.0),
        loss_regularization: OptConfigType = None,
        target_key: str = 'keypoint_labels',
        fuse: str = 'mul',
        stack_weights: Sequence[float] | None = None,
        decoder: OptConfigType = None,
        init_cfg: OptConfigType = None,
    ):
        super().__init__(
            layout, loss_landmark, loss_point, loss_edge, fuse, stack_weights, decoder, loss_regularization, init_cfg
        )
        if target_key not in ('keypoint_labels', 'keypoint_samples'):
            raise ValueError(f"target_key must be 'keypoint_labels' or 'keypoint_samples', got {target_key!r}")
        self.target_key = target_key

    def landmark_targets(self, batch_data_samples: OptSampleList) -> Tensor:
        """(B, K, 2) annotations or (B, K, S, 2) label samples in [-1, 1]."""
        return torch.cat([sample.gt_instance_labels[self.target_key] for sample in batch_data_samples])

    def statistics(self, heatmaps: Tensor, keypoint_weights: Tensor) -> dict:
        tau = getattr(self.loss_landmark, 'tau', None)
        if tau is not None:  # a loss on softmax(tau F) of scores F
            heatmaps = spatial_softmax(heatmaps, 1 / tau)
        eigenvalues, _ = principal_axes(heatmap_moments(heatmaps)[1])
        # the crop's side is 2 in [-1, 1]
        deviations = 50 * eigenvalues.clamp(min=0).sqrt() * keypoint_weights[..., None]
        second, first = deviations.sum((0, 1)) / keypoint_weights.sum().clamp(min=1)
        return dict(sqrt_lambda_1=first, sqrt_lambda_2=second)
