"""Flicker and jitter of made-up tracks whose values are computed by hand."""

import numpy as np
import pytest

from mmfld.evaluation.flicker import flicker, flicker_per_frame, jitter, second_differences

NAN = np.nan


def track(*positions):
    """One landmark, (T, 1, 2)."""
    return np.array(positions, float)[:, None]


def alternating(amplitude, length):
    """(length, 2, 2): two landmarks that jump by +-amplitude, one in x and one in y."""
    signs = np.where(np.arange(length) % 2, -1.0, 1.0)[:, None, None]
    return amplitude * signs * np.eye(2) + [[30.0, 40], [50, 60]]


# --- second differences ----------------------------------------------------------------------------------------------


def test_uniform_motion_has_none():
    times = np.arange(6.0)[:, None, None]
    tracks = [[5, 9], [20, 3]] + times * [[2, -1], [0.5, 4]]
    np.testing.assert_allclose(second_differences(tracks), [[NAN] * 2] + 4 * [[0] * 2] + [[NAN] * 2], atol=1e-12)


def test_alternation_by_a_has_4a():
    assert flicker(alternating(0.7, 7)) == pytest.approx(4 * 0.7)


def test_is_a_norm_in_the_plane():
    # -2 (3, 4): of length 10
    np.testing.assert_allclose(second_differences(track((0, 0), (3, 4), (0, 0))), [[NAN], [10], [NAN]])


def test_acceleration_is_the_second_difference():
    assert flicker(track(*[(1.5 * t**2, 0) for t in range(5)])) == pytest.approx(3)


def test_true_acceleration_cancels_in_the_error():
    gt = track(*[(t**3, np.exp(t)) for t in range(7)])
    assert flicker(gt + [4, 5], gt) == pytest.approx(0, abs=1e-9)
    noise = track(*[((-1) ** t, 0) for t in range(7)])
    assert flicker(gt + noise, gt) == pytest.approx(4)


def test_independent_noise():
    noise = np.random.default_rng(0).normal(0, 2, (4000, 10, 2))
    assert flicker(noise) == pytest.approx(np.sqrt(6 * np.pi / 2) * 2, rel=0.01)


@pytest.mark.parametrize('length', [0, 1, 2])
def test_needs_three_frames(length):
    tracks = np.zeros((length, 4, 2))
    assert second_differences(tracks).shape == (length, 4)
    assert np.isnan(flicker(tracks))


def test_a_gap_is_not_spanned():
    # the face jumps between frames 3 and 7; a single frame at 20 has no neighbours
    tracks = track((0, 0), (1, 0), (2, 0), (500, 0), (501, 0), (503, 0), (9, 9))
    frames = [1, 2, 3, 7, 8, 9, 20]
    np.testing.assert_allclose(second_differences(tracks, frames)[:, 0], [NAN, 0, NAN, NAN, 1, NAN, NAN])
    assert flicker(tracks, frames=frames) == pytest.approx(0.5)


def test_a_missing_landmark_is_not_spanned_and_others_count():
    tracks = alternating(1, 5)
    tracks[2, 0] = NAN
    # the first landmark has no three frames, the second one all
    np.testing.assert_allclose(second_differences(tracks)[1:4], [[NAN, 4]] * 3)
    np.testing.assert_allclose(flicker_per_frame(tracks), [NAN, 4, 4, 4, NAN])


def test_normalizer_of_the_video_and_of_its_frames():
    tracks = alternating(1, 4)
    assert flicker(tracks, normalizer=50.0) == pytest.approx(4 / 50)
    np.testing.assert_allclose(flicker_per_frame(tracks, normalizer=np.array([1.0, 10, 40, 1])), [NAN, 0.4, 0.1, NAN])


def test_a_frame_is_the_mean_over_its_landmarks():
    # landmarks with 4 and 12; in the last measured frame only the second one: frames weigh the same
    tracks = alternating(1, 6)
    tracks[:, 1] += 2 * (tracks[:, 1] - [50, 60])
    tracks[5, 0] = NAN
    np.testing.assert_allclose(flicker_per_frame(tracks)[1:5], [8, 8, 8, 12])
    assert flicker(tracks) == pytest.approx(9)


# --- jitter ----------------------------------------------------------------------------------------------------------


def test_a_face_that_does_not_move_has_no_jitter():
    assert jitter(np.full((5, 3, 2), 7.0)) == 0


def test_jitter_is_the_standard_deviation():
    tracks = np.random.default_rng(1).normal(50, [[1, 3], [2, 2], [0, 4]], (30, 3, 2))
    expected = np.sqrt((tracks.std(axis=0, ddof=1) ** 2).mean(axis=-1)).mean()
    assert jitter(tracks) == pytest.approx(expected)
    assert jitter(tracks, normalizer=20) == pytest.approx(expected / 20)


def test_jitter_by_hand():
    # deviations of +-3 in x and +-1 in y: sum of squares over 4 frames 36 and 4, degrees of freedom 3
    tracks = track((13, 1), (7, -1), (13, 1), (7, -1))
    assert jitter(tracks) == pytest.approx(np.sqrt((36 / 3 + 4 / 3) / 2))


def test_jitter_of_segments_is_pooled():
    # +-1 about 10, then +-2 about 1000, then a single frame: sums of squares 2 and 8, degrees of freedom 1 and 1
    tracks = track((9, 0), (11, 0), (998, 0), (1002, 0), (7, 0))
    assert jitter(tracks, frames=[0, 1, 5, 6, 9]) == pytest.approx(np.sqrt((2 + 8) / 2 / 2))


def test_a_missing_landmark_starts_a_segment():
    tracks = track((9, 0), (11, 0), (NAN, NAN), (998, 0), (1002, 0))
    still = np.zeros_like(tracks)
    expected = np.sqrt((2 + 8) / 2 / 2)
    assert jitter(tracks) == pytest.approx(expected)
    assert jitter(np.concatenate([tracks, still], axis=1)) == pytest.approx(expected / 2)
    assert jitter(np.concatenate([still, tracks], axis=1)) == pytest.approx(expected / 2)


def test_a_landmark_that_is_never_measured_does_not_count():
    tracks = np.concatenate([track((9, 0), (11, 0), (9, 0)), np.full((3, 1, 2), NAN)], axis=1)
    assert jitter(tracks) == pytest.approx(np.sqrt((1 + 1 / 3) / 2))


@pytest.mark.parametrize('tracks', [np.zeros((0, 3, 2)), np.zeros((1, 3, 2)), np.full((4, 3, 2), NAN)])
def test_no_jitter_without_two_frames(tracks):
    assert np.isnan(jitter(tracks))


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('measure', [second_differences, flicker, jitter])
def test_errors_tell_what_was_found(measure):
    with pytest.raises(ValueError, match=r'tracks have shape \(4, 2\), expected \(T, K, 2\)'):
        measure(np.zeros((4, 2)))
    with pytest.raises(ValueError, match=r'frames have shape \(2,\), expected \(3, \)'):
        measure(np.zeros((3, 1, 2)), frames=[0, 1])
    with pytest.raises(ValueError, match='frame 5 is followed by frame 5, expected increasing frames'):
        measure(np.zeros((3, 1, 2)), frames=[4, 5, 5])
