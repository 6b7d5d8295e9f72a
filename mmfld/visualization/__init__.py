from .run_summary import draw_run_summary, select_faces
from .training_log import read_training_log

__all__ = ['draw_run_summary', 'read_training_log', 'select_faces']
