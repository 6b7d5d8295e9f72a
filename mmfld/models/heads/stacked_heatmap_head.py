"""What the heads on stacked hourglasses share: attention fusion, auxiliary losses, stack weights and the flip test."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.utils.typing import ConfigType, OptConfigType, OptSampleList
from torch import Tensor

from ...structures import FaceLayout, cells_to_pixels, get_layout
from ..losses.heatmap_moments import heatmap_moments
from ..stack_output import StackOutput
from .uncertain_head import PEAK, UncertainHead

Features = Sequence[StackOutput]


class StackedHeatmapHead(UncertainHead):
    """Base of the heads for :class:`HourglassAAM`; it owns no parameters.

    Subclasses say what the landmark loss compares in :meth:`landmark_targets`.

    The heatmaps H of a stack are fused with its point maps P and edge maps E to F = (W E + b) P H (anisotropic
    attention of ADNet, Eq. 8), with W the incidence of landmarks and boundaries and b = 1 for landmarks on no boundary.

    Args:
        layout (str | FaceLayout): Defaults to ``'wflw98'``.
        loss_landmark (dict): Loss on the fused maps.
        loss_point (dict, optional): Loss of the point maps, for networks that have them.
        loss_edge (dict, optional): Loss of the edge maps, for networks that have them.
        fuse (str): ``'mul'`` as above, or ``'none'``: F = H. Defaults to ``'mul'``.
        stack_weights (Sequence[float], optional): Factor of each stack in the total loss. Defaults to 2^(s - S + 1) for
            S stacks, i.e. 1/8, 1/4, 1/2, 1 for four (STAR reference code).
        decoder (dict, optional): The codec that turns the last stack's fused maps into landmarks.
        loss_regularization (dict, optional): Further loss on the fused maps, with the arguments of ``loss_landmark``.
    """

    def __init__(
        self,
        layout: str | FaceLayout,
        loss_landmark: ConfigType,
        loss_point: OptConfigType = None,
        loss_edge: OptConfigType = None,
        fuse: str = 'mul',
        stack_weights: Sequence[float] | None = None,
        decoder: OptConfigType = None,
        loss_regularization: OptConfigType = None,
        init_cfg: OptConfigType = None,
    ):
        super().__init__(init_cfg)
        if fuse not in ('mul', 'none'):
            raise ValueError(f"fuse must be 'mul' or 'none', got {fuse!r}")
        layout = get_layout(layout)
        self.num_keypoints = layout.num_keypoints
        self.fuse_mode = fuse
        self.stack_weights = stack_weights
        self.loss_landmark = MODELS.build(loss_landmark)
        self.loss_point, self.loss_edge, self.loss_regularization = (
            MODELS.build(loss) if loss is not None else None for loss in (loss_point, loss_edge, loss_regularization)
        )
        self.decoder = KEYPOINT_CODECS.build(decoder) if decoder is not None else None
        incidence = torch.from_numpy(layout.boundary_of_keypoint)
        # the layout is in the config, so it need not be in checkpoints
        self.register_buffer('edge_to_point', incidence[:, :, None, None], persistent=False)
        self.register_buffer('no_edge', (incidence.sum(1) == 0).float(), persistent=False)

    def fuse(self, stack: StackOutput) -> Tensor:
        """(B, K, h, w) fused maps of one stack."""
        if self.fuse_mode == 'none' or stack.edge_maps is None:
            return stack.heatmaps
        attention = F.conv2d(stack.edge_maps, self.edge_to_point.to(stack.edge_maps), self.no_edge.to(stack.edge_maps))
        return attention * stack.point_maps * stack.heatmaps

    def forward(self, feats: Features) -> tuple[Tensor, ...]:
        """Fused maps (B, K, h, w) of every stack."""
        return tuple(self.fuse(stack) for stack in feats)

    def landmark_targets(self, batch_data_samples: OptSampleList) -> Tensor:
        """What ``loss_landmark`` gets as its target, on the device of the data samples."""
        raise NotImplementedError

    def statistics(self, heatmaps: Tensor, keypoint_weights: Tensor) -> dict:
        """Scalars for the log beside the losses, from the last stack's fused maps (B, K, h, w) and weights (B, K).

        No name may contain 'loss': MMEngine adds such entries to the total.
        """
        return {}

    def predict(
        self, feats: Features | list[Features], batch_data_samples: OptSampleList, test_cfg: ConfigType = {}
    ) -> list[InstanceData] | tuple[list[InstanceData], list[PixelData]]:
        """Landmarks from the last stack.

        Args:
            feats: Outputs of the backbone, or with ``test_cfg.flip_test`` a list of two, the second of the mirrored
                input.
            batch_data_samples (list[PoseDataSample]): The batch.
            test_cfg (dict): ``flip_test`` and ``output_heatmaps``.

        Returns:
            list[InstanceData]: ``keypoints`` (1, K, 2) in input pixels and ``keypoint_scores`` (1, K), see also
            :meth:`tell_uncertainty`; with ``output_heatmaps`` also a list[PixelData] with ``heatmaps``.
        """
        maps = self.predict_maps(feats, batch_data_samples, test_cfg)
        return self.pack(maps, test_cfg.get('output_heatmaps', False))

    def predict_maps(
        self, feats: Features | list[Features], batch_data_samples: OptSampleList, test_cfg: ConfigType = {}
    ) -> Tensor:
        """(B, K, h, w) of the last stack, averaged with those of the mirrored input if ``test_cfg.flip_test``."""
        if not test_cfg.get('flip_test', False):
            return self.fuse(feats[-1])
        feats, flipped = feats
        order = batch_data_samples[0].metainfo['flip_indices']
        return (self.fuse(feats[-1]) + self.fuse(flipped[-1]).flip(-1)[:, list(order)]) / 2

    def pack(
        self, maps: Tensor, output_heatmaps: bool = False
    ) -> list[InstanceData] | tuple[list[InstanceData], list[PixelData]]:
        """Decode maps (B, K, h, w) and put them into MMPose's containers, see :meth:`predict`."""
        preds = self.decode(maps)
        self.tell_uncertainty(preds, maps)
        if output_heatmaps:
            return preds, [PixelData(heatmaps=one) for one in maps.detach()]
        return preds

    def spread(self, maps: Tensor) -> Tensor:
        """Of the distribution of each landmark, or where the maps are none, of its peak; see :class:`UncertainHead`."""
        codec = self.decoder
        if codec.has_distributions:
            maps = codec.distributions(maps)
        else:
            maps = (maps - PEAK * maps.amax((2, 3), keepdim=True)).clamp(min=0)
        _, covariances = heatmap_moments(maps)
        # the moments are those of the outermost cells at -1 and 1
        outermost = covariances.new_tensor([[0, 0], [side - 1 for side in codec.heatmap_size]])
        first, last = cells_to_pixels(outermost, codec.heatmap_size, codec.input_size, codec.grid)
        pixels = (last - first) / 2
        return (covariances * pixels[:, None] * pixels).float()

    def loss_of_maps(self, maps: Tensor, batch_data_samples: OptSampleList) -> Tensor:
        """``loss_landmark`` of maps (B, K, h, w), of whatever origin."""
        weights = keypoint_weights(batch_data_samples)
        return self.loss_landmark(maps, self.landmark_targets(batch_data_samples), weights)

    def loss(self, feats: Features, batch_data_samples: OptSampleList, train_cfg: ConfigType = {}) -> dict:
        """``loss_landmark`` and, where there are such a loss or such maps, ``loss_regularization``, ``loss_point`` and
        ``loss_edge``; and :meth:`statistics`.

        Each loss is the weighted sum over stacks.
        """
        targets = self.landmark_targets(batch_data_samples)
        weights = keypoint_weights(batch_data_samples)
        stack_weights = self.stack_weights or [2.0 ** (s - len(feats) + 1) for s in range(len(feats))]
        if len(stack_weights) != len(feats):
            raise ValueError(f'{len(stack_weights)} stack_weights for a network of {len(feats)} stacks')

        def over_stacks(loss, maps: Sequence[Tensor], *target: Tensor) -> Tensor:
            return sum(weight * loss(stack_maps, *target) for weight, stack_maps in zip(stack_weights, maps))

        fused = self(feats)
        losses = dict(loss_landmark=over_stacks(self.loss_landmark, fused, targets, weights))
        if self.loss_regularization is not None:
            losses['loss_regularization'] = over_stacks(self.loss_regularization, fused, targets, weights)
        if feats[0].edge_maps is not None:
            if self.loss_point is None or self.loss_edge is None:
                raise ValueError(
                    f'{type(self).__name__} has no loss for the point and edge maps of the network: '
                    'expected a backbone with use_aam=False'
                )
            if 'point_heatmaps' not in batch_data_samples[0].get('gt_fields', ()):
                raise ValueError(
                    f'{type(self).__name__} found no point_heatmaps in gt_fields of the data samples, which '
                    'the losses of the point and edge maps need: expected a codec with with_maps=True'
                )
            points = torch.stack([sample.gt_fields.point_heatmaps for sample in batch_data_samples])
            edges = torch.stack([sample.gt_fields.edge_heatmaps for sample in batch_data_samples])
            losses['loss_point'] = over_stacks(self.loss_point, [stack.point_maps for stack in feats], points)
            losses['loss_edge'] = over_stacks(self.loss_edge, [stack.edge_maps for stack in feats], edges)
        return {**losses, **self.statistics(fused[-1].detach(), weights)}


def keypoint_weights(batch_data_samples: OptSampleList) -> Tensor:
    """(B, K) of a batch."""
    return torch.cat([sample.gt_instance_labels.keypoint_weights for sample in batch_data_samples])
