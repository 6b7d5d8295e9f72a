"""Checkpoints of plain MMEngine, read without any code of theirs.

MMEngine pickles its log (:class:`HistoryBuffer`) and NumPy's arrays. To load them, ``builtins.getattr`` and NumPy's own
unpickling would have to be allowed, with which a file can do harm. Here their names in the file mean stand-ins, which
take numbers out of the bytes and do nothing else. All other names stay refused, by torch, and nothing is allowed for
good. What comes out is what :class:`~mmfld.engine.hooks.plain_checkpoint_hook.PlainCheckpointHook` writes.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from mmengine.runner import CheckpointLoader


class _Type:
    """Of numbers, for ``numpy.dtype``."""

    def __init__(self, code: str, *_: Any) -> None:
        if not re.fullmatch('[biuf][1248]', str(code)):
            raise ValueError(f'found NumPy type {code!r}, expected one of numbers')
        self.code, self.order = code, '='  # of bytes

    def __setstate__(self, state: tuple) -> None:
        self.order = state[1]

    def read(self, content: Any) -> np.ndarray:
        order = self.order if self.order in ('<', '>') else '='
        found = np.frombuffer(content, order + self.code) if content else np.zeros(0)
        return found.astype(self.code)


class _Array:
    """For ``numpy.ndarray``."""

    array = np.zeros(0)

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, is_fortran, content = state
        self.array = kind.read(content).reshape(shape, order='F' if is_fortran else 'C')


class _Buffer:
    """For ``HistoryBuffer``."""

    def __setstate__(self, state: dict) -> None:
        self.log = dict(
            values=torch.tensor(state['_log_history'].array),
            counts=torch.tensor(state['_count_history'].array),
            max_length=int(state['max_length']),
        )


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _scalar(kind: _Type, content: Any) -> float | int | bool:
    return kind.read(content)[0].item()


def _nothing(*_: Any) -> None:
    """For ``getattr``, by which a buffer would get its functions."""


def _no_bytes(*_: Any) -> bytes:
    """For ``bytes``, which pickles call for none."""
    return b''


STAND_INS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_nothing, 'builtins.getattr'),
    (_no_bytes, 'builtins.bytes'),
    (_Buffer, 'mmengine.logging.history_buffer.HistoryBuffer'),
    (_Array, 'numpy.ndarray'),
    (_Type, 'numpy.dtype'),
    *((_reconstruct, f'numpy.{core}.multiarray._reconstruct') for core in ('core', '_core')),
    *((_scalar, f'numpy.{core}.multiarray.scalar') for core in ('core', '_core')),
]


def load_plain(path: str | Path, map_location: Any = 'cpu') -> Any:
    """What ``torch.load(weights_only=True)`` returns, also of checkpoints of plain MMEngine.

    Raises:
        Exception: As torch does, of files with other objects, or that are no checkpoints.
    """
    try:
        return torch.load(path, map_location=map_location, weights_only=True)
    except UnpicklingError as error:
        if 'GLOBAL' not in str(error):
            raise
        try:
            with torch.serialization.safe_globals(STAND_INS):
                return _plain(torch.load(path, map_location=map_location, weights_only=True))
        except UnpicklingError:
            raise
        except Exception:  # stand-ins that are not what they stand for; torch before 2.6, which knows no names of them
            raise error from None


def load_from_local(filename: str, map_location: Any) -> Any:
    """MMEngine's own, which loads what it has written."""
    path = os.path.expanduser(filename)
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{filename} can not be found.')
    return load_plain(path, map_location)


CheckpointLoader.register_scheme(prefixes='', loader=load_from_local, force=True)


def _plain(value: Any) -> Any:
    """With lists and dicts for what stands in; containers are changed in place."""
    if isinstance(value, _Array):
        return value.array.tolist()
    if isinstance(value, _Buffer):
        return value.log
    if isinstance(value, dict):
        for key, item in value.items():
            value[key] = _plain(item)
    elif isinstance(value, list):
        value[:] = map(_plain, value)
    elif type(value) is tuple:
        return tuple(map(_plain, value))
    return value
