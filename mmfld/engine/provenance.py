"""Whether a checkpoint is tested as it was trained, on images like those, as the config that it carries tells."""

from collections.abc import Callable
from typing import Any

from mmengine.config import Config

from ..old_names import todays
from .combine import arguments, default
from .plain_config import config_of

CROPPING = ('GetFaceCrop', 'FaceAffine')
# what says how maps are made and read, so that the same weights mean something else
METHOD = (('backbone', 'type'), ('backbone', 'heatmap_activation'), ('head', 'type'), ('head', 'decoder', 'type'))


def other_method(cfg: Config, checkpoint: dict[str, Any]) -> str:
    """In what the method of a config is another one than that of the weights, as a part of a sentence; empty if it is
    not, or nothing is known.

    Networks of different methods can have the same tensors, and the landmarks of the wrong one just look like bad ones.

    Args:
        cfg (Config): Whose model has the weights.
        checkpoint (dict): See :func:`other_inputs`.
    """
    trained, now = _of_training(checkpoint, _method), _method(cfg)
    return '; '.join(
        f'model.{name} is {now[name]}, and the weights were trained with {value}'
        for name, value in (trained or {}).items()
        if now.get(name, value) != value
    )


def _method(cfg: Config) -> dict[str, Any]:
    found = {}
    for *way, name in METHOD:
        component = cfg.model
        for step in way:
            component = component.get(step) or {}
        kind = component.get('type')
        if isinstance(kind, str):
            component = todays(component)
            found['.'.join((*way, name))] = component.get(name, default(component['type'], name))
    return found


def other_inputs(cfg: Config, checkpoint: dict[str, Any]) -> list[str]:
    """What a test gives a network that differs from its training: face crop, normalisation of pixels, moved points.

    They change the result and raise no error, as any weights of the architecture can be loaded.

    Args:
        cfg (Config): Of the test.
        checkpoint (dict): Whose ``meta['cfg']`` is the text of its training's config, as MMEngine writes it. Without
            that nothing is known, nor with one that cannot be read any more.

    Returns:
        list[str]: A sentence for each difference.
    """
    trained, now = _of_training(checkpoint, _inputs) or {}, _inputs(cfg)
    return [
        f'{argument}: found {now[argument]!r}, and the weights were trained with {trained[argument]!r}'
        for argument in now
        if argument in trained and now[argument] != trained[argument]
    ]


def _of_training(checkpoint: dict[str, Any], read: Callable[[Config], dict[str, Any]]) -> dict[str, Any] | None:
    """What ``read`` finds in the config of a training; None if there is none that can be read."""
    try:
        config = config_of(checkpoint)
        return None if config is None else read(config)
    except Exception:  # of whatever version wrote it
        return None


def _inputs(cfg: Config) -> dict[str, Any]:
    """Arguments of the transforms that crop a test image and of the preprocessor, with their defaults."""
    dataset = cfg.test_dataloader.dataset
    components = [transform for transform in dataset.get('pipeline', ()) if transform['type'] in CROPPING]
    if cfg.model.get('data_preprocessor'):
        components.append(cfg.model.data_preprocessor)
    found = {'keypoint_offset': list(dataset.get('keypoint_offset') or (0.0, 0.0))}
    for component in components:
        name = component['type']
        for argument in {**dict.fromkeys(arguments(name)), **component}:
            if argument not in ('self', 'type'):
                value = component.get(argument, default(name, argument))
                found[f'{name}.{argument}'] = list(value) if isinstance(value, (list, tuple)) else value
    return found
