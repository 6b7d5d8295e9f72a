"""Fields of ``.mat`` files, with checks that name the file, the field, what was found and what was expected."""
from pathlib import Path
from typing import Iterable, Optional, Sequence

import numpy as np
from conversion import Problem
from scipy.io import loadmat


def load_mat(path: Path, names: Sequence[str]) -> dict:
    """Read a ``.mat`` file older than v7.3 that must hold the fields ``names``."""
    if not path.is_file():
        raise Problem('missing file', 'does not exist', path)
    try:
        content = loadmat(path)
    except Exception as error:  # SciPy raises whatever its parser stumbles over: IndexError, zlib.error, ...
        raise Problem('unreadable file', f'no .mat file that can be read ({error})', path) from error
    check_fields((name for name in content if not name.startswith('__')), names, path)
    return content


def check_fields(found: Iterable[str], names: Sequence[str], path: Path) -> None:
    """Raise if one of ``names`` is not among the found fields."""
    found = sorted(found)
    missing = [name for name in names if name not in found]
    if missing:
        raise Problem('missing field', f'found {", ".join(found) or "nothing"}, expected also {", ".join(missing)}',
                      path)


def to_numbers(array: np.ndarray, shape: Sequence[Optional[int]], name: str, path: Path) -> np.ndarray:
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
        raise Problem('non-finite number', f'found {row[wrong[0]]} in column {wrong[0] + 1}, expected a finite number',
                      path, row_name(name, index))
    return row


def to_flags(values: np.ndarray, path: Path, place: str) -> np.ndarray:
    """Flags of the landmarks of a face as bool."""
    wrong = np.flatnonzero((values != 0) & (values != 1))
    if len(wrong):
        raise Problem('bad flag', f'found {values[wrong[0]]:g} for landmark {wrong[0]}, expected 0 or 1', path, place)
    return values == 1
