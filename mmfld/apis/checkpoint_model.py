"""A checkpoint where :class:`mmfld.runtime.FaceLandmarker` expects an exported model, with its maps to look at."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from ..codecs import heatmap_codec, marginal_heatmap
from ..models.heads import BoundaryMarginalHead, CoAttentionMarginalHead
from ..models.heads.co_attention_marginal_head import joint_maps
from ..models.stack_output import StackOutput
from ..runtime.model import Prediction
from ..structures import FaceLayout
from .face_landmark_inferencer import DEFAULT_WEIGHTS, FaceLandmarkInferencer
from .onnx_export import CropsToLandmarks, crop_fields
from .strict_inferencer import face_layout_of


class Maps(NamedTuple):
    """Of N crops, which they cover.

    Args:
        heatmaps (ndarray): (N, K, h, w) float32, those that the landmarks are read from; of one-dimensional ones the
            outer products.
        boundaries (ndarray, optional): (N, E, h, w) float32, the attention to each facial boundary, of models that have
            it.
        grid (str): Where the cells lie in the crop, see :mod:`mmfld.structures.coordinates`.
    """

    heatmaps: np.ndarray
    boundaries: np.ndarray | None
    grid: str


class CheckpointModel:
    """Called like :class:`mmfld.runtime.LandmarkModel`. May be called from several threads.

    >>> from mmfld.runtime import FaceLandmarker
    >>> landmarker = FaceLandmarker(CheckpointModel())  # the weights of the package; or a config and a checkpoint
    Loads checkpoint by local backend from path: ...

    Args:
        config, checkpoint, device: See :class:`FaceLandmarkInferencer`.
        decoder (str, optional): Of :attr:`decoders`, instead of the config's.

    Raises:
        FileNotFoundError: If the config or the checkpoint does not exist.
        TypeError: If the model has a head that cannot be exported.
        ValueError: If the checkpoint is damaged or does not fit the model, the landmarks are those of no face, the
            test pipeline crops in a way that the runtime does not know, or there is no such decoder.
    """

    def __init__(
        self,
        config: str | Path | None = None,
        checkpoint: str | Path | None = None,
        decoder: str | None = None,
        device: str | None = None,
    ) -> None:
        inferencer = FaceLandmarkInferencer(config, checkpoint, device)
        self.path = Path(DEFAULT_WEIGHTS if checkpoint is None else checkpoint)
        cfg, model = inferencer.cfg, inferencer.model
        layout = face_layout_of(model)
        if layout is None:
            raise ValueError(f'{self.path}: found landmarks of {model.dataset_meta["dataset_name"]!r}, expected a face')
        self.layout: FaceLayout = layout
        self.decoders = _decoders(model.head)
        if decoder is not None:
            if decoder not in self.decoders:
                raise ValueError(f'{self.path}: found decoder={decoder!r}, expected one of {", ".join(self.decoders)}')
            model.head.decoder = KEYPOINT_CODECS.build({**cfg.model.head.decoder, 'decoder': decoder})
        crop = crop_fields(cfg)
        self.input_size: tuple[int, int] = tuple(int(side) for side in crop['input_size'].split('x'))
        self.crop_rule, self.crop_padding = crop['crop_rule'], float(crop['crop_padding'])
        self.sure = inferencer.sure
        self.min_score = inferencer.min_score if np.isfinite(inferencer.min_score) else None
        calibration = getattr(model.head, 'calibration', None)
        self.degrees_of_freedom = None if calibration is None else float(calibration.degrees_of_freedom)
        flip_test = bool(cfg.model.get('test_cfg', {}).get('flip_test', False))
        self._device = next(model.parameters()).device
        self.module = CropsToLandmarks(model, flip_test).eval().to(self._device)
        self.state_shape = self.module.state_shape

    @torch.no_grad()
    def __call__(self, crops: np.ndarray, state: np.ndarray | None = None) -> Prediction:
        """Landmarks of crops (N, H, W, 3) uint8 in BGR, see :meth:`mmfld.runtime.LandmarkModel.__call__`."""
        if not len(crops):  # torch's layers take none
            width, height = self.input_size
            one = self(np.zeros((1, height, width, 3), np.uint8))
            return Prediction(*(None if part is None else part[:0] for part in one))
        found = self.module.predict(*self._inputs(crops, state))
        prediction = Prediction(**{name: value.float().cpu().numpy() for name, value in found.items()})
        if not (np.isfinite(prediction.landmarks).all() and np.isfinite(prediction.scores).all()):
            raise ValueError(f'{self.path}: this model answers landmarks or scores that are not finite')
        return prediction

    @torch.no_grad()
    def look(self, crops: np.ndarray) -> Maps | None:
        """What the network sees in crops (N, H, W, 3) uint8 in BGR; None of MMPose's heads for SimCC, whose bins are
        too many to be multiplied."""
        feats, maps, _ = self.module.maps(*self._inputs(crops, None))
        feats = feats[0] if self.module.test_cfg['flip_test'] else feats
        head = self.module.model.head
        boundaries, grid = None, getattr(head.decoder, 'grid', 'half_pixel')
        if isinstance(head, CoAttentionMarginalHead):
            size = head.branches.feature_size
            maps, grid = (joint_maps(maps, size),), 'half_pixel'  # of the reduced ones, to a fraction of a pixel
            if isinstance(head, BoundaryMarginalHead):
                boundaries = joint_maps(head.forward_both(feats)[1], size)
        elif len(maps) != 1:
            return None
        elif isinstance(feats[-1], StackOutput):
            boundaries = feats[-1].edge_maps
        parts = (None if part is None else part.float().cpu().numpy() for part in (maps[0], boundaries))
        return Maps(*parts, grid)

    def _inputs(self, crops: np.ndarray, state: np.ndarray | None) -> list[Tensor]:
        if self.state_shape is not None and state is None:
            state = np.zeros((len(crops), *self.state_shape), np.float32)
        return [torch.from_numpy(array).to(self._device) for array in (crops, state) if array is not None]


def _decoders(head: Any) -> tuple[str, ...]:
    """Those that its codec may be told to use."""
    codec = getattr(head, 'decoder', None)
    if isinstance(codec, heatmap_codec.HeatmapCodec):
        return heatmap_codec.DECODERS
    return marginal_heatmap.DECODERS if isinstance(codec, marginal_heatmap.MarginalHeatmap) else ()
