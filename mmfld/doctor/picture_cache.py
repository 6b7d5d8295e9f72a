"""What was found out about images, so that the second look at a data set is fast.

It lies in the user's cache folder (``$XDG_CACHE_HOME`` or ``~/.cache``, on Windows ``%LOCALAPPDATA%``), as data are
often read-only, and can be removed at any time. An image is known by its path, size and time of modification.
"""

import os
import sqlite3
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

VERSION = 3  # of what is stored; another one begins anew
THUMBNAIL = 16  # pixels a side


class Picture(NamedTuple):
    """An image that opens in full.

    Attributes:
        size (tuple): (width, height) in pixels, as it is loaded.
        thumbnail (ndarray): (16, 16) uint8, grey.
        peak (int): The greatest value in a file of 16 bit; 0 in one of 8. Defaults to 0.
        orientation (int): How the camera was held, as EXIF says, 1 to 8; 1 is upright. Defaults to 1.
    """

    size: tuple[int, int]
    thumbnail: np.ndarray
    peak: int = 0
    orientation: int = 1


class Key(NamedTuple):
    """An image file at one time, and how it is read."""

    path: str
    bytes: int
    modified: int
    ignore_orientation: bool


def key_of(path: str, ignore_orientation: bool) -> Key:
    """OSError if there is no such file."""
    status = os.stat(path)
    return Key(os.path.abspath(path), status.st_size, status.st_mtime_ns, ignore_orientation)


def cache_folder() -> Path:
    """Where it lies."""
    default = os.environ.get('LOCALAPPDATA') if sys.platform == 'win32' else None
    return Path(os.environ.get('XDG_CACHE_HOME') or default or Path.home() / '.cache') / 'mmfld'


class PictureCache:
    """Known pictures by their keys. Without a folder that can be written, nothing is known or kept."""

    def __init__(self, folder: Path | None = None) -> None:
        self._connection: sqlite3.Connection | None = None
        folder = cache_folder() if folder is None else folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(folder / f'pictures_{VERSION}.sqlite', timeout=30)
            self._connection.execute(
                'CREATE TABLE IF NOT EXISTS pictures (path TEXT, bytes INTEGER, modified INTEGER, ignored INTEGER, '
                'width INTEGER, height INTEGER, thumbnail BLOB, peak INTEGER, orientation INTEGER, '
                'PRIMARY KEY (path, ignored))'
            )
        except (OSError, sqlite3.Error):
            self._connection = None

    def known(self) -> dict[Key, Picture]:
        """All that is known."""
        if self._connection is None:
            return {}
        try:
            rows = self._connection.execute('SELECT * FROM pictures').fetchall()
        except sqlite3.Error:  # a damaged file
            return {}
        return {
            Key(path, size, modified, bool(ignored)): Picture(
                (width, height), np.frombuffer(thumbnail, np.uint8).reshape(THUMBNAIL, THUMBNAIL), peak, orientation
            )
            for path, size, modified, ignored, width, height, thumbnail, peak, orientation in rows
        }

    def keep(self, pictures: Iterable[tuple[Key, Picture]]) -> None:
        """Note pictures, in the place of what was known of the same paths."""
        if self._connection is None:
            return
        rows = [
            (*key, *picture.size, picture.thumbnail.tobytes(), picture.peak, picture.orientation)
            for key, picture in pictures
        ]
        try:
            with self._connection:
                self._connection.executemany('INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)', rows)
        except sqlite3.Error:  # a full disk or another one that writes: they are read again next time
            pass

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
