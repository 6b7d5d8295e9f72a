"""Landmarks for applications: NumPy, OpenCV and a library that runs ONNX files; no torch, no OpenMMLab."""

from .optional import load

load('cv2', 'opencv-python-headless', 'mmfld.runtime')

from .images import read_image  # noqa: E402
from .landmarker import Face, FaceLandmarker  # noqa: E402
from .model import LandmarkModel  # noqa: E402
from .one_euro_filter import OneEuroFilter  # noqa: E402
from .tracker import FaceTracker  # noqa: E402

__all__ = ['Face', 'FaceLandmarker', 'FaceTracker', 'LandmarkModel', 'OneEuroFilter', 'read_image']
