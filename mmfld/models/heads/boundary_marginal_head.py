"""Head of the attentive paper combined with "Look at Boundary" (LAB, Wu et al., CVPR 2018).

Ours+LAB of Table 3 in "Attentive One-Dimensional Heatmap Regression" (Yin et al., 2020).
"""

import torch
from mmpose.registry import MODELS
from mmpose.utils.typing import ConfigType, OptSampleList
from torch import nn

from ...structures import FaceLayout
from ..layers import MarginalBranches
from .co_attention_marginal_head import CoAttentionMarginalHead, Features, Marginals, joint_maps, marginal_targets


@MODELS.register_module()
class BoundaryMarginalHead(CoAttentionMarginalHead):
    """Finds facial boundaries by one-dimensional heatmaps, and lets them guide the search for landmarks.

    Goes with the codec :class:`BoundaryMarginalHeatmap`. The attentive paper replaces LAB's 2-D recogniser of
    boundaries by its own method and does not say more. Here branches like those of the landmarks predict the marginals
    of each boundary. Their outer product is a map M at the resolution of the features F: not the curve itself, but a
    blob where an eye or the mouth is, and the frame of the contour. The landmarks' branches read

        F + F T(F, M),  T a convolution over the concatenated maps and a sigmoid.

    This is LAB's fusion of feature maps with the simplest of its parts: LAB has an hourglass in T, and concatenates
    where there is a sum here, which keeps the number of channels.

    Args:
        loss_boundary (dict): Loss of the boundaries' maps, whose targets have a peak of 1. Defaults to
            :class:`MarginalHeatmapLoss`.
        layout, in_channels, feature_size, length, channels, gamma, attention_layout, loss_landmark, decoder: See
            :class:`CoAttentionMarginalHead`; sizes are the same for landmarks and boundaries.
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
        loss_boundary: ConfigType = dict(type='MarginalHeatmapLoss'),
        **kwargs,
    ):
        super().__init__(layout, in_channels, feature_size, length, channels, gamma, attention_layout, **kwargs)
        boundaries = self.layout.num_boundaries
        if not boundaries:
            raise ValueError(
                f'layout {self.layout.name!r} has no facial boundaries: expected a CoAttentionMarginalHead'
            )
        self.boundary_branches = MarginalBranches(
            in_channels, boundaries, feature_size, length, channels, gamma, attention_layout
        )
        self.attention = nn.Sequential(nn.Conv2d(in_channels + boundaries, in_channels, 3, padding=1), nn.Sigmoid())
        self.loss_boundary = MODELS.build(loss_boundary)

    def forward(self, feats: Features) -> Marginals:
        """Heatmaps of the landmarks over x and over y, (B, K, L) each."""
        landmarks, _ = self.forward_both(feats)
        return landmarks

    def forward_both(self, feats: Features) -> tuple[Marginals, Marginals]:
        """Heatmaps of the landmarks, and those of the boundaries, (B, E, L) each."""
        features = feats[-1].features
        boundaries = self.boundary_branches(features)
        maps = joint_maps(boundaries, self.branches.feature_size)
        guided = features + features * self.attention(torch.cat([features, maps], dim=1))
        return self.branches(guided), boundaries

    def loss(self, feats: Features, batch_data_samples: OptSampleList, train_cfg: ConfigType = {}) -> dict:
        """``loss_landmark`` and ``loss_boundary``."""
        landmarks, boundaries = self.forward_both(feats)
        return dict(
            loss_landmark=self.loss_landmark(landmarks, *marginal_targets(batch_data_samples)),
            loss_boundary=self.loss_boundary(boundaries, *marginal_targets(batch_data_samples, of='boundary')),
        )
