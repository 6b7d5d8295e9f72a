from .structured_heatmap_loss import StructuredHeatmapLoss, margin_table, structured_heatmap_loss
from .weighted_adaptive_wing_loss import WeightedAdaptiveWingLoss

__all__ = ['StructuredHeatmapLoss', 'WeightedAdaptiveWingLoss', 'margin_table', 'structured_heatmap_loss']
