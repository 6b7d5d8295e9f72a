"""Self-adaptive ambiguity reduction (STAR) loss (Zhou et al., CVPR 2023)."""

from mmpose.registry import MODELS
from torch import Tensor, nn

from .distances import get_distance
from .heatmap_moments import EPSILON, heatmap_moments, principal_axes


@MODELS.register_module()
class STARLoss(nn.Module):
    """Distance along each principal component of the predicted distribution, over the standard deviation there (Eq. 6).

    With mean m, eigenvalues l_k and eigenvectors v_k of the normalised heatmap's covariance and the annotation g,

        L = sum_k d(v_k . (g - m)) / sqrt(l_k + 1e-5) + w sum_k l_k.

    Gradients flow through m and, unless restricted by ``'detach'``, through l_k and v_k. The last term, the value
    restriction, is the sum of the eigenvalues as in the reference code; Eq. 7 writes their mean. Computed in float32 at
    least, also under autocast.

    >>> import torch
    >>> maps = torch.zeros(1, 1, 5, 5)
    >>> maps[..., 2, 1:4] = 1 / 3  # spread along x, with mean 0
    >>> loss = STARLoss(restriction='none')
    >>> along, across = (loss(maps, torch.tensor([[error]])).item() for error in ([0.1, 0.0], [0.0, 0.1]))
    >>> along < across  # an error along the spread counts less
    True

    Args:
        distance (str): d: ``'l1'``, ``'l2'``, ``'smooth_l1'`` or ``'wing'``, in units of [-1, 1]. Defaults to
            ``'smooth_l1'``.
        restriction (str): What keeps the eigenvalues from growing (Table 5): ``'value'``, the last term above;
            ``'detach'``, constant eigenvalues and eigenvectors; or ``'none'``. Defaults to ``'value'``.
        restriction_weight (float): w of the value restriction. Defaults to 1.
        loss_weight (float): Defaults to 1.
    """

    def __init__(
        self,
        distance: str = 'smooth_l1',
        restriction: str = 'value',
        restriction_weight: float = 1.0,
        loss_weight: float = 1.0,
    ):
        super().__init__()
        if restriction not in ('value', 'detach', 'none'):
            raise ValueError(f"unknown restriction {restriction!r}, expected 'value', 'detach' or 'none'")
        self.distance = get_distance(distance)
        self.restriction = restriction
        self.restriction_weight = restriction_weight
        self.loss_weight = loss_weight

    def forward(self, heatmaps: Tensor, targets: Tensor, keypoint_weights: Tensor | None = None) -> Tensor:
        """Loss of a batch.

        Args:
            heatmaps (Tensor): (B, K, h, w), >= 0; normalised here.
            targets (Tensor): (B, K, 2) or (B, K, S, 2) annotations or label samples in [-1, 1], outermost cell centres.
            keypoint_weights (Tensor, optional): (B, K); 0 leaves a landmark out.

        Returns:
            Tensor: Scalar, the mean over batch, landmarks and samples times ``loss_weight``.
        """
        targets = as_samples(heatmaps, targets)
        mean, covariance = heatmap_moments(heatmaps)
        eigenvalues, eigenvectors = principal_axes(covariance.detach() if self.restriction == 'detach' else covariance)
        errors = targets.to(mean) - mean[:, :, None]
        projections = (errors[..., None, :] * eigenvectors[:, :, None]).sum(-1)  # (B, K, S, 2 components)
        loss = self.deviation(projections, eigenvalues[:, :, None] + EPSILON).mean(-1)
        if self.restriction == 'value':
            loss = loss + self.restriction_weight * eigenvalues.sum(-1)
        if keypoint_weights is not None:
            loss = loss * keypoint_weights
        return self.loss_weight * loss.mean()

    def deviation(self, projections: Tensor, variances: Tensor) -> Tensor:
        """(B, K, S) sum over components of projected errors (B, K, S, 2) against the variances (B, K, 1, 2) there."""
        # the distances take vectors; here each component is one
        return (self.distance(projections[..., None]) / variances.sqrt()).sum(-1)


def as_samples(heatmaps: Tensor, targets: Tensor) -> Tensor:
    """Targets (B, K, 2) or (B, K, S, 2) as (B, K, S, 2); an error where they do not belong to the heatmaps."""
    samples = targets[:, :, None] if targets.dim() == 3 else targets
    if heatmaps.dim() != 4 or samples.dim() != 4 or heatmaps.shape[:2] != samples.shape[:2] or samples.shape[-1] != 2:
        raise ValueError(
            'expected heatmaps (B, K, h, w) and targets (B, K, 2) or (B, K, S, 2), '
            f'got {tuple(heatmaps.shape)} and {tuple(targets.shape)}'
        )
    return samples
