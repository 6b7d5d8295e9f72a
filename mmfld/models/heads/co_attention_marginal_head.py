"""Head of the attentive paper: one-dimensional heatmaps with co-attention (Yin et al., 2020)."""

from collections.abc import Sequence

import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.utils.typing import ConfigType, OptConfigType, OptSampleList
from torch import Tensor

from ...structures import FaceLayout, get_layout
from ..layers import MarginalBranches
from ..stack_output import StackOutput
from .uncertain_head import PEAK, UncertainHead

Features = Sequence[StackOutput]
Marginals = tuple[Tensor, Tensor]


@MODELS.register_module()
class CoAttentionMarginalHead(UncertainHead):
    """Predicts the marginal heatmaps of each landmark from the features of the last stack.

    Goes with any backbone that returns :class:`StackOutput` with ``features`` and with the codec
    :class:`MarginalHeatmap`. Only the result is supervised (Eq. 11), not the stacks' own heatmaps; those of the
    last stack have no part in it, so that distributed training needs ``find_unused_parameters=True``.

    Args:
        layout (str | FaceLayout): Defaults to ``'300w68'``.
        in_channels (int): Of the backbone's features. Defaults to 256.
        feature_size (int): Side of the features. Defaults to 64.
        length (int): L. Defaults to 768.
        channels, gamma, attention_layout: See :class:`MarginalBranches`.
        loss_landmark (dict): Defaults to :class:`MarginalHeatmapLoss`; MMPose's losses for SimCC fit as well, then with
            ``normalize=True`` in the codec.
        decoder (dict, optional): The codec that turns heatmaps into landmarks.
    """

    def __init__(
        self,
        layout: str | FaceLayout = '300w68',
        in_channels: int = 256,
        feature_size: int = 64,
        length: int = 768,
        channels: int = 128,
        gamma: float = 0.4,
        attention_layout: str = 'position',
        loss_landmark: ConfigType = dict(type='MarginalHeatmapLoss'),
        decoder: OptConfigType = None,
        init_cfg: OptConfigType = None,
    ):
        super().__init__(init_cfg)
        self.layout = get_layout(layout)
        self.num_keypoints = self.layout.num_keypoints
        self.branches = MarginalBranches(
            in_channels, self.layout.num_keypoints, feature_size, length, channels, gamma, attention_layout
        )
        self.loss_landmark = MODELS.build(loss_landmark)
        self.decoder = KEYPOINT_CODECS.build(decoder) if decoder is not None else None
        if self.decoder is not None and self.decoder.length != length:
            raise ValueError(f'the head predicts {length} bins, but its codec has length {self.decoder.length}')

    def forward(self, feats: Features) -> Marginals:
        """Heatmaps over x and over y, (B, K, L) each."""
        return self.branches(feats[-1].features)

    def loss(self, feats: Features, batch_data_samples: OptSampleList, train_cfg: ConfigType = {}) -> dict:
        """``loss_landmark``."""
        return dict(loss_landmark=self.loss_of_maps(self(feats), batch_data_samples))

    def loss_of_maps(self, maps: Marginals, batch_data_samples: OptSampleList) -> Tensor:
        """``loss_landmark`` of maps over x and y, (B, K, L) each, of whatever origin."""
        return self.loss_landmark(maps, *marginal_targets(batch_data_samples))

    def predict(
        self, feats: Features | list[Features], batch_data_samples: OptSampleList, test_cfg: ConfigType = {}
    ) -> list[InstanceData] | tuple[list[InstanceData], list[PixelData]]:
        """Landmarks of a batch.

        Args:
            feats: Outputs of the backbone, or with ``test_cfg.flip_test`` a list of two, the second of the mirrored
                input.
            batch_data_samples (list[PoseDataSample]): The batch.
            test_cfg (dict): ``flip_test`` and ``output_heatmaps``.

        Returns:
            list[InstanceData]: ``keypoints`` (1, K, 2) in input pixels and ``keypoint_scores`` (1, K), see also
            :meth:`tell_uncertainty`; with ``output_heatmaps`` also a list[PixelData], see :meth:`pack`.
        """
        maps = self.predict_maps(feats, batch_data_samples, test_cfg)
        return self.pack(maps, test_cfg.get('output_heatmaps', False))

    def predict_maps(
        self, feats: Features | list[Features], batch_data_samples: OptSampleList, test_cfg: ConfigType = {}
    ) -> Marginals:
        """As :meth:`forward`, averaged with those of the mirrored input if ``test_cfg.flip_test``."""
        if not test_cfg.get('flip_test', False):
            return self(feats)
        feats, flipped = feats
        order = list(batch_data_samples[0].metainfo['flip_indices'])
        (x, y), (mirrored_x, mirrored_y) = self(feats), self(flipped)
        return (x + self.decoder.mirror(mirrored_x)[:, order]) / 2, (y + mirrored_y[:, order]) / 2

    def spread(self, x_maps: Tensor, y_maps: Tensor) -> Tensor:
        """Of the marginals, or where they are no distributions of their peaks, so that no axis is but x or y; see
        :class:`UncertainHead`."""
        variances = []
        for axis, pixels in zip((x_maps, y_maps), self.decoder.input_size):
            axis = axis.float()
            if not self.decoder.has_distributions:
                axis = axis - PEAK * axis.amax(-1, keepdim=True)
            axis = axis.clamp(min=0)
            axis = axis / axis.sum(-1, keepdim=True).clamp(min=1e-6)
            at = torch.arange(axis.shape[-1], device=axis.device) * (pixels / axis.shape[-1])
            mean = (axis * at).sum(-1, keepdim=True)
            variances.append((axis * (at - mean) ** 2).sum(-1))
        return torch.diag_embed(torch.stack(variances, -1))

    def pack(
        self, maps: Marginals, output_heatmaps: bool = False
    ) -> list[InstanceData] | tuple[list[InstanceData], list[PixelData]]:
        """Decode maps and put them into MMPose's containers.

        With ``output_heatmaps`` the predictions have ``keypoint_x_labels`` and ``keypoint_y_labels`` (1, K, L), and the
        fields ``heatmaps`` (K, s, s): the outer product of the marginals, for drawing. L bins are reduced to the s
        positions of the features, as K maps of L x L do not fit into memory.
        """
        preds = self.decode(maps)
        self.tell_uncertainty(preds, *maps)
        if not output_heatmaps:
            return preds
        for pred, x, y in zip(preds, *maps):
            pred.set_field(x[None].cpu().numpy(), 'keypoint_x_labels')
            pred.set_field(y[None].cpu().numpy(), 'keypoint_y_labels')
        return preds, [PixelData(heatmaps=joint) for joint in joint_maps(maps, self.branches.feature_size)]


def marginal_targets(batch_data_samples: OptSampleList, of: str = 'keypoint') -> tuple[Marginals, Tensor]:
    """Targets over x and y, (B, K, L) each, and weights (B, K) of a batch encoded by :class:`MarginalHeatmap`.

    With ``of='boundary'`` those of the facial boundaries, see :class:`BoundaryMarginalHeatmap`.
    """
    x, y, weights = (
        torch.cat([sample.gt_instance_labels[f'{of}_{key}'] for sample in batch_data_samples])
        for key in ('x_labels', 'y_labels', 'weights')
    )
    return (x, y), weights


def joint_maps(maps: Marginals, size: int) -> Tensor:
    """Outer products of the marginals, (B, K, L) each, reduced from L to ``size`` positions: (B, K, size, size).

    What is below zero counts as zero.
    """
    x, y = (axis.clamp(min=0).unflatten(-1, (size, -1)).mean(-1) for axis in maps)
    return y[..., :, None] * x[..., None, :]
