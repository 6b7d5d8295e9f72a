"""What is made of landmarks: aligned crops, head pose, how far eyes and mouth are open; NumPy and OpenCV alone."""

from .. import runtime  # noqa: F401  which says what is not installed
from .alignment import TEMPLATES, Alignment, align, five_points
from .head_pose import HeadPose, HeadPoseEstimator, draw_axes
from .measures import FaceMeasures
from .openings import eye_opening, mouth_opening

__all__ = [
    'Alignment',
    'FaceMeasures',
    'HeadPose',
    'HeadPoseEstimator',
    'TEMPLATES',
    'align',
    'draw_axes',
    'eye_opening',
    'five_points',
    'mouth_opening',
]
