"""Images, annotation files, and what a reader makes of them."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmfld.conversion.annotations import NamedFace
from mmfld.conversion.problems import Problems


class Read:
    """What a reader found and what it reported."""

    def __init__(self, reader: Callable, path: Path) -> None:
        self.problems = Problems(strict=False)
        self.faces: list[NamedFace] = list(reader(path, path if path.is_dir() else path.parent, self.problems))

    @property
    def left_out(self) -> dict[str, int]:
        return dict(self.problems.left_out)

    @property
    def noted(self) -> dict[str, int]:
        return dict(self.problems.others)


@pytest.fixture
def folder(tmp_path) -> Path:
    """With a.jpg and b.jpg, 60 x 40 pixels."""
    for seed, name in enumerate(('a.jpg', 'b.jpg')):
        image = np.random.default_rng(seed).integers(0, 255, (40, 60, 3), dtype=np.uint8)
        assert cv2.imwrite(str(tmp_path / name), image)
    return tmp_path


@pytest.fixture
def read(folder) -> Callable[..., Read]:
    """Writes text or bytes to a file of the folder and reads it."""

    def read(reader: Callable, name: str, content: str | bytes) -> Read:
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Read(reader, path)

    return read
