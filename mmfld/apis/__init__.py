"""Inference: from images, folders, videos and cameras to landmarks."""
from .face_detector import BoxCalibration, MMDetFaceDetector, OpenCVFaceDetector, WholeImage, build_detector
from .face_landmark_inferencer import FaceLandmarkInferencer
from .face_landmark_tracker import FaceLandmarkTracker
from .one_euro_filter import OneEuroFilter

__all__ = [
    'BoxCalibration', 'FaceLandmarkInferencer', 'FaceLandmarkTracker', 'MMDetFaceDetector', 'OneEuroFilter',
    'OpenCVFaceDetector', 'WholeImage', 'build_detector'
]
