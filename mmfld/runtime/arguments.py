"""Arguments without a meaning, told where they are given: what they are called, what was found, what was expected."""

from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np


def check_whole(name: str, value: Any, least: int = 1) -> None:
    """Raise a ValueError if it is no whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f'found {name}={value!r}, expected a whole number of at least {least}')


def is_number(value: Any) -> bool:
    """Also an infinite one, but not NaN."""
    return isinstance(value, Real) and not isinstance(value, bool) and bool(value == value)


def check_number(name: str, value: Any) -> None:
    """Raise a ValueError if it is none."""
    if not is_number(value):
        raise ValueError(f'found {name}={value!r}, expected a number')


def check_flag(name: str, value: Any) -> None:
    """Raise a ValueError if it is neither True nor False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f'found {name}={value!r}, expected True or False')


def check_path(name: str, value: Any) -> None:
    """Raise a ValueError if it names nothing."""
    if not isinstance(value, (str, Path)) or not str(value).strip():
        raise ValueError(f'found {name}={value!r}, expected a path')
