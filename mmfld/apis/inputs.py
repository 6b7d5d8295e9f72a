"""What an inferencer reads: sources that go on after damage, batches of frames, and boxes that somebody gives."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from mmengine.logging import print_log

from ..counts import how_many
from ..runtime.boxes import given_boxes
from ..runtime.frame import Frame
from ..runtime.media import Inputs, Source, open_source


def open_lenient(inputs: Inputs) -> Source:
    """A folder or a video is read on after what cannot be read, and says so at its end; an input that is named one by
    one has to be readable."""
    source = open_source(inputs)
    if isinstance(inputs, (str, Path)) and (source.is_video or Path(inputs).is_dir()):
        source.strict = False
        if source.notice:
            print_log(source.notice, logger='current', level=logging.WARNING)
    return source


def batches(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    """Lists of frames; those before one that cannot be read come before the error."""
    batch: list[Frame] = []
    try:
        for frame in frames:
            batch.append(frame)
            if len(batch) == size:
                yield batch
                batch = []
    except (ImportError, OSError, ValueError):
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def boxes_per_image(bboxes: Sequence, source: Source) -> Sequence:
    """Given boxes as a list for each image of a source; those of a single image may be given as they are.

    Raises:
        ValueError: If it is no list, or not of as many images as there are.
    """
    if not isinstance(bboxes, (Sequence, np.ndarray)) or isinstance(bboxes, str):
        raise ValueError(f'bboxes: found {type(bboxes).__name__}, expected a list of boxes for each image')
    is_one = len(bboxes) == 0 or np.ndim(bboxes[0]) == 1 and len(bboxes[0]) == 4
    if source.length == 1 and is_one:
        bboxes = [bboxes]  # of the single image, also none
    if source.length is not None and len(bboxes) != source.length:
        raise ValueError(
            f'bboxes: found {how_many(len(bboxes), "list")} of boxes, expected one for each of '
            f'{how_many(source.length, "image")}'
        )
    return bboxes


def boxes_of_frame(bboxes: Sequence, frame: Frame) -> np.ndarray:
    """(N, 5) given landmark boxes and scores of one image.

    Raises:
        ValueError: If there are none of this frame, or one is no box in it.
    """
    if frame.index >= len(bboxes):
        raise ValueError(f'bboxes: found {how_many(len(bboxes), "list")} of boxes, but {frame.path} has more frames')
    return given_boxes(bboxes[frame.index], frame.image.shape[1::-1], f'bboxes of image {frame.index} ({frame.path})')
