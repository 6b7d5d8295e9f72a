"""What the doctor says: one line for each finding."""

from collections.abc import Sequence
from typing import NamedTuple

ERROR, WARNING, NOTE = 'error', 'warning', 'note'
SHOWN = 10
BROWSE = 'tools/misc/browse_dataset.py'  # draws the faces of a data set


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        severity (str): ``'error'``: a training or test fails, or its result is wrong; ``'warning'``: likely not meant;
            ``'note'``: good to know.
        topic (str): What was looked at, e.g. ``'packages'`` or ``'train'``.
        message (str): What was found.
        advice (str): What to do. Defaults to nothing.
        ids (Sequence): All annotations, or images, of which the message names the first. Defaults to none.
    """

    severity: str
    topic: str
    message: str
    advice: str = ''
    ids: Sequence = ()

    def __str__(self) -> str:
        text = f'{self.severity:<8}{self.topic}: {self.message}'
        return ' '.join((f'{text} -> {self.advice}' if self.advice else text).split('\n'))


def error(topic: str, message: str, advice: str = '', ids: Sequence = ()) -> Finding:
    return Finding(ERROR, topic, message, advice, ids)


def warning(topic: str, message: str, advice: str = '', ids: Sequence = ()) -> Finding:
    return Finding(WARNING, topic, message, advice, ids)


def note(topic: str, message: str, advice: str = '') -> Finding:
    return Finding(NOTE, topic, message, advice)


def shortened(names: Sequence) -> str:
    """The first of many, and how many more there are."""
    shown: list[str] = [str(name) for name in names[:SHOWN]]
    more = len(names) - len(shown)
    return ', '.join(shown) + (f' and {more} more' if more > 0 else '')
