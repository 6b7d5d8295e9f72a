"""Head on the heatmaps of stacked hourglasses: attention fusion, losses, stack weights and the flip test."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.utils.typing import ConfigType, OptConfigType, OptSampleList
from torch import Tensor, nn

from ...codecs.decoders import moved
from ...structures import FaceLayout, cells_to_pixels, get_layout
from ..losses.heatmap_moments import heatmap_moments, principal_axes
from ..stack_output import StackOutput
from .uncertain_head import PEAK, UncertainHead

Features = Sequence[StackOutput]


TARGETS = ('keypoint_labels', 'keypoint_samples', 'heatmaps')


@MODELS.register_module()
class StackedHeatmapHead(UncertainHead):
    """Landmark losses on the heatmaps of every stack, with auxiliary losses of the attention maps; owns no parameters.

    ``target`` and ``loss_landmark`` make the method, together with the codec:

    ==================  ======================  ===========================================================
    paper               ``target``              ``loss_landmark``
    ==================  ======================  ===========================================================
    structured          ``'keypoint_samples'``  :class:`StructuredHeatmapLoss` on raw scores
    STAR                ``'keypoint_labels'``   :class:`STARLoss` on non-negative maps
    soft-argmax, ADNet  ``'keypoint_labels'``   :class:`SoftArgmaxLoss`, :class:`AnisotropicDirectionLoss`
    subpixel            ``'heatmaps'``          MMPose's ``KeypointMSELoss``
    ==================  ======================  ===========================================================

    The heatmaps H of a stack are fused with its point maps P and edge maps E, where it has them, to F = (W E + b) P H
    (anisotropic attention of ADNet, Eq. 8), with W the incidence of landmarks and boundaries and b = 1 for landmarks on
    no boundary.

    Logged beside the losses, where the codec reads the maps as distributions: ``sqrt_lambda_1`` and ``sqrt_lambda_2``,
    standard deviations of the last stack's maps along their first and second principal component (STAR paper, Eq. 5,
    Fig. 1 and 2), means over the landmarks of the batch, in percent of the crop's side.

    Args:
        layout (str | FaceLayout): Says which landmark lies on which boundary.
        target (str | Sequence[str]): What of the codec's the landmark losses compare with, one for all or one for each:
            ``'keypoint_labels'``, the annotations; ``'keypoint_samples'``, those of :class:`ImageAwareSmoothing`; or
            ``'heatmaps'``, of :class:`ContinuousHeatmap`.
        loss_landmark (dict | Sequence[dict]): One or more losses on the fused maps, which are added.
        loss_point, loss_edge (dict, optional): Losses of the point and edge maps, for networks that have them. Default
            to ``WeightedAdaptiveWingLoss(loss_weight=10)``, STAR's, which the structured paper follows.
        attention_maps (bool): Whether to fuse; if not, F = H. Defaults to True.
        stack_weights (Sequence[float], optional): Factor of each stack in the total loss. Defaults to 2^(s - S + 1) for
            S stacks, i.e. 1/8, 1/4, 1/2, 1 for four (STAR reference code).
        decoder (dict, optional): The codec that turns the last stack's fused maps into landmarks.
    """

    def __init__(
        self,
        layout: str | FaceLayout,
        target: str | Sequence[str],
        loss_landmark: ConfigType | Sequence[ConfigType],
        loss_point: OptConfigType = dict(type='WeightedAdaptiveWingLoss', loss_weight=10.0),
        loss_edge: OptConfigType = dict(type='WeightedAdaptiveWingLoss', loss_weight=10.0),
        attention_maps: bool = True,
        stack_weights: Sequence[float] | None = None,
        decoder: OptConfigType = None,
        init_cfg: OptConfigType = None,
    ):
        super().__init__(init_cfg)
        losses = [loss_landmark] if isinstance(loss_landmark, dict) else loss_landmark
        targets = [target] * len(losses) if isinstance(target, str) else target
        unknown = [name for name in targets if name not in TARGETS]
        if unknown:
            raise ValueError(f'target: found {unknown[0]!r}, expected one of {TARGETS}')
        if not losses or len(targets) != len(losses):
            raise ValueError(f'found {len(targets)} targets of {len(losses)} landmark losses, expected one of each')
        layout = get_layout(layout)
        self.num_keypoints = layout.num_keypoints
        self.attention_maps = attention_maps
        self.stack_weights = stack_weights
        self.targets = tuple(targets)
        self.landmark_losses = nn.ModuleList(MODELS.build(loss) for loss in losses)
        self.loss_point, self.loss_edge = (
            MODELS.build(loss) if loss is not None else None for loss in (loss_point, loss_edge)
        )
        self.decoder = KEYPOINT_CODECS.build(decoder) if decoder is not None else None
        incidence = torch.from_numpy(layout.boundary_of_keypoint)
        # the layout is in the config, so it need not be in checkpoints
        self.register_buffer('edge_to_point', incidence[:, :, None, None], persistent=False)
        self.register_buffer('no_edge', (incidence.sum(1) == 0).float(), persistent=False)

    def fuse(self, stack: StackOutput) -> Tensor:
        """(B, K, h, w) fused maps of one stack."""
        if not self.attention_maps or stack.edge_maps is None:
            return stack.heatmaps
        attention = F.conv2d(stack.edge_maps, self.edge_to_point.to(stack.edge_maps), self.no_edge.to(stack.edge_maps))
        return attention * stack.point_maps * stack.heatmaps

    def forward(self, feats: Features) -> tuple[Tensor, ...]:
        """Fused maps (B, K, h, w) of every stack."""
        return tuple(self.fuse(stack) for stack in feats)

    def statistics(self, heatmaps: Tensor, keypoint_weights: Tensor) -> dict:
        """Scalars for the log beside the losses, from the last stack's fused maps (B, K, h, w) and weights (B, K).

        No name may contain 'loss': MMEngine adds such entries to the total.
        """
        if not getattr(self.decoder, 'has_distributions', False):
            return {}
        eigenvalues, _ = principal_axes(heatmap_moments(self.decoder.distributions(heatmaps))[1])
        # the crop's side is 2 in [-1, 1]
        deviations = 50 * eigenvalues.clamp(min=0).sqrt() * keypoint_weights[..., None]
        second, first = deviations.sum((0, 1)) / keypoint_weights.sum().clamp(min=1)
        return dict(sqrt_lambda_1=first, sqrt_lambda_2=second)

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
        """(B, K, h, w) of the last stack, averaged with those of the mirrored input if ``test_cfg.flip_test``.

        If the mirrored input was moved by ``test_cfg.flip_shift`` pixels (x, y), see
        :class:`HalfCellFlipTopdownPoseEstimator`, the average is that of the distributions.
        """
        if not test_cfg.get('flip_test', False):
            return self.fuse(feats[-1])
        feats, flipped = feats
        order = batch_data_samples[0].metainfo['flip_indices']
        maps, mirrored = self.fuse(feats[-1]), self.fuse(flipped[-1]).flip(-1)[:, list(order)]
        if 'flip_shift' not in test_cfg:
            return (maps + mirrored) / 2
        codec = self.decoder
        parts = [shift / side for shift, side in zip(test_cfg['flip_shift'], codec.cell_size)]
        return codec.maps_of((codec.distributions(maps) + moved(codec.distributions(mirrored), parts)) / 2)

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
        """The sum of the landmark losses of maps (B, K, h, w), of whatever origin."""
        weights = keypoint_weights(batch_data_samples)
        return sum(
            loss(maps, landmark_targets(batch_data_samples, target), weights)
            for loss, target in zip(self.landmark_losses, self.targets)
        )

    def loss(self, feats: Features, batch_data_samples: OptSampleList, train_cfg: ConfigType = {}) -> dict:
        """``loss_landmark``, ``loss_landmark_2`` and so on, where there are such maps ``loss_point`` and ``loss_edge``,
        and :meth:`statistics`.

        Each loss is the weighted sum over stacks.
        """
        weights = keypoint_weights(batch_data_samples)
        stack_weights = self.stack_weights or [2.0 ** (s - len(feats) + 1) for s in range(len(feats))]
        if len(stack_weights) != len(feats):
            raise ValueError(f'{len(stack_weights)} stack_weights for a network of {len(feats)} stacks')

        def over_stacks(loss, maps: Sequence[Tensor], *target: Tensor) -> Tensor:
            return sum(weight * loss(stack_maps, *target) for weight, stack_maps in zip(stack_weights, maps))

        fused = self(feats)
        losses = {}
        for number, (loss, target) in enumerate(zip(self.landmark_losses, self.targets), 1):
            name = 'loss_landmark' if number == 1 else f'loss_landmark_{number}'
            losses[name] = over_stacks(loss, fused, landmark_targets(batch_data_samples, target), weights)
        if feats[0].edge_maps is not None:
            if self.loss_point is None or self.loss_edge is None:
                raise ValueError(
                    f'{type(self).__name__} has no loss for the point and edge maps of the network: '
                    'expected a backbone with attention_maps=False'
                )
            if 'point_heatmaps' not in batch_data_samples[0].get('gt_fields', ()):
                raise ValueError(
                    f'{type(self).__name__} found no point_heatmaps in gt_fields of the data samples, which '
                    'the losses of the point and edge maps need: expected a codec with attention_maps=True'
                )
            points = torch.stack([sample.gt_fields.point_heatmaps for sample in batch_data_samples])
            edges = torch.stack([sample.gt_fields.edge_heatmaps for sample in batch_data_samples])
            losses['loss_point'] = over_stacks(self.loss_point, [stack.point_maps for stack in feats], points)
            losses['loss_edge'] = over_stacks(self.loss_edge, [stack.edge_maps for stack in feats], edges)
        return {**losses, **self.statistics(fused[-1].detach(), weights)}


def keypoint_weights(batch_data_samples: OptSampleList) -> Tensor:
    """(B, K) of a batch."""
    return torch.cat([sample.gt_instance_labels.keypoint_weights for sample in batch_data_samples])


def landmark_targets(batch_data_samples: OptSampleList, name: str) -> Tensor:
    """What landmark losses of a batch compare with, one of :data:`TARGETS`: (B, K, 2) annotations or (B, K, S, 2) label
    samples in [-1, 1], or (B, K, h, w) heatmaps; on the device of the data samples."""
    if name == 'heatmaps':
        return torch.stack([sample.gt_fields.heatmaps for sample in batch_data_samples])
    return torch.cat([sample.gt_instance_labels[name] for sample in batch_data_samples])
