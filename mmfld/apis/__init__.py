"""Inference: from images, folders, videos and cameras to landmarks."""
from .face_detector import BoxCalibration, MMDetFaceDetector, OpenCVFaceDetector, WholeImage, build_detector
from .face_landmark_inferencer import FaceLandmarkInferencer

__all__ = [
    'BoxCalibration', 'FaceLandmarkInferencer', 'MMDetFaceDetector', 'OpenCVFaceDetector', 'WholeImage',
    'build_detector'
]
