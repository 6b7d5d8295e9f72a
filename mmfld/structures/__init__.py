from .coordinates import (
    GRIDS,
    cells_to_normalized,
    cells_to_pixels,
    denormalize,
    normalize,
    normalized_to_cells,
    pixels_to_cells,
)
from .face_layout import Boundary, FaceLayout, get_layout, layout_names, layout_of_counts
from .layout_conversion import LayoutConversion, convert_keypoints, get_conversion

__all__ = [
    'Boundary',
    'FaceLayout',
    'GRIDS',
    'LayoutConversion',
    'cells_to_normalized',
    'cells_to_pixels',
    'convert_keypoints',
    'denormalize',
    'get_conversion',
    'get_layout',
    'layout_names',
    'layout_of_counts',
    'normalize',
    'normalized_to_cells',
    'pixels_to_cells',
]
