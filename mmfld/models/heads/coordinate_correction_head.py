"""Heatmaps with learned corrections of their coordinates (DeepCut, CVPR 2016).

A baseline in the subpixel paper (Bulat et al., BMVC 2021, Table 1).
"""

from collections.abc import Sequence

import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import MODELS
from mmpose.utils.typing import ConfigType, OptConfigType, OptSampleList
from torch import Tensor, nn

from ...codecs import decoders
from ...structures import FaceLayout, normalized_to_cells
from .stacked_heatmap_head import Features, StackedHeatmapHead


@MODELS.register_module()
class CoordinateCorrectionHead(StackedHeatmapHead):
    """Adds a predicted displacement to each heatmap's maximum: global pooling and a linear layer on the last features.

    Goes with a codec of ``encoding='rounded'`` and ``decoder='argmax'``.

    Args:
        layout (str | FaceLayout): Defaults to ``'300w68'``.
        in_channels (int): Of the backbone's features. Defaults to 256.
        correction (str): What is learned, in cells: ``'static'``, the landmark minus its nearest cell, which is the
            error of the encoding; or ``'dynamic'``, the landmark minus the current prediction's maximum. Defaults to
            ``'static'``.
        loss_correction (dict): Defaults to MMPose's ``MSELoss``.
        correction_weight (float): Factor of ``loss_correction``, which is in squared cells. Defaults to 0.0001; the
            paper gives none. With a factor of 1 either kind outweighs the heatmaps, which then hardly train: theirs is
            a loss of less than 0.01, and dynamic corrections of untrained maps start at hundreds. From 0.001 downwards
            the heatmaps train; at the default, static corrections learned nothing in 15 epochs of a mini
            (``docs/results/minis.md``).
        loss_landmark (dict): Of the heatmaps. Defaults to MMPose's ``KeypointMSELoss``.
        stack_weights (Sequence[float]): Defaults to (1, 1), the sum over FAN's two stacks.
        decoder, target: See :class:`StackedHeatmapHead`; the target defaults to ``'heatmaps'``.
    """

    def __init__(
        self,
        layout: str | FaceLayout = '300w68',
        in_channels: int = 256,
        correction: str = 'static',
        loss_correction: ConfigType = dict(type='MSELoss', use_target_weight=True),
        correction_weight: float = 1e-4,
        loss_landmark: ConfigType = dict(type='KeypointMSELoss', use_target_weight=True),
        stack_weights: Sequence[float] = (1.0, 1.0),
        decoder: OptConfigType = None,
        target: str = 'heatmaps',
        init_cfg: OptConfigType = None,
    ):
        super().__init__(
            layout,
            target,
            loss_landmark,
            loss_point=None,
            loss_edge=None,
            stack_weights=stack_weights,
            decoder=decoder,
            init_cfg=init_cfg,
        )
        if correction not in ('static', 'dynamic'):
            raise ValueError(f"correction must be 'static' or 'dynamic', got {correction!r}")
        self.correction = correction
        self.loss_correction = MODELS.build(loss_correction)
        self.correction_weight = correction_weight
        self.displacement = nn.Linear(in_channels, 2 * self.num_keypoints)

    def corrections(self, feats: Features) -> Tensor:
        """(B, K, 2) predicted displacements in cells."""
        return self.displacement(feats[-1].features.mean((2, 3))).unflatten(1, (self.num_keypoints, 2))

    def correction_targets(self, heatmaps: Tensor, labels: Tensor) -> Tensor:
        """Displacements in cells that the linear layer learns.

        Args:
            heatmaps (Tensor): (B, K, h, w) of the last stack.
            labels (Tensor): (B, K, 2) landmarks in [-1, 1] on the half-pixel grid.

        Returns:
            Tensor: (B, K, 2), without gradient.
        """
        cells = normalized_to_cells(labels, heatmaps.shape[:-3:-1], 'half_pixel')
        start = (cells + 0.5).floor() if self.correction == 'static' else decoders.argmax(heatmaps.detach())
        return cells - start

    def loss(self, feats: Features, batch_data_samples: OptSampleList, train_cfg: ConfigType = {}) -> dict:
        """Those of the base class and ``loss_correction``."""
        losses = super().loss(feats, batch_data_samples, train_cfg)
        labels, weights = (
            torch.cat([sample.gt_instance_labels[key] for sample in batch_data_samples])
            for key in ('keypoint_labels', 'keypoint_weights')
        )
        targets = self.correction_targets(self.fuse(feats[-1]), labels)
        losses['loss_correction'] = self.correction_weight * self.loss_correction(
            self.corrections(feats), targets, weights[..., None]
        )
        return losses

    def predict(
        self, feats: Features | list[Features], batch_data_samples: OptSampleList, test_cfg: ConfigType = {}
    ) -> list[InstanceData] | tuple[list[InstanceData], list[PixelData]]:
        """As the base class, with the displacements added."""
        result = super().predict(feats, batch_data_samples, test_cfg)
        preds = result[0] if test_cfg.get('output_heatmaps', False) else result
        corrections = self.corrections_in_pixels(feats, batch_data_samples, test_cfg).cpu().numpy()
        for pred, correction in zip(preds, corrections):
            pred.keypoints = pred.keypoints + correction
        return result

    def corrections_in_pixels(
        self, feats: Features | list[Features], batch_data_samples: OptSampleList, test_cfg: ConfigType = {}
    ) -> Tensor:
        """(B, K, 2) float32 displacements in pixels of the network input, for the arguments of :meth:`predict`."""
        if test_cfg.get('flip_test', False):
            feats, flipped = feats
            order = list(batch_data_samples[0].metainfo['flip_indices'])
            mirrored = self.corrections(flipped)[:, order] * flipped[-1].features.new_tensor([-1.0, 1.0])
            corrections = (self.corrections(feats) + mirrored) / 2
        else:
            corrections = self.corrections(feats)
        cell = [pixels / cells for pixels, cells in zip(self.decoder.input_size, self.decoder.heatmap_size)]
        return corrections.float() * corrections.new_tensor(cell).float()
