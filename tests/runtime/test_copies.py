"""Landmarkers with detectors that can, and cannot, be copied and pickled."""

import copy
import pickle
import threading

import numpy as np
import pytest

from mmfld.runtime import FaceLandmarker, FaceTracker


class NoModel:
    """A model as far as a landmarker looks at it before there is a picture."""

    layout = type('Layout', (), dict(eye_corners=(0, 1), name='none'))
    min_score = sure = 0.0


def no_faces(image):
    return np.zeros((0, 5))


class Detector:
    def __init__(self, **attributes):
        vars(self).update(attributes)

    def __call__(self, image):
        return np.zeros((0, 5))


def landmarker(detector):
    return FaceLandmarker(NoModel(), detector)


@pytest.mark.parametrize('detector', [no_faces, Detector(), Detector().__call__], ids=['function', 'object', 'method'])
def test_a_detector_with_a_name_goes_along(detector):
    copied = pickle.loads(pickle.dumps(landmarker(detector)))
    assert copied.detector(None).shape == (0, 5) and isinstance(copied.model, NoModel)


@pytest.mark.parametrize(
    'detector', [lambda image: no_faces(image), Detector(inner=lambda: None)], ids=['lambda', 'lambda inside']
)
def test_a_lambda_cannot_be_pickled_and_can_be_copied(detector):
    one = landmarker(detector)
    with pytest.raises(TypeError, match=r"^a FaceLandmarker cannot be pickled with this detector \(Can't pickle ") as e:
        pickle.dumps(one)
    assert str(e.value).endswith('no lambda or function within a function; or make one in each process')
    assert '\n' not in str(e.value) and e.value.__cause__ is None
    copied = copy.deepcopy(one)
    assert copied is not one and copied.model is not one.model and copied.detector(None).shape == (0, 5)


def test_a_tracker_says_the_same_of_its_landmarker():
    class Local(Detector):
        pass

    tracker = FaceTracker(FaceLandmarker(detector=Local()))
    with pytest.raises(TypeError, match='a FaceLandmarker cannot be pickled with this detector'):
        pickle.dumps(tracker)
    copied = copy.deepcopy(tracker)
    assert copied.tracks.detector is copied.landmarker.detector is not tracker.landmarker.detector


def test_what_can_neither_be_copied_nor_pickled_is_told():
    one = landmarker(Detector(lock=threading.Lock()))
    with pytest.raises(TypeError, match=r'be copied with this detector \(cannot pickle .*lock.*\): give one that'):
        copy.deepcopy(one)
    with pytest.raises(TypeError, match=r'cannot be pickled with this detector \(cannot pickle .*lock'):
        pickle.dumps(one)


def test_a_landmarker_that_is_in_its_detector_is_copied_once():
    one = landmarker(detector := Detector())
    detector.owner = one
    copied = copy.deepcopy(one)
    assert copied.detector.owner is copied
