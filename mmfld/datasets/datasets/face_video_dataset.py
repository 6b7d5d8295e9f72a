"""Annotated videos of faces, cut into clips of successive frames."""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
from mmengine.dataset import force_full_init
from mmengine.logging import print_log
from mmpose.registry import DATASETS

from mmfld.structures import FaceLayout

from ...counts import how_many
from ..random_state import random_state
from .annotation_file import shown
from .face_landmark_dataset import FaceLandmarkDataset

BOXES = ('current', 'previous')
META_KEYS = ('video', 'frame', 'clip_frame', 'clip_length')


@DATASETS.register_module()
class FaceVideoDataset(FaceLandmarkDataset):
    """Clips of successive frames, each with one annotated face. An item is a list of T frames, or with T = 1 the frame.

    The annotation file is that of :class:`FaceLandmarkDataset`, with one annotation per image, whose ``video`` (str)
    and ``frame`` (int) say where it is; ``docs/howto/add_a_data_set.md`` says how clips are cut, augmented and
    collated.

    In the pipeline, a frame has the keys of :class:`FaceLandmarkDataset`, ``video``, ``frame``, ``clip_frame`` (int, 0
    to T - 1) and ``clip_length`` (int, of this clip), ``bbox_rotation`` (1, ) of zero degrees, and outside test mode
    ``clip_seed`` (tuple of ints), from which the random state was set. The four are meta information of the samples.

    Args:
        layout (str | FaceLayout): The annotation scheme, which gives the meta information.
        clip_length (int): T. Defaults to 8.
        clip_stride (int, optional): From the start of a clip to the start of the next, in frames. Defaults to T.
        box (str): What stands in ``bbox``: the box of the ``'current'`` frame, or of the ``'previous'`` one, which is
            what a tracker sees that crops by its last landmarks. Defaults to ``'current'``.
        seed (int, optional): See :class:`FaceLandmarkDataset`; the index is that of the clip.
        **kwargs: Of :class:`FaceLandmarkDataset`, but for those that choose single faces.

    Raises:
        FileNotFoundError: If ``ann_file`` does not exist.
        ValueError: If an argument is out of range, or the annotation file or one of its videos cannot be used.
    """

    def __init__(
        self,
        layout: str | FaceLayout = '300w68',
        clip_length: int = 8,
        clip_stride: int | None = None,
        box: str = 'current',
        **kwargs,
    ) -> None:
        self.clip_length = clip_length
        self.clip_stride = clip_length if clip_stride is None else clip_stride
        self.box = box
        for name in ('clip_length', 'clip_stride'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name} is {getattr(self, name)}, expected 1 or more')
        if kwargs.get('test_mode', False) and self.clip_stride != clip_length:
            raise ValueError(
                f'found clip_stride {self.clip_stride} in test mode, where each frame is shown once; expected '
                f'clip_length, {clip_length}'
            )
        if box not in BOXES:
            raise ValueError(f'box is {box!r}, expected one of {BOXES}')
        for name, default in dict(bbox_file=None, data_mode='topdown', filter_cfg=None, sample_interval=1).items():
            if kwargs.get(name, default) != default:
                raise ValueError(f'{name} is {kwargs[name]!r}, expected {default!r}: clips need all frames of a video')
        super().__init__(layout, **kwargs)

    def get_data_info(self, idx: int) -> dict:
        """The clip ``idx``.

        Returns:
            dict: ``video`` (str) and ``frames``, a list of T dicts, which go into the pipeline.
        """
        shared = super().get_data_info(idx)
        frames = shared.pop('frames')
        return dict(
            video=frames[0]['video'],
            frames=[dict(shared, **frame, clip_frame=n, clip_length=len(frames)) for n, frame in enumerate(frames)],
        )

    @force_full_init
    def prepare_data(self, idx: int) -> list[Any] | Any | None:
        """Run the pipeline on each frame of the clip ``idx``; None if it gives None for one of them."""
        augment = {} if self.test_mode else dict(clip_seed=self._clip_seed(idx))
        items = []
        for frame in self.get_data_info(idx)['frames']:
            meta = {key: frame[key] for key in META_KEYS}
            with random_state(augment['clip_seed']) if augment else nullcontext():
                item = self.pipeline(dict(frame, **augment, bbox_rotation=np.zeros(1, np.float32), dataset=self))
            if item is None:
                return None
            if 'data_samples' in item:
                item['data_samples'].set_metainfo(meta)
            items.append(item)
        return items[0] if self.clip_length == 1 else items

    def faces(self) -> Iterator[dict]:
        """As in the base class, the frames of one clip after the other."""
        for clip in super().faces():
            yield from clip['frames']

    def load_data_list(self) -> list[dict]:
        """Load the frames of the annotation file and cut them into clips."""
        videos = {}
        for frame in super().load_data_list():
            videos.setdefault(frame['video'], []).append(frame)
        return [dict(frames=clip) for video, frames in videos.items() for clip in self._cut(video, frames)]

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """As in the base class, with ``video`` and ``frame``."""
        image = raw_data_info['raw_img_info']
        for field, kind, expected in (('video', str, 'the name of a video'), ('frame', int, 'its place, 0 or more')):
            found = image.get(field)
            if type(found) is not kind or (kind is int and found < 0):
                raise ValueError(
                    f'{self.ann_file}: image {image["id"]}, field "{field}": found {shown(found)}, '
                    f'expected {kind.__name__}, {expected}'
                )
        return dict(super().parse_data_info(raw_data_info), video=image['video'], frame=image['frame'])

    def _cut(self, video: str, frames: list[dict]) -> list[list[dict]]:
        """Clips of one video."""
        numbers = np.array([frame['frame'] for frame in frames])
        steps = np.diff(numbers)
        if (steps <= 0).any():
            first = int((steps <= 0).argmax())
            raise ValueError(
                f'{self.ann_file}: video {shown(video)}: found frame {numbers[first + 1]} after frame '
                f'{numbers[first]}, expected frames in increasing order, with one face each'
            )
        bounds = [0, *(np.flatnonzero(steps > 1) + 1).tolist(), len(frames)]
        segments = [frames[start:end] for start, end in zip(bounds, bounds[1:])]

        if not self.test_mode:
            long_enough = [segment for segment in segments if len(segment) >= self.clip_length]
            if not long_enough:
                raise ValueError(
                    f'{self.ann_file}: video {shown(video)}: found at most {max(map(len, segments))} '
                    f'consecutive frames, expected {self.clip_length} or more, for a clip'
                )
            left_out = len(frames) - sum(map(len, long_enough))
            if left_out:
                print_log(
                    f'{self.ann_file}: video {shown(video)}: {left_out} of '
                    f'{how_many(len(frames), "frame")} left out, in '
                    f'segments of less than {self.clip_length} frames between gaps',
                    logger='current',
                )
            segments = long_enough
        if self.box == 'previous':
            segments = [self._with_previous_boxes(segment) for segment in segments]
        return [
            segment[start : start + self.clip_length] for segment in segments for start in self._starts(len(segment))
        ]

    def _starts(self, num_frames: int) -> Iterable[int]:
        """First frames of the clips of a segment."""
        if self.test_mode:
            return range(0, num_frames, self.clip_stride)
        last = num_frames - self.clip_length
        return [*range(0, last, self.clip_stride), last]

    def _with_previous_boxes(self, segment: list[dict]) -> list[dict]:
        return [
            dict(frame, **{key: other[key] for key in ('bbox', 'face_box') if key in other})
            for frame, other in zip(segment, segment[:1] + segment[:-1])
        ]

    def _clip_seed(self, idx: int) -> tuple[int, ...]:
        if self.seed is None:
            return (np.random.randint(2**31),)
        return self.seed, self._epoch.get(), idx % len(self)
