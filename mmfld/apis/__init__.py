"""Inference: from images, folders, videos and cameras to landmarks."""

from ..runtime.detection import BoxCalibration, MMDetFaceDetector, OpenCVFaceDetector, WholeImage, build_detector
from ..runtime.one_euro_filter import OneEuroFilter
from .face_landmark_inferencer import FaceLandmarkInferencer
from .face_landmark_tracker import FaceLandmarkTracker

__all__ = [
    'BoxCalibration',
    'FaceLandmarkInferencer',
    'FaceLandmarkTracker',
    'MMDetFaceDetector',
    'OneEuroFilter',
    'OpenCVFaceDetector',
    'WholeImage',
    'build_detector',
]
