"""Names of files that are being written, so that one that looks complete is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def unfinished(path: Path) -> Path:
    """The name until a file is complete; makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f'{path.name}.part')


def finish(path: Path) -> None:
    """Give a file, in place of an older one, the name that it was written for."""
    os.replace(path.with_name(f'{path.name}.part'), path)


def write_finished(path: Path, content: bytes) -> None:
    """Write a file that is there as a whole or not at all.

    Raises:
        OSError: If it cannot be written; the message names it, and what was there before is untouched.
    """
    part = unfinished(path)
    with naming(path):
        try:
            part.write_bytes(content)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        finish(path)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """An error of the system that names no file, as those of writing do not, names this one."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
