"""Models as ONNX files for :mod:`mmfld.runtime`: crops of 8 bits in, landmarks in pixels of the crop and scores out."""
import hashlib
import logging
import warnings
from pathlib import Path
from typing import Any, Dict, Optional, Tuple, Union

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmpose.structures import PoseDataSample
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from ..engine.rows import read_config
from ..models.heads import CoordinateCorrectionHead
from ..runtime.model import PREFIX, LandmarkModel
from ..structures import get_layout
from ..version import __version__

TOLERANCE = 0.01  # pixels of the crop by which onnxruntime may differ from torch
OPSET = 18


class CropsToLandmarks(nn.Module):
    """All that lies between the crop of a face and its landmarks.

    Args:
        model (nn.Module): A top-down estimator whose head has a codec with ``landmarks``.
        flip_test (bool): Average with the maps of the mirrored crop.

    Raises:
        TypeError: If the head cannot be exported.
    """

    def __init__(self, model: nn.Module, flip_test: bool) -> None:
        super().__init__()
        if not hasattr(model.head, 'predict_maps') or not hasattr(model.head.decoder, 'landmarks'):
            raise TypeError(f'{type(model.head).__name__} with the codec {type(model.head.decoder).__name__} cannot be '
                            'exported: expected a head with predict_maps() and a codec with landmarks()')
        self.model = model
        self.flip_test = flip_test
        preprocessor = model.data_preprocessor
        self.rgb = bool(getattr(preprocessor, '_channel_conversion', False))
        self.register_buffer('pixel_mean', preprocessor.mean.view(1, 3, 1, 1).clone())
        self.register_buffer('pixel_std', preprocessor.std.view(1, 3, 1, 1).clone())
        self.samples = [PoseDataSample(metainfo=dict(flip_indices=list(model.dataset_meta['flip_indices'])))]

    def forward(self, crops: Tensor) -> Tuple[Tensor, Tensor]:
        """Crops (N, H, W, 3) uint8 in BGR -> landmarks (N, K, 2) and scores (N, K), float32."""
        inputs = crops.permute(0, 3, 1, 2)
        if self.rgb:
            inputs = inputs.flip(1)
        inputs = (inputs.float() - self.pixel_mean) / self.pixel_std
        faces = crops.shape[0]
        if self.flip_test:
            inputs = torch.cat([inputs, inputs.flip(-1)])
        feats = self.model.extract_feat(inputs)
        if self.flip_test:  # as MMPose's estimators hand them on
            feats = [tree_map(lambda part: part if part is None else part[:faces], feats),
                     tree_map(lambda part: part if part is None else part[faces:], feats)]
        head, test_cfg = self.model.head, dict(flip_test=self.flip_test)
        maps = head.predict_maps(feats, self.samples, test_cfg)
        landmarks, scores = head.decoder.landmarks(*(maps if isinstance(maps, tuple) else (maps, )))
        if isinstance(head, CoordinateCorrectionHead):
            landmarks = landmarks + head.corrections_in_pixels(feats, self.samples, test_cfg)
        return landmarks.float(), scores.float()


def export_onnx(config: Union[str, Path, Config],
                checkpoint: Union[str, Path],
                path: Union[str, Path],
                half: bool = False,
                flip_test: Optional[bool] = None,
                fields: Optional[Dict[str, Any]] = None) -> Dict[str, str]:
    """Write a model as one file, and compare what onnxruntime makes of it with torch on 16 made-up crops.

    Args:
        config (str | Path | Config): Config of the model, or ``FILE.yml:ROW``.
        checkpoint (str | Path): Its weights.
        path (str | Path): The file to write.
        half (bool): Round weights to half precision, which halves the file; computed is in single precision as before.
            The comparison is then with the rounded weights.
        flip_test (bool, optional): Defaults to what the config tests with.
        fields (dict, optional): Further metadata, such as ``sure`` and ``licence``.

    Returns:
        dict: The metadata, without the prefix ``mmfld.``.

    Raises:
        ImportError: If onnx, onnxscript or onnxruntime is not installed.
        TypeError: If the model has a head that cannot be exported.
        ValueError: If the config's test pipeline crops in a way that the runtime does not know, or if the landmarks
            of onnxruntime and torch are more than 0.01 pixels apart; the file is removed then.
    """
    onnx = _require_onnx()
    from .face_landmark_inferencer import FaceLandmarkInferencer
    cfg = config if isinstance(config, Config) else read_config(str(config))
    metadata = {**_metadata(cfg, Path(checkpoint)), **{key: str(value) for key, value in (fields or {}).items()}}
    model = FaceLandmarkInferencer(cfg, str(checkpoint), device='cpu', detector='whole_image').model
    if flip_test is None:
        flip_test = bool(cfg.model.get('test_cfg', {}).get('flip_test', False))
    metadata['flip_test'] = str(flip_test)
    module = CropsToLandmarks(model, flip_test).eval()
    if half:
        _round(module)

    width, height = (int(side) for side in metadata['input_size'].split('x'))
    crops = torch.from_numpy(made_up_crops(16, width, height))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        program = torch.onnx.export(
            module, (crops[:2], ), input_names=['crops'], output_names=['landmarks', 'scores'], dynamo=True,
            opset_version=OPSET, optimize=False, verbose=False,
            dynamic_shapes=({0: torch.export.Dim('faces', min=1)}, ))
        expected = module(crops)
    proto = program.model_proto
    _strip(proto)
    if half:
        _halve(onnx, proto)
    for key, value in metadata.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = PREFIX + key, value
    onnx.save(proto, str(path))

    found = LandmarkModel(path, backend='onnxruntime')(crops.numpy())
    apart = float(np.abs(found.landmarks - expected[0].numpy()).max())
    if not apart <= TOLERANCE:
        path.unlink()
        raise ValueError(f'{path}: landmarks of onnxruntime and torch are up to {apart:.4f} pixels apart, expected at '
                         f'most {TOLERANCE}; the file was removed')
    print_log(f'{path}: {path.stat().st_size / 1e6:.2f} MB; onnxruntime differs from torch by up to {apart:.5f} pixels '
              'on 16 crops', logger='current', level=logging.INFO)
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


