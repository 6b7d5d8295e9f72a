"""Noise textures that all faces share; made once per process and read at random places."""

from functools import cache

import cv2
import numpy as np

_SIZE = 1024


@cache
def tile(name: str) -> np.ndarray:
    """A texture of mean 0 and standard deviation 1, (1024, 1024) float32, (1024, 1024, 3) uint8 for ``'grain'``.

    ``'skin'`` is blotchy, ``'hair'`` made of vertical strands, ``'short_hair'`` of short ones, ``'grain'`` is white
    noise about 128 with standard deviation 32.
    """
    rng = np.random.default_rng(20)
    if name == 'grain':
        return np.clip(rng.normal(128, 32, (_SIZE, _SIZE, 3)), 0, 255).astype(np.uint8)
    noise = rng.standard_normal((_SIZE, _SIZE)).astype(np.float32)
    if name == 'skin':
        layers = [_unit(cv2.GaussianBlur(noise, (0, 0), s)) for s in (0.7, 3, 12)]
        return _unit(layers[0] * 0.6 + layers[1] * 0.5 + layers[2] * 0.9)
    if name == 'hair':
        fine, coarse = (cv2.GaussianBlur(noise, (0, 0), sigmaX=s, sigmaY=40) for s in (0.7, 3.5))
        return _unit(_unit(fine) * 0.7 + _unit(coarse))
    if name == 'short_hair':
        return _unit(cv2.GaussianBlur(noise, (0, 0), sigmaX=0.6, sigmaY=2.2))
    raise KeyError(name)


def crop(name: str, height: int, width: int, place: float) -> np.ndarray:
    """A (height, width) view of a tile; ``place`` in [0, 1) chooses where."""
    whole = tile(name)
    top = int(place * 7919) % max(_SIZE - height, 1)
    left = int(place * 104729) % max(_SIZE - width, 1)
    return whole[top : top + height, left : left + width]


def _unit(array: np.ndarray) -> np.ndarray:
    return (array - array.mean()) / array.std()
