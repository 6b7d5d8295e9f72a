"""Mahalanobis distance between predicted distribution and annotation.

The STAR paper (Zhou et al., CVPR 2023) compares STAR with it (Section 5.4).
"""

from mmpose.registry import MODELS
from torch import Tensor

from .star_loss import STARLoss


@MODELS.register_module()
class MahalanobisLoss(STARLoss):
    """Squared Mahalanobis distance in the place of STAR's sum over components, in an otherwise equal setup.

    With mean m, covariance C, eigenvalues l_k and eigenvectors v_k of the normalised heatmap and the annotation g,

        L = sum_k (v_k . (g - m))^2 / (l_k + 1e-5) + w sum_k l_k = (g - m)^T (C + 1e-5)^-1 (g - m) + w trace C.

    The paper takes it from LUVLi's Gaussian log-likelihood (CVPR 2020), whose other part is the log determinant of C.
    There it is the squared distance; the paper does not say whether it is here.

    >>> import torch
    >>> maps = torch.zeros(1, 1, 5, 5)
    >>> maps[..., 2, 1:4] = 1 / 3  # spread along x, with mean 0
    >>> loss = MahalanobisLoss(restriction='none')
    >>> along, across = (loss(maps, torch.tensor([[error]])).item() for error in ([0.1, 0.0], [0.0, 0.1]))
    >>> along < across
    True

    Args:
        restriction, restriction_weight, loss_weight: See :class:`STARLoss`.
    """

    def __init__(self, restriction: str = 'value', restriction_weight: float = 1.0, loss_weight: float = 1.0):
        super().__init__('l2', restriction, restriction_weight, loss_weight)

    def deviation(self, projections: Tensor, variances: Tensor) -> Tensor:
        return (self.distance(projections[..., None]) / variances).sum(-1)
