"""Fields of ``.mat`` files, with checks that name the file, the field, what was found and what was expected.

SciPy and HDF5 can crash over a damaged file, so they read in a process of their own.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.io import loadmat

from . import child
from .problems import Problem


def load_mat(path: Path, names: Sequence[str]) -> dict:
    """Read a ``.mat`` file older than v7.3 that must hold the fields ``names``; only these are returned."""
    return _load(_read_fields, path, names, '.mat file')


def load_mat73(path: Path, names: Sequence[str]) -> dict:
    """Read a ``.mat`` file of v7.3 in the same way, with the axes in the order of MATLAB.

    Of a cell array, the contents are read by :func:`load_cell`; here it is an array of objects.
    """
    return _load(_read_datasets, path, names, '.mat file of v7.3')


def load_cell(path: Path, name: str, index: int) -> np.ndarray:
    """The image in a cell of the field ``name`` of a file of v7.3, as an array; ``index`` counts from 0.

    Raises:
        Problem: If it cannot be read.
    """
    return _call(
        _read_cell,
        path,
        name,
        index,
        kind='unreadable image',
        what='the cell cannot be read',
        place=f'{name}{{{index + 1}}}',
    )


def _load(read: Callable, path: Path, names: Sequence[str], kind: str) -> dict:
    if not path.is_file():
        raise Problem('missing file', 'does not exist', path)
    found, content = _call(read, path, names, kind='unreadable file', what=f'no {kind} that can be read')
    check_fields(found, names, path)
    return content


def _call(read: Callable, path: Path, *args: Any, kind: str, what: str, place: str | None = None) -> Any:
    try:
        return child.call(read, path, *args)
    except child.ChildError as error:
        raise Problem(kind, f'{what} ({error})', path, place) from error


def _read_fields(path: Path, names: Sequence[str]) -> tuple[list[str], dict]:
    content = loadmat(path)
    return (
        [name for name in content if not name.startswith('__')],
        {name: content[name] for name in names if name in content},
    )


def _read_datasets(path: Path, names: Sequence[str]) -> tuple[list[str], dict]:
    with h5py.File(path) as file:
        found = [name for name, item in file.items() if isinstance(item, h5py.Dataset)]
        content = {}
        for name in set(names).intersection(found):
            # references cannot leave the process
            is_cells = h5py.check_ref_dtype(file[name].dtype) is not None
            # HDF5 has the axes of MATLAB's arrays in reverse order
            content[name] = np.empty(file[name].shape[::-1], object) if is_cells else file[name][()].T
        return found, content


def _read_cell(path: Path, name: str, index: int) -> np.ndarray:
    with h5py.File(path) as file:
        return np.ascontiguousarray(file[file[name][()].ravel()[index]][()].T)


def check_fields(found: Iterable[str], names: Sequence[str], path: Path) -> None:
    """Raise if one of ``names`` is not among the found fields."""
    found = sorted(found)
    missing = [name for name in names if name not in found]
    if missing:
        raise Problem(
            'missing field', f'found {", ".join(found) or "nothing"}, expected also {", ".join(missing)}', path
        )


def to_numbers(array: np.ndarray, shape: Sequence[int | None], name: str, path: Path) -> np.ndarray:
    """The field ``name`` as float64; ``shape`` is what it must have, in MATLAB's order, with None for any size."""
    array = np.asarray(array)
    if array.dtype.kind not in 'biuf':
        raise Problem('wrong type', f'found {array.dtype}, expected numbers', path, name)
    if array.ndim != len(shape) or any(size not in (None, found) for size, found in zip(shape, array.shape)):
        expected = ' x '.join('N' if size is None else str(size) for size in shape)
        raise Problem('wrong shape', f'found {" x ".join(map(str, array.shape))}, expected {expected}', path, name)
    return array.astype(np.float64)


def row_name(name: str, index: int) -> str:
    """A row of a field as MATLAB writes it; ``index`` counts from 0."""
    return f'{name}({index + 1}, :)'


def finite_row(array: np.ndarray, index: int, name: str, path: Path) -> np.ndarray:
    """One row of the field ``name``."""
    row = array[index]
    wrong = np.flatnonzero(~np.isfinite(row))
    if len(wrong):
        raise Problem(
            'non-finite number',
            f'found {row[wrong[0]]} in column {wrong[0] + 1}, expected a finite number',
            path,
            row_name(name, index),
        )
    return row


def to_flags(values: np.ndarray, path: Path, place: str) -> np.ndarray:
    """Flags of the landmarks of a face as bool."""
    wrong = np.flatnonzero((values != 0) & (values != 1))
    if len(wrong):
        found = f'{values[wrong[0]]:.17g}'
        raise Problem('bad flag', f'found {found} for landmark {wrong[0]}, expected 0 or 1', path, place)
    return values == 1
