"""What commands are given, and what they say of what they cannot be given: one line, and status 2."""

import argparse
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, NoReturn

MODEL_HELP = 'of mmfld export, or the name of a model of the package; default: its first'


class Parser(argparse.ArgumentParser):
    """One that complains in one line, says what may have been meant, and takes no abbreviated options."""

    def __init__(self, *args: Any, allow_abbrev: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, allow_abbrev=allow_abbrev, **kwargs)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f'{self.prog}: {message} (see {self.prog} --help)\n')

    def refuse(self, unknown: list[str]) -> NoReturn:
        """Complain of arguments that it does not take."""
        options = self._option_string_actions
        near = [did_you_mean(word.partition('=')[0], options) for word in unknown if word.startswith('-')]
        self.error(f'unrecognized arguments: {" ".join(unknown)}{"".join(near)}')

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += did_you_mean(str(value), map(str, action.choices))
            raise


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``'; did you mean train?'``, or nothing if no known word is like the one that is not known."""
    near = get_close_matches(word, known, n=1)
    return f'; did you mean {near[0]}?' if near else ''


@contextmanager
def wrong_arguments() -> Iterator[None]:
    """Errors in it are those of the command line."""
    try:
        yield
    except (FileNotFoundError, KeyError, TypeError, ValueError) as error:
        raise argparse.ArgumentError(None, str(error)) from error


def whole(text: str, least: int = 1) -> int:
    """A whole number of at least 1."""
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f'found {text!r}, expected a whole number of at least {least}')
    return number


def whole_or_none(text: str) -> int:
    """A whole number of at least 0."""
    return whole(text, 0)


def finite(text: str) -> float:
    """A number that is neither infinite nor NaN."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f'found {text!r}, expected a number')
    return number


def orientation(text: str) -> str | float:
    """A word or an angle."""
    from ..runtime.orientation import ORIENTATIONS  # not there without OpenCV, where commands have to say so

    if text in ORIENTATIONS:
        return text
    try:
        return finite(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f'found {text!r}, expected one of {", ".join(ORIENTATIONS)} or an angle in degrees'
        ) from error
