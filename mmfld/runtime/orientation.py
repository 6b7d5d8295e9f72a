"""Which way up a face is, told by the scores of its landmarks.

A network that was trained on upright faces is unsure of any other. So a first fit with high scores is accepted; else
the other three quarter turns are tried, and the best is kept. A detector was trained on upright faces, too, and frames
others badly, or not at all: it looks again at an image that is turned that way. Then the crop is taken again from the
landmarks, turned upright by the eyes.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from ..structures import FaceLayout
from .arguments import is_number
from .boxes import found_boxes, middle_and_size, non_maximum_suppression, overlaps, tight_box
from .crops import eye_angle, turn
from .detection import BoxCalibration, Detector, PointCalibration

ORIENTATIONS = ('auto', 'mixed', 'upright')
TURNING = ('auto', 'mixed')  # those of which quarter turns are tried
QUARTERS = np.array([90.0, 180.0, 270.0])  # beside the angle that is tried first
POINTS = 5  # of a face that some detectors find: the eyes first, the left one in an upright image before the other
TRUSTED = 30.0  # degrees of a face in how a detector looks at it, up to which its points are used
FIRST_CROP = 1.1  # factor on that of a detected face: boxes scatter, and what a crop cuts off is not found
NEAR_ANGLE = 10.0  # degrees by which a crop may be turned the wrong way
NEAR_PLACE = 0.1  # parts of its size by which it may be off
ROUNDS = 3  # of crops taken again, at most
SAME = 0.3  # overlap (IoU) from which on two boxes are of one face

Orientation = str | float


class Crops(NamedTuple):
    """What is to be cropped, of N faces.

    Args:
        image (ndarray): (N, ) int, which image.
        box (ndarray): (N, 4) landmark boxes x1, y1, x2, y2, in the image as it is when it is turned by ``angle``
            around its first pixel, see :func:`mmfld.runtime.crops.turn`.
        angle (ndarray): (N, ) degrees.
    """

    image: np.ndarray
    box: np.ndarray
    angle: np.ndarray


class Fit(NamedTuple):
    """Of N faces.

    Args:
        landmarks (ndarray): (N, K, 2) in pixels of their images.
        scores (ndarray): (N, K).
        states (ndarray): (N, ) of objects, what the model remembers of each for the next frame; None of most models.
        more (ndarray): (N, ) of objects, whatever else there is of each.
    """

    landmarks: np.ndarray
    scores: np.ndarray
    states: np.ndarray
    more: np.ndarray


class Detections(NamedTuple):
    """What a detector has found, N faces in all.

    Args:
        image (ndarray): (N, ) int, in which image.
        boxes (ndarray): (N, 5) boxes x1, y1, x2, y2 in the image as the detector frames faces, and scores; (N, 15) with
            five points of each face.
        angle (ndarray): (N, ) degrees, by which quarter turn it was found.
    """

    image: np.ndarray
    boxes: np.ndarray
    angle: np.ndarray


Rows = TypeVar('Rows', Crops, Fit, Detections)


class Aligned(NamedTuple):
    """Faces, and the crops from which they were fitted last."""

    fit: Fit
    crops: Crops


class Found(NamedTuple):
    """Faces that a detector has found, the crops from which they were fitted last, and (N, ) scores of the detector."""

    fit: Fit
    crops: Crops
    scores: np.ndarray


def objects(items: Sequence) -> np.ndarray:
    """(N, ) array of objects."""
    array = np.empty(len(items), object)
    for n, item in enumerate(items):
        array[n] = item
    return array


def check_orientation(orientation: Orientation) -> None:
    """Raise a ValueError if it is neither one of the words nor a finite angle."""
    is_angle = is_number(orientation) and np.isfinite(orientation)
    if not is_angle and not (isinstance(orientation, str) and orientation in ORIENTATIONS):
        raise ValueError(f'orientation: found {orientation!r}, expected one of {ORIENTATIONS} or an angle in degrees')


def first_angle(orientation: Orientation) -> float:
    """The angle at which the search begins."""
    return 0.0 if isinstance(orientation, str) else float(orientation)


def rounds_of(refine: int | None, least: int, orientation: Orientation) -> tuple[int, int]:
    """``rounds`` of :func:`align`: ``refine`` if that is said; else at least ``least``, without more for ``'upright'``,
    which is for who compares with what knows no turned crops."""
    if refine is not None:
        return refine, refine
    return least, least if orientation == 'upright' else ROUNDS


def align(
    fit: Callable[[Crops], Fit],
    image: np.ndarray,
    boxes: np.ndarray,
    layout: FaceLayout | None,
    orientation: Orientation = 'auto',
    sure: float | None = None,
    rounds: tuple[int, int] = (0, ROUNDS),
    calibration: BoxCalibration = BoxCalibration(),
    start: np.ndarray | None = None,
) -> Aligned:
    """Landmarks of faces from their boxes.

    Args:
        fit (callable): Fits landmarks to crops.
        image (ndarray): (N, ) int, which image a box is of.
        boxes (ndarray): (N, 4 or 5) boxes of faces x1, y1, x2, y2.
        layout (FaceLayout, optional): Of the landmarks; not needed for ``'upright'``.
        orientation (str | float): See :class:`mmfld.runtime.FaceLandmarker`.
        sure (float, optional): Mean score from which on a first fit is the right way up. Without one all quarter turns
            are tried.
        rounds (tuple): How often crops are taken again from the landmarks, at least and, where a crop was far from
            what the landmarks say, at most. Defaults to (0, 3).
        calibration (BoxCalibration): Makes landmark boxes from ``boxes``.
        start (ndarray, optional): (N, ) angles that are tried first. Defaults to ``orientation``, 0 if it is a word.
    """
    if start is None:
        start = np.full(len(boxes), first_angle(orientation))
    first = _first_fit(fit, image, boxes, orientation, sure, _Framing(calibration), start)
    return refine(lambda crops, _: fit(crops), first.found, None if orientation == 'upright' else layout, rounds)


def refine(
    fit: Callable[[Crops, np.ndarray], Fit],
    found: Aligned,
    layout: FaceLayout | None,
    rounds: tuple[int | np.ndarray, int],
) -> Aligned:
    """Fit again in crops that are taken from the landmarks.

    Args:
        fit (callable): Fits landmarks to crops of some of the faces, whose indices come second.
        found (Aligned): N faces.
        layout (FaceLayout, optional): Of the landmarks. Defaults to None: crops are not turned.
        rounds (tuple): How often, at least, of all or of each (N, ), and at most where a crop was far from what the
            landmarks say.
    """
    least, most = rounds
    for n in range(most):
        again = crops_of_landmarks(found.crops.image, found.fit.landmarks, layout)
        sides = again.box[:, 2:] - again.box[:, :2]
        # landmarks on one spot, where there was no face, leave nothing to crop
        due = np.flatnonzero((sides >= 1).all(axis=1) & ((n < least) | _is_far(found.crops, again)))
        if not len(due):
            break
        again = take(again, due)
        found = replaced_faces(found, Aligned(fit(again, due), again), due)
    return found


class _Framing(NamedTuple):
    """From what a detector frames to first crops."""

    calibration: BoxCalibration
    by_points: PointCalibration | None = None

    def first(self, image: np.ndarray, boxes: np.ndarray, angle: np.ndarray) -> tuple[Crops, np.ndarray]:
        """By the points of the faces if there are any, which tell their angles; else rough (N, ), by the boxes.

        Detectors put the points of a face that is turned by far from how they look at it somewhere else.
        """
        rough = self.guess(image, boxes, angle)
        if self.by_points is None:
            return rough, np.full(len(boxes), True)
        exact = Crops(image, *self.by_points(boxes[:, :4], boxes[:, 5:].reshape(-1, POINTS, 2)))
        good = np.abs((exact.angle - angle + 180) % 360 - 180) <= TRUSTED
        return _replaced(rough, take(exact, np.flatnonzero(good)), np.flatnonzero(good)), ~good

    def guess(self, image: np.ndarray, boxes: np.ndarray, angle: np.ndarray, covered: bool = False) -> Crops:
        """By the boxes, if faces are turned by these angles."""
        return _crops_of_boxes(image, boxes, self.calibration, angle, covered)


class _First(NamedTuple):
    """First fits of N faces, (N, ) the quarter turns that they were found under, and whether their crops are rough."""

    found: Aligned
    quarters: np.ndarray
    rough: np.ndarray


def _first_fit(
    fit: Callable[[Crops], Fit],
    image: np.ndarray,
    boxes: np.ndarray,
    orientation: Orientation,
    sure: float | None,
    framing: _Framing,
    start: np.ndarray,
) -> _First:
    crops, rough = framing.first(image, boxes, start)
    first = _First(Aligned(fit(crops), crops), np.round(start / 90).astype(int) % 4, rough)
    if orientation in TURNING and len(boxes):
        doubtful = np.flatnonzero(first.found.fit.scores.mean(1) < (np.inf if sure is None else sure))
        first = _best_guess(fit, first, doubtful, boxes, start, framing)
    return first


def detect(detector: Detector, images: Sequence[np.ndarray], orientation: Orientation) -> Detections:
    """Faces in images, and by which quarter turn a detector found them.

    Detectors are trained on upright faces. If nothing is found in an image, ``'auto'`` looks at it turned by each
    quarter; ``'mixed'`` always does; with an angle the image is turned by the nearest quarter first of all.

    Args:
        detector (callable): See :mod:`mmfld.runtime.detection`.
        images (Sequence[ndarray]): (H, W, 3) uint8 in BGR.
        orientation (str | float): See :class:`mmfld.runtime.FaceLandmarker`.
    """
    first = round(first_angle(orientation) / 90) % 4
    parts = [(np.zeros(0, int), np.zeros((0, _columns(detector))), np.zeros(0))]
    for index, image in enumerate(images):
        boxes = _detect_turned(detector, image, first)
        angles: np.ndarray = np.full(len(boxes), first_angle(orientation))
        if orientation == 'mixed' or orientation == 'auto' and not len(boxes):
            turned = [_detect_turned(detector, image, quarter) for quarter in (1, 2, 3)]
            if orientation == 'auto':  # one way up
                best = max(range(3), key=lambda n: turned[n][:, 4].max(initial=0))
                boxes, angles = turned[best], np.full(len(turned[best]), QUARTERS[best])
            else:
                angles = np.repeat([0.0, *QUARTERS], [len(found) for found in (boxes, *turned)])
                boxes = np.concatenate([boxes, *turned])
                kept = non_maximum_suppression(boxes, SAME)
                boxes, angles = boxes[kept], angles[kept]
        parts.append((np.full(len(boxes), index), boxes, angles))
    return Detections(*map(np.concatenate, zip(*parts)))


def align_detected(
    fit: Callable[[Crops], Fit],
    detector: Detector,
    images: Sequence[np.ndarray],
    detections: Detections,
    layout: FaceLayout | None,
    orientation: Orientation,
    sure: float | None,
    rounds: tuple[int, int],
) -> Found:
    """Landmarks of detected faces, see :func:`align`.

    Where a face is not as it was detected, the detector looks again at the image turned that way: it frames that face
    better then, and may find others that it has not seen.
    """
    framing = _Framing(_calibration(detector))
    if orientation != 'upright':
        framing = _Framing(framing.calibration.wider(FIRST_CROP), getattr(detector, 'by_points', None))
    image, boxes, start = detections
    first = _first_fit(fit, image, boxes, orientation, sure, framing, start)
    if orientation in TURNING:
        other = np.flatnonzero(first.quarters != np.round(start / 90).astype(int) % 4)
        for index, quarter in sorted({(image[n], first.quarters[n]) for n in other}):
            seen = _detect_turned(detector, images[index], quarter)
            of_look = other[(image[other] == index) & (first.quarters[other] == quarter)]
            first = _framed_upright(fit, first, of_look, boxes, framing, seen)
            of_image = np.flatnonzero(first.found.crops.image == index)
            fresh = seen[overlaps(seen, boxes[of_image]).max(axis=1, initial=0) <= SAME]
            if len(fresh):
                crops, rough = framing.first(np.full(len(fresh), index), fresh, np.full(len(fresh), 90.0 * quarter))
                new = Aligned(fit(crops), crops)
                first = _First(
                    Aligned(_joined(first.found.fit, new.fit), _joined(first.found.crops, new.crops)),
                    np.append(first.quarters, np.full(len(fresh), quarter)),
                    np.append(first.rough, rough),
                )
                boxes = np.concatenate([boxes, fresh])
    least, most = rounds
    # what is said of detected faces is for their rough boxes
    of_each = np.where(first.rough, least, 0) if least < most else least
    upright_by = None if orientation == 'upright' else layout
    found = refine(lambda crops, _: fit(crops), first.found, upright_by, (of_each, most))
    return Found(*found, boxes[:, 4])


def landmark_boxes(detector: Detector, detections: Detections) -> np.ndarray:
    """(N, 4) estimated landmark boxes, along the image."""
    return image_boxes(_crops_of_boxes(*detections[:2], _calibration(detector), detections.angle))


def image_boxes(crops: Crops) -> np.ndarray:
    """(N, 4) boxes along the image around those of crops."""
    x1, y1, x2, y2 = crops.box.T
    corners = np.stack([np.stack([x1, y1], 1), np.stack([x2, y1], 1), np.stack([x2, y2], 1), np.stack([x1, y2], 1)], 1)
    return tight_box(turn(corners, -crops.angle))


def _calibration(detector: Detector) -> BoxCalibration:
    """From what a detector frames, see ``raw`` in :mod:`mmfld.runtime.detection`, to landmark boxes."""
    return getattr(detector, 'calibration', BoxCalibration())


def _columns(detector: Detector) -> int:
    """Of what it returns: boxes and scores, and of some points."""
    return 5 if getattr(detector, 'by_points', None) is None else 5 + 2 * POINTS


def _detect_turned(detector: Detector, image: np.ndarray, quarter: int) -> np.ndarray:
    """Boxes as the detector frames them, scores and points, (N, 5) or (N, 15), in the image; it sees it turned
    anti-clockwise by quarters."""
    find = getattr(detector, 'raw', detector)
    columns = _columns(detector)
    if not quarter:
        return found_boxes(find(image), image.shape[1::-1], columns)
    height, width = image.shape[:2]
    turned = np.ascontiguousarray(np.rot90(image, quarter))
    found = found_boxes(find(turned), turned.shape[1::-1], columns)

    def back(points: np.ndarray) -> np.ndarray:
        x, y = points[..., 0], points[..., 1]
        if quarter == 1:
            x, y = width - 1 - y, x
        elif quarter == 2:
            x, y = width - 1 - x, height - 1 - y
        else:
            x, y = y, height - 1 - x
        return np.stack([x, y], axis=-1)

    boxes = tight_box(back(found[:, :4].reshape(-1, 2, 2)))
    points = back(found[:, 5:].reshape(len(found), (columns - 5) // 2, 2))
    return np.concatenate([boxes, found[:, 4:5], points.reshape(len(found), columns - 5)], axis=1)


def crops_of_landmarks(image: np.ndarray, landmarks: np.ndarray, layout: FaceLayout | None) -> Crops:
    """The crops in which landmarks (N, K, 2) are upright, or without a layout those along the image."""
    angle = np.zeros(len(landmarks)) if layout is None else eye_angle(landmarks, layout)
    return Crops(image, tight_box(turn(landmarks, angle)), angle)


def _crops_of_boxes(
    image: np.ndarray, boxes: np.ndarray, calibration: BoxCalibration, angle: np.ndarray, covered: bool = False
) -> Crops:
    middle, size = middle_and_size(boxes)
    sideways = np.abs((angle + 90) % 180 - 90) > 45
    half = np.where(sideways[:, None], size[:, ::-1], size) / 2
    middle = turn(middle[:, None], angle)[:, 0]
    return Crops(image, calibration(np.concatenate([middle - half, middle + half], axis=1), covered), angle)


def _best_guess(
    fit: Callable[[Crops], Fit],
    first: _First,
    doubtful: np.ndarray,
    boxes: np.ndarray,
    start: np.ndarray,
    framing: _Framing,
) -> _First:
    """Replace doubtful faces where another quarter turn has better scores, or what is seen of a covered one."""
    if not len(doubtful):
        return first
    image, boxes, start = first.found.crops.image[doubtful], boxes[doubtful], start[doubtful]
    turns = [0.0, *QUARTERS] if framing.by_points is not None else list(QUARTERS)
    guesses = [framing.guess(image, boxes, start + turn) for turn in turns]
    if framing.calibration.whole_height:
        guesses.append(framing.guess(image, boxes, start, covered=True))
        turns.append(0.0)
    crops = Crops(*map(np.concatenate, zip(*guesses)))
    tried = fit(crops)
    scores = np.stack([first.found.fit.scores[doubtful].mean(1), *tried.scores.mean(1).reshape(len(guesses), -1)])
    best = scores.argmax(axis=0)
    better = np.flatnonzero(best)
    index = (best[better] - 1) * len(doubtful) + better
    faces, (quarters, rough) = doubtful[better], (first.quarters.copy(), first.rough.copy())
    quarters[faces] = np.round((start[better] + np.array(turns)[best[better] - 1]) / 90).astype(int) % 4
    rough[faces] = True
    return _First(replaced_faces(first.found, take_faces(Aligned(tried, crops), index), faces), quarters, rough)


def _framed_upright(
    fit: Callable[[Crops], Fit],
    first: _First,
    faces: np.ndarray,
    boxes: np.ndarray,
    framing: _Framing,
    seen: np.ndarray,
) -> _First:
    """Replace some of the faces where what the detector's second look frames has better scores."""
    if not len(seen):
        return first
    common = overlaps(boxes[faces], seen)
    again = common.max(axis=1) > SAME
    faces, seen = faces[again], seen[common.argmax(axis=1)[again]]
    crops, _ = framing.first(first.found.crops.image[faces], seen, 90.0 * first.quarters[faces])
    tried = fit(crops)
    better = np.flatnonzero(tried.scores.mean(1) > first.found.fit.scores[faces].mean(1))
    found = replaced_faces(first.found, take_faces(Aligned(tried, crops), better), faces[better])
    return first._replace(found=found)  # they stay rough: faces that need a second look are hard


