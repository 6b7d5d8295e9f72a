"""Rendered faces, tilted, as files."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mmfld.synthetic import SyntheticFaceGenerator

TILT = 50  # degrees clockwise


@pytest.fixture(scope='session')
def tilted() -> np.ndarray:
    """(300, 300, 3) uint8 in BGR."""
    image = SyntheticFaceGenerator(seed=3, image_size=300, flags='none')[0].image
    return cv2.warpAffine(image, cv2.getRotationMatrix2D((150, 150), -TILT, 1), (300, 300))


@pytest.fixture
def upload(tilted, tmp_path) -> Path:
    """A file of it, in a folder of its own."""
    path = tmp_path / 'uploads' / 'tilted.png'
    path.parent.mkdir()
    cv2.imwrite(str(path), tilted)
    return path
