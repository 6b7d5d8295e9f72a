"""Matches, losses, switches and errors of hand-made sequences."""

import numpy as np
import pytest

from mmfld.evaluation.tracking import LOST, FollowedFace, identity_switches, match_faces, summarize_tracking
from mmfld.structures import get_layout

LAYOUT = get_layout('300w68')
SQUARE = np.array([[0, 0], [100, 0], [100, 100], [0, 100]], float)
ALL = np.ones((1, 4), bool)


def square(x=0.0, y=0.0, scale=1.0):
    """Four landmarks on the corners of a square of 100 pixels."""
    return SQUARE * scale + [x, y]


def match(*frames, truth=square(), visible=ALL):
    """From frames as {number: landmarks}, of which the true ones are the same in all."""
    return match_faces(
        [np.array(list(frame.values())).reshape(-1, 4, 2) for frame in frames],
        [list(frame) for frame in frames],
        np.array([truth] * len(frames)),
        np.repeat(visible, len(frames), axis=0),
    ).tolist()


@pytest.mark.parametrize('x, expected', [(0, 0), (33, 0), (34, LOST), (-33, 0), (200, LOST)])
def test_a_face_is_matched_at_half_of_the_union(x, expected):
    # shifted by a third, two thirds of the box are common and four thirds are the union
    assert match({0: square(x)}) == [expected]


def test_of_several_faces_the_nearest_is_matched():
    assert match({4: square(300), 7: square(20), 2: square(5)}) == [2]


def test_a_frame_without_faces_is_lost():
    assert match({}, {3: square()}, {}) == [LOST, 0, LOST]


def test_the_number_of_the_match_before_comes_first():
    """Also after lost frames, until its face is no match any more."""
    both = {1: square(), 0: square(20)}
    assert match({0: square()}, both, {}, both, {1: square(), 0: square(50)}, both) == [0, 1, LOST, 1, 0, 0]


def test_the_box_is_that_of_the_annotated_landmarks():
    face = square()
    face[2:] += [0, 70]  # longer than the true one
    assert match({0: face}, visible=np.array([[True] * 4])) == [0]
    face[2:] += [0, 70]
    assert match({0: face}) == [LOST]
    # without the landmark in the corner at the lower left: (0, 0), (100, 0), (100, 240) against (100, 100)
    moved = square()
    moved[3] = -500, 900
    assert match({0: moved}) == [LOST]
    assert match({0: moved}, visible=np.array([[True, True, True, False]])) == [0]


@pytest.mark.parametrize(
    'numbers, switches',
    [
        ([0, 0, 0], []),
        ([LOST, LOST, 5, 5], []),
        ([0, 1, 1, 0], [1, 3]),
        ([0, LOST, LOST, 0], []),
        ([0, LOST, 2, 2], [2]),
        ([LOST, LOST], []),
        ([], []),
    ],
)
def test_identity_switches(numbers, switches):
    assert np.flatnonzero(identity_switches(np.array(numbers, int))).tolist() == switches


def landmarks(x=0.0, eyes=50.0):
    """(68, 2), with the outer eye corners this far apart."""
    points = np.random.default_rng(0).uniform(0, 80, (68, 2))
    points[list(LAYOUT.eye_corners)] = [[0, 0], [eyes, 0]]
    return points + [x, 0]


def measure(shifts, frames=None, visible=None, eyes=50.0, **identity):
    """Predictions that lie so many pixels beside the true landmarks; NaN: lost."""
    gt = np.stack([landmarks(3 * t, eyes) for t in range(len(shifts))])
    pred = gt + np.stack([np.array(shifts), np.zeros(len(shifts))], axis=1)[:, None]
    pred[np.isnan(shifts)] = np.nan
    visible = np.ones(gt.shape[:2], bool) if visible is None else visible
    frames = np.arange(len(shifts)) if frames is None else np.array(frames)
    return FollowedFace.measure(pred, gt, visible, frames, LAYOUT, **identity)


def test_errors_and_flicker_of_a_face():
    # errors of 1 and 2 px at 50 px; second differences of 1, then none across the gap and the lost frame
    face = measure([1, 1, 2, 2, np.nan, 2], frames=[0, 1, 2, 4, 5, 6])
    np.testing.assert_allclose(face.errors, [0.02, 0.02, 0.04, 0.04, np.nan, 0.04])
    np.testing.assert_allclose(face.flicker, [np.nan, 0.02, *[np.nan] * 4])


def test_subset_keeps_what_was_measured_among_all_frames():
    switches = np.array([False, False, True, False])
    face = measure([np.nan, np.nan, 1, np.nan], switches=switches, others=np.arange(4))
    part = face.subset(np.array([False, True, True, True]))
    assert part.not_yet_found.tolist() == [True, False, False]
    assert part.switches.tolist() == [False, True, False] and part.others.tolist() == [1, 2, 3]
    np.testing.assert_allclose(part.errors, [np.nan, 0.02, np.nan])


def test_landmarks_that_are_not_annotated_do_not_count():
    visible = np.zeros((3, 68), bool)
    visible[:, list(LAYOUT.eye_corners)] = True
    gt = np.stack([landmarks()] * 3)
    pred = gt + 1000.0 * ~visible[..., None]
    face = FollowedFace.measure(pred, gt, visible, np.arange(3), LAYOUT)
    np.testing.assert_array_equal(face.errors, 0)
    np.testing.assert_array_equal(face.flicker[1], 0)


@pytest.mark.parametrize('hide, found', [(True, 'nan'), (False, '0.0')])
def test_frame_without_inter_ocular_distance_is_named(hide, found):
    visible = np.ones((2, 68), bool)
    visible[1, 36] = not hide
    with pytest.raises(ValueError, match=f'frame 7: found an inter-ocular distance of {found} pixels'):
        measure([1, 1], frames=[3, 7] if hide else [7, 8], visible=visible, eyes=50.0 if hide else 0.0)


def test_summary_by_hand():
    """Two videos of 4 and 2 frames; three are lost, two of them before the first match."""
    flags = [np.array([False, False, True, False]), np.zeros(2, bool)]
    others = [np.array([0, 2, 0, 1]), np.zeros(2, int)]
    videos = [
        measure([np.nan, 1, 5, np.nan], switches=flags[0], others=others[0]),
        measure([np.nan, 2], switches=flags[1], others=others[1]),
    ]
    summary = summarize_tracking(videos, threshold=0.08)
    expected = dict(
        frames=6,
        lost=3,
        not_yet_found=2,
        NME=(2 + 10 + 4) / 3,
        NME_video=(6 + 4) / 2,
        FR=100 * 4 / 6,  # the lost ones, and 10 %
        AUC=(0.75 + 0.5) / 6,
        flicker=np.nan,
        switches=1,
        others=3,
    )
    assert summary == pytest.approx(expected, nan_ok=True)


def test_summary_of_given_boxes_has_no_identities():
    summary = summarize_tracking([measure([1, 2, 1])], threshold=0.08)
    assert summary == pytest.approx(
        dict(frames=3, lost=0, not_yet_found=0, NME=8 / 3, NME_video=8 / 3, FR=0, AUC=1 - 8 / 3 / 8, flicker=4.0)
    )


def test_summary_of_a_face_that_is_never_found():
    summary = summarize_tracking([measure([np.nan, np.nan])], threshold=0.08)
    assert summary == pytest.approx(
        dict(frames=2, lost=2, not_yet_found=2, NME=np.nan, NME_video=np.nan, FR=100, AUC=0, flicker=np.nan),
        nan_ok=True,
    )
