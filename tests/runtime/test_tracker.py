"""Faces that turn while they are followed; what tracks do is tested with mmfld.apis.FaceLandmarkTracker."""

import cv2
import numpy as np
import pytest

from mmfld.runtime import FaceLandmarker, FaceTracker
from mmfld.runtime.boxes import tight_box
from mmfld.synthetic import SyntheticFaceGenerator

from .fakes import FakeDetector, FakeFace, FakeModel, RememberingModel, picture


def turning(steps, size=60.0):
    return [FakeFace(100 + n, 80, size, 15.0 * n) for n in range(steps)]


def follow(faces, **options):
    detector = FakeDetector()
    tracker = FaceTracker(FaceLandmarker(FakeModel(), detector, **options), redetect_interval=1000)
    found = []
    for face in faces:
        detector.faces = (face,)
        found.append(tracker(picture(face)))
    return found, detector


def test_a_face_that_turns_all_around_is_followed_in_upright_crops():
    faces = turning(26)
    found, detector = follow(faces)
    assert found[0] == [] and detector.asked == 2  # found in the first frame, confirmed in the second
    for (one,), face in zip(found[1:], faces[1:]):
        assert one.track_id == 0
        np.testing.assert_allclose(one.landmarks, face.landmarks, atol=3)
        assert (one.angle - face.place[3] + 180) % 360 - 180 == pytest.approx(0, abs=3)


def test_upright_loses_it():
    found, _ = follow(turning(12), orientation='upright')
    assert not found[-1]


def test_a_face_that_comes_upside_down():
    found, _ = follow([FakeFace(100, 80, angle=180)] * 3)
    assert [len(faces) for faces in found] == [0, 1, 1]
    assert abs(found[-1][0].angle) == pytest.approx(180, abs=2)


def test_a_model_remembers_each_face_by_itself():
    first, second = FakeFace(50, 60, 50), FakeFace(150, 90, 50)
    detector = FakeDetector(first)
    tracker = FaceTracker(FaceLandmarker(RememberingModel(), detector), return_unconfirmed=True, redetect_interval=1)
    frames = []
    for faces in [(first,)] * 2 + [(first, second)] * 3:
        detector.faces = faces
        found = tracker(picture(*faces))
        pixel = 1.2 * 50 / 64  # of the crop
        frames.append([round(float(face.covariances[0, 0, 0]) / (4 * pixel**2)) for face in found])
    # the frame in which a face is found counts once, however often its crop was taken
    assert frames == [[1], [2], [3, 1], [4, 2], [5, 3]]


def test_smoothing_holds_back():
    detector = FakeDetector(FakeFace(100, 80))
    landmarker = FaceLandmarker(FakeModel(), detector)
    tracker = FaceTracker(landmarker, smoothing=dict(min_cutoff=0.1), return_unconfirmed=True)
    (first,) = tracker(picture(FakeFace(100, 80)))
    (second,) = tracker(picture(FakeFace(103, 80)))
    moved = (second.landmarks - first.landmarks)[:, 0]
    assert 0 < moved.mean() < 2.5
    assert not first.is_confirmed and second.is_confirmed


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(landmarker='photo.jpg'), "landmarker='photo.jpg', expected a FaceLandmarker"),
        (dict(smoothing=dict(beta=-1)), 'beta=-1, expected a positive number'),
        (dict(smoothing=True), 'smoothing=True'),
        (dict(smoothing=dict(rate=float('nan'))), 'rate=nan'),
        (dict(smoothing=dict(rate='a')), "rate='a'"),
        (dict(smoothing=dict(betta=1)), "smoothing={'betta': 1}, expected None or a dict of min_cutoff, beta"),
        (dict(max_faces=0), 'max_faces=0'),
        (dict(max_faces=1.5), 'max_faces=1.5, expected a whole number'),
        (dict(redetect_interval=0), 'redetect_interval=0'),
        (dict(redetect_interval='a'), "redetect_interval='a'"),
        (dict(return_unconfirmed='no'), "return_unconfirmed='no', expected True or False"),
    ],
    ids=str,
)
def test_wrong_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=f'found {message}'):
        FaceTracker(**dict(landmarker=FaceLandmarker(FakeModel(), FakeDetector())) | options)


def test_what_scores_low_begins_no_track():
    faces = [FakeFace(60, 60)] * 2
    assert all(not found for found in follow(faces, min_score=0.7)[0])
    assert [len(found) for found in follow(faces, min_score=0.3)[0]] == [0, 1]


