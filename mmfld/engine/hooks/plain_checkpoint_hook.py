"""Checkpoints as plain data, so that they load and resume with ``torch.load(weights_only=True)``.

MMEngine pickles objects into its checkpoints: the message hub's :class:`HistoryBuffer`, the NumPy arrays of the data
set's meta information, configs. Loading those can run code, so PyTorch >= 2.6 refuses by default and MMEngine 0.10
cannot resume its own checkpoints. Allowing the objects, or loading unsafely, would give up the protection. Here they
are stored as tensors, numbers, strings and built-in containers instead, and the message hub is rebuilt on loading.

What changes for a reader of the file: arrays come back as (nested) lists, which MMPose's visualizer and inferencers
take as well, and NumPy scalars as Python numbers.
"""

from collections import Counter, OrderedDict
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.runner import BaseLoop, Runner
from mmpose.registry import HOOKS

_PLAIN = (type(None), bool, int, float, str, torch.Tensor, torch.nn.Parameter, torch.Size, torch.dtype, torch.device)


@HOOKS.register_module()
class PlainCheckpointHook(Hook):
    """Turns everything in a checkpoint into plain data before it is saved, and back after it is loaded.

    Runs last, so that what other hooks add (the weights of an EMA, say) is included.
    """

    priority = 'LOWEST'

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Replace the values of ``checkpoint`` in place.

        Raises:
            TypeError: If a value is not plain data and cannot be turned into it; names its place in the checkpoint.
        """
        for key, value in checkpoint.items():
            checkpoint[key] = to_plain(value, f'checkpoint[{key!r}]')

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Rebuild what ``runner.resume()`` needs; a checkpoint that was saved without this hook passes unchanged."""
        scalars = checkpoint.get('message_hub', {}).get('log_scalars', {})
        for name, value in scalars.items():
            if isinstance(value, dict):
                scalars[name] = HistoryBuffer(
                    value['values'].cpu().numpy(), value['counts'].cpu().numpy(), value['max_length']
                )

        # runner.resume() compares the data set's meta information by its pickle, where a list differs from an array:
        # hand it the original where that is the same. runner.train_loop would build the training data for a test, too.
        if isinstance(runner._train_loop, BaseLoop):
            current = getattr(runner.train_dataloader.dataset, 'metainfo', None)
            meta = checkpoint.get('meta', {})
            if to_plain(current, 'dataset_meta') == meta.get('dataset_meta'):
                meta['dataset_meta'] = current


def to_plain(value: Any, path: str) -> Any:
    """``value`` in types that ``torch.load(weights_only=True)`` accepts; tensors are not copied.

    Args:
        value: Scalars, tensors, arrays, history buffers and any nesting of built-in containers and their subclasses.
        path (str): Where the value stands, for the error.

    Raises:
        TypeError: For any other type; names ``path``.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, HistoryBuffer):
        values, counts = value.data
        return dict(values=torch.tensor(values), counts=torch.tensor(counts), max_length=value.max_length)
    if isinstance(value, np.generic):
        return to_plain(value.item(), path)
    if isinstance(value, np.ndarray):
        return to_plain(value.tolist(), path)
    if isinstance(value, dict):
        plain = {to_plain(key, f'a key of {path}'): to_plain(item, f'{path}[{key!r}]') for key, item in value.items()}
        if kind is Counter:  # milestones of a multi-step schedule
            return Counter(plain)
        if kind is OrderedDict:  # a state dict, to which PyTorch attaches the versions of its modules
            plain = OrderedDict(plain)
            if hasattr(value, '_metadata'):
                vars(plain)['_metadata'] = to_plain(value._metadata, f'{path}._metadata')
        return plain
    for container in (list, tuple, set, frozenset):
        if isinstance(value, container):
            items = [to_plain(item, f'{path}[{index}]') for index, item in enumerate(value)]
            return set(items) if container is frozenset else container(items)
    raise TypeError(
        f'{path} is a {kind.__module__}.{kind.__qualname__}, which cannot be stored as plain data: '
        'keep tensors, numbers, strings and built-in containers of them in a checkpoint.'
    )