def _require_onnx():
    try:
        import onnx
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(f'exporting needs {error.name}, which is not installed: run `pip install onnx onnxscript '
                          'onnxruntime`') from error
    return onnx


def _metadata(cfg: Config, checkpoint: Path) -> Dict[str, str]:
    """What the runtime has to know, and what a reader of the file wants to.

    Raises:
        ValueError: If the test pipeline does not crop by a rule of this package.
    """
    pipeline = cfg.test_dataloader.dataset.pipeline
    crop = next((step for step in pipeline if step['type'] == 'GetFaceCrop'), None)
    affine = next((step for step in pipeline if step['type'] == 'FaceAffine'), None)
    if crop is None or affine is None:
        raise ValueError(f'{cfg.filename}: found no GetFaceCrop and FaceAffine in the test pipeline, expected them: '
                         'the runtime crops as these do')
    return dict(
        layout=get_layout(cfg.model.head.layout).name,
        input_size='x'.join(str(side) for side in affine['input_size']),
        crop_rule=crop.get('rule', 'longer_side'),
        crop_padding=str(float(crop.get('padding', 1.))),
        coordinates='pixels of the crop, (x, y), centres of pixels at integers from 0',
        method=cfg.model.head.type,
        sha256=hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        mmfld_version=__version__)


def _strip(proto: Any) -> None:
    """Remove where in the code each node comes from, which is as long as the weights of a small model, and name what is
    between the nodes by numbers."""
    del proto.graph.value_info[:], proto.graph.metadata_props[:], proto.metadata_props[:]
    for part in (*proto.graph.node, *proto.graph.initializer, *proto.graph.input, *proto.graph.output):
        del part.metadata_props[:]
        part.doc_string = ''
    kept = {part.name for part in (*proto.graph.initializer, *proto.graph.input, *proto.graph.output)} | {''}
    between = {name: f'%{number}' for number, name in enumerate(
        name for node in proto.graph.node for name in node.output if name not in kept)}
    for node in proto.graph.node:
        node.name = ''
        for names in (node.input, node.output):
            names[:] = [between.get(name, name) for name in names]


@torch.no_grad()
def _round(module: nn.Module) -> None:
    """Weights as half precision holds them, but those beyond its range."""
    for value in module.state_dict().values():
        if value.is_floating_point():
            rounded = value.half().to(value.dtype)
            if rounded.isfinite().all():
                value.copy_(rounded)


def _halve(onnx: Any, proto: Any, at_least: int = 64) -> None:
    """Store larger tensors that lose nothing by it in half precision, each with a cast behind it, which runtimes do
    once."""
    casts = []
    for tensor in list(proto.graph.initializer):
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) < at_least:
            continue
        values = onnx.numpy_helper.to_array(tensor)
        with np.errstate(over='ignore'):
            rounded = values.astype(np.float16)
        if (rounded != values).any():
            continue
        name = f'%half{len(casts)}'
        proto.graph.initializer.remove(tensor)
        proto.graph.initializer.append(onnx.numpy_helper.from_array(rounded, name))
        casts.append(onnx.helper.make_node('Cast', [name], [tensor.name], to=onnx.TensorProto.FLOAT))
    for cast in reversed(casts):
        proto.graph.node.insert(0, cast)
