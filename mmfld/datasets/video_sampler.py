"""Whole videos for each process, for trackers, whose state goes from frame to frame."""

from collections.abc import Iterator
from itertools import groupby

import numpy as np
from mmengine.dist import get_dist_info
from mmpose.registry import DATA_SAMPLERS
from torch.utils.data import Dataset, Sampler


@DATA_SAMPLERS.register_module()
class VideoSampler(Sampler):
    """Gives each process whole videos, their clips one after the other, in the order of the data set.

    Videos go one by one, the longest first, to the process that has the fewest frames. Nothing is repeated and nothing
    is left out; processes may get different numbers of clips, and none if there are fewer videos than processes.
    MMEngine's ``collect_results`` takes results of different lengths from the processes and loses none, but cuts
    them to the length of the data set, which for clips is less than the number of frames: evaluate with
    :class:`~mmfld.evaluation.FaceVideoMetric`.

    For testing. With one process it gives all clips in order. Training takes MMEngine's DefaultSampler.

    Args:
        dataset (Dataset): A :class:`FaceVideoDataset` in test mode, or several in MMEngine's ConcatDataset.
        seed (int, optional): Not used; MMEngine's runner passes one to each sampler.

    Raises:
        TypeError: If the items of the data set are no clips.
    """

    def __init__(self, dataset: Dataset, seed: int | None = None) -> None:
        rank, world_size = get_dist_info()
        clips = [_describe(dataset, index) for index in range(len(dataset))]
        videos = [list(indices) for _, indices in groupby(range(len(clips)), lambda index: clips[index][0])]
        lengths = [sum(clips[index][1] for index in indices) for indices in videos]

        load = np.zeros(world_size, int)
        own = []
        for video in np.argsort(-np.array(lengths), kind='stable'):
            process = load.argmin()
            load[process] += lengths[video]
            if process == rank:
                own.append(video)
        self.indices = [index for video in sorted(own) for index in videos[video]]

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)

    def __len__(self) -> int:
        """Number of clips of this process."""
        return len(self.indices)


def _describe(dataset: Dataset, index: int) -> tuple[str, int]:
    """Video and number of frames of a clip."""
    clip = dataset.get_data_info(index)
    if 'frames' not in clip:
        raise TypeError(
            f'found a {type(dataset).__name__} whose items are no clips, expected a FaceVideoDataset, or '
            'several in a ConcatDataset'
        )
    return clip['video'], len(clip['frames'])
