from .boundary_marginal_head import BoundaryMarginalHead
from .co_attention_marginal_head import CoAttentionMarginalHead
from .coordinate_correction_head import CoordinateCorrectionHead
from .old_heads import STARHead, StructuredHeatmapHead, SubpixelHeatmapHead
from .stacked_heatmap_head import StackedHeatmapHead

__all__ = [
    'BoundaryMarginalHead',
    'CoAttentionMarginalHead',
    'CoordinateCorrectionHead',
    'STARHead',
    'StackedHeatmapHead',
    'StructuredHeatmapHead',
    'SubpixelHeatmapHead',
]
