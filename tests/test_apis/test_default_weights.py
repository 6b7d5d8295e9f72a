"""The weights that come with the package: what they are, and landmarks on a photograph that matplotlib ships."""
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.cbook import get_sample_data
from mmengine.config import Config
from mmfld.apis import FaceLandmarkInferencer, FaceLandmarkTracker
from mmfld.apis.face_landmark_inferencer import DEFAULT_WEIGHTS

CONFIG = Path(__file__).resolve().parents[2] / 'configs/300w/mmfld_best_mini.py'
PHOTO = get_sample_data('grace_hopper.jpg', asfileobj=False)  # one face, eye corners 130 pixels apart
# read off the photograph: centres of the eyes, tip of the nose, corners of the mouth, chin
SPOTS = {(36, 37, 38, 39, 40, 41): (222, 190), (42, 43, 44, 45, 46, 47): (302, 187), (33, ): (267, 252),
         (48, ): (235, 280), (54, ): (304, 278), (8, ): (271, 331)}


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
    # defaults, which the config says itself
    inside.model.head.loss_landmark.input_size = (256, 256)
    crop, = (step for step in inside.test_dataloader.dataset.pipeline if step.type == 'GetFaceCrop')
    crop.layout = '300w68'
    assert inside.model == config.model and inside.test_dataloader == config.test_dataloader
    # nothing of the machine it was trained on
    assert not re.search(r"'/\w", inside.pretty_text)


def test_landmarks_on_a_photograph(inferencer):
    face, = next(inferencer(PHOTO))['predictions'][0]
    points = np.array(face['keypoints'])
    assert points.shape == (68, 2)
    for indices, spot in SPOTS.items():
        np.testing.assert_allclose(points[list(indices)].mean(0), spot, atol=8, err_msg=str(indices))


def test_the_tracker_has_the_same_default():
    assert FaceLandmarkTracker(device='cpu').model.dataset_meta['num_keypoints'] == 68
