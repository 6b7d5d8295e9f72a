"""Lines, numbers and image names in text files, with checks that name file and line."""

import math
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

from .problems import Problem, shown


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their numbers from 1; for :func:`decode_line`, as each may be broken by itself.

    Raises:
        Problem: If the file cannot be read.
    """
    if not path.is_file():  # a pipe would be waited for
        raise Problem('unreadable file', 'does not exist or is no file', path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Problem('unreadable file', f'cannot be read ({error})', path) from error
    yield from enumerate(content.removeprefix(b'\xef\xbb\xbf').splitlines(), 1)


def decode_line(line: bytes, path: Path, number: int) -> str:
    """A line of UTF-8 as text.

    Raises:
        Problem: If it is no such text.
    """
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise Problem(
            'bad text',
            f'found byte 0x{line[error.start]:02x} in column {error.start + 1}, expected UTF-8',
            path,
            number,
        ) from None
    if '\0' in text:
        raise Problem('bad text', f'found byte 0x00 in column {line.index(0) + 1}, expected text', path, number)
    return text


def parse_number(text: str, kind: str, file: Path, line: int) -> float:
    """A finite float; otherwise a :class:`Problem` of the given kind ('coordinate' gives 'non-numeric coordinate')."""
    try:
        if not text.isascii() or '_' in text:  # numbers to Python, but to no other program
            raise ValueError
        number = float(text)
    except ValueError:
        raise Problem(f'non-numeric {kind}', f'found {shown(text)}, expected a number', file, line) from None
    if not math.isfinite(number):
        raise Problem(f'non-finite {kind}', f'found {shown(text)}, expected a finite number', file, line)
    return number


def check_image_name(name: str, file: Path, line: int | str) -> str:
    """The name of an image as it is, if it can be one within the data set, with any system's separators.

    Raises:
        Problem: If it is empty, absolute, or leads out of the data set.
    """
    path = PureWindowsPath(name)
    if not path.name or path.anchor or '..' in path.parts or '\0' in name:
        raise Problem(
            'bad image name', f'found {shown(name)}, expected a name within the data set, such as a/b.jpg', file, line
        )
    return name
