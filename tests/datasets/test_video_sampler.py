"""VideoSampler: whole videos in order for each process, and no result lost when they are collected."""

import subprocess
import sys
from collections import Counter

import pytest

from mmfld.datasets import VideoSampler, video_sampler


class Clips:
    """Stands for a data set: clips of at most 3 frames of videos given by their lengths."""

    def __init__(self, **videos):
        self.clips = [
            (video, list(range(start, min(start + 3, length))))
            for video, length in videos.items()
            for start in range(0, length, 3)
        ]

    def __len__(self):
        return len(self.clips)

    def get_data_info(self, index):
        video, frames = self.clips[index]
        return dict(video=video, frames=frames)


def split(monkeypatch, dataset, world_size) -> list:
    """The indices of each process."""
    parts = []
    for rank in range(world_size):
        monkeypatch.setattr(video_sampler, 'get_dist_info', lambda rank=rank: (rank, world_size))
        sampler = VideoSampler(dataset, seed=0)
        parts.append(list(sampler))
        assert len(sampler) == len(parts[-1])
    return parts


def test_one_process_gets_all_clips_in_order(monkeypatch):
    assert split(monkeypatch, Clips(a=7, b=2, c=4), 1) == [list(range(6))]


@pytest.mark.parametrize('world_size', [2, 3, 4, 8])
def test_whole_videos_in_order_and_each_clip_once(monkeypatch, world_size):
    dataset = Clips(a=7, b=20, c=4, d=9, e=1)
    parts = split(monkeypatch, dataset, world_size)
    assert sorted(sum(parts, [])) == list(range(len(dataset)))
    assert all(part == sorted(part) for part in parts)
    of_video = Counter(video for part in parts for video in {dataset.clips[index][0] for index in part})
    assert set(of_video.values()) == {1}


def test_processes_get_about_as_many_frames(monkeypatch):
    dataset = Clips(a=7, b=20, c=4, d=9, e=1)
    frames = [sum(len(dataset.clips[index][1]) for index in part) for part in split(monkeypatch, dataset, 2)]
    assert sorted(frames) == [20, 21]


def test_items_that_are_no_clips_are_an_error():

    class Images:
        def __len__(self):
            return 1

        def get_data_info(self, index):
            return dict(img_path='face.png')

    with pytest.raises(TypeError, match='Images.*FaceVideoDataset'):
        VideoSampler(Images())


COLLECT = """
import sys
from mmengine.dist import collect_results, init_dist
import torch.distributed as dist
rank = int(sys.argv[1])
dist.init_process_group('gloo', init_method='file://' + sys.argv[2], rank=rank, world_size=2)
part = list(range(5)) if rank == 0 else [10, 11]
collected = collect_results(part, sys.maxsize, 'cpu')
assert (collected is None) == (rank == 1)
if rank == 0:
    print(sorted(collected))
dist.destroy_process_group()
"""


def test_unequal_parts_are_collected_without_loss(tmp_path):
    """What MMEngine promises nowhere, and the sampler relies on."""
    processes = [
        subprocess.Popen(
            [sys.executable, '-c', COLLECT, str(rank), str(tmp_path / 'store')],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    output = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert output[0].strip().endswith('[0, 1, 2, 3, 4, 10, 11]')
