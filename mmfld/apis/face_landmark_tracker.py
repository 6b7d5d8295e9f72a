"""Landmarks of the faces in a video, followed from frame to frame."""
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import cv2
import numpy as np
import torch
from mmengine.infer.infer import ModelType
from mmpose.registry import INFERENCERS
from mmpose.structures import PoseDataSample
from mmpose.structures.bbox import bbox_overlaps

from .face_detector import FaceDetector
from .face_landmark_inferencer import FaceLandmarkInferencer, landmark_box, tight_box
from .media import Frame, Input, open_source
from .one_euro_filter import OneEuroFilter


@INFERENCERS.register_module()
class FaceLandmarkTracker(FaceLandmarkInferencer):
    """Tracks the landmarks of all faces through a video, in memory that does not grow with its length.

    A face is searched once; then the crop of each frame comes from the landmarks of the frame before, by the crop rule
    of the model's test pipeline. All faces of a frame go through the network together. Any model will do. One that has
    a method ``stream``, as :class:`~mmfld.models.FaceTracker`, is called through it and remembers the frames before,
    each face by itself; any other predicts frame by frame.

    >>> tracker = FaceLandmarkTracker('configs/300w/structured_hg2_mini.py', 'checkpoint.pth')
    >>> for frame in frames:                            # (H, W, 3) uint8 in BGR
    ...     for face in tracker.track(frame):
    ...         print(face['track_id'], face['keypoints'])
    >>> for result in tracker('video.mp4', vis_out_dir='outputs'):
    ...     print([face['track_id'] for face in result['predictions'][0]])

    What happens to a face:

    * The detector runs every ``redetect_interval`` frames, and in every frame while a face is new, in doubt or lost, or
      none is there. What it finds is a tracked face if half of the smaller of the two boxes lies in the other; else it
      is a new one, whose crop is taken once more from its own landmarks.
    * A new face has to be seen by the detector a second time; if it is not in the next three frames, it was none. Until
      then it is unconfirmed and not returned, so the first frame of a video has no face. ``return_unconfirmed`` returns
      it from its first frame, with a flag.
    * A face is in doubt while the mean score of its landmarks is below half of its own running mean, as by blur or
      when something covers it; an absolute bound would not do, as the scores of one method are the heights of peaks
      near 1 and those of another are small probabilities. Its crop and what the model remembers then stay as they last
      were good, and if the detector sees it, it starts again from there. After 5 such frames it is lost.
    * It is lost at once if its landmarks jump, that is if their box and the one that the crop was made from have an IoU
      below 0.3 (half a width aside, or half or twice as large), or if more than half of their box is outside the image.
    * It is also lost if the detector does not see it at three of its regular runs in a row, and its score has fallen
      below three quarters of the mean. One of both is not enough: detectors are blind to some faces that landmarks
      follow well, such as those in profile.
    * If two tracks are on one face (IoU above 0.7), the older one stays.
    * A lost face keeps its number if it is detected within ``redetect_interval`` frames so near that its box touches
      the old one. Otherwise it comes back as a new one.

    Args:
        model, weights, device, detector, detector_weights, show_progress, layout: As for
            :class:`FaceLandmarkInferencer`.
        smoothing (dict, optional): Arguments of :class:`OneEuroFilter` (``{}`` for its defaults), to smooth the
            landmarks of every face. The ``rate`` of a video file is known. Crops are taken from the landmarks as they
            were before, so that the filter's lag cannot lose a face. Defaults to no smoothing.
        max_faces (int, optional): Track no more than so many faces, those with the highest scores of the detector.
        redetect_interval (int): Frames between two regular runs of the detector. Defaults to 25.
        return_unconfirmed (bool): Also return faces that the detector has seen but once. Every face then has
            ``is_confirmed`` (bool), in data samples ``pred_instances.is_confirmed``, and in pictures a question mark is
            behind the number of one that is not. Defaults to False.

    Raises:
        ValueError: If ``max_faces`` or ``redetect_interval`` are below 1; and as :class:`FaceLandmarkInferencer` does.
    """

    OVERLAP = 0.5  # of the smaller box: a detection is a known face
    DUPLICATE = 0.7  # IoU of two tracks on one face
    JUMP = 0.3  # IoU of successive landmark boxes below which the landmarks cannot be those of the same face
    IN_DOUBT, LOW = 0.5, 0.75  # parts of the running mean of a face's scores
    HISTORY = 100  # frames in the running mean
    PATIENCE = 5  # frames in doubt until a face is lost
    MISSES = 3  # runs of the detector without the face

    def __init__(self,
                 model: Optional[Union[ModelType, str, Path]] = None,
                 weights: Optional[Union[str, Path]] = None,
                 device: Optional[str] = None,
                 detector: Union[str, FaceDetector] = 'opencv',
                 detector_weights: Optional[str] = None,
                 smoothing: Optional[dict] = None,
                 max_faces: Optional[int] = None,
                 redetect_interval: int = 25,
                 show_progress: bool = False,
                 layout: Optional[str] = None,
                 return_unconfirmed: bool = False) -> None:
        if redetect_interval < 1 or (max_faces is not None and max_faces < 1):
            raise ValueError(f'found redetect_interval={redetect_interval} and max_faces={max_faces}, expected at '
                             'least 1')
        super().__init__(model, weights, device, detector, detector_weights, show_progress, layout)
        self.smoothing = smoothing
        self.max_faces = max_faces
        self.redetect_interval = redetect_interval
        self.return_unconfirmed = return_unconfirmed
        self.reset()

    def reset(self, rate: Optional[float] = None) -> None:
        """Forget all faces, for the start of a new video; their numbers start again at 0.

        Args:
            rate (float, optional): Frames per second of the new video, for ``smoothing``.
        """
        self._tracks: List[_Track] = []
        self._next_id = 0
        self._index = 0
        self._rate = {} if rate is None else dict(rate=rate)
        self._new_smoother()  # complains of wrong arguments now rather than at the first face

    def track(self, frame: np.ndarray) -> List[dict]:
        """Track the faces in the next frame.

        Args:
            frame (ndarray): (H, W, 3) uint8 in BGR.

        Returns:
            list[dict]: Per face ``track_id`` (int), ``keypoints`` (K, 2) float in pixels, ``keypoint_scores`` (K, )
            float, and ``bbox`` (4, ), the landmark box x1, y1, x2, y2 that the crop was made from; with
            ``return_unconfirmed`` also ``is_confirmed`` (bool).

        Raises:
            ValueError: If the frame is not such an array.
        """
        sample = self._track(self._frame(frame))
        return [dict(numbers, **face) for numbers, face in zip(self._numbers(sample), _faces(sample))]

    def predict_boxes(self,
                      frame: np.ndarray,
                      boxes: np.ndarray,
                      states: Optional[Sequence] = None) -> Tuple[List[dict], List]:
        """Predict from given boxes instead of tracks, which stay as they are: the protocol of the true boxes.

        Args:
            frame (ndarray): (H, W, 3) uint8 in BGR.
            boxes (ndarray): (N, 4) landmark boxes x1, y1, x2, y2.
            states (Sequence, optional): What the call for the frame before returned for the same N faces, for models
                that remember. Defaults to None: the first frame.

        Returns:
            tuple: N faces as of :meth:`track`, but for their numbers, and N states.

        Raises:
            ValueError: If the frame is not such an array.
        """
        frame = self._frame(frame)
        boxes = np.column_stack([boxes, np.ones(len(boxes))])
        self.model.test_cfg['output_heatmaps'] = False
        predictions = self._predict_next(frame, boxes, [None] * len(boxes) if states is None else states)
        sample = self._merge(frame, [prediction.sample for prediction in predictions], False)
        return _faces(sample), [prediction.state for prediction in predictions]

    def _frame(self, image: np.ndarray) -> Frame:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(f'frame {self._index}: found an array of shape {image.shape} and type {image.dtype}, '
                             'expected (H, W, 3) uint8 in BGR')
        return Frame(image, f'{self._index:010d}.jpg', self._index)

    def __call__(self, inputs: Union[Input, Sequence[Input]], **outputs) -> Iterator[Dict]:
        """Track through one video, from its start.

        Args:
            inputs: Path of a video or of a folder with its frames (in the order of their names); ``'webcam'`` or
                ``'webcam:1'``; or a sequence of frames (H, W, 3) uint8 in BGR and paths of frames.
            **outputs: ``return_vis``, ``show``, ``vis_out_dir``, ``pred_out_dir``, ``return_datasamples``, ``out_dir``
                and the arguments for drawing, as for :class:`FaceLandmarkInferencer`.

        Yields:
            dict: Per frame, as :class:`FaceLandmarkInferencer` does, with a ``track_id`` in each face (and
            ``is_confirmed`` with ``return_unconfirmed``), here and in the saved files. ``bbox_score`` is that of the
            detection with which the track started, or last started again.

        Raises:
            FileNotFoundError: If an input does not exist.
            ValueError: For inputs or output folders that cannot be used; it names them.
        """
        source = open_source(inputs)

        def predict(frames: Sequence[Frame]) -> List[PoseDataSample]:
            frame, = frames
            if frame.index == 0:
                self.reset(source.fps if source.is_video else None)
            return [self._track(frame, outputs.get('draw_heatmap', False))]

        return self._run(source, predict, read_ahead=1, is_video=True, **outputs)

    def _track(self, frame: Frame, output_heatmaps: bool = False) -> PoseDataSample:
        """The faces of the next frame to return, in one sample, with their ``track_ids`` and ``is_confirmed`` (N, )."""
        self.model.test_cfg['output_heatmaps'] = output_heatmaps
        tracks = self._followed()
        predictions = self._predict_next(frame, [track.box for track in tracks], [track.state for track in tracks])
        for track, prediction in zip(tracks, predictions):
            self._continue(track, prediction, frame)

        is_regular = self._index % self.redetect_interval == 0
        is_wanted = any(track.doubts or not track.is_confirmed for track in self._tracks)
        if is_regular or is_wanted or not self._tracks:
            self._detect(frame, is_regular)
        self._end_duplicates()
        if self.max_faces is not None:  # a new face may have come while another is in doubt
            for track in sorted(self._followed(), key=lambda track: track.doubts)[self.max_faces:]:
                self._lose(track)

        tracks = self._followed()
        samples = {track: self._smooth(track) for track in tracks}  # also of those that are not returned yet
        shown = [track for track in tracks if track.is_confirmed or self.return_unconfirmed]
        merged = self._merge(frame, [samples[track] for track in shown], output_heatmaps)
        merged.pred_instances.track_ids = np.array([track.track_id for track in shown], int)
        merged.pred_instances.is_confirmed = np.array([track.is_confirmed for track in shown], bool)
        for track in self._tracks:
            track.sample = None
            track.frames_lost += track not in tracks
        self._tracks = [track for track in self._tracks if track in tracks or (
            track.is_confirmed and track.frames_lost <= self.redetect_interval)]
        self._index += 1
        return merged

    @torch.no_grad()
    def _predict_next(self, frame: Frame, boxes: Sequence[np.ndarray], states: Sequence) -> List['_Prediction']:
        """Predictions from boxes (5, ) and the states after the frame before."""
        if not len(boxes):
            return []
        data = self._crop([(frame, box) for box in boxes])
        if hasattr(self.model, 'stream'):
            data = self.model.data_preprocessor(data, False)
            samples, states = self.model.stream(data['inputs'], data['data_samples'], states)
        else:
            samples = self.model.test_step(data)
        return [_Prediction(*parts) for parts in zip(boxes, samples, states)]

    def _continue(self, track: '_Track', prediction: '_Prediction', frame: Frame) -> None:
        """Take the prediction of a frame into a track, or doubts about it."""
        track.sample = prediction.sample
        if not self._is_plausible(prediction, frame):
            self._lose(track)
        elif prediction.score < self.IN_DOUBT * track.mean_score:
            track.doubts += 1
        else:
            # a doubtful frame is no part of what the model remembers
            track.state = prediction.state
            track.accept(prediction, self.HISTORY)

    def _is_plausible(self, prediction: '_Prediction', frame: Frame) -> bool:
        box = tight_box(prediction.sample.pred_instances.keypoints[0])[None]
        height, width = frame.image.shape[:2]
        inside = _overlaps(box, np.array([[0, 0, width - 1, height - 1]]), 'iof')
        return bool(_overlaps(box, prediction.box[None])[0, 0] >= self.JUMP and inside[0, 0] >= 0.5)

    def _detect(self, frame: Frame, is_regular: bool) -> None:
        """Run the detector: find again what is in doubt or lost, start new tracks, end those that are no faces."""
        detections = self.detector(frame.image)
        detections = detections[np.argsort(-detections[:, 4], kind='stable')]
        good = [track for track in self._tracks if not track.doubts]
        overlaps = _overlaps_of_smaller(detections, good) >= self.OVERLAP
        for track, is_seen in zip(good, overlaps.any(axis=0)):
            if is_seen:
                track.misses, track.is_confirmed = 0, True
            elif is_regular or not track.is_confirmed:
                track.misses += 1
                is_low = track.score < self.LOW * track.mean_score
                if track.misses >= self.MISSES and (is_low or not track.is_confirmed):
                    self._lose(track)
        fresh = detections[~overlaps.any(axis=1)]
        if self.max_faces is not None:
            fresh = fresh[:self.max_faces - sum(not track.doubts for track in self._tracks)]
        for detection, prediction in zip(fresh, self._predict_new(frame, fresh)):
            if self._is_plausible(prediction, frame):
                self._start(detection, prediction)

    def _predict_new(self, frame: Frame, boxes: np.ndarray) -> List['_Prediction']:
        """Predictions from detected boxes (N, 5), with the crops taken again from the landmarks."""
        nothing = [None] * len(boxes)
        boxes = [landmark_box(first.sample, first.box) for first in self._predict_next(frame, boxes, nothing)]
        return self._predict_next(frame, boxes, nothing)

    def _start(self, detection: np.ndarray, prediction: '_Prediction') -> None:
        """Start a track, or a doubtful or lost one again if the detection touches the place where it was good."""
        missing = [track for track in self._tracks if track.doubts]
        overlaps = _overlaps_of_smaller(detection[None], missing)[0]
        if overlaps.any():
            track = missing[overlaps.argmax()]
            if prediction.score < self.IN_DOUBT * track.mean_score:
                return
        else:
            track = _Track(self._next_id)
            self._tracks.append(track)
            self._next_id += 1
        track.sample, track.state, track.smoother = prediction.sample, prediction.state, self._new_smoother()
        track.misses = 0
        track.accept(prediction, self.HISTORY)

    def _end_duplicates(self) -> None:
        good = [track for track in self._tracks if not track.doubts]  # the oldest first
        for i, track in enumerate(good):
            older = [other for other in good[:i] if not other.doubts]
            if older and (_overlaps(track.box[None], np.stack([other.box for other in older])) > self.DUPLICATE).any():
                self._lose(track)

    def _lose(self, track: '_Track') -> None:
        track.doubts = self.PATIENCE + 1

    def _followed(self) -> List['_Track']:
        return [track for track in self._tracks if track.doubts <= self.PATIENCE]

    def _new_smoother(self) -> Optional[OneEuroFilter]:
        return None if self.smoothing is None else OneEuroFilter(**self._rate | self.smoothing)

    def _smooth(self, track: '_Track') -> PoseDataSample:
        if track.smoother is not None:
            keypoints = track.sample.pred_instances.keypoints
            keypoints[0] = track.smoother(keypoints[0], scale=np.sqrt(np.prod(track.box[2:4] - track.box[:2])) / 2)
        return track.sample

    def _numbers(self, sample: PoseDataSample) -> List[dict]:
        """Per face its ``track_id``, and with ``return_unconfirmed`` whether it ``is_confirmed``."""
        faces = sample.pred_instances
        return [
            dict(track_id=int(i), **(dict(is_confirmed=bool(is_confirmed)) if self.return_unconfirmed else {}))
            for i, is_confirmed in zip(faces.track_ids, faces.is_confirmed)
        ]

    def _split(self, sample: PoseDataSample) -> List[dict]:
        return [dict(numbers, **face) for numbers, face in zip(self._numbers(sample), super()._split(sample))]

    def _draw(self, frame: Frame, sample: PoseDataSample, is_video: bool, **kwargs) -> np.ndarray:
        """Draw the tracks' numbers too, beneath the landmarks."""
        image = frame.image * (not kwargs.pop('black_background', False))
        faces = sample.pred_instances
        for track_id, is_confirmed, (x1, y1, x2, _) in zip(faces.track_ids, faces.is_confirmed, faces.bboxes):
            size = max(0.4, (x2 - x1) / 200)
            cv2.putText(image, f'{track_id}{"" if is_confirmed else "?"}', (round(x1), round(y1 - 5 * size)),
                        cv2.FONT_HERSHEY_SIMPLEX, size, (0, 255, 255), max(1, round(2 * size)), cv2.LINE_AA)
        return super()._draw(Frame(image, frame.path, frame.index), sample, is_video, **kwargs)


