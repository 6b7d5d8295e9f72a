"""Whether a checkpoint is tested on images like those it was trained on, as the config that it carries tells."""

from typing import Any

from mmengine.config import Config

from .combine import arguments, default
from .plain_config import config_of

CROPPING = ('GetFaceCrop', 'FaceAffine')


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
    try:
        config = config_of(checkpoint)
        if config is None:
            return []
        trained = _inputs(config)
    except Exception:  # of whatever version wrote it
        return []
    now = _inputs(cfg)
    return [
        f'{argument}: found {now[argument]!r}, and the weights were trained with {trained[argument]!r}'
        for argument in now
        if argument in trained and now[argument] != trained[argument]
    ]


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
