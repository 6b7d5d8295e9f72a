from .face_landmark_dataset import FaceLandmarkDataset
from .face_video_dataset import FaceVideoDataset

__all__ = ['FaceLandmarkDataset', 'FaceVideoDataset']
