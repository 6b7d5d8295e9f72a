"""Haar cascades, the detector that comes with OpenCV 4."""

import threading
from collections.abc import Sequence

import cv2
import numpy as np

from ..boxes import overlaps
from .calibration import BoxCalibration


class OpenCVFaceDetector:
    """Haar cascades that come with OpenCV (Viola and Jones, 2001): no download, for frontal and half-turned faces.

    The image is searched at up to ``max_side`` pixels, with the histogram equalised. Each cascade proposes boxes with
    votes (raw detections that fall together); calibrated to landmark boxes, the proposals of all cascades that overlap
    are averaged into one face and their votes added up. Where the two frontal cascades find no face, the slower profile
    cascades, on the image as it is and mirrored, join in, and half the votes are enough.

    The calibrations are medians over 259 training faces of 300W, every 7th, each cascade by itself, with x made
    symmetric. Spread around them (1.48 MAD) for the frontal cascades: shift 0.09 and 0.03 in x and y, scale 0.08.

    Args:
        max_side (int): Larger images are shrunk to this longer side. Defaults to 640.
        min_face (float): Smallest face as a fraction of the image's shorter side. Defaults to 0.08.
        min_votes (float): Votes a face needs. Its score is votes / (votes + min_votes): 0.5 at that, 1/3 at half of it.
            Defaults to 10.
    """

    FRONTAL = (
        ('haarcascade_frontalface_default.xml', False, BoxCalibration((0.0, 0.154), (0.853, 0.841))),
        ('haarcascade_frontalface_alt2.xml', False, BoxCalibration((0.0, 0.160), (0.882, 0.854))),
    )
    PROFILE = (
        ('haarcascade_profileface.xml', False, BoxCalibration((-0.090, 0.152), (0.773, 0.742))),
        ('haarcascade_profileface.xml', True, BoxCalibration((0.090, 0.152), (0.773, 0.742))),
    )
    SMALLEST = 24  # pixels; the windows that the cascades were trained on are 20 to 24 pixels wide

    def __init__(self, max_side: int = 640, min_face: float = 0.08, min_votes: float = 10.0):
        if not hasattr(cv2, 'CascadeClassifier'):
            raise ImportError(
                f"detector 'opencv' needs the Haar cascades of OpenCV 4, found OpenCV {cv2.__version__}, "
                'which has none: take detector \'centerface\', or run `pip install "opencv-python<5"`'
            )
        self.max_side = max_side
        self.min_face = min_face
        self.min_votes = min_votes
        self._of_thread = threading.local()  # a cascade serves one thread at a time
        self._cascades()

    def __call__(self, image: np.ndarray) -> np.ndarray:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        shrink = min(1.0, self.max_side / max(grey.shape))
        if shrink < 1:
            grey = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        if min(grey.shape) < self.SMALLEST:
            return np.zeros((0, 5))
        grey = cv2.equalizeHist(grey)
        proposals = self._propose(grey, self.FRONTAL)
        faces = self._vote(proposals, self.min_votes)
        if not len(faces):
            proposals = np.concatenate([proposals, self._propose(grey, self.PROFILE)])
            faces = self._vote(proposals, self.min_votes / 2)
        faces[:, :4] = (faces[:, :4] + 0.5) / shrink - 0.5
        return faces

    def _cascades(self) -> dict[str, 'cv2.CascadeClassifier']:
        """Those of this thread."""
        if not hasattr(self._of_thread, 'cascades'):
            from cv2.data import haarcascades

            cascades = {}
            for name in {name for name, _, _ in self.FRONTAL + self.PROFILE}:
                path = haarcascades + name
                cascades[name] = cv2.CascadeClassifier(path)
                if cascades[name].empty():
                    raise FileNotFoundError(
                        f'{path}: not a readable Haar cascade; it comes with the opencv-python wheels'
                    )
            self._of_thread.cascades = cascades
        return self._of_thread.cascades

    def __getstate__(self) -> dict:
        return {name: value for name, value in self.__dict__.items() if name != '_of_thread'}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state, _of_thread=threading.local())

    def _propose(self, grey: np.ndarray, cascades: Sequence[tuple[str, bool, BoxCalibration]]) -> np.ndarray:
        """(N, 5): landmark boxes in pixels of ``grey`` and their votes."""
        smallest = max(self.SMALLEST, round(self.min_face * min(grey.shape)))
        proposals: list[np.ndarray] = [np.zeros((0, 5))]
        for name, mirror, calibration in cascades:
            searched = np.ascontiguousarray(grey[:, ::-1]) if mirror else grey
            boxes, votes = self._cascades()[name].detectMultiScale2(
                searched, scaleFactor=1.1, minNeighbors=2, minSize=(smallest, smallest)
            )
            if not len(boxes):
                continue
            x, y, w, h = np.array(boxes, np.float64).T
            if mirror:
                x = grey.shape[1] - x - w
            # from pixels covered to pixel centres at integers
            landmark_boxes = calibration(np.stack([x, y, x + w, y + h], axis=1) - 0.5)
            proposals.append(np.column_stack([landmark_boxes, np.ravel(votes)]))
        return np.concatenate(proposals)

    def _vote(self, proposals: np.ndarray, min_votes: float, iou_thr: float = 0.35) -> np.ndarray:
        """(N, 5) proposals with votes -> (M, 5) faces with scores, best first."""
        found: list[np.ndarray] = [np.zeros((0, 5))]
        left = proposals[np.argsort(-proposals[:, 4], kind='stable')]
        while len(left):
            same = overlaps(left[:1], left)[0] > iou_thr
            group, left = left[same], left[~same]
            votes = group[:, 4].sum()
            if votes >= min_votes:
                box = np.average(group[:, :4], axis=0, weights=group[:, 4])
                found.append(np.append(box, votes / (votes + self.min_votes))[None])
        faces = np.concatenate(found)
        return faces[np.argsort(-faces[:, 4], kind='stable')]
