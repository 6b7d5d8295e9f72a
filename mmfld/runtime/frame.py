"""What sources of images and videos yield."""

from dataclasses import dataclass, field

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
        since (dict): Of a stream, what happened since the frame before, if anything: how many were ``dropped`` or
            ``damaged``, and how many ``reconnects`` were tried.
    """

    image: np.ndarray
    path: str
    index: int
    time: float | None = None
    duration: float | None = None
    since: dict[str, int] = field(default_factory=dict)
