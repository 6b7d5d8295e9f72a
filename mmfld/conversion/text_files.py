"""Lines, numbers and image names in text files, with checks that name file and line."""

import codecs
import math
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import Any

from mmfld.runtime.unfinished import finish, unfinished

from .problems import ConversionError, Problem, shown


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their numbers from 1; for :func:`decode_line`, as each may be broken by itself.

    Raises:
        Problem: If the file cannot be read.
    """
    yield from enumerate(read_content(path).removeprefix(codecs.BOM_UTF8).splitlines(), 1)


def read_content(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        Problem: If the file cannot be read.
    """
    if not path.is_file():  # a pipe would be waited for
        raise Problem('unreadable file', 'does not exist or is no file', path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise Problem('unreadable file', f'cannot be read ({error})', path) from error


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 with its mark, as spreadsheets write it.

    Raises:
        Problem: If it cannot be read, or is no such text.
    """
    content = read_content(path)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return content.decode('utf-16')
        except UnicodeDecodeError as error:
            raise Problem('bad text', f'found no whole UTF-16 ({error.reason})', path) from None
    content = content.removeprefix(codecs.BOM_UTF8)
    return '\n'.join(decode_line(line, path, number) for number, line in enumerate(content.splitlines(), 1))


def write_text(path: Path, text: str, overwrite: bool) -> None:
    """Write a file in UTF-8; an interrupted run leaves no half of it.

    Raises:
        ConversionError: If it cannot be written, or is there and not to be overwritten.
    """
    check_free(path, overwrite)
    try:
        unfinished(path).write_text(text, encoding='utf-8', newline='')
        finish(path)
    except OSError as error:
        raise ConversionError(f'{path}: cannot be written ({error})') from error


def check_free(path: Path, overwrite: bool) -> None:
    """Raise a ConversionError if a file is there and not to be overwritten."""
    if path.exists() and not overwrite:
        raise ConversionError(f'{path}: is there already; choose another name, or --overwrite')


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


def is_number(value: Any) -> bool:
    """Whether a value of a json file is a finite number, of a size that any program can hold."""
    return type(value) in (int, float) and -3e38 < value < 3e38


def check_image_name(name: str, file: Path, line: int | str | None) -> str:
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
