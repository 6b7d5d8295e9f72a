"""A plain Python object in a ``.npy`` file, as MMPose publishes the list of bad frames of 300VW.

NumPy can crash over a damaged pickle, so it is read in a process of its own.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from . import child
from .problems import Problem


def load_object(path: Path) -> object:
    """The one object in a ``.npy`` file.

    Raises:
        Problem: If there is none, or it is not made of plain Python objects.
    """
    try:
        return child.call(_unpickle, path)
    except child.ChildError as error:
        raise Problem('unreadable file', f'no .npy file with a dict ({error})', path) from error


def _unpickle(path: Path) -> object:
    with open(path, 'rb') as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        return _PlainUnpickler(file).load().item()


class _PlainUnpickler(pickle.Unpickler):
    """Reads arrays of plain Python objects and nothing else: a pickle could run any code, which np.load lets it."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ('numpy', 'numpy.core.multiarray', 'numpy._core.multiarray') and name in (
            'ndarray',
            'dtype',
            '_reconstruct',
        ):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f'found {module}.{name}, expected plain objects')
