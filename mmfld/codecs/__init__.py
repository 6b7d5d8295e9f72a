from .boundary_aware_heatmap import BoundaryAwareHeatmap
from .image_aware_smoothing import ImageAwareSmoothing

__all__ = ['BoundaryAwareHeatmap', 'ImageAwareSmoothing']
