"""MMPose's 2D inferencer, with models that are loaded whole or not at all."""

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import torch
import torch.nn as nn
from mmengine.config import Config
from mmengine.infer.infer import ModelType
from mmengine.logging import print_log
from mmpose.apis.inference import dataset_meta_from_config
from mmpose.apis.inferencers import Pose2DInferencer
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from ..engine.checkpoint import read_checkpoint
from ..engine.plain_config import config_of
from ..engine.provenance import other_inputs
from ..engine.rows import find_config, read_config
from ..models.heads.uncertain_head import UncertainHead
from ..runtime.arguments import check_path
from ..runtime.copies import deep_copy
from ..shipped import shipped_names
from ..structures import FaceLayout, get_layout
from ..uncertainty.calibration import LandmarkCalibration
from .whole_model import load_whole

Self = TypeVar('Self', bound='StrictInferencer')


class StrictInferencer(Pose2DInferencer):
    """Takes the config from the checkpoint if there is no other, and complains of weights that do not fit.

    Args:
        model (str | Path | Config, optional): Config, or ``FILE.yml:ROW``.
        weights (str | Path, optional): Checkpoint. Without one the network is untrained, which is logged as a warning.
        device (str, optional): Defaults to a GPU if there is one.
        show_progress (bool): Show a progress bar. Defaults to False.

    Raises:
        FileNotFoundError: If the config or the checkpoint does not exist.
        ValueError: If the checkpoint is damaged, not finite or does not fit the model, or has no config and none is
            given.
    """

    def __init__(
        self,
        model: ModelType | str | Path | None,
        weights: str | Path | None,
        device: str | None,
        show_progress: bool = False,
    ) -> None:
        model = os.fspath(model) if isinstance(model, Path) else model
        if isinstance(model, str) and (model.endswith('.py') or '.yml:' in model):
            try:
                model = read_config(model) if '.yml:' in model else str(find_config(model))
            except FileNotFoundError as error:
                raise FileNotFoundError(f'config {error}') from None
        self._weights = os.fspath(weights) if isinstance(weights, Path) else weights
        try:
            super().__init__(model, self._weights, device, det_model='whole_image', show_progress=show_progress)
        except ValueError as error:
            if not (isinstance(model, str) and str(error).startswith('Cannot find model')):
                raise
            raise ValueError(
                f'model {model!r}: found no config of this name, expected one, FILE.yml:ROW, or without weights one of '
                f'the models that come with the package: {", ".join(shipped_names(".pth"))}'
            ) from None

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(
            f'a {type(self).__name__} cannot be pickled, as the pipelines of MMPose cannot: make one in '
            'each process, or export its model for mmfld.runtime.FaceLandmarker, which can'
        )

    def __deepcopy__(self: Self, memo: dict) -> Self:
        return deep_copy(self, memo)

    @property
    def face_layout(self) -> FaceLayout | None:
        """Of the model's landmarks, if they are those of a face."""
        return face_layout_of(self.model)

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
        if checkpoint is None:
            print_log('No checkpoint was given: the network is untrained', logger='current', level=logging.WARNING)
        else:
            load_whole(model, checkpoint, cfg, self._weights)
            for difference in other_inputs(cfg, checkpoint):
                print_log(f'{self._weights}: {difference}', logger='current', level=logging.WARNING)
        self.measured = measured_in(checkpoint or {}, str(self._weights))
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


def measured_in(checkpoint: dict, path: str) -> dict[str, Any]:
    """What ``tools/misc/publish_model.py`` wrote into a checkpoint of what was measured of it.

    Raises:
        ValueError: If it is something else.
    """
    measured = checkpoint.get('measured', {})
    kinds = dict(sure=(int, float), min_score=(int, float), licence=str)
    fits = isinstance(measured, dict) and all(
        name in kinds and isinstance(value, kinds[name]) and value == value for name, value in measured.items()
    )
    if not fits:
        raise ValueError(
            f'{path}: measured: found {measured!r}, expected numbers sure and min_score and a text licence'
        )
    return measured


def check_model(model: object, weights: object, device: Any) -> None:
    """Raise a ValueError if one of these arguments has no meaning, before anything is read."""
    if model is not None and not isinstance(model, (dict, Config)):
        check_path('model', model)
    if weights is not None:
        check_path('weights', weights)
    if device is not None:
        try:
            found = torch.device(device)
        except (RuntimeError, TypeError) as error:
            raise ValueError(f"found device={device!r}, expected such as 'cpu' or 'cuda:0'") from error
        if found.type == 'cuda' and (found.index or 0) >= torch.cuda.device_count():
            raise ValueError(f'found device={device!r}, but torch sees {torch.cuda.device_count()} GPUs')


def face_layout_of(model: nn.Module) -> FaceLayout | None:
    """Of a model's landmarks: what its config says, else what its data set is called; None if they are of no face."""
    if not hasattr(model, 'face_layout'):
        with suppress(KeyError):
            return get_layout(model.dataset_meta['dataset_name'])
    return getattr(model, 'face_layout', None)
