"""Siamese training of a top-down estimator (subpixel paper: Bulat et al., BMVC 2021, section 3.4)."""

import numpy as np
import torch
import torch.nn.functional as F
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.registry import MODELS
from mmpose.utils.typing import SampleList
from torch import Tensor

from ..stack_output import StackOutput


@MODELS.register_module()
class SiameseTopdownPoseEstimator(TopdownPoseEstimator):
    """Top-down estimator whose training averages the heatmaps of several augmented views in the frame of the crop.

    All views of a batch pass through the network together. The heatmaps of every stack are warped back (Eq. 6;
    mirrored views with their landmarks permuted) and averaged over the views that see a cell, and the head compares the
    average with the target of the crop. The paper adds the maps, which against a single target doubles the amplitude.
    The views are interpolated: where each shows its exact target, the average has a peak of 0.934 of the crop's target.
    Cells that no view sees count as zero on both sides. Prediction is that of the base class, from one view.

    Goes with :class:`~mmfld.datasets.transforms.SiameseViews`, with ``'view_matrices'`` and ``'view_flips'`` among the
    ``meta_keys`` of ``PackPoseInputs``, and with heatmaps on the half-pixel grid. Only heatmaps are merged: networks
    with point or edge maps and heads that read features are not supported.
    """

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict:
        """Losses of a batch.

        Args:
            inputs (Tensor): (B, 3, H, V * W), the V views of a face side by side.
            data_samples (list[PoseDataSample]): B samples with ``gt_fields.heatmaps`` in the frame of the crop.

        Returns:
            dict[str, Tensor]: The head's losses.
        """
        try:
            matrices = torch.from_numpy(np.stack([sample.metainfo['view_matrices'] for sample in data_samples]))
            flips = torch.from_numpy(np.stack([sample.metainfo['view_flips'] for sample in data_samples]))
        except KeyError as error:
            raise KeyError(
                f'{error.args[0]!r} is missing: SiameseViews must be in the training pipeline, and '
                "'view_matrices' and 'view_flips' in the meta_keys of PackPoseInputs"
            ) from None
        batch, num_views = flips.shape
        matrices, flips = matrices.to(inputs.device), flips.to(inputs.device)
        permutation = torch.tensor(data_samples[0].metainfo['flip_indices'], device=inputs.device)

        views = inputs.unflatten(-1, (num_views, -1)).permute(0, 3, 1, 2, 4).flatten(0, 1)
        merged = []
        for stack in self.extract_feat(views):
            if stack.point_maps is not None or stack.edge_maps is not None:
                raise ValueError(
                    'Siamese training supports heatmaps alone, not point and edge maps: attention_maps=False'
                )
            maps = stack.heatmaps.unflatten(0, (batch, num_views))
            heatmaps, seen = merge_views(maps, matrices, flips, permutation)
            merged.append(StackOutput(heatmaps, None, None, None))
        for sample, mask in zip(data_samples, seen):
            sample.gt_fields.heatmaps = sample.gt_fields.heatmaps * mask
        return self.head.loss(merged, data_samples, train_cfg=self.train_cfg)


def merge_views(maps: Tensor, matrices: Tensor, flips: Tensor, permutation: Tensor) -> tuple[Tensor, Tensor]:
    """Average of maps after they have been warped back to the frame of the crop.

    Computed in float32 at least, also under autocast.

    Args:
        maps (Tensor): (B, V, K, h, w) of each view.
        matrices (Tensor): (B, V, 2, 3) crop to view in [-1, 1] between the outer borders of the map.
        flips (Tensor): (B, V) bool, which views are mirrored.
        permutation (Tensor): (K, ) landmark of the mirrored face at each landmark.

    Returns:
        tuple[Tensor, Tensor]: Averages (B, K, h, w), zero where no view sees a cell, and (B, 1, h, w) bool, where any
        does.
    """
    batch, num_views, keypoints, height, width = maps.shape
    with torch.autocast(maps.device.type, enabled=False):
        maps = maps.to(torch.promote_types(maps.dtype, torch.float32))
        maps = torch.where(flips[:, :, None, None, None], maps[:, :, permutation], maps)
        size = [batch * num_views, 1, height, width]
        grid = F.affine_grid(matrices.flatten(0, 1).to(maps), size, align_corners=False)
        # a cell is seen where it falls between the outermost cell centres of the view: nothing is mixed with zeros
        limit = 1 - 1 / grid.new_tensor([width, height])
        seen = (grid.abs() <= limit + 1e-4).all(-1)[:, None].to(maps)
        back = F.grid_sample(maps.flatten(0, 1), grid, mode='bilinear', padding_mode='border', align_corners=False)
        back = (back * seen).unflatten(0, (batch, num_views)).sum(1)
        count = seen.unflatten(0, (batch, num_views)).sum(1)
        return back / count.clamp(min=1), count > 0
