"""Landmarks of all faces in images, folders, videos and camera pictures."""

import copy
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import NoReturn

import cv2
import mmcv
import numpy as np
import torch
import torch.nn as nn
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.infer.infer import ModelType
from mmengine.logging import print_log
from mmengine.runner.checkpoint import _load_checkpoint_to_model
from mmengine.structures import InstanceData, PixelData
from mmpose.apis.inference import dataset_meta_from_config
from mmpose.apis.inferencers import Pose2DInferencer
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import INFERENCERS
from mmpose.structures import PoseDataSample, merge_data_samples, split_instances
from rich.progress import track

from ..engine.checkpoint import read_checkpoint
from ..engine.plain_config import config_of
from ..engine.provenance import other_inputs
from ..engine.rows import find_config, read_config
from ..models.heads.uncertain_head import UncertainHead
from ..runtime.arguments import check_flag, check_number, check_path, check_whole
from ..runtime.boxes import given_boxes
from ..runtime.crops import turn
from ..runtime.detection import Detector, WholeImage, build_detector
from ..runtime.drawing import draw_ellipses
from ..runtime.landmarker import DEFAULT_MODEL
from ..runtime.media import Frame, Inputs, ResultWriter, Source, open_source
from ..runtime.model import read_metadata
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
from ..structures import FaceLayout, get_conversion, get_layout
from ..uncertainty.calibration import LandmarkCalibration

ESCAPE = 27  # key code
DEFAULT_WEIGHTS = Path(__file__).resolve().parents[1] / 'assets/mmfld_best_mini.pth'
"""The model that comes with the package; the README beside it says what it is and what it may be used for."""
DRAWING = Lock()  # MMPose's visualizer holds one picture
FLAGS = ('draw_bbox', 'draw_heatmap', 'draw_uncertainty', 'black_background')
FRAMING = ('GetFaceCrop', 'GetBBoxCenterScale')  # steps of test pipelines that say where a crop lies


