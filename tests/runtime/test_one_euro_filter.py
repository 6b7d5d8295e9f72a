"""Against a scalar transcription of the paper's algorithm, and what it is for: smooth at rest, little lag."""

import math

import numpy as np
import pytest

from mmfld.evaluation.flicker import flicker, jitter
from mmfld.runtime.one_euro_filter import OneEuroFilter


class ScalarOneEuro:
    """Algorithm 1 of Casiez et al. (CHI 2012) for one number, with the names of the paper."""

    def __init__(self, mincutoff, beta, dcutoff):
        self.mincutoff, self.beta, self.dcutoff = mincutoff, beta, dcutoff
        self.first_time = True

    def alpha(self, rate, cutoff):
        tau = 1.0 / (2 * math.pi * cutoff)
        te = 1.0 / rate
        return 1.0 / (1.0 + tau / te)

    def __call__(self, x, rate):
        if self.first_time:
            self.first_time = False
            self.hatx, self.hatdx = x, 0.0
            return x
        dx = (x - self.hatx) * rate
        alpha = self.alpha(rate, self.dcutoff)
        self.hatdx = alpha * dx + (1 - alpha) * self.hatdx
        cutoff = self.mincutoff + self.beta * abs(self.hatdx)
        alpha = self.alpha(rate, cutoff)
        self.hatx = alpha * x + (1 - alpha) * self.hatx
        return self.hatx


def random_walk(*shape, seed=0):
    return 300 + np.random.default_rng(seed).normal(0, 3, shape).cumsum(axis=0)


def run(smooth, tracks, scale=1.0):
    return np.stack([smooth(points, scale) for points in tracks])


# --- reference -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('shape', [(2,), (5, 2), (3, 4, 2)])
def test_equals_the_scalar_algorithm(shape):
    tracks = random_walk(40, *shape)
    result = run(OneEuroFilter(min_cutoff=0.7, beta=0.02, d_cutoff=1.3, rate=30), tracks)
    for index in np.ndindex(shape):
        reference = ScalarOneEuro(0.7, 0.02, 1.3)
        expected = [reference(x, 30) for x in tracks[(slice(None), *index)]]
        np.testing.assert_allclose(result[(slice(None), *index)], expected, rtol=1e-10)


def test_timestamps_set_the_rate_of_each_frame():
    tracks = random_walk(30, 4, 2)
    times = 1000 + np.random.default_rng(1).uniform(0.01, 0.1, 30).cumsum()
    smooth = OneEuroFilter(beta=0.02, rate=7)
    result = np.stack([smooth(points, 1.0, time) for points, time in zip(tracks, times)])
    reference = ScalarOneEuro(1.0, 0.02, 1.0)
    expected = [reference(x, rate) for x, rate in zip(tracks[:, 1, 0], 1 / np.diff(times, prepend=0))]
    np.testing.assert_allclose(result[:, 1, 0], expected, rtol=1e-9)


def test_timestamps_of_the_rate_change_nothing():
    tracks = random_walk(20, 4, 2)
    smooth = OneEuroFilter(rate=50)
    result = np.stack([smooth(points, 100.0, t / 50) for t, points in enumerate(tracks)])
    np.testing.assert_allclose(result, run(OneEuroFilter(rate=50), tracks, 100.0), rtol=1e-9)


# --- scale -----------------------------------------------------------------------------------------------------------


def test_result_does_not_depend_on_the_resolution():
    tracks = random_walk(30, 4, 2)
    np.testing.assert_allclose(run(OneEuroFilter(), 3 * tracks, 300.0), 3 * run(OneEuroFilter(), tracks, 100.0))


def test_a_scale_for_each_face():
    tracks = random_walk(30, 2, 4, 2)
    result = run(OneEuroFilter(), tracks, np.array([50.0, 200]).reshape(2, 1, 1))
    np.testing.assert_allclose(result[:, 0], run(OneEuroFilter(), tracks[:, 0], 50.0))
    np.testing.assert_allclose(result[:, 1], run(OneEuroFilter(), tracks[:, 1], 200.0))


def test_without_beta_the_scale_does_not_matter():
    tracks = random_walk(30, 4, 2)
    np.testing.assert_array_equal(run(OneEuroFilter(beta=0), tracks, 7.0), run(OneEuroFilter(beta=0), tracks, 700.0))


# --- what it does ----------------------------------------------------------------------------------------------------


def test_a_still_face_becomes_stiller():
    # noise of 0.5 % of the inter-ocular distance: the numbers that the docstring gives
    noise = np.random.default_rng(0).normal(0, 0.5, (3000, 10, 2))
    smooth = run(OneEuroFilter(), noise, 100.0)
    assert jitter(smooth) / jitter(noise) == pytest.approx(0.46, abs=0.01)
    assert flicker(smooth) / flicker(noise) == pytest.approx(0.20, abs=0.01)
    assert jitter(run(OneEuroFilter(beta=0), noise, 100.0)) / jitter(noise) == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.parametrize('speed', [10.0, 100, 1000])
