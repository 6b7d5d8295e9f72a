"""Models as ONNX files for :mod:`mmfld.runtime`: crops of 8 bits in, landmarks in pixels of the crop and scores out."""

import hashlib
import json
import logging
import warnings
from collections.abc import Callable, Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from ..counts import how_many
from ..engine.rows import read_config
from ..models.heads import CoAttentionMarginalHead, CoordinateCorrectionHead
from ..models.heads.uncertain_head import UncertainHead
from ..models.pose_estimators import FaceTracker, HalfCellFlipTopdownPoseEstimator
from ..models.pose_estimators.face_tracker import TrackState
from ..models.pose_estimators.half_cell_flip import mirrored
from ..runtime.model import LandmarkModel, Prediction
from ..runtime.onnx_file import PREFIX
from ..structures.face_layout import known_layouts
from ..structures.own_layout import fields_of
from ..version import __version__
from .mmpose_heads import functions_of
from .onnx_graph import convolve_batch_norms, halve, strip

TOLERANCE = 0.01  # by which onnxruntime may differ from torch: pixels of the crop, or parts of the highest score
OPSET = 18
CLIPS, FRAMES = 4, 4  # of the crops that are compared


class CropsToLandmarks(nn.Module):
    """All that lies between the crop of a face and its landmarks.

    Args:
        model (nn.Module): A top-down estimator with a head of this package or of MMPose's, see
            :func:`mmfld.apis.mmpose_heads.functions_of`; or a :class:`FaceTracker`, whose state is then an input and an
            output: what is remembered of both axes, (N, 2, C, L), or of two-dimensional maps, (N, 1, C, h, w).
        flip_test (bool): Average with the maps of the mirrored crop.

    Raises:
        TypeError: If the model cannot be exported.
    """

    def __init__(self, model: nn.Module, flip_test: bool) -> None:
        super().__init__()
        head = model.head
        if hasattr(head, 'predict_maps') and hasattr(head.decoder, 'landmarks'):
            self.predict_maps, self.landmarks = head.predict_maps, head.decoder.landmarks
        else:
            self.predict_maps, self.landmarks = functions_of(head)
        self.state_shape: tuple[int, ...] | None = None
        if isinstance(model, FaceTracker):
            if model.move_state:
                raise TypeError(
                    'a FaceTracker with move_state=True cannot be exported: where the crops lie in the '
                    'image is not known to it, expected move_state=False'
                )
            maps = (
                (2, head.decoder.length)
                if isinstance(head, CoAttentionMarginalHead)
                else (1, *head.decoder.heatmap_size[::-1])
            )
            self.state_shape = maps[0], model.refine_x.channels, *maps[1:]
        self.model = model
        self.test_cfg = dict(model.test_cfg, flip_test=flip_test)
        if isinstance(model, HalfCellFlipTopdownPoseEstimator):
            self.test_cfg['flip_shift'] = model.flip_shift
        preprocessor = model.data_preprocessor
        self.rgb = bool(getattr(preprocessor, '_channel_conversion', False))
        # not persistent, as they are no weights, which may be rounded
        self.register_buffer('pixel_mean', preprocessor.mean.view(1, 3, 1, 1).clone(), persistent=False)
        self.register_buffer('pixel_std', preprocessor.std.view(1, 3, 1, 1).clone(), persistent=False)
        self.samples = [PoseDataSample(metainfo=dict(flip_indices=list(model.dataset_meta['flip_indices'])))]

    def maps(self, crops: Tensor, state: Tensor | None = None) -> tuple[Any, tuple[Tensor, ...], Tensor | None]:
        """Features of the network, its maps, and the next state, for crops (N, H, W, 3) uint8 in BGR.

        Without a ``state``, a tracker's crops are the first of N videos.
        """
        inputs = crops.permute(0, 3, 1, 2)
        if self.rgb:
            inputs = inputs.flip(1)
        inputs = (inputs.float() - self.pixel_mean) / self.pixel_std
        faces = crops.shape[0]
        if self.test_cfg['flip_test']:
            inputs = torch.cat([inputs, mirrored(inputs, self.test_cfg.get('flip_shift', (0, 0)))])
        feats = self.model.extract_feat(inputs)
        if self.test_cfg['flip_test']:  # as MMPose's estimators hand them on
            feats = [
                tree_map(lambda part: part if part is None else part[:faces], feats),
                tree_map(lambda part: part if part is None else part[faces:], feats),
            ]
        maps = self.predict_maps(feats, self.samples, self.test_cfg)
        maps = maps if isinstance(maps, tuple) else (maps,)
        if self.state_shape is not None:
            before = None if state is None else TrackState(*state.unbind(1))
            refined, after = self.model.refine(tuple(axis[:, None] for axis in maps), before)
            maps, state = tuple(axis[:, 0] for axis in refined), torch.stack(after[: len(maps)], dim=1)
        return feats, maps, state

    def read(self, feats: Any, maps: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Landmarks (N, K, 2) in pixels of the crop and scores (N, K)."""
        landmarks, scores = self.landmarks(*maps)
        head = self.model.head
        if isinstance(head, CoordinateCorrectionHead) and self.state_shape is None:
            landmarks = landmarks + head.corrections_in_pixels(feats, self.samples, self.test_cfg)
        return landmarks.float(), scores.float()

    def predict(self, crops: Tensor, state: Tensor | None = None) -> dict[str, Tensor]:
        """What :class:`mmfld.runtime.model.Prediction` has, as float32."""
        feats, maps, state = self.maps(crops, state)
        head = self.model.head
        covariances, visible = head.uncertainty(*maps) if isinstance(head, UncertainHead) else (None, None)
        predicted = Prediction(*self.read(feats, maps), covariances, state, visible)._asdict()
        return {name: value for name, value in predicted.items() if value is not None}

    def forward(self, crops: Tensor, state: Tensor | None = None) -> tuple[Tensor, ...]:
        return tuple(self.predict(crops, state).values())


def export_onnx(
    config: str | Path | Config,
    checkpoint: str | Path,
    path: str | Path,
    half: bool = False,
    flip_test: bool | None = None,
    fields: dict[str, Any] | None = None,
) -> dict[str, str]:
    """Write a model as one file, and compare what onnxruntime makes of it with torch on 16 made-up crops.

    Inputs are ``crops`` (N, H, W, 3) uint8 in BGR, N at will, and of a :class:`FaceTracker` ``state`` (N, ...) float32,
    zeros at first. Outputs are those of :class:`mmfld.runtime.model.Prediction` that there are. The comparison is with
    the model's own test step; that of a tracker is over four frames of four videos.

    Args:
        config (str | Path | Config): Config of the model, or ``FILE.yml:ROW``.
        checkpoint (str | Path): Its weights.
        path (str | Path): The file to write.
        half (bool): Round weights to half precision, which halves the file; computed is in single precision as before.
        flip_test (bool, optional): Defaults to what the config tests with.
        fields (dict, optional): Further metadata, such as ``licence``, ``sure`` and ``min_score``. Default to those of
            the checkpoint, see ``tools/misc/publish_model.py``.

    Returns:
        dict: The metadata, without the prefix ``mmfld.``; ``docs/howto/deploy.md`` lists it.

    Raises:
        ImportError: If onnx, onnxscript or onnxruntime is not installed, or torch is older than 2.6.
        TypeError: If the model has a head that cannot be exported.
        ValueError: If ``path`` is no name of an ONNX file, the runtime does not know the crop or the layout, or if
            onnxruntime and torch are apart: landmarks by more than 0.01 pixels, scores by 0.01 of the highest,
            covariances by 0.01 of their trace, or the visibility by 0.01; the file is removed then.
    """
    path = Path(path)
    if path.suffix != '.onnx' or path.is_dir():
        raise ValueError(f'found {path} as the file to write, expected a name that ends in .onnx, and no folder')
    onnx = _require_onnx()
    from .face_landmark_inferencer import FaceLandmarkInferencer
    from .strict_inferencer import face_layout_of

    cfg = config if isinstance(config, Config) else read_config(str(config))
    crop = crop_fields(cfg)
    inferencer = FaceLandmarkInferencer(cfg, str(checkpoint), device='cpu', detector='whole_image')
    model = inferencer.model
    layout = face_layout_of(model)
    if layout is None:
        raise ValueError(
            f'{checkpoint}: found landmarks of {model.dataset_meta["dataset_name"]!r}, which is no face '
            f'layout, expected one of {", ".join(known_layouts())} or its fields as layout of the config'
        )
    if flip_test is None:
        flip_test = bool(cfg.model.get('test_cfg', {}).get('flip_test', False))
    module = CropsToLandmarks(model, flip_test).eval()
    if half:
        _round(module)

    width, height = (int(side) for side in crop['input_size'].split('x'))
    crops = made_up_crops(CLIPS * FRAMES, width, height)
    example = [torch.from_numpy(crops[:2])]
    if module.state_shape is not None:
        example.append(torch.zeros(2, *module.state_shape))
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        outputs = list(module.predict(*example))
        faces = torch.export.Dim('faces', min=1)
        program = torch.onnx.export(
            module,
            tuple(example),
            input_names=['crops', 'state'][: len(example)],
            # an output may not bear the name of an input
            output_names=['next_state' if name == 'state' else name for name in outputs],
            dynamo=True,
            opset_version=OPSET,
            optimize=False,
            verbose=False,
            dynamic_shapes=tuple({0: faces} for _ in example),
        )
    proto = program.model_proto
    strip(proto)
    convolve_batch_norms(proto)
    if half:
        halve(proto)
    more = {} if module.state_shape is None else dict(state_shape='x'.join(map(str, module.state_shape)))
    calibration = getattr(model.head, 'calibration', None)
    if calibration is not None:
        more['degrees_of_freedom'] = f'{float(calibration.degrees_of_freedom):g}'
    said = layout.name if layout.name in known_layouts() else json.dumps(fields_of(layout))
    metadata = dict(
        layout=said,
        **crop,
        coordinates='pixels of the crop, (x, y), centres of pixels at integers from 0',
        outputs=' '.join(outputs),
        **more,
        method=_method(cfg.model.head),
        flip_test=flip_test,
        licence='not stated',
        sha256=hashlib.sha256(Path(checkpoint).read_bytes()).hexdigest(),
        mmfld_version=__version__,
    )
    metadata = {key: str(value) for key, value in {**metadata, **inferencer.measured, **(fields or {})}.items()}
    for key, value in metadata.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = PREFIX + key, value
    onnx.save(proto, str(path))

    found = _of_clips(LandmarkModel(path, backend='onnxruntime'), crops)
    apart = _apart(found, _of_torch(module, crops))
    for name, far in apart.items():
        if not far <= TOLERANCE:
            path.unlink()
            raise ValueError(
                f'{path}: {name} of onnxruntime and torch are up to {far:.4f} {UNITS[name]} apart, '
                f'expected at most {TOLERANCE}; the file was removed'
            )
    print_log(
        f'{path}: {path.stat().st_size / 1e6:.2f} MB; onnxruntime differs from torch by up to '
        f'{apart["landmarks"]:.5f} pixels on {how_many(len(crops), "crop")}',
        logger='current',
        level=logging.INFO,
    )
    return metadata


def made_up_crops(number: int, width: int, height: int) -> np.ndarray:
    """(N, H, W, 3) uint8 noise of several scales, the same each time."""
    rng = np.random.default_rng(0)
    crops = np.zeros((number, height, width, 3))
    for cells in (4, 16, 64):
        coarse = rng.uniform(-60, 60, (number, cells, cells, 3))
        rows, columns = (np.arange(side) * cells // side for side in (height, width))
        crops += coarse[:, rows][:, :, columns]
    return (crops + 128).clip(0, 255).astype(np.uint8)


UNITS = dict(landmarks='pixels', scores='of the highest', covariances='of their trace', visible='of a probability')


def _apart(found: Prediction, expected: Prediction) -> dict[str, float]:
    """How far two predictions are apart, in :data:`UNITS`."""
    apart = dict(
        landmarks=np.abs(found.landmarks - expected.landmarks),
        scores=np.abs(found.scores - expected.scores) / np.abs(expected.scores).max(),
    )
    if expected.covariances is not None:
        variance = expected.covariances.trace(axis1=-2, axis2=-1)
        apart['covariances'] = (
            np.abs(found.covariances - expected.covariances) / np.maximum(variance, 1)[..., None, None]
        )
    if expected.visible is not None:
        apart['visible'] = np.abs(found.visible - expected.visible)
    return {name: float(values.max()) for name, values in apart.items()}


def _of_clips(model: Callable[..., Prediction], crops: np.ndarray) -> Prediction:
    """Predictions of the frames of several clips, clip after clip, one frame of all at a time."""
    frames, state = [], None
    for frame in range(FRAMES):
        frames.append(model(crops[frame::FRAMES], state))
        state = frames[-1].state
    return Prediction(
        *(
            None if parts[0] is None else np.stack(parts, axis=1).reshape(len(crops), *parts[0].shape[1:])
            for parts in zip(*frames)
        )
    )


@torch.no_grad()
def _of_torch(module: CropsToLandmarks, crops: np.ndarray) -> Prediction:
    """Landmarks and scores by the model's own test step, which gives nothing else; the rest by the module."""
    model = module.model
    model.test_cfg = dict(module.test_cfg, output_heatmaps=False)
    height, width = crops.shape[1:3]
    samples = []
    for n in range(len(crops)):
        sample = PoseDataSample(
            metainfo=dict(
                input_size=(width, height),
                input_center=np.array([width / 2, height / 2]),
                input_scale=np.array([width, height], float),
                video=str(n // FRAMES),
                frame=n % FRAMES,
                flip_indices=module.samples[0].metainfo['flip_indices'],
            )
        )
        sample.gt_instances = InstanceData(bboxes=np.zeros((1, 4)), bbox_scores=np.ones(1))
        samples.append(sample)
    inputs = [torch.from_numpy(crop.transpose(2, 0, 1).copy()) for crop in crops]
    found = [sample.pred_instances for sample in model.test_step(dict(inputs=inputs, data_samples=samples))]

    def of_module(crops: np.ndarray, state: np.ndarray | None) -> Prediction:
        if module.state_shape is not None and state is None:
            state = np.zeros((len(crops), *module.state_shape), np.float32)
        inputs = [torch.from_numpy(array) for array in (crops, state) if array is not None]
        return Prediction(**{name: value.numpy() for name, value in module.predict(*inputs).items()})

    return _of_clips(of_module, crops)._replace(
        landmarks=np.concatenate([one.keypoints for one in found]),
        scores=np.concatenate([one.keypoint_scores for one in found]),
    )


def _require_onnx():
    try:
        import onnx
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f'exporting needs {error.name}, which is not installed: run `pip install onnx onnxscript onnxruntime`'
        ) from error
    if 'optimize' not in signature(torch.onnx.export).parameters:
        raise ImportError(f'exporting needs torch 2.6 or newer, found {torch.__version__}; what is exported needs none')
    return onnx


def crop_fields(cfg: Config) -> dict[str, str]:
    """The metadata of the crop.

    Raises:
        ValueError: If the test pipeline does not crop by a rule of this package.
    """
    pipeline = cfg.test_dataloader.dataset.pipeline
    crop = next((step for step in pipeline if step['type'] == 'GetFaceCrop'), None)
    affine = next((step for step in pipeline if step['type'] == 'FaceAffine'), None)
    if crop is None or affine is None:
        raise ValueError(
            f'{cfg.filename}: found no GetFaceCrop and FaceAffine in the test pipeline, expected them: '
            'the runtime crops as these do'
        )
    return dict(
        input_size='x'.join(str(side) for side in affine['input_size']),
        crop_rule=crop.get('rule', 'longer_side'),
        crop_padding=str(float(crop.get('padding', 1.0))),
    )


@torch.no_grad()
def _round(module: nn.Module) -> None:
    """Weights as half precision holds them, but those beyond its range."""
    for value in module.state_dict().values():
        if value.is_floating_point():
            rounded = value.half().to(value.dtype)
            if rounded.isfinite().all():
                value.copy_(rounded)


def _method(head: Mapping[str, Any]) -> str:
    """A head's type, and those of its landmark losses where it says them."""
    losses = head.get('loss_landmark') or []
    return ' '.join([head['type'], *(loss['type'] for loss in (losses if isinstance(losses, list) else [losses]))])
