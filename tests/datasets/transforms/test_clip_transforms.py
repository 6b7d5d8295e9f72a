"""PerFrame and RandomBurst: what differs between the frames of a clip, and that nothing after them gets out of step."""

import random

import numpy as np
import pytest
from mmcv.transforms import BaseTransform

from mmfld.datasets.random_state import random_state
from mmfld.datasets.transforms import PerFrame, RandomBurst


class Draw(BaseTransform):
    """Appends random numbers to ``drawn``; as many as its argument, so that the state depends on having been here."""

    def __init__(self, count=1):
        self.count = count

    def transform(self, results):
        results['drawn'] += [(random.random(), np.random.rand()) for _ in range(self.count)]
        return results


def run(transforms, seed=(1, 2, 3), length=6) -> list:
    """What is drawn in each frame of a clip."""
    frames = []
    for frame in range(length):
        results = dict(clip_seed=seed, clip_frame=frame, clip_length=length, drawn=[])
        with random_state(seed):
            for transform in transforms:
                results = transform(results)
        frames.append(results['drawn'])
    return frames


def test_per_frame_draws_anew_in_each_frame():
    drawn = run([PerFrame([Draw()])])
    assert len({numbers[0][0] for numbers in drawn}) == len({numbers[0][1] for numbers in drawn}) == 6
    assert drawn == run([PerFrame([Draw()])])
    assert drawn != run([PerFrame([Draw()])], seed=(1, 2, 4))


def test_two_per_frames_draw_different_numbers():
    for first, second in run([PerFrame([Draw()]), PerFrame([Draw()])]):
        assert first != second


def test_transforms_after_per_frame_stay_in_step():
    class Alternating(Draw):
        def transform(self, results):
            return super().transform(results) if results['clip_frame'] % 2 else results

    drawn = run([PerFrame([Alternating(5)]), Draw()])
    assert len({numbers[-1] for numbers in drawn}) == 1


def shown(drawn) -> tuple:
    return tuple(bool(numbers) for numbers in drawn)


@pytest.mark.parametrize('seed', range(20))
def test_burst_is_one_run_of_the_asked_length_with_the_same_numbers(seed):
    drawn = run([RandomBurst([Draw()], prob=1.0, min_length=2, max_length=3)], seed=(seed,))
    frames = np.flatnonzero(shown(drawn))
    assert len(frames) in (2, 3) and np.ptp(frames) == len(frames) - 1
    assert len({tuple(numbers) for numbers in drawn if numbers}) == 1


def test_bursts_reach_every_place_and_length():
    seen = {
        shown(run([RandomBurst([Draw()], prob=1.0, min_length=2, max_length=3)], seed=(n,), length=4))
        for n in range(60)
    }
    assert seen == {(1, 1, 0, 0), (0, 1, 1, 0), (0, 0, 1, 1), (1, 1, 1, 0), (0, 1, 1, 1)}


def test_burst_longer_than_the_clip_is_the_clip():
    assert shown(run([RandomBurst([Draw()], prob=1.0, min_length=9, max_length=9)], length=3)) == (1, 1, 1)


def test_probability_of_a_burst():
    bursts = sum(any(shown(run([RandomBurst([Draw()], prob=0.3)], seed=(n,), length=2))) for n in range(400))
    assert 90 <= bursts <= 150  # 120 expected, standard deviation 9


def test_transforms_after_a_burst_stay_in_step_and_draw_other_numbers():
    drawn = run([RandomBurst([Draw(5)], prob=1.0, max_length=2), Draw()])
    assert len({numbers[-1] for numbers in drawn}) == 1
    assert not any(numbers[-1] in numbers[:-1] for numbers in drawn)


def test_per_frame_within_a_burst_differs_from_frame_to_frame():
    drawn = run([RandomBurst([PerFrame([Draw()])], prob=1.0, min_length=6, max_length=6), Draw()])
    assert len({numbers[0] for numbers in drawn}) == 6
    assert len({numbers[1] for numbers in drawn}) == 1


@pytest.mark.parametrize('transform', [PerFrame([]), RandomBurst([])])
def test_need_a_clip(transform):
    with pytest.raises(ValueError, match='face.png.*clip_seed.*FaceVideoDataset'):
        transform(dict(img_path='face.png', clip_frame=0, clip_length=1))


@pytest.mark.parametrize('lengths', [(0, 2), (3, 2)])
def test_impossible_lengths_are_an_error(lengths):
    with pytest.raises(ValueError, match='1 <= min_length <= max_length'):
        RandomBurst([], min_length=lengths[0], max_length=lengths[1])
