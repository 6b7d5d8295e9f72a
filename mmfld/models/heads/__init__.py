from .stacked_heatmap_head import StackedHeatmapHead
from .structured_heatmap_head import StructuredHeatmapHead

__all__ = ['StackedHeatmapHead', 'StructuredHeatmapHead']