@INFERENCERS.register_module()
class FaceLandmarkInferencer(Pose2DInferencer):
    """MMPose's 2D inferencer for faces: own detectors, any way up, refinement, batches over images, streamed videos.

    Models, checkpoints, the test pipeline with its crop rule, drawing and the format of the results are MMPose's.

    >>> inferencer = FaceLandmarkInferencer()  # the model that comes with the package; or a config and a checkpoint
    Loads checkpoint by local backend from path: ...
    >>> for result in inferencer('photo.jpg', vis_out_dir='outputs'):  # or a folder, a video, arrays
    ...     for face in result['predictions'][0]:
    ...         print(len(face['keypoints']), len(face['keypoint_scores']), len(face['bbox'][0]))
    68 68 4

    One object serves several threads.

    Args:
        model (str | Path | Config, optional): Config of the model, or ``FILE.yml:ROW``. Without one it is read from the
            checkpoint.
        weights (str | Path, optional): Checkpoint. With a model alone the network is untrained, which is logged as a
            warning; without both it is the model that comes with the package (:data:`DEFAULT_WEIGHTS`; 68 landmarks;
            for non-commercial research, as the faces that it was trained on).
        device (str, optional): Defaults to a GPU if there is one.
        detector (str | callable): Finds the faces: ``'centerface'``, ``'opencv'``, ``'whole_image'``, ``'mmdet'``,
            ``'mmdet:CONFIG'`` or a callable as :mod:`mmfld.runtime.detection` describes. Defaults to ``'centerface'``.
        detector_weights (str | Path, optional): Checkpoint of a detector of MMDetection, which needs one; a URL is
            downloaded.
        show_progress (bool): Show a progress bar. Defaults to False.
        layout (str, optional): Convert the landmarks of the model to this layout, in results, files and pictures, e.g.
            to ``'300w68'`` from a model for WFLW; :mod:`mmfld.structures.layout_conversion` lists the conversions. The
            score of a landmark is the least of those it is made from; heatmaps stay those of the model.
        orientation (str | float, optional): See :class:`mmfld.runtime.FaceLandmarker`. Defaults to ``'auto'`` for the
            model that comes with the package, of which it is known from which score on a face is the right way up; to
            ``'upright'`` for others. With ``'auto'`` they try all four quarter turns of each face.
        min_score (float, optional): See :class:`mmfld.runtime.FaceLandmarker`. Defaults to 0.25 for the model that
            comes with the package, and to no bound for others.

    Raises:
        KeyError: If the layout is unknown or the landmarks of the model cannot be converted to it.
        ValueError: If an argument has no meaning, if the checkpoint is damaged, not finite or does not
            fit the model, or if crops are to be turned of a model whose landmarks or test pipeline are not those of a
            face.
        ImportError: If a package that the detector needs is not installed.
        FileNotFoundError: If the config or the checkpoint does not exist.
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
        _check_arguments(model, weights, device, min_score)
        check_flag('show_progress', show_progress)
        if model is None and weights is None:
            weights = DEFAULT_WEIGHTS
        is_default = weights is not None and Path(weights).resolve() == DEFAULT_WEIGHTS
        self.orientation: Orientation = ('auto' if is_default else 'upright') if orientation is None else orientation
        check_orientation(self.orientation)
        measured = read_metadata(DEFAULT_MODEL.read_bytes()) if is_default else {}
        self.sure = float(measured['sure']) if measured else None
        model = os.fspath(model) if isinstance(model, Path) else model
        weights = os.fspath(weights) if isinstance(weights, Path) else weights
        if isinstance(model, str) and (model.endswith('.py') or '.yml:' in model):
            try:
                model = read_config(model) if '.yml:' in model else str(find_config(model))
            except FileNotFoundError as error:
                raise FileNotFoundError(f'config {error}') from None
        self._weights = weights
        detector = build_detector(detector, detector_weights, device)  # first, as it is quick to fail
        if min_score is None and not isinstance(detector, WholeImage):
            min_score = float(measured.get('min_score', '-inf'))
        self.min_score = -np.inf if min_score is None else min_score
        super().__init__(model, weights, device, det_model='whole_image', show_progress=show_progress)
        self.detector = detector
        self._framing, self._sampling = _split(self.pipeline)
        if self.orientation != 'upright' and (self._framing is None or self._face_layout is None):
            raise ValueError(
                f'orientation {self.orientation!r} needs the landmarks of a face and a test pipeline with '
                f"{' or '.join(FRAMING)}: take orientation 'upright'"
            )
        self.conversion = None
        if layout is not None:
            self.conversion = get_conversion(self._face_layout or self.model.dataset_meta['dataset_name'], layout)
            self.output_meta = parse_pose_metainfo(self.conversion.target.metainfo)
            self.visualizer.set_dataset_meta(self.output_meta)

    def __call__(
        self,
        inputs: Inputs,
        bboxes: Sequence | None = None,
        return_vis: bool = False,
        show: bool = False,
        vis_out_dir: str | Path = '',
        pred_out_dir: str | Path = '',
        batch_size: int = 8,
        refine: int | None = None,
        return_datasamples: bool = False,
        out_dir: str | Path | None = None,
        **visualize_kwargs,
    ) -> Iterator[dict]:
        """Predict, image by image.

        Args:
            inputs: Path of an image, a video or a folder of images; ``'webcam'`` or ``'webcam:1'``; an image as
                :func:`mmfld.runtime.read_image` takes it; a list of images and paths of images; or what
                :func:`mmfld.runtime.media.open_source` returns. Videos need PyAV.
            bboxes (Sequence, optional): Boxes instead of a detector's: for each image or video frame a list of
                x1, y1, x2, y2 in pixels; for a single image also just that list. Each is the tight box of a face's
                landmarks, from the brows to the chin; :class:`~mmfld.apis.BoxCalibration` makes them from a
                detector's.
            return_vis (bool): Return the drawn images.
            show (bool): Show them in a window. Esc ends a video.
            vis_out_dir (str | Path): Save them, under the names of the inputs, in this folder. A video becomes one mp4
                file, whose name may also be given here.
            pred_out_dir (str | Path): Save the predictions in this folder: one json file per image or video.
            batch_size (int): Number of images read ahead, and of faces that go through the network together.
                Defaults to 8. A camera is not read ahead.
            refine (int, optional): How often the crop is taken again from the predicted landmarks. Defaults to once, or
                not at all with ``bboxes`` or ``detector='whole_image'``; unless the orientation is ``'upright'``, up to
                three times where a crop was far from what the landmarks say.
            return_datasamples (bool): Return a PoseDataSample instead of a list of dicts.
            out_dir (str | Path, optional): Short for ``vis_out_dir=OUT_DIR/visualizations`` and
                ``pred_out_dir=OUT_DIR/predictions``.
            **visualize_kwargs: ``draw_bbox`` (around the box from which the last crop was taken), ``draw_heatmap``,
                ``draw_uncertainty`` (of calibrated weights, see :func:`mmfld.runtime.drawing.draw_ellipses`),
                ``radius`` and ``thickness`` in pixels (by default in proportion to the face), ``kpt_thr`` (0, as all
                landmarks of a face are always there), ``wait_time``, ``black_background``.

        Yields:
            dict: Per image: ``path``; ``predictions``, a list with one element, the list of the image's faces, empty if
            there are none; and ``visualization``, a list with the drawn image (H, W, 3) uint8 in RGB if ``return_vis``.
            What cannot be read of a folder or a video is left out, with a warning at the end. A face is a dict as
            MMPose makes it: ``keypoints`` [[x, y], ...] in pixels, ``keypoint_scores`` [s, ...], ``bbox``
            ([x1, y1, x2, y2], ), ``bbox_score``; and of calibrated weights ``keypoint_covariances`` [[[xx, xy], [xy,
            yy]], ...] of the landmarks' errors in squared pixels, and ``keypoints_visible`` [p, ...].

        Raises:
            FileNotFoundError: If an input does not exist.
            ImportError: If a package is not installed that reads, writes or shows a picture; it names it.
            TypeError: For inputs that are no images.
            ValueError: For inputs, boxes or output folders that cannot be used; it names them.
        """
        check_whole('batch_size', batch_size)
        if refine is not None:
            check_whole('refine', refine, 0)
        least = 0 if bboxes is not None or isinstance(self.detector, WholeImage) else 1
        rounds = rounds_of(refine, least, self.orientation)
        source = open_lenient(inputs)
        if bboxes is not None:
            bboxes = _boxes_per_image(bboxes, source)

        def predict(frames: Sequence[Frame]) -> list[PoseDataSample]:
            given = None if bboxes is None else [_boxes_of_frame(bboxes, frame) for frame in frames]
            return self._predict(frames, given, rounds, batch_size, visualize_kwargs.get('draw_heatmap', False))

        return self._run(
            source,
            predict,
            read_ahead=1 if source.is_live else batch_size,
            is_video=source.is_video,
            faces_are_given=bboxes is not None,
            return_vis=return_vis,
            show=show,
            vis_out_dir=vis_out_dir,
            pred_out_dir=pred_out_dir,
            return_datasamples=return_datasamples,
            out_dir=out_dir,
            **visualize_kwargs,
        )

    def _run(
        self,
        source: Source,
        predict: Callable[[Sequence[Frame]], list[PoseDataSample]],
        read_ahead: int,
        is_video: bool,
        faces_are_given: bool = False,
        return_vis: bool = False,
        show: bool = False,
        vis_out_dir: str | Path = '',
        pred_out_dir: str | Path = '',
        return_datasamples: bool = False,
        out_dir: str | Path | None = None,
        **visualize_kwargs,
    ) -> Iterator[dict]:
        """Read, predict, draw and save frame by frame, for the outputs that :meth:`__call__` describes.

        Args:
            source (ImageSource | VideoSource): What to read.
            predict (Callable): Frames -> their samples, one each with all its faces.
            read_ahead (int): How many frames are read and predicted together.
            is_video (bool): The frames are shown as a film, and those without a face are counted, not named.
            faces_are_given (bool): A frame without a face is none that a detector missed.
        """
        unknown = set(visualize_kwargs) - self.visualize_kwargs - {'draw_uncertainty'}
        if unknown:
            raise ValueError(f'unknown arguments {sorted(unknown)}')
        _check_outputs(
            dict(vis_out_dir=vis_out_dir, pred_out_dir=pred_out_dir, out_dir=out_dir),
            dict(return_vis=return_vis, show=show, return_datasamples=return_datasamples),
            visualize_kwargs,
        )
        if visualize_kwargs.get('draw_uncertainty') and getattr(self.model.head, 'calibration', None) is None:
            raise ValueError(
                f'draw_uncertainty: found {self._weights or "a model"} without a calibration, which '
                'tools/analysis_tools/calibrate.py adds'
            )
        if out_dir is not None:
            vis_out_dir = vis_out_dir or Path(out_dir) / 'visualizations'
            pred_out_dir = pred_out_dir or Path(out_dir) / 'predictions'
        if show:
            _check_windows()
        writer = ResultWriter(source, str(vis_out_dir), str(pred_out_dir))
        draw = return_vis or show or bool(vis_out_dir)
        visualize_kwargs.update(show=show)

        def results() -> Iterator[dict]:
            frames = iter(source)
            if self.show_progress:
                frames = track(frames, description='Inference', total=source.length)
            total = without_face = 0
            try:
                with writer:
                    for batch in _batches(frames, read_ahead):
                        for frame, sample in zip(batch, predict(batch)):
                            instances = self._split(sample)
                            total += 1
                            if not instances and not faces_are_given:
                                without_face += 1
                                if not is_video:
                                    print_log(f'{frame.path}: no face found', logger='current', level=logging.WARNING)
                            picture = self._draw(frame, sample, is_video, **visualize_kwargs) if draw else None
                            if draw:
                                writer.write_picture(frame, mmcv.rgb2bgr(picture))
                            writer.write_instances(frame, instances)
                            yield dict(
                                path=frame.path,
                                predictions=[sample if return_datasamples else instances],
                                visualization=[picture] if return_vis else [],
                            )
                        if show and is_video and cv2.waitKey(1) & 0xFF == ESCAPE:
                            break
                if source.broken and not total:
                    raise ValueError(source.broken[0][1])
            finally:
                for _, reason in source.broken:
                    print_log(f'not read: {reason}', logger='current', level=logging.WARNING)
                if is_video and without_face:
                    name = source.path if source.is_video else 'inputs'
                    print_log(
                        f'{name}: no face found in {without_face} of {total} frames',
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

    def __reduce_ex__(self, protocol: int) -> NoReturn:
        raise TypeError(
            f'a {type(self).__name__} cannot be pickled, as the pipelines of MMPose cannot: make one in '
            'each process, or export its model for mmfld.runtime.FaceLandmarker, which can'
        )

    def __deepcopy__(self, memo: dict) -> 'FaceLandmarkInferencer':
        copied = memo[id(self)] = type(self).__new__(type(self))
        copied.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return copied

    @property
    def _face_layout(self) -> FaceLayout | None:
        """Of the model's landmarks, if they are those of a face."""
        return face_layout_of(self.model)

    def _predict(
        self,
        frames: Sequence[Frame],
        given: Sequence[np.ndarray] | None,
        rounds: tuple[int, int],
        batch_size: int,
        output_heatmaps: bool,
    ) -> list[PoseDataSample]:
        """One sample per frame with all its faces, from given boxes (N, 5) of each, or detected."""
        self.model.test_cfg['output_heatmaps'] = output_heatmaps
        images = [frame.image for frame in frames]
        fit_crops = partial(self.fit, images, batch_size=batch_size)
        settings = (self._face_layout, self.orientation, self.sure, rounds)
        if given is None:
            detections = detect(self.detector, images, self.orientation)
            found = align_detected(fit_crops, self.detector, images, detections, *settings)
            is_face = found.fit.scores.mean(axis=1) >= self.min_score
            image, certain, fit = found.crops.image[is_face], found.scores[is_face], take(found.fit, is_face)
        else:
            image, faces = np.repeat(np.arange(len(frames)), list(map(len, given))), np.concatenate(given)
            fit, _ = align(fit_crops, image, faces, *settings)
            certain = faces[:, 4]
        for sample, score in zip(fit.more, certain):
            sample.pred_instances.bbox_scores[:] = score
        return [
            self._merge(frame, list(fit.more[image == index]), output_heatmaps) for index, frame in enumerate(frames)
        ]

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
        if not np.isfinite(landmarks).all():
            raise ValueError(f'{self._weights or "the model"}: answers landmarks that are not finite')
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
        samples = self.model.test_step(data)
        for sample, center, angle in zip(samples, centers, crops.angle):
            turn_back(sample, center, angle)
            spread_back(sample, angle)
        return samples

    def _crop(self, images: Sequence[np.ndarray], crops: Crops) -> tuple[dict, list[np.ndarray | None]]:
        """The collated crops, and for each the point (2, ) that it is turned around, None if it is not turned."""
        cropped, centers = [], []
        for index, box, angle, around in zip(*crops, image_boxes(crops)):
            results = dict(
                img=images[index],
                img_path='',
                bbox=box[None].astype(np.float32),
                bbox_score=np.ones(1, np.float32),
                **self.model.dataset_meta,
            )
            center = None
            if angle:
                results = self._framing(results)
                center = turn(results['bbox_center'].astype(np.float64), -angle)
                results.update(
                    bbox_center=center.astype(np.float32),
                    bbox=around[None].astype(np.float32),
                    bbox_rotation=np.array([angle], np.float32),
                )
                results = self._sampling(results)
            else:
                results = self.pipeline(results)
            cropped.append(results)
            centers.append(center)
        return self.collate_fn(cropped), centers

    def _merge(self, frame: Frame, samples: list[PoseDataSample], output_heatmaps: bool) -> PoseDataSample:
        """One sample from those of a frame's faces, with the landmarks in the layout that was asked for."""
        merged = merge_data_samples(samples) if samples else self._without_face(frame, output_heatmaps)
        merged.set_metainfo(dict(img_path=frame.path))
        if self.conversion is not None:
            self._convert(merged)
        return merged

    def _convert(self, sample: PoseDataSample) -> None:
        instances = sample.pred_instances
        instances.keypoints = self.conversion.keypoints(instances.keypoints)
        instances.keypoint_scores = self.conversion.scores(instances.keypoint_scores)
        instances.keypoints_visible = self.conversion.scores(instances.keypoints_visible)
        if 'keypoint_covariances' in instances:
            instances.keypoint_covariances = self.conversion.covariances(instances.keypoint_covariances)
        sample.set_metainfo({name: self.output_meta[name] for name in ('dataset_name', 'flip_indices')})

    def _without_face(self, frame: Frame, output_heatmaps: bool) -> PoseDataSample:
        num_keypoints = self.model.dataset_meta['num_keypoints']
        sample = PoseDataSample(metainfo=dict(img_path=frame.path, ori_shape=frame.image.shape[:2]))
        sample.pred_instances = InstanceData(
            keypoints=np.zeros((0, num_keypoints, 2), np.float32),
            keypoint_scores=np.zeros((0, num_keypoints), np.float32),
            keypoints_visible=np.zeros((0, num_keypoints), np.float32),
            bboxes=np.zeros((0, 4), np.float32),
            bbox_scores=np.zeros(0, np.float32),
        )
        if output_heatmaps:  # so that all pictures of a video have one size
            sample.pred_fields = PixelData(heatmaps=np.zeros((1, *frame.image.shape[:2]), np.float32))
        return sample

    def _draw(
        self, frame: Frame, sample: PoseDataSample, is_video: bool, draw_uncertainty: bool = False, **kwargs
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

    def _load_model_from_metafile(self, model: str) -> tuple[Config, str]:
        config, url = super()._load_model_from_metafile(model)
        if self._weights is None:
            raise ValueError(
                f'model {model!r} is one of MMPose, whose weights are not downloaded unasked: give a file '
                f'as weights, or the URL {url} to download it'
            )
        return config, url

    def _init_model(self, cfg: Config, weights: str | None, device: str = 'cpu') -> nn.Module:
        if weights is not None and '://' not in weights:
            checkpoint = read_checkpoint(weights)
            if not cfg:
                found = config_of(checkpoint)  # MMEngine would run its text
                if found is None:
                    raise ValueError(f'{weights}: found no config in this checkpoint: give that of the model, too')
                cfg.update(found._cfg_dict)
        return super()._init_model(cfg, weights, device)

    def _load_weights_to_model(self, model: nn.Module, checkpoint: dict | None, cfg: Config) -> None:
        # MMEngine loads what fits and goes on, but the landmarks of a half-loaded network just look like bad ones
        if checkpoint is None:
            print_log('No checkpoint was given: the network is untrained', logger='current', level=logging.WARNING)
        else:
            try:
                _load_checkpoint_to_model(model, checkpoint, strict=True)
            except RuntimeError as error:
                raise ValueError(f'{self._weights} does not fit the model: {error}') from error
            for difference in other_inputs(cfg, checkpoint):
                print_log(f'{self._weights}: {difference}', logger='current', level=logging.WARNING)
        calibration = (checkpoint or {}).get('calibration')
        if calibration is not None and isinstance(model.head, UncertainHead):
            model.head.calibration = LandmarkCalibration(**calibration)
        # The head knows what it predicts; the data set in the checkpoint may have been converted to that.
        layout = cfg.model.get('head', {}).get('layout')
        if layout is not None:
            model.face_layout = get_layout(layout)
            meta = parse_pose_metainfo(model.face_layout.metainfo)
        else:
            meta = (checkpoint or {}).get('meta', {}).get('dataset_meta') or dataset_meta_from_config(cfg)
        model.dataset_meta = meta


def _check_arguments(model: object, weights: object, device: object, min_score: object) -> None:
    if model is not None and not isinstance(model, (dict, Config)):
        check_path('model', model)
    if weights is not None:
        check_path('weights', weights)
    if min_score is not None:
        check_number('min_score', min_score)
    if device is not None:
        try:
            found = torch.device(device)
        except (RuntimeError, TypeError) as error:
            raise ValueError(f"found device={device!r}, expected such as 'cpu' or 'cuda:0'") from error
        if found.type == 'cuda' and (found.index or 0) >= torch.cuda.device_count():
            raise ValueError(f'found device={device!r}, but torch sees {torch.cuda.device_count()} GPUs')


def _check_outputs(folders: dict, flags: dict, drawing: dict) -> None:
    for name, value in folders.items():
        if value not in (None, ''):
            check_path(name, value)
    flags = flags | {name: value for name, value in drawing.items() if name in FLAGS}
    for name, value in flags.items():
        check_flag(name, value)
    for name in {'radius', 'thickness'} & set(drawing):
        check_whole(name, drawing[name])
    for name in {'kpt_thr', 'wait_time'} & set(drawing):
        check_number(name, drawing[name])
    if drawing.get('skeleton_style', 'mmpose') not in ('mmpose', 'openpose'):
        raise ValueError(f'found skeleton_style={drawing["skeleton_style"]!r}, expected mmpose or openpose')


def face_layout_of(model: nn.Module) -> FaceLayout | None:
    """Of a model's landmarks: what its config says, else what its data set is called; None if they are of no face."""
    if not hasattr(model, 'face_layout'):
        with suppress(KeyError):
            return get_layout(model.dataset_meta['dataset_name'])
    return getattr(model, 'face_layout', None)


def open_lenient(inputs: Inputs) -> Source:
    """A folder or a video is read on after what cannot be read, and says so at its end; an input that is named one by
    one has to be readable."""
    source = open_source(inputs)
    if isinstance(inputs, (str, Path)) and (source.is_video or Path(inputs).is_dir()):
        source.strict = False
        if source.notice:
            print_log(source.notice, logger='current', level=logging.WARNING)
    return source


def _check_windows() -> None:
    try:
        cv2.waitKey(1)
    except cv2.error as error:
        raise ImportError(
            'show: this OpenCV cannot open windows: save pictures instead (vis_out_dir), or run `pip '
            'uninstall opencv-python-headless` and `pip install opencv-python`'
        ) from error


def _batches(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    """Lists of frames; those before one that cannot be read come before the error."""
    batch: list[Frame] = []
    try:
        for frame in frames:
            batch.append(frame)
            if len(batch) == size:
                yield batch
                batch = []
    except (ImportError, OSError, ValueError):
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _split(pipeline: Compose) -> tuple[Compose | None, Compose | None]:
    """What says where a crop lies, and what samples it; None and None if it is not told apart."""
    steps = pipeline.transforms
    framing = [n for n, step in enumerate(steps) if type(step).__name__ in FRAMING]
    if not framing:
        return None, None
    return Compose(steps[: framing[-1] + 1]), Compose(steps[framing[-1] + 1 :])


def turn_back(sample: PoseDataSample, center: np.ndarray | None, angle: float) -> None:
    """Turn what MMPose, which knows no turned crops, has mapped to the image."""
    if center is None:
        return
    keypoints = sample.pred_instances.keypoints
    sample.pred_instances.keypoints = (turn(keypoints - center, -angle) + center).astype(keypoints.dtype)
    if 'pred_fields' in sample and 'heatmaps' in sample.pred_fields:
        maps = (
            sample.pred_fields.heatmaps.cpu().numpy()
            if isinstance(sample.pred_fields.heatmaps, torch.Tensor)
            else sample.pred_fields.heatmaps
        )
        height, width = maps.shape[1:]
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -angle, 1)
        sample.pred_fields.heatmaps = np.stack([cv2.warpAffine(one, matrix, (width, height)) for one in maps])


def spread_back(sample: PoseDataSample, angle: float) -> None:
    """Bring covariances, if there are any, from the network input to the image, which MMPose does not."""
    instances = sample.pred_instances
    if 'keypoint_covariances' in instances:
        turned = turn(np.eye(2)[None], -angle)[0].T
        back = turned * (np.asarray(sample.metainfo['input_scale']) / sample.metainfo['input_size'])
        covariances = back @ instances.keypoint_covariances @ back.T
        instances.keypoint_covariances = covariances.astype(np.float32)


def _boxes_of_frame(bboxes: Sequence, frame: Frame) -> np.ndarray:
    """(N, 5) given landmark boxes and scores of one image."""
    if frame.index >= len(bboxes):
        raise ValueError(f'bboxes: found {len(bboxes)} lists of boxes, but {frame.path} has more frames')
    return given_boxes(bboxes[frame.index], frame.image.shape[1::-1], f'bboxes of image {frame.index} ({frame.path})')


def _boxes_per_image(bboxes: Sequence, source: Source) -> Sequence:
    if not isinstance(bboxes, (Sequence, np.ndarray)) or isinstance(bboxes, str):
        raise ValueError(f'bboxes: found {type(bboxes).__name__}, expected a list of boxes for each image')
    is_one = len(bboxes) == 0 or np.ndim(bboxes[0]) == 1 and len(bboxes[0]) == 4
    if source.length == 1 and is_one:
        bboxes = [bboxes]  # of the single image, also none
    if source.length is not None and len(bboxes) != source.length:
        raise ValueError(
            f'bboxes: found {len(bboxes)} lists of boxes, expected one for each of the {source.length} images'
        )
    return bboxes
