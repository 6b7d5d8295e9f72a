from .boundary_marginal_head import BoundaryMarginalHead
from .co_attention_marginal_head import CoAttentionMarginalHead
from .coordinate_correction_head import CoordinateCorrectionHead
from .stacked_heatmap_head import StackedHeatmapHead
from .star_head import STARHead
from .structured_heatmap_head import StructuredHeatmapHead
from .subpixel_heatmap_head import SubpixelHeatmapHead

__all__ = [
    'BoundaryMarginalHead',
    'CoAttentionMarginalHead',
    'CoordinateCorrectionHead',
    'STARHead',
    'StackedHeatmapHead',
    'StructuredHeatmapHead',
    'SubpixelHeatmapHead',
]