@pytest.mark.parametrize('speed', [5, 12, 20])
def test_a_face_that_moves_fast_is_followed_without_a_lag(speed):
    faces = [FakeFace(40 + speed * n, 80, 60) for n in range(1 + 110 // speed)]
    found, _ = follow(faces)
    for (one,), face in zip(found[1:], faces[1:]):
        np.testing.assert_allclose(one.landmarks, face.landmarks, atol=1.5)


def test_a_face_that_is_gone_is_not_returned():
    face, detector = FakeFace(100, 80), FakeDetector(FakeFace(100, 80))
    tracker = FaceTracker(FaceLandmarker(FakeModel(), detector, min_score=0.3), redetect_interval=1000)
    assert [len(tracker(picture(face))) for _ in range(3)] == [0, 1, 1]
    detector.faces = ()
    assert [len(tracker(picture())) for _ in range(3)] == [0, 0, 0]
    detector.faces = (face,)
    assert [one.track_id for one in tracker(picture(face))] == [0]  # it was not forgotten


@pytest.mark.parametrize('seed', [3, 4])
def test_a_picture_that_stands_still_comes_to_rest(seed):
    """Landmarks went to and fro between two states, by up to 3 pixels."""
    landmarker = FaceLandmarker(threads=1)
    for index in (2, 3):
        image = SyntheticFaceGenerator(seed)[index].image
        tracker = FaceTracker(landmarker)
        found = [tracker(image) for _ in range(18)]
        assert len(found[-1]) == 1
        np.testing.assert_array_equal(found[-2][0].landmarks, found[-3][0].landmarks)
        np.testing.assert_array_equal(found[-1][0].landmarks, found[-2][0].landmarks)


def placed(index, shift=0.0):
    """A rendered face whose landmarks fill the same box of a picture."""
    face = SyntheticFaceGenerator(5, flags='none')[index]
    x1, y1, x2, y2 = tight_box(face.keypoints['300w68'])
    scale = 120 / max(x2 - x1, y2 - y1)
    matrix = np.array([[scale, 0, 128 + shift - scale * (x1 + x2) / 2], [0, scale, 128 - scale * (y1 + y2) / 2]])
    return cv2.warpAffine(face.image, matrix, (256, 256), borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize('first, second', [(0, 1), (2, 3), (4, 5)])
def test_a_cut_to_another_face_at_the_same_place_is_a_new_face(first, second):
    landmarker = FaceLandmarker(threads=1)
    trackers = [FaceTracker(landmarker, smoothing, return_unconfirmed=True) for smoothing in ({}, None)]
    for _ in range(4):
        before = [tracker(placed(first)) for tracker in trackers]
    (smoothed,), (raw,) = (tracker(placed(second)) for tracker in trackers)
    assert [face.track_id for faces in before for face in faces] == [0, 0]
    assert smoothed.track_id == raw.track_id == 1 and not raw.is_confirmed
    np.testing.assert_array_equal(smoothed.landmarks, raw.landmarks)  # nothing is left of the other face
    (face,) = trackers[0](placed(second))
    assert face.track_id == 1 and face.is_confirmed


@pytest.mark.parametrize('first, second, apart', [(0, 1, 0.0), (2, 3, 0.0), (2, 3, 40.0)])
def test_two_persons_in_turn_keep_a_number_each(first, second, apart):
    """Also before either has been seen in two frames one behind the other."""
    frames = [placed(first, -apart / 2), placed(second, apart / 2)]
    landmarker = FaceLandmarker(threads=1)
    tracker = FaceTracker(landmarker)
    expected = [landmarker(frame)[0].landmarks.mean(axis=0) for frame in frames]
    found = [tracker(frame) for frame in frames * 4]
    assert [[face.track_id for face in faces] for faces in found] == [[], [], *([[0], [1]] * 3)]
    for n, (face,) in enumerate(found[2:]):
        np.testing.assert_allclose(face.landmarks.mean(axis=0), expected[n % 2], atol=3)


def test_who_is_cut_away_from_comes_back_under_the_same_number():
    tracker = FaceTracker(FaceLandmarker(threads=1), return_unconfirmed=True, redetect_interval=4)
    shown = [0] * 3 + [1] * 2 + [0] * 2 + [4] * 6 + [0]  # at last, longer than a lost face is remembered
    assert [[face.track_id for face in tracker(placed(index))] for index in shown] == [
        *[[0]] * 3,
        *[[1]] * 2,
        *[[0]] * 2,
        *[[2]] * 6,
        [3],
    ]


def test_light_blur_and_fast_motion_are_no_cut():
    tracker = FaceTracker(FaceLandmarker(threads=1), return_unconfirmed=True)
    face = placed(2)
    frames = [
        face,
        face,
        (face * 0.5).astype(np.uint8),
        face,
        cv2.GaussianBlur(face, (9, 9), 3),
        face,
        placed(2, 20.0),
        placed(2, 40.0),
        placed(2, 20.0),
    ]
    assert [[face.track_id for face in tracker(frame)] for frame in frames] == [[0]] * len(frames)


def smoothed(frames, **options):
    """x of the middle of a face in frames of (time, x); the last one."""
    detector = FakeDetector()
    low_pass = dict(rate=25, min_cutoff=0.5, beta=0.0)
    tracker = FaceTracker(
        FaceLandmarker(FakeModel(), detector), low_pass, redetect_interval=1000, return_unconfirmed=True
    )
    for time, x in frames:
        face = FakeFace(x, 80)
        detector.faces = (face,)
        (found,) = tracker(picture(face), *([time] if options.get('timed', True) else []))
    return found.landmarks[:, 0].mean()


def test_times_smooth_alike_at_any_rate():
    every = [(n / 25, 80 + 1.5 * n) for n in range(25)]
    some = [frame for n, frame in enumerate(every) if n % 3 != 1]  # dropped ones
    told, all_frames, untold = smoothed(some), smoothed(every), smoothed(some, timed=False)
    assert all_frames == pytest.approx(smoothed(every, timed=False), abs=1e-3)
    assert abs(told - all_frames) < 0.4 * abs(untold - all_frames) > 0.4


@pytest.mark.parametrize(
    'times, message',
    [
        ((0.0, 0.0), 'time 0.0 s follows 0.0 s, expected a later one'),
        ((1.0, None), 'found a time of some frames and none'),
        ((None, 1.0), 'found a time of some frames and none'),
        (('a',), "found time='a', expected seconds"),
    ],
)
def test_times_that_do_not_go_on(times, message):
    tracker = FaceTracker(FaceLandmarker(FakeModel(), FakeDetector()))
    with pytest.raises(ValueError, match=message):
        for time in times:
            tracker(picture(), time)
