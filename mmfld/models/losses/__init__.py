from .anisotropic_direction_loss import AnisotropicDirectionLoss
from .distribution_regularization import DistributionRegularization
from .heatmap_moments import heatmap_moments, principal_axes
from .local_soft_argmax_loss import LocalSoftArgmaxLoss
from .mahalanobis_loss import MahalanobisLoss
from .marginal_heatmap_loss import MarginalHeatmapLoss
from .soft_argmax_loss import SoftArgmaxLoss
from .star_loss import STARLoss
from .structured_heatmap_loss import StructuredHeatmapLoss, margin_table, structured_heatmap_loss
from .weighted_adaptive_wing_loss import WeightedAdaptiveWingLoss

__all__ = [
    'AnisotropicDirectionLoss',
    'DistributionRegularization',
    'LocalSoftArgmaxLoss',
    'MahalanobisLoss',
    'MarginalHeatmapLoss',
    'STARLoss',
    'SoftArgmaxLoss',
    'StructuredHeatmapLoss',
    'WeightedAdaptiveWingLoss',
    'heatmap_moments',
    'margin_table',
    'principal_axes',
    'structured_heatmap_loss',
]
