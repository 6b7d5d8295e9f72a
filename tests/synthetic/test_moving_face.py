"""Clips of photographed faces that move."""

import numpy as np
import pytest

from mmfld.runtime.boxes import middle_and_size, tight_box
from mmfld.synthetic import STILL, SyntheticFaceGenerator, moving_face
from mmfld.synthetic.motion import smooth_processes


@pytest.fixture(scope='module')
def photograph():
    face = SyntheticFaceGenerator(seed=1, image_size=128)[0]
    return face.image, face.annotations['300w68'].astype(float)


def marked(size: int, scale: float = 1.0):
    """A dark picture with white discs, and their middles."""
    points = np.array([[30, 40], [90, 35], [60, 70], [45, 95], [80, 90]]) * scale
    y, x = np.mgrid[:size, :size]
    near = np.min([(x - px) ** 2 + (y - py) ** 2 for px, py in points], axis=0)
    image = np.where(near < (3 * scale) ** 2, 255, 20).astype(np.uint8)
    return np.repeat(image[..., None], 3, axis=2), points


@pytest.mark.parametrize('scale', [1.0, 4.0])
def test_landmarks_move_with_the_picture(scale):
    """Also where the photograph is much larger than the frames."""
    image, points = marked(int(130 * scale), scale)
    for frame in moving_face(image, points, 12, 96, burst_share=0.0, seed=3):
        bright = frame.image[..., 0].astype(float).clip(60) - 60
        y, x = np.mgrid[:96, :96]
        for point in frame.landmarks:
            weight = bright * ((x - point[0]) ** 2 + (y - point[1]) ** 2 < 5**2)
            found = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
            np.testing.assert_allclose(found, point, atol=0.3)


def test_the_face_stays_within_the_frame_and_moves_smoothly(photograph):
    for seed in range(5):
        clip = moving_face(*photograph, 25, 96, seed=seed)
        points = np.array([frame.landmarks for frame in clip])
        middles, sides = zip(*(middle_and_size(tight_box(one)) for one in points))
        assert all(0.35 * 96 < side.max() < 0.8 * 96 for side in sides)
        assert np.abs(np.array(middles) - 47.5).max() < 0.25 * 96
        steps = np.linalg.norm(np.diff(points, axis=0), axis=2)
        assert 0.05 < steps.mean() and steps.max() < 0.08 * 96


def test_bursts_hide_or_darken(photograph):
    clips = [moving_face(*photograph, 40, 64, burst_share=0.3, seed=seed) for seed in range(8)]
    frames = [frame for clip in clips for frame in clip]
    assert 0.1 < np.mean([frame.burst for frame in frames]) < 0.5
    assert all(frame.visible.all() for frame in frames if not frame.burst)
    assert any(not frame.visible.all() for frame in frames if frame.burst)
    assert not any(frame.burst for frame in moving_face(*photograph, 40, 64, burst_share=0.0))


def test_what_does_not_move_differs_by_noise_alone(photograph):
    first, second = moving_face(*photograph, 2, 64, STILL, 0.0, seed=2)
    np.testing.assert_array_equal(first.landmarks, second.landmarks)
    difference = first.image.astype(int) - second.image
    assert 0 < np.abs(difference).max() and np.abs(difference.mean()) < 0.2 and difference.std() < 6


def test_the_same_seed_gives_the_same_clip(photograph):
    one, again, other = (moving_face(*photograph, 6, 64, seed=seed) for seed in (5, 5, 6))
    assert all((a.image == b.image).all() and (a.landmarks == b.landmarks).all() for a, b in zip(one, again))
    assert not np.array_equal(one[0].landmarks, other[0].landmarks)


def test_processes_stay_within_bounds():
    values = smooth_processes(np.random.default_rng(0), np.arange(500) / 25, (0.1, 1.2), 6)
    assert values.shape == (500, 6) and np.abs(values).max() <= 1
    assert np.abs(np.diff(values, axis=0)).max() < 0.31
