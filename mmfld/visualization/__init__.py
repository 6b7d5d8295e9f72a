from .convergence import Comparison, compare_curves, draw_curves, epochs_to_reach, value_at
from .input_pixels import to_input_pixels
from .run_summary import draw_run_summary, select_faces
from .training_log import read_training_log

__all__ = [
    'Comparison',
    'compare_curves',
    'draw_curves',
    'draw_run_summary',
    'epochs_to_reach',
    'read_training_log',
    'select_faces',
    'to_input_pixels',
    'value_at',
]
