"""What sources of images and videos yield."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Frame:
    """One image.

    Args:
        image (ndarray): (H, W, 3) uint8, BGR.
        path (str): Of its file, or of the video; a made-up file name for an array.
        index (int): Its place in the input.
        time (float, optional): Seconds from the start of the video at which players show it. None for images.
        duration (float, optional): Seconds for which they show it.
    """

    image: np.ndarray
    path: str
    index: int
    time: float | None = None
    duration: float | None = None
