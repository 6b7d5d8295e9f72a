from .distilled_topdown import DistilledTopdownPoseEstimator
from .face_tracker import FaceTracker, TrackState
from .half_cell_flip import HalfCellFlipTopdownPoseEstimator
from .siamese_topdown import SiameseTopdownPoseEstimator

__all__ = ['DistilledTopdownPoseEstimator', 'FaceTracker', 'HalfCellFlipTopdownPoseEstimator', 'SiameseTopdownPoseEstimator', 'TrackState']
