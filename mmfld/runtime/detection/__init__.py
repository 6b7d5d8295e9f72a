"""Where the faces are: detectors that answer with landmark boxes.

A face detector and a crop rule mean different things by the box of a face. In mmfld it is the tight box of the
landmarks, and crop rules start from it; detectors frame the face by a habit of their own, with the forehead or without
the chin. A :class:`BoxCalibration` per detector turns the one into the other. It removes the systematic difference;
what is left is what a second crop from the first prediction removes (``refine``).

A detector is any callable that takes an image (H, W, 3) uint8 in BGR and returns (N, 5) floats, one row per face: the
estimated landmark box x1, y1, x2, y2 in pixels, which may reach beyond the image, and a score in [0, 1]. One that also
has ``raw``, which returns its boxes as they are, and ``calibration``, is calibrated for faces that are turned, too. If
``raw`` also returns eyes, nose and corners of the mouth of each face in ten further columns, and there is
``by_points``, a :class:`PointCalibration`, these tell where a face is and by what angle it is turned.
"""

from .build import DETECTORS, Detector, build_detector
from .calibration import BoxCalibration, PointCalibration
from .centerface import CenterFaceDetector
from .haar_cascades import OpenCVFaceDetector
from .mmdetection import MMDetFaceDetector
from .wheels import MTCNNDetector, SlimeFaceDetector
from .whole_image import WholeImage

__all__ = [
    'BoxCalibration',
    'CenterFaceDetector',
    'DETECTORS',
    'Detector',
    'MMDetFaceDetector',
    'MTCNNDetector',
    'OpenCVFaceDetector',
    'PointCalibration',
    'SlimeFaceDetector',
    'WholeImage',
    'build_detector',
]
