"""What commands are given, and what they say of what they cannot be given: one line, and status 2."""

import argparse
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """One that complains in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f'{self.prog}: {message} (see {self.prog} --help)\n')


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
