"""Checks of fields that people write by hand, in yml files, with messages that name what was found and expected."""

import difflib
import math
from collections.abc import Callable, Iterable
from typing import Any

Field = tuple[Callable[[Any], bool], str]  # whether it takes a value, and what it takes


def is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def is_number(value: Any) -> bool:
    """Whether it is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def is_count(value: Any) -> bool:
    return is_number(value) and isinstance(value, int) and value > 0


def is_mapping(is_key: Callable[[Any], bool], is_value: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(is_key(key) and is_value(one) for key, one in value.items())


TEXT: Field = (is_text, 'a text')
COUNT: Field = (is_count, 'a whole number from 1')


def check_fields(where: str, found: Any, fields: dict[str, Field], optional: Iterable[str] = ()) -> None:
    """Raise a ValueError, which begins with ``where``, for what is no mapping with these fields.

    Args:
        where (str): File and place in it.
        found: What stands there.
        fields (dict): The fields that there are.
        optional (Iterable[str]): Those that can be left out.
    """
    if not isinstance(found, dict):
        raise ValueError(f'{where}: found {shortened(found)}, expected the fields {", ".join(fields)}')
    for key, value in found.items():
        if key not in fields:
            raise ValueError(f'{where}: found the unknown field {key!r}{nearest(str(key), fields)}')
        takes, expected = fields[key]
        if not takes(value):
            raise ValueError(f'{where}: {key}: found {shortened(value)}, expected {expected}')
    for key in fields:
        if key not in found and key not in optional:
            raise ValueError(f'{where}: found no field {key!r}, expected {fields[key][1]}')


def nearest(word: str, words: Iterable[str]) -> str:
    """``'; near: a, b'`` of the words that look like one that is unknown, or nothing."""
    words = list(words)
    near = difflib.get_close_matches(word, words, n=5, cutoff=0.5)
    near += [other for other in words if word.lower() in other.lower() and other not in near][:5]
    return f'; near: {", ".join(near)}' if near else f'; there are: {", ".join(words[:12])}' if words else ''


def shortened(item: Any) -> str:
    """``repr`` of at most 80 characters."""
    text = repr(item)
    return text if len(text) <= 80 else f'{text[:77]}...'
