"""Models that have all the weights of a checkpoint, or are an error."""

from pathlib import Path

import torch.nn as nn
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.runner import load_state_dict
from mmpose.registry import MODELS
from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

from ..engine.checkpoint import misfits, read_checkpoint
from ..engine.provenance import other_method
from ..models import FaceTracker


def init_whole_model(cfg: Config, checkpoint: str | Path, device: str = 'cpu') -> nn.Module:
    """MMPose's ``init_model``, which loads what fits and goes on, for whole checkpoints alone.

    Args:
        cfg (Config): Of the model.
        checkpoint (str | Path): Its weights.
        device (str): Defaults to ``'cpu'``.

    Raises:
        ValueError: If the checkpoint is damaged, not finite, of another method or does not fit the model.
    """
    content = read_checkpoint(checkpoint)
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    model = revert_sync_batchnorm(MODELS.build(cfg.model))
    load_whole(model, content, cfg, checkpoint)
    model.dataset_meta = content.get('meta', {}).get('dataset_meta')
    model.cfg = cfg
    return model.to(device).eval()


def init_picture_model(cfg: Config, checkpoint: str | Path, device: str = 'cpu') -> nn.Module:
    """As :func:`init_whole_model`, for what reads the maps of the head itself: a tracker's are not refined there.

    Raises:
        ValueError: As there; and if the model is a :class:`~mmfld.models.FaceTracker`.
    """
    model = init_whole_model(cfg, checkpoint, device)
    if isinstance(model, FaceTracker):
        raise ValueError(
            f'{checkpoint}: found a FaceTracker, which refines its maps by the frames before, expected a model that '
            'reads each picture by itself, such as its detector'
        )
    return model


def load_whole(model: nn.Module, content: dict, cfg: Config, name: str | Path | None) -> None:
    """Load the weights of a checkpoint that was read, of a file of that name; see :func:`init_whole_model`."""
    weights = content.get('state_dict', content)
    consume_prefix_in_state_dict_if_present(weights, 'module.')  # of DistributedDataParallel
    faults = misfits(model.state_dict(), weights) or other_method(cfg, content)
    if faults:
        raise ValueError(f'{name} does not fit the model: {faults}')
    load_state_dict(model, weights, strict=True)
