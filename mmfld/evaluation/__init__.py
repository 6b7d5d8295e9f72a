from .ced_curve import draw_ced
from .face_alignment_metric import FaceAlignmentMetric
from .face_video_metric import FaceVideoMetric

__all__ = ['FaceAlignmentMetric', 'FaceVideoMetric', 'draw_ced']
