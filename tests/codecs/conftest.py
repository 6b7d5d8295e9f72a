"""Faces to encode, and the loop version of the targets that the benchmark command carries."""

import importlib

import numpy as np
import pytest

from mmfld.synthetic import SyntheticFaceGenerator

GOLDEN = {'wflw98': 'WFLW', '300w68': '300W', 'cofw29': 'COFW'}


@pytest.fixture(scope='session')
def loops():
    """The module with the plain reading of the definitions."""
    return importlib.import_module('benchmark_targets')


@pytest.fixture(scope='session')
def face_of():
    """Function of a layout: a face in 256 x 256 pixels, (K, 2) float32, whose landmarks span 20 ... 235."""
    keypoints = SyntheticFaceGenerator(seed=0)[0].keypoints

    def face_of(layout: str) -> np.ndarray:
        points = keypoints[layout]
        low, high = points.min(0), points.max(0)
        return (points - low) / (high - low).max() * 215 + 20

    return face_of


@pytest.fixture(scope='session')
def golden_targets(golden_dir):
    """Layout -> targets of the reference code: points (K, 2), edge (E, 64, 64), point (K, 64, 64), norm_points."""
    return {layout: dict(np.load(golden_dir / f'targets_{name}.npz')) for layout, name in GOLDEN.items()}
