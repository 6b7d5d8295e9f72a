"""Faces followed from frame to frame, whatever finds and fits them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..structures import FaceLayout
from .arguments import check_whole, is_number
from .boxes import middle_and_size, overlaps, tight_box
from .crops import eye_angle, turn
from .detection import Detector
from .look import likeness, look
from .one_euro_filter import OneEuroFilter
from .orientation import (
    ROUNDS,
    Aligned,
    Crops,
    Detections,
    Fit,
    Found,
    Orientation,
    align_detected,
    crops_of_landmarks,
    detect,
    image_boxes,
    landmark_boxes,
    refine,
    replaced_faces,
    rounds_of,
    take,
    take_faces,
)

SMOOTHING = ('min_cutoff', 'beta', 'd_cutoff', 'rate')
STILL, STILL_ANGLE = 0.05, 5.0  # parts of its size, and degrees, by which a face at rest may seem to move
REST, REST_ANGLE = 0.01, 1.0  # by which its crop need not follow


class Prediction(NamedTuple):
    """Of one face in one frame.

    Args:
        box (ndarray): (4, ) landmark box that the crop was made from, in the frame turned by ``angle`` around its
            first pixel, see :func:`mmfld.runtime.crops.turn`.
        angle (float): Degrees, of the crop.
        landmarks (ndarray): (K, 2) in pixels of the frame.
        scores (ndarray): (K, ).
        state (object): What the model remembers, to go on with.
        more (object): Whatever else there is of it.
    """

    box: np.ndarray
    angle: float
    landmarks: np.ndarray
    scores: np.ndarray
    state: Any = None
    more: Any = None

    @property
    def score(self) -> float:
        return float(self.scores.mean())


@dataclass(eq=False)
class Track:
    """A face, as the last frame in which it was good left it.

    Args:
        track_id (int): Its number.
        prediction (Prediction): Of the present frame.
        landmarks (ndarray): (K, 2) of the present frame, smoothed.
        detection_score (float): Of the detection with which it started, or last started again.
        is_confirmed (bool): Seen by the detector again after the frame in which it was found.
    """

    track_id: int
    prediction: Prediction
    landmarks: np.ndarray = field(init=False)
    detection_score: float = 0.0
    is_confirmed: bool = False
    image_box: np.ndarray = field(init=False)  # (4, ) of the good landmarks in the frame
    box: np.ndarray = field(init=False)  # (4, ) of the good landmarks in the frame turned by angle: of the next crop
    angle: float = 0.0
    score: float = 0.0
    mean_score: float = 0.0  # running mean
    frames: int = 0
    state: Any = None
    smoother: OneEuroFilter | None = None
    doubts: int = 0  # frames since it was good; more than PATIENCE: lost
    frames_lost: int = 0
    look: np.ndarray | None = None  # of the good face, see mmfld.runtime.look
    is_cut: bool = False  # lost to another face at its place
    misses: int = 0  # runs of the detector since it saw the face; only the regular ones if it is confirmed


FitFrame = Callable[[Sequence[np.ndarray], Crops, Sequence | None], Fit]


class FaceTracks:
    """The faces of one video; what happens to them is told in ``docs/howto/track.md``.

    Args:
        detector (callable): See :mod:`mmfld.runtime.detection`.
        fit (callable): Fits landmarks to crops of a list of one frame, with the states that the model remembers of each
            face after the frame before, or None.
        layout (FaceLayout, optional): Of the landmarks; not needed for ``'upright'``.
        orientation (str | float): See :class:`mmfld.runtime.FaceLandmarker`. Unless it is ``'upright'``, crops turn
            with the eyes.
        sure (float, optional): See :func:`mmfld.runtime.orientation.align`.
        smoothing (dict, optional): Arguments of :class:`OneEuroFilter`.
        max_faces (int, optional): Follow no more than so many.
        redetect_interval (int): Frames between two regular runs of the detector. Defaults to 25.
        min_score (float): Least mean score of the landmarks of a face when it is found. Defaults to none.
    """

    OVERLAP = 0.5  # of the smaller box: a detection is a known face
    DUPLICATE = 0.7  # IoU of two tracks on one face
    JUMP = 0.3  # IoU of successive landmark boxes below which the landmarks cannot be those of the same face
    IN_DOUBT, LOW = 0.5, 0.75  # parts of the running mean of a face's scores
    HISTORY = 100  # frames in the running mean
    SAME = 0.65  # least likeness to the frame before, and to that before a face was lost
    ALIKE = 0.9  # less, which frames of a video seldom are, and the face is fitted again
    PATIENCE = 5  # frames in doubt until a face is lost
    MISSES = 3  # runs of the detector without the face

    def __init__(
        self,
        detector: Detector,
        fit: FitFrame,
        layout: FaceLayout | None,
        orientation: Orientation,
        sure: float | None = None,
        smoothing: dict | None = None,
        max_faces: int | None = None,
        redetect_interval: int = 25,
        min_score: float = -np.inf,
    ) -> None:
        check_whole('redetect_interval', redetect_interval)
        if max_faces is not None:
            check_whole('max_faces', max_faces)
        if smoothing is not None and not (isinstance(smoothing, dict) and set(smoothing) <= set(SMOOTHING)):
            raise ValueError(f'found smoothing={smoothing!r}, expected None or a dict of {", ".join(SMOOTHING)}')
        self.detector = detector
        self.fit = fit
        self.layout = layout
        self.orientation = orientation
        self.sure = sure
        self.smoothing = smoothing
        self.max_faces = max_faces
        self.redetect_interval = redetect_interval
        self.min_score = min_score
        self._tracks: list[Track] = []
        self._next_id = 0
        self.index = 0
        self._time: float | None = None  # of the last frame
        self._new_smoother()  # complains of wrong arguments now rather than at the first face

    def step(self, image: np.ndarray, time: float | None = None) -> list[Track]:
        """Follow the faces into the next frame (H, W, 3); those that are in it, the oldest first.

        Args:
            image (ndarray): (H, W, 3) uint8 in BGR.
            time (float, optional): Of the frame in seconds, so that ``smoothing`` smooths alike at any rate. Defaults
                to 1 / ``rate`` after the last one.

        Raises:
            ValueError: If the time is not later than that of the frame before, or none is told any more.
        """
        self._check_time(time)
        tracks = self._followed()
        for track, prediction in zip(tracks, self._follow(image, tracks) if tracks else []):
            self._continue(track, prediction, image)
        is_regular = self.index % self.redetect_interval == 0
        is_wanted = any(track.doubts or not track.is_confirmed for track in self._tracks)
        if is_regular or is_wanted or not self._tracks:
            self._detect(image, is_regular)
        self._end_duplicates()
        if self.max_faces is not None:  # a new face may have come while another is in doubt
            for track in sorted(self._followed(), key=lambda track: track.doubts)[self.max_faces :]:
                self._lose(track)

        tracks = self._followed()
        for track in tracks:
            track.landmarks = self._smoothed(track, time)  # also of those that are not returned yet
        for track in self._tracks:
            track.frames_lost += track not in tracks
        self._tracks = [track for track in self._tracks if track in tracks or self._may_come_back(track)]
        self.index += 1
        good = _boxes([track for track in tracks if not track.doubts])
        return [track for track in tracks if not track.doubts or self._is_shown(track, good)]

    def _is_shown(self, track: Track, good: np.ndarray) -> bool:
        """What is followed in doubt may be gone, and its landmarks are of nothing, or of another face."""
        box = tight_box(track.prediction.landmarks)[None]
        return track.prediction.score >= self.min_score and not (overlaps(box, good, 'smaller') >= self.OVERLAP).any()

    def _may_come_back(self, track: Track) -> bool:
        if track.is_confirmed:
            return track.frames_lost <= self.redetect_interval
        return track.misses + track.frames_lost < self.MISSES

    def _continue(self, track: Track, prediction: Prediction, image: np.ndarray) -> None:
        """Take the prediction of a frame into a track, or doubts about it."""
        track.prediction = prediction
        if not self._is_plausible(prediction, image):
            self._lose(track)
        elif self._is_doubtful(prediction, track):
            track.doubts += 1
        else:
            seen = self._look(prediction, image)
            for _ in range(ROUNDS):
                if likeness(seen, track.look) >= self.ALIKE:
                    break
                track.prediction = self._fit_again(track, image)  # it may have moved far, with landmarks not yet exact
                seen = self._look(track.prediction, image)
            if likeness(seen, track.look) < self.SAME:  # another face, at the same place
                track.is_cut = True
                self._lose(track)
            else:
                self._accept(track, seen)

    def _fit_again(self, track: Track, image: np.ndarray) -> Prediction:
        """In the crop that the landmarks of the present frame say."""
        layout = None if self.orientation == 'upright' else self.layout
        crops = crops_of_landmarks(np.zeros(1, int), track.prediction.landmarks[None], layout)
        (prediction,) = _predictions(crops, self.fit([image], crops, [track.state]))
        return prediction

    def _look(self, prediction: Prediction, image: np.ndarray) -> np.ndarray | None:
        return look(image, prediction.landmarks, self._angle(prediction))

    def _angle(self, prediction: Prediction) -> float:
        if self.orientation == 'upright' or self.layout is None:
            return 0.0
        return float(eye_angle(prediction.landmarks, self.layout))

    def _accept(self, track: Track, seen: np.ndarray | None) -> None:
        track.look = seen
        prediction = track.prediction
        track.state = prediction.state  # a doubtful frame is no part of what the model remembers
        angle = self._angle(prediction)
        box = tight_box(turn(prediction.landmarks, angle))
        if (box[2:] - box[:2] >= 1).all():
            track.image_box = tight_box(prediction.landmarks)
            track.box, track.angle = _calmed((box, angle), (prediction.box, prediction.angle))
        else:  # landmarks on one spot, where there was no face: nothing to crop
            track.box, track.angle = prediction.box, prediction.angle
            (track.image_box,) = image_boxes(
                Crops(np.zeros(1, int), prediction.box[None], np.array([prediction.angle]))
            )
        track.score = prediction.score
        track.frames = min(track.frames + 1, self.HISTORY)
        track.mean_score += (track.score - track.mean_score) / track.frames
        track.doubts = track.frames_lost = 0
        track.is_cut = False

    def _is_doubtful(self, prediction: Prediction, track: Track) -> bool:
        return prediction.score < self.IN_DOUBT * track.mean_score

    def _is_plausible(self, prediction: Prediction, image: np.ndarray) -> bool:
        height, width = image.shape[:2]
        inside = overlaps(tight_box(prediction.landmarks)[None], np.array([[0, 0, width - 1, height - 1]]), 'iof')
        box = tight_box(turn(prediction.landmarks, prediction.angle))
        return bool(overlaps(box[None], prediction.box[None])[0, 0] >= self.JUMP and inside[0, 0] >= 0.5)

    def _detect(self, image: np.ndarray, is_regular: bool) -> None:
        """Run the detector: find again what is in doubt or lost, start new tracks, end those that are no faces."""
        detections = detect(self.detector, [image], self.orientation)
        detections = take(detections, np.argsort(-detections.boxes[:, 4], kind='stable'))
        boxes = landmark_boxes(self.detector, detections)
        good = [track for track in self._tracks if not track.doubts]
        is_known = overlaps(boxes, _boxes(good), 'smaller') >= self.OVERLAP
        for track, is_seen in zip(good, np.any(is_known, axis=0)):
            if is_seen:
                track.misses, track.is_confirmed = 0, True
            elif is_regular or not track.is_confirmed:
                track.misses += 1
                is_low = track.score < self.LOW * track.mean_score
                if track.misses >= self.MISSES and (is_low or not track.is_confirmed):
                    self._lose(track)
        fresh = np.flatnonzero(~is_known.any(axis=1))
        if self.max_faces is not None:
            fresh = fresh[: self.max_faces - sum(not track.doubts for track in self._tracks)]
        if not len(fresh):
            return
        found = self._find(image, take(detections, fresh))
        # those that the detector's second look adds come last, and may be known faces
        known = _boxes([track for track in self._tracks if not track.doubts])
        for n, (prediction, score) in enumerate(zip(_predictions(found.crops, found.fit), found.scores)):
            box = boxes[fresh[n]] if n < len(fresh) else tight_box(prediction.landmarks)
            is_twice = n >= len(fresh) and (overlaps(box[None], known, 'smaller') >= self.OVERLAP).any()
            if prediction.score >= self.min_score and self._is_plausible(prediction, image) and not is_twice:
                self._start(box, score, prediction, self._look(prediction, image))

    def _find(self, image: np.ndarray, detections: Detections) -> Found:
        """Of faces that are new."""
        return align_detected(
            lambda crops: self.fit([image], crops, None),
            self.detector,
            [image],
            detections,
            self.layout,
            self.orientation,
            self.sure,
            rounds_of(None, 1, self.orientation),
        )

    def _follow(self, image: np.ndarray, tracks: Sequence[Track]) -> list[Prediction]:
        """From box, angle and state of each; again from the landmarks where a face has moved far."""

        def fit(crops: Crops, index: np.ndarray) -> Fit:
            return self.fit([image], crops, [tracks[n].state for n in index])

        crops = Crops(
            np.zeros(len(tracks), int),
            np.array([track.box for track in tracks]),
            np.array([track.angle for track in tracks]),
        )
        found = Aligned(fit(crops, np.arange(len(tracks))), crops)
        followed = np.flatnonzero(
            [
                self._is_plausible(prediction, image) and not self._is_doubtful(prediction, track)
                for prediction, track in zip(_predictions(crops, found.fit), tracks)
            ]
        )
        if len(followed):
            again = refine(
                lambda crops, index: fit(crops, followed[index]),
                take_faces(found, followed),
                None if self.orientation == 'upright' else self.layout,
                (0, ROUNDS),
            )
            found = replaced_faces(found, again, followed)
        return _predictions(found.crops, found.fit)

    def _start(self, box: np.ndarray, score: float, prediction: Prediction, seen: np.ndarray | None) -> None:
        """Start a track, or a doubtful or lost one again if the detection touches the place where it was good and looks
        alike."""
        missing = [track for track in self._tracks if track.doubts and self._is_back(track, seen)]
        shared = overlaps(box[None], _boxes(missing), 'smaller')[0]
        if shared.any():
            track = missing[shared.argmax()]
            if self._is_doubtful(prediction, track):
                return
            track.is_confirmed = True
        else:
            track = Track(self._next_id, prediction)
            self._tracks.append(track)
            self._next_id += 1
        track.prediction, track.smoother, track.misses = prediction, self._new_smoother(), 0
        track.detection_score = float(score)
        self._accept(track, seen)

    def _is_back(self, track: Track, seen: np.ndarray | None) -> bool:
        """Whether what was detected looks like a track that is missing; what has just taken its place is not it."""
        just_cut = track.is_cut and not track.frames_lost
        return not just_cut and likeness(seen, track.look) >= self.SAME

    def _end_duplicates(self) -> None:
        good = [track for track in self._tracks if not track.doubts]  # the oldest first
        for i, track in enumerate(good):
            older = [other for other in good[:i] if not other.doubts]
            if (overlaps(track.image_box[None], _boxes(older)) > self.DUPLICATE).any():
                self._lose(track)

    def _lose(self, track: Track) -> None:
        track.doubts = self.PATIENCE + 1

    def _followed(self) -> list[Track]:
        return [track for track in self._tracks if track.doubts <= self.PATIENCE]

    def _new_smoother(self) -> OneEuroFilter | None:
        return None if self.smoothing is None else OneEuroFilter(**self.smoothing)

    def _smoothed(self, track: Track, time: float | None) -> np.ndarray:
        if track.smoother is None:
            return track.prediction.landmarks
        scale = np.sqrt(np.prod(track.box[2:] - track.box[:2])) / 2
        return track.smoother(track.prediction.landmarks, scale, time)

    def _check_time(self, time: float | None) -> None:
        if time is not None and not is_number(time):
            raise ValueError(f'found time={time!r}, expected seconds')
        if self.index and (time is None) != (self._time is None):
            raise ValueError('found a time of some frames and none of others, expected those of all or none')
        if time is not None and self._time is not None and not time > self._time:
            raise ValueError(f'time {time} s follows {self._time} s, expected a later one')
        self._time = time


def _calmed(crop: tuple[np.ndarray, float], used: tuple[np.ndarray, float]) -> tuple[np.ndarray, float]:
    """Box and angle of the next crop: where they differ little half-way from the one before, or that again.

    Landmarks depend a little on their crop, and would go to and fro with it in a picture that stands still.
    """
    (box, angle), (used_box, used_angle) = crop, used
    turned = (angle - used_angle + 180) % 360 - 180
    middle, size = middle_and_size(box)
    used_middle, used_size = middle_and_size(used_box)
    middle, used_middle = turn(middle[None], -angle)[0], turn(used_middle[None], -used_angle)[0]
    moved = np.abs([middle - used_middle, size - used_size]).max() / size.max()
    if moved > STILL or abs(turned) > STILL_ANGLE:
        return crop
    if moved < REST and abs(turned) < REST_ANGLE:
        return used
    angle = used_angle + turned / 2
    middle, half = turn((middle + used_middle)[None] / 2, angle)[0], (size + used_size) / 4
    return np.concatenate([middle - half, middle + half]), angle


def _boxes(tracks: Sequence[Track]) -> np.ndarray:
    """(N, 4) in the frame, also of none."""
    return np.array([track.image_box for track in tracks]).reshape(-1, 4)


def _predictions(crops: Crops, fit: Fit) -> list[Prediction]:
    return [Prediction(*parts) for parts in zip(crops.box, crops.angle, *fit)]
