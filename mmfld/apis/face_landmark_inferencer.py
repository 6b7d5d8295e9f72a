"""Landmarks of all faces in images, folders, videos and camera pictures."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import cv2
import mmcv
import numpy as np
import torch
from mmengine.infer.infer import ModelType
from mmengine.logging import print_log
from mmengine.structures import InstanceData, PixelData
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import INFERENCERS
from mmpose.structures import PoseDataSample, merge_data_samples, split_instances
from rich.progress import track

from ..counts import how_many
from ..runtime.arguments import check_flag, check_number, check_whole
from ..runtime.boxes import warn_of_no_faces
from ..runtime.detection import Detector, WholeImage, build_detector
from ..runtime.drawing import draw_ellipses
from ..runtime.frame import Frame
from ..runtime.media import Inputs, ResultWriter, Source
from ..runtime.orientation import (
    Crops,
    Fit,
    Orientation,
    align,
    align_detected,
    check_orientation,
    detect,
    image_boxes,
    objects,
    rounds_of,
    take,
)
from ..shipped import DEFAULT, FOLDER, shipped_file
from ..structures import get_conversion
from .crop_pipeline import FRAMING, CropPipeline, to_image
from .inputs import batches, boxes_of_frame, boxes_per_image, open_lenient
from .outputs import Outputs
from .strict_inferencer import StrictInferencer, check_model

ESCAPE = 27  # key code
DEFAULT_WEIGHTS = FOLDER / f'{DEFAULT}.pth'
"""The model that comes with the package; the README beside it says what it is and what it may be used for."""
DRAWING = Lock()  # MMPose's visualizer holds one picture
_HEATMAPS: ContextVar[bool] = ContextVar('heatmaps', default=False)


@contextmanager
def heatmaps(are_wanted: bool) -> Iterator[None]:
    """Whether networks return heatmaps, in this thread."""
    token = _HEATMAPS.set(are_wanted)
    try:
        yield
    finally:
        _HEATMAPS.reset(token)


@INFERENCERS.register_module()
class FaceLandmarkInferencer(StrictInferencer):
    """MMPose's 2D inferencer for faces: own detectors, any way up, refinement, batches over images, streamed videos.

    >>> inferencer = FaceLandmarkInferencer()  # the model that comes with the package; or a config and a checkpoint
    Loads checkpoint by local backend from path: ...
    >>> for result in inferencer('photo.jpg', vis_out_dir='outputs'):  # or a folder, a video, arrays
    ...     for face in result['predictions'][0]:
    ...         print(len(face['keypoints']), len(face['keypoint_scores']), len(face['bbox'][0]))
    68 68 4

    One object serves several threads.

    Args:
        model, weights, device, show_progress: See :class:`~mmfld.apis.strict_inferencer.StrictInferencer`; without
            model and weights it is the first of the package (:data:`DEFAULT_WEIGHTS`), and a model may be the name of
            any of them (:func:`mmfld.shipped.shipped_names`), for non-commercial research.
        detector, detector_weights: See :func:`mmfld.runtime.detection.build_detector`. Defaults to ``'centerface'``.
        layout (str, optional): Convert the landmarks to this layout, in results, files and pictures. The score of a
            landmark is the least of those it is made from; heatmaps stay those of the model.
        orientation (str | float, optional): See :class:`mmfld.runtime.FaceLandmarker`. Defaults to ``'auto'`` for
            models whose checkpoint says which scores are those of upright faces, as the first of the package does, to
            ``'upright'`` for others, which with ``'auto'`` try all quarter turns of each face.
        min_score (float, optional): See there. Defaults to what the checkpoint says, or to no bound.

    Raises:
        KeyError: If the layout is unknown or the landmarks of the model cannot be converted to it.
        ValueError: If an argument has no meaning, or the model's landmarks or test pipeline do not go with crops that
            turn.
        FileNotFoundError, ImportError: If config, checkpoint or a package that the detector needs is not there.
    """

    def __init__(
        self,
        model: ModelType | str | Path | None = None,
        weights: str | Path | None = None,
        device: str | None = None,
        detector: str | Detector = 'centerface',
        detector_weights: str | None = None,
        show_progress: bool = False,
        layout: str | None = None,
        orientation: Orientation | None = None,
        min_score: float | None = None,
    ) -> None:
        if weights is None:
            if model is None:
                weights = DEFAULT_WEIGHTS
            elif isinstance(model, str) and (weights := shipped_file(model, '.pth')):
                model = None
        check_model(model, weights, device)
        if orientation is not None:
            check_orientation(orientation)
        if min_score is not None:
            check_number('min_score', min_score)
        check_flag('show_progress', show_progress)
        own_detector = build_detector(detector, detector_weights, device)  # first, as it is quick to fail
        super().__init__(model, weights, device, show_progress)
        self.sure: float | None = self.measured.get('sure')
        if orientation is None:
            orientation = 'upright' if self.sure is None else 'auto'
        self.orientation: Orientation = orientation
        if min_score is None and not isinstance(own_detector, WholeImage):
            min_score = self.measured.get('min_score')
        self.min_score = -np.inf if min_score is None else min_score
        self.detector = own_detector
        self._pipeline = CropPipeline(self.pipeline)
        if self.orientation != 'upright' and not (self._pipeline.can_turn and self.face_layout):
            raise ValueError(
                f'orientation {self.orientation!r} needs the landmarks of a face and a test pipeline with '
                f"{' or '.join(FRAMING)}: take orientation 'upright'"
            )
        self.conversion = None
        if layout is not None:
            self.conversion = get_conversion(self.face_layout or self.model.dataset_meta['dataset_name'], layout)
            self.output_meta = parse_pose_metainfo(self.conversion.target.metainfo)
            self.visualizer.set_dataset_meta(self.output_meta)

    def __call__(
        self,
        inputs: Inputs,
        bboxes: Sequence | None = None,
        *,
        batch_size: int = 8,
        refine: int | None = None,
        **outputs: Any,
    ) -> Iterator[dict]:
        """Predict, image by image.

        Args:
            inputs: See :func:`mmfld.runtime.media.open_source`. Videos need PyAV.
            bboxes (Sequence, optional): Boxes instead of a detector's: for each image or video frame a list of x1, y1,
                x2, y2 in pixels; for a single image also just that list. Each is the tight box of a face's landmarks.
            batch_size (int): Number of images read ahead, and of faces that go through the network together. Defaults
                to 8.
            refine (int, optional): How often the crop is taken again from the predicted landmarks. Defaults to once, or
                not at all with ``bboxes`` or ``detector='whole_image'``; unless the orientation is ``'upright'``, up to
                three times where a crop was far from what the landmarks say.
            **outputs: Of :class:`~mmfld.apis.outputs.Outputs`: ``return_vis``, ``vis_out_dir``, ``draw_heatmap``, ...

        Yields:
            dict: ``path``; ``predictions``, a list with one element, the list of the image's faces, dicts as MMPose
                makes them,
            with calibrated weights also ``keypoint_covariances`` (K, 2, 2) in squared pixels and ``keypoints_visible``
            (K, ); ``visualization``, a list with the drawn image (H, W, 3) uint8 in RGB if ``return_vis``. What cannot
            be read of a folder or a video is left out, with a warning at the end.

        Raises:
            FileNotFoundError, ImportError: If an input or a package that reads, writes or shows it is not there.
            TypeError, ValueError: For inputs, boxes or outputs that cannot be used; it names them.
        """
        check_whole('batch_size', batch_size)
        if refine is not None:
            check_whole('refine', refine, 0)
        least = 0 if bboxes is not None or isinstance(self.detector, WholeImage) else 1
        rounds = rounds_of(refine, least, self.orientation)
        source = open_lenient(inputs)
        wanted = Outputs(**outputs)
        given = None if bboxes is None else boxes_per_image(bboxes, source)

        def predict(frames: Sequence[Frame]) -> list[PoseDataSample]:
            boxes = None if given is None else [boxes_of_frame(given, frame) for frame in frames]
            with heatmaps(wanted.has_heatmaps):
                return self._predict(frames, boxes, rounds, batch_size)

        read_ahead = 1 if source.is_live else batch_size
        return self._run(source, predict, wanted, read_ahead, source.is_video, given is not None)

    def _run(
        self,
        source: Source,
        predict: Callable[[Sequence[Frame]], list[PoseDataSample]],
        outputs: Outputs,
        read_ahead: int,
        is_video: bool,
        faces_are_given: bool = False,
    ) -> Iterator[dict]:
        """Read, predict, draw and save frame by frame, as :meth:`__call__` yields it.

        Args:
            source (ImageSource | VideoSource): What to read.
            predict (Callable): Frames -> their samples, one each with all its faces.
            outputs (Outputs): What is wanted.
            read_ahead (int): How many frames are read and predicted together.
            is_video (bool): The frames are shown as a film, and those without a face are counted, not named.
            faces_are_given (bool): A frame without a face is none that a detector missed.
        """
        if outputs.drawing.get('draw_uncertainty') and getattr(self.model.head, 'calibration', None) is None:
            raise ValueError(
                f'draw_uncertainty: found {self._weights or "a model"} without a calibration, which '
                'mmfld calibrate adds'
            )
        writer = ResultWriter(source, outputs.vis_out_dir, outputs.pred_out_dir)

        def results() -> Iterator[dict]:
            frames = iter(source)
            if self.show_progress:
                frames = track(frames, description='Inference', total=source.length)
            total = without_face = 0
            try:
                with writer:
                    for batch in batches(frames, read_ahead):
                        for frame, sample in zip(batch, predict(batch)):
                            instances = self._split(sample)
                            total += 1
                            if not instances and not faces_are_given:
                                without_face += 1
                                if not is_video:
                                    print_log(f'{frame.path}: no face found', logger='current', level=logging.WARNING)
                            picture = None
                            if outputs.has_pictures:
                                picture = self._draw(frame, sample, is_video, **outputs.drawing)
                                writer.write_picture(frame, mmcv.rgb2bgr(picture))
                            writer.write_instances(frame, instances)
                            yield dict(
                                path=frame.path,
                                predictions=[sample if outputs.return_datasamples else instances],
                                visualization=[picture] if outputs.return_vis else [],
                            )
                        if outputs.show and is_video and cv2.waitKey(1) & 0xFF == ESCAPE:
                            break
                if source.broken and not total:
                    raise ValueError(source.broken[0][1])
            finally:
                for _, reason in source.broken:
                    print_log(f'not read: {reason}', logger='current', level=logging.WARNING)
                if source.summary:
                    print_log(f'{source.path}: {source.summary}', logger='current', level=logging.WARNING)
                if is_video and without_face:
                    name = source.path if source.is_video else 'inputs'
                    print_log(
                        f'{name}: no face found in {without_face} of {how_many(total, "frame")}',
                        logger='current',
                        level=logging.WARNING,
                    )

        return results()

    def _split(self, sample: PoseDataSample) -> list[dict]:
        """The faces of a frame as MMPose's dicts, and what calibrated weights tell besides."""
        instances = split_instances(sample.pred_instances)
        if 'keypoint_covariances' in sample.pred_instances:
            for face, covariances, visible in zip(
                instances, sample.pred_instances.keypoint_covariances, sample.pred_instances.keypoints_visible
            ):
                face.update(keypoint_covariances=covariances.tolist(), keypoints_visible=visible.tolist())
        return instances

    def _predict(
        self, frames: Sequence[Frame], given: Sequence[np.ndarray] | None, rounds: tuple[int, int], batch_size: int
    ) -> list[PoseDataSample]:
        """One sample per frame with all its faces, from given boxes (N, 5) of each, or detected."""
        images = [frame.image for frame in frames]
        fit_crops = partial(self.fit, images, batch_size=batch_size)
        settings = (self.face_layout, self.orientation, self.sure, rounds)
        if given is None:
            detections = detect(self.detector, images, self.orientation)
            found = align_detected(fit_crops, self.detector, images, detections, *settings)
            is_face = found.fit.scores.mean(axis=1) >= self.min_score
            image, certain, fit = found.crops.image[is_face], found.scores[is_face], take(found.fit, is_face)
        else:
            image, faces = np.repeat(np.arange(len(frames)), list(map(len, given))), np.concatenate(given)
            fit, _ = align(fit_crops, image, faces, *settings)
            warn_of_no_faces(fit.scores, self.measured.get('min_score'), 'bboxes')
            certain = faces[:, 4]
        for sample, score in zip(fit.more, certain):
            sample.pred_instances.bbox_scores[:] = score
        return [self._merge(frame, list(fit.more[image == index])) for index, frame in enumerate(frames)]

    def fit(
        self, images: Sequence[np.ndarray], crops: Crops, states: Sequence | None = None, batch_size: int | None = None
    ) -> Fit:
        """Landmarks of crops of images (H, W, 3) uint8 in BGR; ``more`` are samples, as of that image.

        Args:
            images (Sequence[ndarray]): Those that ``crops.image`` counts.
            crops (Crops): Of N faces.
            states (Sequence, optional): N states after the frame before; for :class:`FaceLandmarkTracker`.
            batch_size (int, optional): Faces that go through the network together. Defaults to all.
        """
        total = len(crops.image)
        samples: list[PoseDataSample] = []
        for start in range(0, total, batch_size or max(total, 1)):
            samples += self._predict_crops(images, take(crops, np.arange(total)[start : start + (batch_size or total)]))
        return self._as_fit(samples, [None] * total)

    def _as_fit(self, samples: Sequence[PoseDataSample], states: Sequence) -> Fit:
        num_keypoints = self.model.dataset_meta['num_keypoints']
        landmarks = np.array([sample.pred_instances.keypoints[0] for sample in samples])
        scores = np.array([sample.pred_instances.keypoint_scores[0] for sample in samples])
        if not (np.isfinite(landmarks).all() and np.isfinite(scores).all()):
            raise ValueError(f'{self._weights or "the model"}: answers landmarks or scores that are not finite')
        return Fit(
            landmarks.reshape(-1, num_keypoints, 2),
            scores.reshape(-1, num_keypoints),
            objects(states),
            objects(samples),
        )

    @torch.no_grad()
    def _predict_crops(self, images: Sequence[np.ndarray], crops: Crops) -> list[PoseDataSample]:
        """One sample per crop, all in one batch, with landmarks and heatmaps as the image has them."""
        data, centers = self._crop(images, crops)
        samples = self._network().test_step(data)
        for sample, center, angle, index in zip(samples, centers, crops.angle, crops.image):
            to_image(sample, center, angle, images[index])
        return samples

    def _network(self) -> torch.nn.Module:
        """The model, with the same weights, as this thread wants it: others may want heatmaps at the same time."""
        network = copy(self.model)
        network.test_cfg = {**self.model.test_cfg, 'output_heatmaps': _HEATMAPS.get()}
        return network

    def _crop(self, images: Sequence[np.ndarray], crops: Crops) -> tuple[dict, list[np.ndarray | None]]:
        """The collated crops, and for each the point (2, ) that it is turned around, None if it is not turned."""
        parts = zip(*crops, image_boxes(crops))
        made = [
            self._pipeline(images[index], box, angle, around, self.model.dataset_meta)
            for index, box, angle, around in parts
        ]
        return self.collate_fn([crop for crop, _ in made]), [center for _, center in made]

    def _merge(self, frame: Frame, samples: list[PoseDataSample]) -> PoseDataSample:
        """One sample from those of a frame's faces, with the landmarks in the layout that was asked for."""
        merged = merge_data_samples(samples) if samples else self._without_face(frame)
        merged.set_metainfo(dict(img_path=frame.path))
        if self.conversion is not None:
            self._convert(merged, np.array([sample.metainfo['crop_angle'] for sample in samples]))
        return merged

    def _convert(self, sample: PoseDataSample, angles: np.ndarray) -> None:
        instances = sample.pred_instances
        instances.keypoints = self.conversion.keypoints(instances.keypoints, angles)
        instances.keypoint_scores = self.conversion.scores(instances.keypoint_scores)
        instances.keypoints_visible = self.conversion.scores(instances.keypoints_visible)
        if 'keypoint_covariances' in instances:
            instances.keypoint_covariances = self.conversion.covariances(instances.keypoint_covariances, angles)
        sample.set_metainfo({name: self.output_meta[name] for name in ('dataset_name', 'flip_indices')})

    def _without_face(self, frame: Frame) -> PoseDataSample:
        num_keypoints = self.model.dataset_meta['num_keypoints']
        sample = PoseDataSample(metainfo=dict(img_path=frame.path, ori_shape=frame.image.shape[:2]))
        sample.pred_instances = InstanceData(
            keypoints=np.zeros((0, num_keypoints, 2), np.float32),
            keypoint_scores=np.zeros((0, num_keypoints), np.float32),
            keypoints_visible=np.zeros((0, num_keypoints), np.float32),
            bboxes=np.zeros((0, 4), np.float32),
            bbox_scores=np.zeros(0, np.float32),
        )
        if _HEATMAPS.get():  # so that all pictures of a video have one size
            sample.pred_fields = PixelData(heatmaps=np.zeros((1, *frame.image.shape[:2]), np.float32))
        return sample

    def _draw(
        self, frame: Frame, sample: PoseDataSample, is_video: bool, draw_uncertainty: bool = False, **kwargs: Any
    ) -> np.ndarray:
        """(H, W, 3) uint8 in RGB."""
        image, instances = frame.image, sample.pred_instances
        boxes = instances.bboxes
        face = np.median((boxes[:, 2:] - boxes[:, :2]).max(axis=1)) if len(boxes) else 0
        kwargs = dict(radius=max(1, round(face / 150)), thickness=max(1, round(face / 200)), kpt_thr=-np.inf) | kwargs
        if is_video:
            kwargs['wait_time'] = 1e-3
        if draw_uncertainty and len(boxes):
            image = np.zeros_like(image) if kwargs.pop('black_background', False) else image.copy()
            for told in zip(instances.keypoints, instances.keypoint_covariances, instances.keypoints_visible):
                draw_ellipses(image, *told, float(self.model.head.calibration.degrees_of_freedom), kwargs['thickness'])
        with DRAWING:
            return self.visualize([image], [sample], return_vis=True, **kwargs)[0]
