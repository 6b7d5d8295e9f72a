from .siamese_topdown import SiameseTopdownPoseEstimator

__all__ = ['SiameseTopdownPoseEstimator']