def _is_far(crops: Crops, others: Crops) -> np.ndarray:
    """(N, ) whether two crops of a face are apart in angle, place or size."""
    off = np.abs((crops.angle - others.angle + 180) % 360 - 180)
    middle, size = middle_and_size(crops.box)
    other_middle, other_size = middle_and_size(others.box)
    middle, other_middle = (
        turn(points[:, None], -angle)[:, 0] for points, angle in ((middle, crops.angle), (other_middle, others.angle))
    )
    size, other_size = (np.maximum(sides.max(axis=1), 1.0) for sides in (size, other_size))
    moved = np.abs(middle - other_middle).max(axis=1) / size
    return (off > NEAR_ANGLE) | (moved > NEAR_PLACE) | (np.abs(np.log(other_size / size)) > NEAR_PLACE)


def take(arrays: Rows, index: np.ndarray) -> Rows:
    """The arrays with only these rows of each."""
    return type(arrays)(*(array[index] for array in arrays))


def take_faces(found: Aligned, index: np.ndarray) -> Aligned:
    """Only these faces."""
    return Aligned(take(found.fit, index), take(found.crops, index))


def replaced_faces(found: Aligned, others: Aligned, index: np.ndarray) -> Aligned:
    """Faces, with those of ``index`` from the others."""
    return Aligned(_replaced(found.fit, others.fit, index), _replaced(found.crops, others.crops, index))


def _joined(arrays: Rows, others: Rows) -> Rows:
    """The rows of both."""
    return type(arrays)(*(np.concatenate(pair) for pair in zip(arrays, others)))


def _replaced(arrays: Rows, others: Rows, index: np.ndarray) -> Rows:
    """The arrays with rows ``index`` of each from the others."""
    arrays = type(arrays)(*(array.copy() for array in arrays))
    for array, other in zip(arrays, others):
        array[index] = other
    return arrays
