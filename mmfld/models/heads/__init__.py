from .stacked_heatmap_head import StackedHeatmapHead
from .star_head import STARHead
from .structured_heatmap_head import StructuredHeatmapHead

__all__ = ['STARHead', 'StackedHeatmapHead', 'StructuredHeatmapHead']
