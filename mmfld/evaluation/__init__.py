from .ced_curve import draw_ced
from .face_alignment_metric import FaceAlignmentMetric

__all__ = ['FaceAlignmentMetric', 'draw_ced']
