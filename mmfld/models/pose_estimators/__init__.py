from .face_tracker import FaceTracker, TrackState
from .siamese_topdown import SiameseTopdownPoseEstimator

__all__ = ['FaceTracker', 'SiameseTopdownPoseEstimator', 'TrackState']
