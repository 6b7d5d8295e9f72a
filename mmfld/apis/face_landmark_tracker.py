"""Landmarks of the faces in a video, followed from frame to frame."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.infer.infer import ModelType
from mmpose.registry import INFERENCERS
from mmpose.structures import PoseDataSample

from ..runtime.arguments import check_flag
from ..runtime.boxes import given_boxes
from ..runtime.detection import Detector
from ..runtime.frame import Frame
from ..runtime.images import Image, read_image
from ..runtime.media import Inputs
from ..runtime.orientation import Crops, Fit, Orientation
from ..runtime.tracking import FaceTracks
from .crop_pipeline import to_image
from .face_landmark_inferencer import FaceLandmarkInferencer, heatmaps
from .inputs import open_lenient
from .outputs import Outputs


@INFERENCERS.register_module()
class FaceLandmarkTracker(FaceLandmarkInferencer):
    """Tracks the landmarks of all faces through a video, in memory that does not grow with its length.

    A face is searched once; then the crop of each frame comes from the landmarks of the frame before. A model that has
    a method ``stream``, as :class:`~mmfld.models.FaceTracker`, is called through it and remembers the frames before,
    each face by itself; any other predicts frame by frame. ``docs/howto/track.md`` says what begins, doubts about and
    ends a track.

    >>> tracker = FaceLandmarkTracker()  # the model that comes with the package; or a config and a checkpoint
    Loads checkpoint by local backend from path: ...
    >>> frames = [cv2.imread('photo.jpg')] * 3  # (H, W, 3) uint8 in BGR; files of videos: tracker('video.mp4')
    >>> for frame in frames:
    ...     print([face['track_id'] for face in tracker.track(frame)])
    []
    [0]
    [0]

    Args:
        model, weights, device, detector, detector_weights, show_progress, layout, orientation, min_score: As for
            :class:`FaceLandmarkInferencer`; unless the orientation is ``'upright'``, crops turn with the face.
        smoothing (dict, optional): Arguments of :class:`OneEuroFilter` (``{}`` for its defaults). Defaults to none.
        max_faces (int, optional): Track no more than so many faces, those with the highest scores of the detector.
        redetect_interval (int): Frames between two regular runs of the detector. Defaults to 25.
        return_unconfirmed (bool): Also return faces that the detector has seen but once; every face then has
            ``is_confirmed`` (bool), and in pictures a question mark is behind the number of one that is not.

    Raises:
        ValueError: If an argument has no meaning; and as :class:`FaceLandmarkInferencer` does.
    """

    def __init__(
        self,
        model: ModelType | str | Path | None = None,
        weights: str | Path | None = None,
        device: str | None = None,
        detector: str | Detector = 'centerface',
        detector_weights: str | None = None,
        smoothing: dict | None = None,
        max_faces: int | None = None,
        redetect_interval: int = 25,
        show_progress: bool = False,
        layout: str | None = None,
        return_unconfirmed: bool = False,
        orientation: Orientation | None = None,
        min_score: float | None = None,
    ) -> None:
        self._settings = dict(smoothing=smoothing, max_faces=max_faces, redetect_interval=redetect_interval)
        check_flag('return_unconfirmed', return_unconfirmed)
        self.return_unconfirmed = return_unconfirmed
        FaceTracks(None, None, None, 'upright', **self._settings)  # quick to complain of wrong arguments
        super().__init__(
            model, weights, device, detector, detector_weights, show_progress, layout, orientation, min_score
        )
        self.reset()

    def reset(self, rate: float | None = None) -> None:
        """Forget all faces, for the start of a new video; their numbers start again at 0.

        Args:
            rate (float, optional): Frames per second of the new video, for ``smoothing``.
        """
        self._faces = self._new_faces(rate)

    def _new_faces(self, rate: float | None = None) -> FaceTracks:
        settings = dict(self._settings)
        if settings['smoothing'] is not None and rate is not None:
            settings['smoothing'] = dict(rate=rate) | settings['smoothing']
        return FaceTracks(
            self.detector, self.fit, self.face_layout, self.orientation, self.sure, min_score=self.min_score, **settings
        )

    def track(self, frame: Image, time: float | None = None) -> list[dict]:
        """Track the faces in the next frame.

        Args:
            frame (ndarray | str | Path | PIL.Image): See :func:`mmfld.runtime.read_image`.
            time (float, optional): Of the frame in seconds, of all frames of a video or of none: ``smoothing`` then
                smooths alike at any rate, also one that varies. Defaults to one frame after the last one.

        Returns:
            list[dict]: Per face ``track_id`` (int), ``keypoints`` (K, 2) float in pixels, ``keypoint_scores`` (K, )
            float, and ``bbox`` (4, ), the landmark box x1, y1, x2, y2 that the crop was made from; with calibrated
            weights also ``keypoint_covariances`` (K, 2, 2) in squared pixels, of the landmarks before ``smoothing``,
            and ``keypoints_visible`` (K, ), see :class:`FaceLandmarkInferencer`; with ``return_unconfirmed`` also
            ``is_confirmed`` (bool).

        Raises:
            TypeError, ValueError: If the frame is no image, or its time is not later than that of the one before.
        """
        sample = self._track(self._frame(frame, time), self._faces)
        return [dict(numbers, **face) for numbers, face in zip(self._numbers(sample), _faces(sample))]

    def predict_boxes(self, frame: Image, boxes: np.ndarray, states: Sequence | None = None) -> tuple[list[dict], list]:
        """Predict from given boxes instead of tracks, which stay as they are: the protocol of the true boxes.

        Args:
            frame (ndarray | str | Path | PIL.Image): See :func:`mmfld.runtime.read_image`.
            boxes (ndarray): (N, 4) landmark boxes x1, y1, x2, y2.
            states (Sequence, optional): What the call for the frame before returned for the same N faces, for models
                that remember. Defaults to None: the first frame.

        Returns:
            tuple: N faces as of :meth:`track`, but for their numbers, and N states.

        Raises:
            TypeError, ValueError: If the frame is no image.
        """
        frame = self._frame(frame)
        boxes = given_boxes(boxes, frame.image.shape[1::-1], 'boxes')[:, :4]
        fit = self.fit([frame.image], Crops(np.zeros(len(boxes), int), boxes, np.zeros(len(boxes))), states)
        return _faces(self._merge(frame, list(fit.more))), list(fit.states)

    def _frame(self, image: Image, time: float | None = None) -> Frame:
        index = self._faces.index
        try:
            return Frame(read_image(image), f'{index:010d}.jpg', index, time)
        except (TypeError, ValueError) as error:
            raise type(error)(f'frame {index}: {error}') from error

    def __call__(self, inputs: Inputs, **outputs: Any) -> Iterator[dict]:
        """Track through one video, from its start; the faces of :meth:`track` and of other calls are none of its own.

        Args:
            inputs: Path of a video or of a folder with its frames (in the order of their names); ``'webcam'`` or
                ``'webcam:1'``; or a sequence of frames (H, W, 3) uint8 in BGR and paths of frames.
            **outputs: ``return_vis``, ``show``, ``vis_out_dir``, ``pred_out_dir``, ``return_datasamples``, ``out_dir``
                and how to draw, see :class:`~mmfld.apis.outputs.Outputs`.

        Yields:
            dict: Per frame, as :class:`FaceLandmarkInferencer` does, with a ``track_id`` in each face (and
            ``is_confirmed`` with ``return_unconfirmed``), here and in the saved files. ``bbox_score`` is that of the
            detection with which the track started, or last started again.

        Raises:
            FileNotFoundError: If an input does not exist.
            ValueError: For inputs or output folders that cannot be used; it names them.
        """
        source = open_lenient(inputs)
        wanted = Outputs(**outputs)
        tracks = self._new_faces(source.fps if source.is_video else None)

        def predict(frames: Sequence[Frame]) -> list[PoseDataSample]:
            (frame,) = frames
            with heatmaps(wanted.has_heatmaps):
                return [self._track(frame, tracks)]

        return self._run(source, predict, wanted, read_ahead=1, is_video=True)

    def _track(self, frame: Frame, faces: FaceTracks) -> PoseDataSample:
        """The faces of the next frame to return, in one sample, with their ``track_ids`` and ``is_confirmed`` (N, )."""
        tracks = [
            track for track in faces.step(frame.image, frame.time) if track.is_confirmed or self.return_unconfirmed
        ]
        for track in tracks:
            instances = track.prediction.more.pred_instances
            instances.keypoints[0] = track.landmarks
            instances.bbox_scores[:] = track.detection_score
        merged = self._merge(frame, [track.prediction.more for track in tracks])
        merged.pred_instances.track_ids = np.array([track.track_id for track in tracks], int)
        merged.pred_instances.is_confirmed = np.array([track.is_confirmed for track in tracks], bool)
        return merged

    @torch.no_grad()
    def fit(
        self, images: Sequence[np.ndarray], crops: Crops, states: Sequence | None = None, batch_size: int | None = None
    ) -> Fit:
        """As of :class:`FaceLandmarkInferencer`, but models that have a method ``stream`` are called through it."""
        if not hasattr(self.model, 'stream') or not len(crops.image):
            return super().fit(images, crops, states, batch_size)
        data, centers = self._crop(images, crops)
        network = self._network()
        data = network.data_preprocessor(data, False)
        samples, states = network.stream(
            data['inputs'], data['data_samples'], [None] * len(centers) if states is None else states
        )
        for sample, center, angle, index in zip(samples, centers, crops.angle, crops.image):
            to_image(sample, center, angle, images[index])
        return self._as_fit(samples, states)

    def _numbers(self, sample: PoseDataSample) -> list[dict]:
        """Per face its ``track_id``, and with ``return_unconfirmed`` whether it ``is_confirmed``."""
        faces = sample.pred_instances
        return [
            dict(track_id=int(i), **(dict(is_confirmed=bool(is_confirmed)) if self.return_unconfirmed else {}))
            for i, is_confirmed in zip(faces.track_ids, faces.is_confirmed)
        ]

    def _split(self, sample: PoseDataSample) -> list[dict]:
        return [dict(numbers, **face) for numbers, face in zip(self._numbers(sample), super()._split(sample))]

    def _draw(self, frame: Frame, sample: PoseDataSample, is_video: bool, **kwargs: Any) -> np.ndarray:
        """Draw the tracks' numbers too, beneath the landmarks."""
        image = frame.image * (not kwargs.pop('black_background', False))
        faces = sample.pred_instances
        for track_id, is_confirmed, (x1, y1, x2, _) in zip(faces.track_ids, faces.is_confirmed, faces.bboxes):
            size = max(0.4, (x2 - x1) / 200)
            cv2.putText(
                image,
                f'{track_id}{"" if is_confirmed else "?"}',
                (round(x1), round(y1 - 5 * size)),
                cv2.FONT_HERSHEY_SIMPLEX,
                size,
                (0, 255, 255),
                max(1, round(2 * size)),
                cv2.LINE_AA,
            )
        return super()._draw(Frame(image, frame.path, frame.index), sample, is_video, **kwargs)


def _faces(sample: PoseDataSample) -> list[dict]:
    """The faces of a frame as :meth:`FaceLandmarkTracker.track` gives them, without their numbers."""
    instances = sample.pred_instances
    fields = dict(keypoints=instances.keypoints, keypoint_scores=instances.keypoint_scores, bbox=instances.bboxes)
    if 'keypoint_covariances' in instances:
        fields.update(
            keypoint_covariances=instances.keypoint_covariances, keypoints_visible=instances.keypoints_visible
        )
    return [dict(zip(fields, face)) for face in zip(*fields.values())]
