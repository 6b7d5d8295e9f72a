"""Augmentation that differs between the frames of a clip of :class:`FaceVideoDataset`.

All other random transforms treat the frames of a clip alike, because they draw from the same random state in each
frame. The transforms here leave the same state behind in each frame, so that those after them do so as well.
"""

import numpy as np
from mmcv.transforms import BaseTransform, Compose
from mmpose.registry import TRANSFORMS

from ..random_state import random_state


@TRANSFORMS.register_module()
class PerFrame(BaseTransform):
    """Applies transforms with random numbers of their own in each frame of a clip, e.g. noise.

    Required Keys:

        - clip_seed, clip_frame

    Args:
        transforms (list[dict]): What to apply.

    Raises:
        ValueError: If the image is not from a clip that is augmented.
    """

    def __init__(self, transforms: list[dict]):
        self.transforms = Compose(transforms)

    def transform(self, results: dict) -> dict | None:
        _require_clip(self, results)
        # the number drawn is the same in all frames, and another one in the next PerFrame of a pipeline
        with random_state((*results['clip_seed'], _draw_seed(), results['clip_frame'])):
            return self.transforms(results)

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(transforms={self.transforms})'


@TRANSFORMS.register_module()
class RandomBurst(BaseTransform):
    """Applies transforms to one random run of consecutive frames of a clip, e.g. an occlusion or blur that passes.

    Within the run they are applied alike, unless they stand in a :class:`PerFrame`. Length and start of the run are
    uniformly distributed; it lies within the clip, and is the whole clip if that is shorter.

    Required Keys:

        - clip_seed, clip_frame, clip_length

    Args:
        transforms (list[dict]): What to apply.
        prob (float): Of a burst in a clip. Defaults to 0.5.
        min_length, max_length (int): In frames. Default to 1 and 4.

    Raises:
        ValueError: If the lengths are not 1 <= min_length <= max_length, or the image is not from a clip that is
            augmented.
    """

    def __init__(self, transforms: list[dict], prob: float = 0.5, min_length: int = 1, max_length: int = 4):
        if not 1 <= min_length <= max_length:
            raise ValueError(
                f'found min_length {min_length} and max_length {max_length}, expected 1 <= min_length <= max_length'
            )
        self.transforms = Compose(transforms)
        self.prob = prob
        self.min_length = min_length
        self.max_length = max_length

    def transform(self, results: dict) -> dict | None:
        _require_clip(self, results)
        if np.random.rand() >= self.prob:
            return results
        clip_length = results['clip_length']
        length = min(np.random.randint(self.min_length, self.max_length + 1), clip_length)
        start = np.random.randint(clip_length - length + 1)
        seed = _draw_seed()
        if not start <= results['clip_frame'] < start + length:
            return results
        with random_state((seed,)):
            return self.transforms(results)

    def __repr__(self) -> str:
        return (
            f'{self.__class__.__name__}(transforms={self.transforms}, prob={self.prob}, '
            f'min_length={self.min_length}, max_length={self.max_length})'
        )


def _draw_seed() -> int:
    return np.random.randint(2**31)


def _require_clip(transform: BaseTransform, results: dict) -> None:
    if 'clip_seed' not in results:
        raise ValueError(
            f'{results.get("img_path")}: found no clip_seed, expected {type(transform).__name__} in the '
            'pipeline of a FaceVideoDataset that is not in test mode'
        )
