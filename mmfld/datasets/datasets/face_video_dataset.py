"""Annotated videos of faces, cut into clips of successive frames."""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
from mmengine.dataset import force_full_init
from mmengine.logging import print_log
from mmpose.registry import DATASETS

from mmfld.structures import FaceLayout

from ..random_state import random_state
from .annotation_file import shown
from .face_landmark_dataset import FaceLandmarkDataset

BOXES = ('current', 'previous')
META_KEYS = ('video', 'frame', 'clip_frame', 'clip_length')


@DATASETS.register_module()
class FaceVideoDataset(FaceLandmarkDataset):
    """Clips of successive frames, each with one annotated face. An item is a list of T frames, or with T = 1 the frame.

    The annotation file is that of :class:`FaceLandmarkDataset`, with one annotation per image, and each image also has
    ``video`` (str), the name of its video, and ``frame`` (int), its place in that video, from 0. ``file_name`` is an
    image file, or the video file itself for all its frames; :class:`LoadVideoFrame` loads both. The images of a video
    stand in the file in the order of their frames.

    Clips never leave their video, nor cross a gap: where frames are missing in the annotation file, the video falls
    into segments of consecutive frames, from which clips are cut as if each were a video of its own. Nothing is decoded
    before an item is asked for.

    * In training, every clip has ``clip_length`` frames, and a last clip ends at the last frame of its segment.
      Segments shorter than a clip are left out, which is logged.
    * In test mode, each frame is in one clip, and the order of the items is that of the frames: a tracker that goes
      through the items sees each video from its first frame to its last. The last clip of a segment may be shorter.

    All frames of a clip are augmented alike: outside test mode, each goes through the pipeline with ``random`` and
    ``numpy.random`` in the same state; after it they are what they were before. A random rotation, scale or shift is
    then the same relative to the crop of each frame. What must differ from frame to frame goes into :class:`PerFrame`
    or :class:`RandomBurst`.

    Each item is a list of what the pipeline makes of the frames: with ``PackPoseInputs`` at its end, T dicts of
    ``inputs`` (3, H, W) uint8 and ``data_samples``, a :class:`PoseDataSample`, to whose meta information ``video``,
    ``frame``, ``clip_frame`` (int, 0 to T - 1) and ``clip_length`` (int, T, of this clip) are added. A data loader
    needs ``collate_fn=dict(type='clip_collate')``; its batch size counts clips, as do indices and subsets.

    With ``clip_length=1`` the items are the frames themselves, as those of a data set of images, and the data loader
    needs nothing. That is for training detectors and for testing trackers, which remember the frames before on their
    own. (MMEngine's inferencers cannot read a config whose test loader has a ``collate_fn``.)

    In the pipeline, a frame has the keys of :class:`FaceLandmarkDataset`, these four, ``bbox_rotation`` (1, ) of zero
    degrees, and outside test mode ``clip_seed`` (tuple of ints), from which the random state was set.

    Args:
        layout (str | FaceLayout): The annotation scheme, which gives the meta information.
        clip_length (int): T. Defaults to 8.
        frame_stride (int): From a frame of a clip to the next, in frames of the video. 1 in test mode. Defaults to 1.
        clip_stride (int, optional): From the start of a clip to the start of the next, in frames of the video; smaller
            than ``clip_length * frame_stride``, clips overlap. Defaults to None, ``clip_length * frame_stride``, which
            is all that test mode takes.
        box (str): What stands in ``bbox``. ``'current'``: the box of the frame itself, as in
            :class:`FaceLandmarkDataset`. ``'previous'``: that of the frame ``frame_stride`` earlier, also for the first
            frame of a clip, which is what a tracker sees that crops by its last landmarks; in the first frames of a
            segment, the box of its first frame. Defaults to ``'current'``.
        seed (int, optional): See :class:`FaceLandmarkDataset`; the index is that of the clip. Without it, the state for
            each clip is drawn.
        **kwargs: Of :class:`FaceLandmarkDataset`, but for those that choose single faces: ``bbox_file``, ``data_mode``,
            ``filter_cfg`` and ``sample_interval``.

    Raises:
        FileNotFoundError: If ``ann_file`` does not exist.
        ValueError: If an argument is out of range, the annotation file or one of its faces cannot be used, the frames
            of a video are repeated or out of order, or, in training, a video has no segment that is long enough for a
            clip. It names the file, the video, what was found and what was expected.
    """

    def __init__(
        self,
        layout: str | FaceLayout = '300w68',
        clip_length: int = 8,
        frame_stride: int = 1,
        clip_stride: int | None = None,
        box: str = 'current',
        **kwargs,
    ) -> None:
        self.clip_length = clip_length
        self.frame_stride = frame_stride
        self.clip_stride = clip_length * frame_stride if clip_stride is None else clip_stride
        self.box = box
        for name in ('clip_length', 'frame_stride', 'clip_stride'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name} is {getattr(self, name)}, expected 1 or more')
        if kwargs.get('test_mode', False) and (frame_stride, self.clip_stride) != (1, clip_length):
            raise ValueError(
                f'found frame_stride {frame_stride} and clip_stride {self.clip_stride} in test mode, '
                f'where each frame is shown once; expected 1 and clip_length, {clip_length}'
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

        span = (self.clip_length - 1) * self.frame_stride + 1
        if not self.test_mode:
            long_enough = [segment for segment in segments if len(segment) >= span]
            if not long_enough:
                raise ValueError(
                    f'{self.ann_file}: video {shown(video)}: found at most {max(map(len, segments))} '
                    f'consecutive frames, expected {span} or more for a clip of {self.clip_length} frames '
                    f'with frame_stride {self.frame_stride}'
                )
            left_out = len(frames) - sum(map(len, long_enough))
            if left_out:
                print_log(
                    f'{self.ann_file}: video {shown(video)}: {left_out} of {len(frames)} frames are left out, in '
                    f'segments of less than {span} frames between gaps',
                    logger='current',
                )
            segments = long_enough
        if self.box == 'previous':
            segments = [self._with_previous_boxes(segment) for segment in segments]
        return [
            segment[start : start + span : self.frame_stride]
            for segment in segments
            for start in self._starts(len(segment), span)
        ]

    def _starts(self, num_frames: int, span: int) -> Iterable[int]:
        """First frames of the clips of a segment; a clip reaches over ``span`` frames of the video."""
        if self.test_mode:
            return range(0, num_frames, self.clip_stride)
        return [*range(0, num_frames - span, self.clip_stride), num_frames - span]

    def _with_previous_boxes(self, segment: list[dict]) -> list[dict]:
        earlier = [segment[max(index - self.frame_stride, 0)] for index in range(len(segment))]
        return [
            dict(frame, **{key: other[key] for key in ('bbox', 'face_box') if key in other})
            for frame, other in zip(segment, earlier)
        ]

    def _clip_seed(self, idx: int) -> tuple[int, ...]:
        if self.seed is None:
            return (np.random.randint(2**31),)
        return self.seed, self._epoch.get(), idx % len(self)
