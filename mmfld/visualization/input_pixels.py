"""From pixels of an image to those of the crop that a network got of it."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def to_input_pixels(points: np.ndarray, metainfo: Mapping[str, Any]) -> np.ndarray:
    """Points (..., 2) in pixels of the image -> in pixels of the network input, for crops that are not turned.

    Args:
        points (ndarray): As ``pred_instances.keypoints`` and ``gt_instances.keypoints`` have them.
        metainfo (Mapping): Of the data sample, with ``input_center``, ``input_scale`` and ``input_size``.
    """
    return ((points - metainfo['input_center']) / metainfo['input_scale'] + 0.5) * metainfo['input_size']