def _faces(sample: PoseDataSample) -> List[dict]:
    """The faces of a frame as :meth:`FaceLandmarkTracker.track` gives them, without their numbers."""
    faces = sample.pred_instances
    return [dict(keypoints=keypoints, keypoint_scores=scores, bbox=bbox)
            for keypoints, scores, bbox in zip(faces.keypoints, faces.keypoint_scores, faces.bboxes)]


class _Prediction(NamedTuple):
    box: np.ndarray  # (5, ) that the crop was made from
    sample: PoseDataSample
    state: Any  # of the model, to go on with

    @property
    def score(self) -> float:
        return float(self.sample.pred_instances.keypoint_scores.mean())


@dataclass(eq=False)
class _Track:
    """A face, as the last frame in which it was good left it."""
    track_id: int
    box: Optional[np.ndarray] = None  # (5, ) of its landmarks, and the detector's score
    score: float = 0.
    mean_score: float = 0.  # running mean
    frames: int = 0
    state: Any = None
    smoother: Optional[OneEuroFilter] = None
    sample: Optional[PoseDataSample] = None  # of the present frame
    doubts: int = 0  # frames since it was good; more than PATIENCE: lost
    frames_lost: int = 0
    misses: int = 0  # runs of the detector since it saw the face; only the regular ones if it is confirmed
    is_confirmed: bool = False  # seen by the detector again after the frame in which it was found

    def accept(self, prediction: _Prediction, history: int) -> None:
        self.box = landmark_box(prediction.sample, prediction.box)
        self.score = prediction.score
        self.frames = min(self.frames + 1, history)
        self.mean_score += (self.score - self.mean_score) / self.frames
        self.doubts = self.frames_lost = 0


def _overlaps(boxes: np.ndarray, others: np.ndarray, mode: str = 'iou') -> np.ndarray:
    """(N, 4 or 5), (M, 4 or 5) -> (N, M) IoU, or with ``'iof'`` the part of ``boxes`` that lies in ``others``."""
    boxes, others = (torch.from_numpy(np.asarray(array[:, :4], np.float64)) for array in (boxes, others))
    return bbox_overlaps(boxes, others, mode).numpy()


def _overlaps_of_smaller(detections: np.ndarray, tracks: Sequence[_Track]) -> np.ndarray:
    """(N, 5) detections, M tracks -> (N, M), the part of the smaller box that lies in the other."""
    boxes = np.array([track.box for track in tracks]).reshape(-1, 5)
    return np.maximum(_overlaps(detections, boxes, 'iof'), _overlaps(boxes, detections, 'iof').T)
