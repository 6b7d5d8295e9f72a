from .face_tracker import FaceTracker, TrackState
from .half_cell_flip import HalfCellFlipTopdownPoseEstimator
from .siamese_topdown import SiameseTopdownPoseEstimator

__all__ = ['FaceTracker', 'HalfCellFlipTopdownPoseEstimator', 'SiameseTopdownPoseEstimator', 'TrackState']
