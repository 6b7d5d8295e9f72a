"""Anisotropic direction loss (ADL) of ADNet (Huang et al., ICCV 2021), the baseline of the STAR paper's Table 6."""

import torch
import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...structures import FaceLayout, get_layout
from .distances import smooth_l1
from .heatmap_moments import heatmap_moments


@MODELS.register_module()
class AnisotropicDirectionLoss(nn.Module):
    """Smooth-l1 distance that counts errors across the facial boundary more than errors along it.

    For an error e with components e_n across and e_t along the boundary through the annotated landmarks,

        L = smooth_l1( sqrt( 2 r / (r + 1) e_n^2 + 2 / (r + 1) e_t^2 ) ),

    with r the predicted distribution's variance along the boundary over that across it, within 1 and 9 and constant for
    the gradient. Across is the bisector of the directions to the two neighbours on the boundary. Landmarks on no
    boundary, or with neighbours that give no direction, have r = 1.

    >>> brow = dict(name='brow', num_keypoints=3, boundaries=[dict(name='brow', indices=[0, 1, 2])])
    >>> loss = AnisotropicDirectionLoss(brow, ratio=2.0)
    >>> loss.tangents(torch.tensor([[[-0.5, 0.0], [0.0, 0.0], [0.5, 0.0]]])).tolist()  # a level brow
    [[[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]]

    Args:
        layout (str | FaceLayout): Gives the neighbours; of a landmark on two boundaries those on the first one.
            Defaults to ``'wflw98'``.
        ratio (float, optional): A fixed r, 2 in the paper's simpler variant. Defaults to None: from the heatmap.
        loss_weight (float): Defaults to 1.
    """

    def __init__(self, layout: str | FaceLayout = 'wflw98', ratio: float | None = None, loss_weight: float = 1.0):
        super().__init__()
        if ratio is not None and not ratio >= 1:
            raise ValueError(f'ratio must be at least 1, got {ratio}')
        self.ratio = ratio
        self.loss_weight = loss_weight
        previous, following = _neighbours(get_layout(layout))
        self.register_buffer('previous', previous, persistent=False)
        self.register_buffer('following', following, persistent=False)

    def tangents(self, targets: Tensor) -> Tensor:
        """Unit vectors (B, K, 2) along the boundary at annotations (B, K, 2); zero where there is no direction."""
        # the difference of two unit vectors is perpendicular to their bisector, and exists where the bisector does not
        ahead = F.normalize(targets[:, self.following] - targets, dim=-1)
        behind = F.normalize(targets[:, self.previous] - targets, dim=-1)
        return F.normalize(ahead - behind, dim=-1)

    def forward(self, heatmaps: Tensor, targets: Tensor, keypoint_weights: Tensor | None = None) -> Tensor:
        """Loss of a batch.

        Args:
            heatmaps (Tensor): (B, K, h, w), >= 0; normalised here.
            targets (Tensor): (B, K, 2) annotations in [-1, 1], outermost cell centres.
            keypoint_weights (Tensor, optional): (B, K); 0 leaves a landmark out.

        Returns:
            Tensor: Scalar, the mean over batch and landmarks times ``loss_weight``.
        """
        expected = (heatmaps.shape[0], len(self.previous), 2)
        if heatmaps.dim() != 4 or heatmaps.shape[1] != expected[1] or targets.shape != expected:
            raise ValueError(
                f'expected heatmaps (B, K, h, w) and targets (B, K, 2) with K = {expected[1]}, '
                f'got {tuple(heatmaps.shape)} and {tuple(targets.shape)}'
            )
        mean, covariance = heatmap_moments(heatmaps)
        targets = targets.to(mean)
        errors = mean - targets
        along = self.tangents(targets)
        across = torch.stack([-along[..., 1], along[..., 0]], -1)
        axes = torch.stack([along, across], -2)
        ratio = self.ratio
        if ratio is None:
            # not by matmul, which autocast would run in half precision
            variances = (covariance.detach()[:, :, None] * axes[..., None] * axes[..., None, :]).sum((-2, -1))
            ratio = (variances[..., :1] / variances[..., 1:].clamp(min=1e-12)).clamp(1, 9)
        factors = mean.new_tensor([1.0, 0.0]) + mean.new_tensor([0.0, 1.0]) * ratio  # 1 along, r across
        components = (axes * errors[..., None, :]).sum(-1) * (2 * factors / (ratio + 1)).sqrt()
        directed = (along != 0).any(-1, keepdim=True)
        loss = smooth_l1(torch.where(directed, components, errors))
        if keypoint_weights is not None:
            loss = loss * keypoint_weights
        return self.loss_weight * loss.mean()


def _neighbours(layout: FaceLayout) -> tuple[Tensor, Tensor]:
    """(K,) indices of the previous and the following landmark on the boundary, itself where there is none."""
    previous, following = torch.arange(layout.num_keypoints), torch.arange(layout.num_keypoints)
    for boundary in reversed(layout.boundaries):
        indices = torch.tensor(boundary.indices)
        before, after = indices.roll(1), indices.roll(-1)
        if not boundary.closed:
            before[0], after[-1] = indices[0], indices[-1]
        previous[indices], following[indices] = before, after
    return previous, following
