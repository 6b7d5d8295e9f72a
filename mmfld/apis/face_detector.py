"""Where the faces are: detectors that answer with landmark boxes.

A face detector and a crop rule mean different things by the box of a face. In mmfld it is the tight box of the
landmarks, and crop rules start from it; detectors frame the face by a habit of their own, with the forehead or without
the chin. A :class:`BoxCalibration` per detector turns the one into the other. It removes the systematic difference;
what is left, about 8 % of a side for OpenCV's cascades, is what a second crop from the first prediction
(``refine=1`` of the inferencer) removes.

A detector is any callable that takes an image (H, W, 3) uint8 in BGR and returns (N, 5) floats, one row per face: the
estimated landmark box x1, y1, x2, y2 in pixels, which may reach beyond the image, and a score in [0, 1].
"""
from dataclasses import dataclass
from typing import Callable, Optional, Sequence, Tuple, Union

import cv2
import numpy as np
import torch
from mmpose.apis.inferencers.utils import default_det_models
from mmpose.evaluation.functional import nms
from mmpose.structures.bbox import bbox_overlaps

FaceDetector = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class BoxCalibration:
    """Detector's box to landmark box: a shift of the middle and a scale, relative to the detector's width and height.

    Args:
        shift (tuple): (x, y) from the middle of the detector's box to that of the landmark box.
        scale (tuple): (width, height) of the landmark box.
    """
    shift: Tuple[float, float] = (0., 0.)
    scale: Tuple[float, float] = (1., 1.)

    def __call__(self, boxes: np.ndarray) -> np.ndarray:
        """Detector's boxes (N, 4) as x1, y1, x2, y2 -> estimated landmark boxes (N, 4)."""
        middle, size = _middle_and_size(boxes)
        middle = middle + size * self.shift
        half = size * self.scale / 2
        return np.concatenate([middle - half, middle + half], axis=1)

    @classmethod
    def fit(cls, boxes: np.ndarray, landmark_boxes: np.ndarray) -> 'BoxCalibration':
        """Median shift and scale over (N, 4) boxes of a detector and the landmark boxes of the same faces."""
        middle, size = _middle_and_size(boxes)
        true_middle, true_size = _middle_and_size(landmark_boxes)
        return cls(
            shift=tuple(np.median((true_middle - middle) / size, axis=0).tolist()),
            scale=tuple(np.median(true_size / size, axis=0).tolist()))


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

    FRONTAL = (('haarcascade_frontalface_default.xml', False, BoxCalibration((0., 0.154), (0.853, 0.841))),
               ('haarcascade_frontalface_alt2.xml', False, BoxCalibration((0., 0.160), (0.882, 0.854))))
    PROFILE = (('haarcascade_profileface.xml', False, BoxCalibration((-0.090, 0.152), (0.773, 0.742))),
               ('haarcascade_profileface.xml', True, BoxCalibration((0.090, 0.152), (0.773, 0.742))))
    SMALLEST = 24  # pixels; the windows that the cascades were trained on are 20 to 24 pixels wide

    def __init__(self, max_side: int = 640, min_face: float = 0.08, min_votes: float = 10.):
        self.max_side = max_side
        self.min_face = min_face
        self.min_votes = min_votes
        self._cascades = {}
        for name in {name for name, _, _ in self.FRONTAL + self.PROFILE}:
            path = cv2.data.haarcascades + name
            self._cascades[name] = cv2.CascadeClassifier(path)
            if self._cascades[name].empty():
                raise FileNotFoundError(f'{path}: not a readable Haar cascade; it comes with the opencv-python wheels')

    def __call__(self, image: np.ndarray) -> np.ndarray:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        shrink = min(1., self.max_side / max(grey.shape))
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

    def _propose(self, grey: np.ndarray, cascades) -> np.ndarray:
        """(N, 5): landmark boxes in pixels of ``grey`` and their votes."""
        smallest = max(self.SMALLEST, round(self.min_face * min(grey.shape)))
        proposals = [np.zeros((0, 5))]
        for name, mirror, calibration in cascades:
            searched = np.ascontiguousarray(grey[:, ::-1]) if mirror else grey
            boxes, votes = self._cascades[name].detectMultiScale2(
                searched, scaleFactor=1.1, minNeighbors=2, minSize=(smallest, smallest))
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
        faces = [np.zeros((0, 5))]
        left = proposals[np.argsort(-proposals[:, 4], kind='stable')]
        while len(left):
            boxes = torch.from_numpy(left[:, :4])
            same = (bbox_overlaps(boxes[:1], boxes)[0] > iou_thr).numpy()
            group, left = left[same], left[~same]
            votes = group[:, 4].sum()
            if votes >= min_votes:
                box = np.average(group[:, :4], axis=0, weights=group[:, 4])
                faces.append(np.append(box, votes / (votes + self.min_votes))[None])
        faces = np.concatenate(faces)
        return faces[np.argsort(-faces[:, 4], kind='stable')]


