"""Landmarks for applications: NumPy, OpenCV and a library that runs ONNX files; no torch, no OpenMMLab."""
from .images import read_image
from .landmarker import Face, FaceLandmarker
from .model import LandmarkModel
from .one_euro_filter import OneEuroFilter
from .tracker import FaceTracker

__all__ = ['Face', 'FaceLandmarker', 'FaceTracker', 'LandmarkModel', 'OneEuroFilter', 'read_image']
