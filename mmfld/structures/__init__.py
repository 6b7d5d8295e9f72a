from .coordinates import (GRIDS, cells_to_normalized, cells_to_pixels, denormalize, normalize, normalized_to_cells,
                          pixels_to_cells)
from .face_layout import Boundary, FaceLayout, get_layout, layout_names

__all__ = [
    'Boundary', 'FaceLayout', 'GRIDS', 'cells_to_normalized', 'cells_to_pixels', 'denormalize', 'get_layout',
    'layout_names', 'normalize', 'normalized_to_cells', 'pixels_to_cells'
]