class MMDetFaceDetector:
    """A detector of MMDetection.

    Args:
        model (str | Config, optional): Config. Without one, MMPose's face detector (a YOLOX-s trained on the faces of
            COCO-WholeBody), whose weights MMEngine downloads.
        weights (str, optional): Checkpoint.
        device (str, optional): Defaults to a GPU if there is one.
        cat_ids (Sequence[int]): The categories that are faces. Defaults to ``(0, )``.
        score_thr (float): Defaults to 0.3.
        nms_thr (float): IoU above which the weaker of two boxes is dropped. Defaults to 0.3.
        calibration (BoxCalibration): Of this detector. Defaults to none: its boxes are taken as landmark boxes, which
            a round of refinement mends for boxes not far from them; :meth:`BoxCalibration.fit` measures it.
    """

    def __init__(self,
                 model=None,
                 weights: Optional[str] = None,
                 device: Optional[str] = None,
                 cat_ids: Sequence[int] = (0, ),
                 score_thr: float = 0.3,
                 nms_thr: float = 0.3,
                 calibration: BoxCalibration = BoxCalibration()):
        from mmdet.apis import DetInferencer  # slow to import, and only needed here
        if model is None:
            model, weights = default_det_models['face']['model'], weights or default_det_models['face']['weights']
        self.inferencer = DetInferencer(model, weights, device, scope='mmdet', show_progress=False)
        self.cat_ids = tuple(cat_ids)
        self.score_thr = score_thr
        self.nms_thr = nms_thr
        self.calibration = calibration

    def __call__(self, image: np.ndarray) -> np.ndarray:
        found = self.inferencer(image, return_datasamples=True)['predictions'][0].pred_instances.numpy()
        kept = np.isin(found.labels, self.cat_ids) & (found.scores > self.score_thr)
        boxes = np.column_stack([found.bboxes, found.scores])[kept].astype(np.float64)
        boxes = boxes[nms(boxes, self.nms_thr)]
        return np.column_stack([self.calibration(boxes[:, :4]), boxes[:, 4]])


class WholeImage:
    """No detection: the image is the landmark box of its only face, as with MMPose's ``det_model='whole_image'``."""

    def __call__(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        return np.array([[0, 0, width, height, 1]], np.float64)


def build_detector(detector: Union[str, FaceDetector],
                   weights: Optional[str] = None,
                   device: Optional[str] = None) -> FaceDetector:
    """A detector by name; a callable passes through.

    Args:
        detector (str | callable): ``'opencv'``, ``'whole_image'``, ``'mmdet'`` (MMPose's face detector) or
            ``'mmdet:CONFIG'``.
        weights (str, optional): Checkpoint, for MMDetection.
        device (str, optional): Device, for MMDetection.

    Raises:
        ValueError: For an unknown name, or if ``weights`` are given to a detector that has none.
    """
    is_name = isinstance(detector, str)
    if is_name and detector.partition(':')[0] == 'mmdet':
        return MMDetFaceDetector(detector.partition(':')[2] or None, weights, device)
    if weights is not None:
        raise ValueError(f'detector {detector!r} takes no weights, found {weights!r}')
    if callable(detector):
        return detector
    if detector == 'opencv':
        return OpenCVFaceDetector()
    if detector in ('whole_image', 'whole-image'):
        return WholeImage()
    raise ValueError(f"unknown detector {detector!r}, expected 'opencv', 'whole_image', 'mmdet', 'mmdet:CONFIG' or a "
                     'callable')


def _middle_and_size(boxes: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    return (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
