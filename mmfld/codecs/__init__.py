from .boundary_aware_heatmap import BoundaryAwareHeatmap
from .boundary_marginal_heatmap import BoundaryMarginalHeatmap
from .continuous_heatmap import ContinuousHeatmap
from .image_aware_smoothing import ImageAwareSmoothing
from .marginal_heatmap import MarginalHeatmap

__all__ = [
    'BoundaryAwareHeatmap',
    'BoundaryMarginalHeatmap',
    'ContinuousHeatmap',
    'ImageAwareSmoothing',
    'MarginalHeatmap',
]
