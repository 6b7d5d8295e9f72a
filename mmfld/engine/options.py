"""Options of ``--cfg-options`` and of rows of tables: a key that the config does not have is an error.

MMEngine takes any key into a config, where a misspelt one changes nothing.
"""

import argparse
import copy
import inspect
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner, TestLoop, ValLoop
from torch.utils.data import DataLoader

from ..old_names import old_arguments
from .combine import INGREDIENTS, NEW, SAID_ONCE, SOMETIMES_SAID, arguments, default, merge_options
from .fields import is_number, nearest, shortened


def _names(*functions: Any) -> set[str]:
    return {name for function in functions for name in inspect.signature(function).parameters} - {'self', 'runner'}


_LOADER = _names(DataLoader) | {'num_batch_per_epoch'}
# what parts without a registered type can hold, by their place in a config
SETTINGS = {
    '': _names(Runner.__init__)
    | {*INGREDIENTS, *SOMETIMES_SAID}
    | {
        'activation_checkpointing',
        'compile',
        'custom_imports',
        'efficient_conv_bn_eval',
        'find_unused_parameters',
        'model_wrapper_cfg',
        'starts_from',
        'sync_bn',
    },
    'train_dataloader': _LOADER,
    'val_dataloader': _LOADER,
    'test_dataloader': _LOADER,
    'train_cfg': _names(EpochBasedTrainLoop, IterBasedTrainLoop) | {'type', 'by_epoch', 'accumulation'},
    'val_cfg': _names(ValLoop) | {'type'},
    'test_cfg': _names(TestLoop) | {'type'},
    'optim_wrapper': _names(OptimWrapper) | {'type', 'constructor', 'loss_scale', 'dtype', 'paramwise_cfg'},
    'env_cfg': {'cudnn_benchmark', 'dist_cfg', 'mp_cfg', 'resource_limit'},
    'env_cfg.dist_cfg': {'backend', 'init_backend', 'timeout'},
    'env_cfg.mp_cfg': {'mp_start_method', 'opencv_num_threads'},
    'randomness': _names(Runner.set_randomness),
    'auto_scale_lr': {'base_batch_size', 'enable'},
}


class OptionsAction(DictAction):
    """MMEngine's action for ``--cfg-options KEY=VALUE ...``, with a message for what is not of that form."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option_string: Any = None
    ) -> None:
        for text in values:
            key, equals, _ = text.partition('=')
            if not equals or not all(key.removeprefix(NEW).split('.')):
                parser.error(f'{option_string}: found {text!r}, expected KEY=VALUE, such as train_cfg.max_epochs=1')
        super().__call__(parser, namespace, values, option_string)


def check_options(where: str, cfg: Config, options: dict[str, Any]) -> Config:
    """Check that each option fits the config with those before it merged in.

    Args:
        where (str): Where they stand, for the error.
        cfg (Config): Not changed.
        options (dict): Values by keys with dots. What is neither in the config nor an argument of a component or of the
            runner has to begin with ``+``.

    Returns:
        Config: With the options, but not combined anew.

    Raises:
        KeyError: If a key is not there; the near names are named. If it is but a variable of the config file, whose
            value has gone where it is used; these places are named.
        ValueError: If a text stands for a number, or something else for yes and no.
    """
    cfg = copy.deepcopy(cfg)
    added = {key.removeprefix(NEW).split('.')[0] for key in options if key.startswith(NEW)}
    for key, value in options.items():
        if not key.startswith(NEW):
            if key.split('.')[0] not in added:
                _check_is_read(f'{where}: option {key!r}', cfg._cfg_dict, key.split('.')[0])
            _check(f'{where}: option {key!r}', cfg._cfg_dict, key.split('.'), value)
        merge_options(cfg, {key: value})
    return cfg


def _check_is_read(where: str, cfg: dict[str, Any], name: str) -> None:
    """Check that something reads a key of the config."""
    read = SETTINGS['']
    if 'combined' not in cfg:
        read = read - ({*SAID_ONCE, *SOMETIMES_SAID} - _names(Runner.__init__))
    if name not in cfg or name in read:
        return
    places = [place for part in read & cfg.keys() for place in _places(cfg[part], cfg[name], part)]
    raise KeyError(
        f'{where}: {name} is a variable of the config file, whose value is where it was used'
        + (f': {", ".join(sorted(places)[:4])}{", ..." if len(places) > 4 else ""}' if places else '')
        + f'; {NEW} before the key sets the variable alone'
    )


def _places(part: Any, value: Any, at: str) -> Iterator[str]:
    """Where a value stands in a part of a config."""
    if type(part) is type(value) and part == value:
        yield at
    elif isinstance(part, (dict, list, tuple)):
        for key, inner in part.items() if isinstance(part, dict) else enumerate(part):
            yield from _places(inner, value, f'{at}.{key}')


def _check(where: str, part: Any, names: list[str], value: Any, at: str = '') -> None:
    """Check one option.

    Args:
        part (dict | list): Of the config, in which it is.
        names (list[str]): The way to it from there.
        at (str): The place of the part in the config.
    """
    name, *further = names
    if isinstance(part, (list, tuple)):
        known, found = {str(index) for index in range(len(part))}, None
    else:
        kind = part.get('type')
        known = {*part, *arguments(kind), *old_arguments(kind), *SETTINGS.get(at, ())} - {'self', 'args', 'kwargs'}
        found = part.get(name, default(part.get('type'), name))
    if name not in known and name != '_delete_':
        raise KeyError(
            f'{where}: found nothing named {name!r} there{nearest(name, sorted(known))}; {NEW} before the '
            'key adds what is new'
        )
    if isinstance(part, (list, tuple)):
        found = part[int(name)]
    at = f'{at}.{name}'.lstrip('.')
    if further:
        if found is None and at in SETTINGS:
            found = {}
        if not isinstance(found, (dict, list, tuple)):
            raise KeyError(f'{where}: {at} is {found!r}, expected a part of the config with settings')
        return _check(where, found, further, value, at)
    reference = isinstance(value, str) and value[:1] == '$'
    if isinstance(found, bool) and not isinstance(value, bool) and not reference:
        raise ValueError(f'{where}: found {value!r}, expected true or false in the place of {found!r}')
    if is_number(found) and isinstance(value, (str, bool)) and not reference:
        raise ValueError(f'{where}: found {value!r}, expected a number in the place of {found!r}')
    if isinstance(found, dict) and found and isinstance(value, (int, float)):
        raise ValueError(f'{where}: found {value!r}, expected settings in the place of {shortened(found)}')
    if name.endswith('_size') and isinstance(found, (list, tuple)) and not reference:
        fits = isinstance(value, (list, tuple)) and len(value) == len(found)
        if not fits or not all(is_number(side) and side > 0 for side in value):
            raise ValueError(f'{where}: found {value!r}, expected {len(found)} positive numbers, such as {found}')
    if isinstance(value, dict) and isinstance(found, dict) and found and not {'_delete_', 'type'} & value.keys():
        for key, one in value.items():
            _check(where, found, [str(key)], one, at)