def test_lag_of_steady_motion_is_bounded(speed):
    position = np.arange(500)[:, None, None] / 25 * [speed, 0]
    lag = (position - run(OneEuroFilter(), position, 100.0))[-1, 0, 0]
    assert 0 < lag < 100 / (2 * np.pi * 20)


def test_beta_trades_noise_for_lag():
    position = np.arange(200)[:, None, None] / 25 * [100.0, 0]
    noise = np.random.default_rng(0).normal(0, 0.5, (1000, 10, 2))
    lags = [(position - run(OneEuroFilter(beta=beta), position, 100.0))[-1, 0, 0] for beta in (0, 5, 50)]
    jitters = [jitter(run(OneEuroFilter(beta=beta), noise, 100.0)) for beta in (0, 5, 50)]
    assert lags == sorted(lags, reverse=True)
    assert jitters == sorted(jitters)
    assert lags[0] == pytest.approx(100 / (2 * np.pi), rel=1e-3)  # the plain filter: speed times time constant


def test_a_jump_settles():
    tracks = np.concatenate([np.zeros((5, 3, 2)), np.full((200, 3, 2), 40.0)])
    result = run(OneEuroFilter(), tracks, 100.0)
    np.testing.assert_allclose(result[-1], 40, atol=1e-3)
    assert result.max() <= 40


# --- state -----------------------------------------------------------------------------------------------------------


def test_first_points_pass_unchanged():
    points = random_walk(1, 4, 2)[0]
    np.testing.assert_array_equal(OneEuroFilter()(points, 100.0), points)


def test_reset_starts_again():
    tracks = random_walk(20, 4, 2)
    smooth = OneEuroFilter()
    first = run(smooth, tracks, 100.0)
    smooth.reset()
    np.testing.assert_array_equal(run(smooth, tracks, 100.0), first)
    smooth.reset()
    assert smooth(np.zeros((9, 2)), 100.0).shape == (9, 2)


def test_arrays_of_the_caller_are_not_shared():
    tracks = random_walk(10, 4, 2)
    expected = run(OneEuroFilter(), tracks, 100.0)
    smooth, buffer = OneEuroFilter(), np.empty((4, 2))
    for points, reference in zip(tracks, expected):
        buffer[:] = points
        result = smooth(buffer, 100.0)
        np.testing.assert_array_equal(result, reference)
        buffer[:] = result[:] = -1


def test_accepts_single_precision():
    result = OneEuroFilter()(np.ones((4, 2), np.float32), 100.0)
    assert result.dtype == np.float64


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'points, scale, message',
    [
        ([[1.0, 2], [3, np.nan]], 100, r'point 1 is \[3.0, nan\], expected finite coordinates'),
        ([[np.inf, 2], [3, 4]], 100, r'point 0 is \[inf, 2.0\]'),
        (np.zeros((3, 2)), 100, r'points have shape \(3, 2\), expected \(2, 2\) as in the frame before'),
        (np.zeros((2, 3)), 100, r'points have shape \(2, 3\), expected \(..., 2\)'),
        ([[1.0, 2], [3, 4]], 0, 'scale is 0, expected a positive size'),
        ([[1.0, 2], [3, 4]], np.nan, 'scale is nan'),
    ],
)
def test_errors_leave_the_state(points, scale, message):
    tracks = random_walk(3, 2, 2)
    smooth = OneEuroFilter()
    run(smooth, tracks[:2], 100.0)
    with pytest.raises(ValueError, match=message):
        smooth(points, scale)
    np.testing.assert_array_equal(smooth(tracks[2], 100.0), run(OneEuroFilter(), tracks, 100.0)[2])


def test_nan_among_several_faces():
    points = np.zeros((3, 4, 2))
    points[2, 1] = np.nan
    with pytest.raises(ValueError, match=r'point \(2, 1\) is \[nan, nan\]'):
        OneEuroFilter()(points, 100.0)


def test_time_goes_on():
    smooth = OneEuroFilter()
    smooth(np.zeros((4, 2)), 100.0, 3.0)
    with pytest.raises(ValueError, match='timestamp 3.0 s follows 3.0 s, expected a later one'):
        smooth(np.zeros((4, 2)), 100.0, 3.0)


@pytest.mark.parametrize('kwargs', [dict(min_cutoff=0), dict(beta=-1), dict(d_cutoff=0), dict(rate=0)])
def test_unusable_arguments(kwargs):
    with pytest.raises(ValueError, match='expected a positive number'):
        OneEuroFilter(**kwargs)
