"""Frames of videos, from image files or from the video file itself."""

import os
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from mmcv import VideoReader
from mmpose.registry import TRANSFORMS

from ...runtime.media import VIDEO_SUFFIXES
from .load_face_image import LoadFaceImage

# OpenCV finds a frame by decoding all frames from the key frame that is at least 16 frames earlier
SEEK_COSTS = 16


@TRANSFORMS.register_module()
class LoadVideoFrame(LoadFaceImage):
    """Loads a frame from its image file as LoadFaceImage does, or decodes it if ``img_path`` is a video file.

    Successive frames are decoded one after the other; any other access has to seek. OpenCV does that by time stamps,
    exact where the rate of frames is constant; other videos should be turned into image files.

    Required Keys:

        - img_path: an image, or a video, which is told by its suffix
        - frame (int): from 0; of a video
        - img (optional): taken as it is, as by LoadFaceImage

    Modified Keys:

        - img (H, W, 3): uint8 BGR, or float32 with ``to_float32``
        - img_shape, ori_shape: (H, W)

    Args:
        **kwargs: Of LoadFaceImage. The way to decode an image does not apply to videos.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no video that OpenCV can open, or shows another frame in the place of the one asked for.
        IndexError: If the video does not have the frame.
    """

    def transform(self, results: dict) -> dict | None:
        path = results['img_path']
        if 'img' not in results and Path(path).suffix.lower() in VIDEO_SUFFIXES:
            image = _decode(path, results['frame'])
            results['img'] = image.astype(np.float32) if self.to_float32 else image
        return super().transform(results)


def _decode(path: str, frame: int) -> np.ndarray:
    """(H, W, 3) uint8, BGR."""
    reader = _open(path, os.getpid())
    while reader.position < frame <= reader.position + SEEK_COSTS and reader.read() is not None:
        pass
    image = reader.get_frame(frame) if 0 <= frame < len(reader) else None
    if image is None:
        raise IndexError(f'{path}: found no frame {frame} that can be decoded, expected one of 0 to {len(reader) - 1}')
    place = reader.place()
    if place is not None and abs(place - frame) > 0.5:
        raise ValueError(
            f'{path}: found the frame of number {place:.0f} in the place of {frame}: frames before it are '
            'damaged, or do not follow each other at a constant rate; save the frames as images'
        )
    return image.copy()  # the reader keeps it for the next call, and transforms write into images


class _Video(VideoReader):
    """A video that tells which frame was read last.

    OpenCV counts what it has decoded; frames that it leaves out do not count, and those behind them have their numbers.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path, cache_capacity=1)
        self.read()
        self._start = self._time()

    def place(self) -> float | None:
        """The number of the frame by its time; None where the video does not tell it, as some do of their last."""
        time = self._time()
        return (time - self._start) * self.fps if time else None

    def _time(self) -> float:
        return self.vcap.get(cv2.CAP_PROP_POS_MSEC) / 1000


# by process: a forked worker would share the place in the file with its parent
@lru_cache(maxsize=4)
def _open(path: str, process: int) -> _Video:
    reader = _Video(path)
    if not len(reader):
        raise ValueError(f'{path}: OpenCV finds no frame, expected a video')
    return reader
