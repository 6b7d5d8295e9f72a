"""The weights that come with the package: what they are, and landmarks on a photograph that matplotlib ships."""

import hashlib
import re
import socket
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from matplotlib.cbook import get_sample_data
from mmengine.config import Config

from mmfld.apis import FaceLandmarkInferencer, FaceLandmarkTracker
from mmfld.apis.face_landmark_inferencer import DEFAULT_WEIGHTS
from mmfld.runtime import FaceLandmarker, FaceTracker
from mmfld.runtime.detection import BoxCalibration

CONFIG = Path(__file__).resolve().parents[2] / 'configs/300w/mmfld_robust_mini.py'
PHOTO = get_sample_data('grace_hopper.jpg', asfileobj=False)  # one face, eye corners 130 pixels apart
# read off the photograph: centres of the eyes, tip of the nose, corners of the mouth, chin
SPOTS = {
    (36, 37, 38, 39, 40, 41): (222, 190),
    (42, 43, 44, 45, 46, 47): (302, 187),
    (33,): (267, 252),
    (48,): (235, 280),
    (54,): (304, 278),
    (8,): (271, 331),
}


@pytest.fixture(scope='module')
def inferencer():
    return FaceLandmarkInferencer(device='cpu')


def test_the_file_is_small_plain_and_half_precision():
    assert DEFAULT_WEIGHTS.stat().st_size <= 8e6
    content = torch.load(DEFAULT_WEIGHTS, weights_only=True)
    single = {name for name, value in content['state_dict'].items() if value.dtype == torch.float32}
    assert single <= {name for name in content['state_dict'] if name.endswith('.running_var')}  # beyond float16
    assert {value.dtype for value in content['state_dict'].values()} <= {torch.float16, torch.float32, torch.int64}


def test_the_card_names_this_file():
    digest = hashlib.sha256(DEFAULT_WEIGHTS.read_bytes()).hexdigest()
    assert digest in (DEFAULT_WEIGHTS.parent / 'README.md').read_text()


def test_its_model_is_that_of_the_config(inferencer):
    config = Config.fromfile(CONFIG)
    inside = Config.fromstring(torch.load(DEFAULT_WEIGHTS, weights_only=True)['meta']['cfg'], '.py')
    assert inside.model == config.model and inside.test_dataloader == config.test_dataloader
    # nothing of the machine it was trained on
    assert not re.search(r"'/\w", inside.pretty_text)


def test_landmarks_on_a_photograph(inferencer):
    (face,) = next(inferencer(PHOTO))['predictions'][0]
    points = np.array(face['keypoints'])
    assert points.shape == (68, 2)
    for indices, spot in SPOTS.items():
        np.testing.assert_allclose(points[list(indices)].mean(0), spot, atol=8, err_msg=str(indices))


def test_the_tracker_has_the_same_default():
    assert FaceLandmarkTracker(device='cpu').model.dataset_meta['num_keypoints'] == 68


def test_the_defaults_download_nothing(monkeypatch):
    def connect(*_, **__):
        raise AssertionError('a connection')

    for owner, name in ((socket.socket, 'connect'), (socket, 'getaddrinfo'), (socket, 'create_connection')):
        monkeypatch.setattr(owner, name, connect)
    image = cv2.imread(PHOTO)
    assert len(FaceLandmarker(threads=1)(image)) == 1
    assert len(FaceTracker(FaceLandmarker(threads=1), return_unconfirmed=True)(image)) == 1
    assert len(next(FaceLandmarkInferencer(device='cpu')(image))['predictions'][0]) == 1
    assert len(FaceLandmarkTracker(device='cpu', return_unconfirmed=True).track(image)) == 1


@pytest.mark.parametrize('quarter', [0, 1, 2])
def test_heatmaps_and_boxes_of_a_face_that_is_turned(inferencer, quarter):
    image = np.ascontiguousarray(np.rot90(cv2.imread(PHOTO), quarter))
    (sample,) = next(inferencer(image, draw_heatmap=True, return_datasamples=True))['predictions']
    heatmaps, keypoints = sample.pred_fields.heatmaps, sample.pred_instances.keypoints[0]
    assert heatmaps.shape == (68, *image.shape[:2])
    peaks = np.array([np.unravel_index(one.argmax(), one.shape)[::-1] for one in heatmaps])
    assert np.median(np.abs(peaks - keypoints).max(1)) < 6  # a cell is 4 pixels
    x1, y1, x2, y2 = sample.pred_instances.bboxes[0]
    assert ((keypoints > [x1 - 20, y1 - 20]) & (keypoints < [x2 + 20, y2 + 20])).all()


def test_orientation_is_auto_where_the_weights_say_which_scores_are_upright(inferencer, tmp_path):
    assert inferencer.orientation == 'auto' and 0.2 < inferencer.sure < 0.3
    content = torch.load(DEFAULT_WEIGHTS, weights_only=True)
    for measured, orientation in ((content.pop('measured'), 'auto'), (None, 'upright')):
        torch.save({**content, **({'measured': measured} if measured else {})}, tmp_path / 'copy.pth')
        other = FaceLandmarkInferencer(weights=tmp_path / 'copy.pth', device='cpu', detector='whole_image')
        assert (other.orientation, other.sure is None) == (orientation, measured is None)
    with pytest.raises(ValueError, match="orientation: found 'left'"):
        FaceLandmarkInferencer(device='cpu', orientation='left')


def test_what_scores_low_is_no_face(inferencer):
    """Where a detector is wrong: in the background beside the face."""

    class Detector:
        calibration = BoxCalibration()

        def __call__(self, image):
            return np.array([[190.0, 130, 350, 340, 0.9], [0, 400, 120, 520, 0.9]])

    image = cv2.imread(PHOTO)
    strict = FaceLandmarkInferencer(device='cpu', detector=Detector())
    (face,) = next(strict(image))['predictions'][0]
    np.testing.assert_allclose(np.array(face['keypoints'])[33], SPOTS[33,], atol=8)
    loose = FaceLandmarkInferencer(device='cpu', detector=Detector(), min_score=0.0)
    assert len(next(loose(image))['predictions'][0]) > 1
    tracker = FaceLandmarkTracker(device='cpu', detector=Detector(), return_unconfirmed=True)
    assert len(tracker.track(image)) == 1
