"""The models that come with the package, by name."""

import hashlib

import cv2
import numpy as np
import pytest
import torch
from matplotlib.cbook import get_sample_data

from mmfld.apis import FaceLandmarkInferencer, FaceLandmarkTracker
from mmfld.models import FaceTracker
from mmfld.runtime import FaceLandmarker, LandmarkModel
from mmfld.shipped import DEFAULT, FOLDER, shipped_file, shipped_names

PHOTO = get_sample_data('grace_hopper.jpg', asfileobj=False)
METHODS = {'structured_mini', 'star_mini', 'subpixel_mini', 'attentive1d_mini'}
WEIGHTS, EXPORTS = shipped_names('.pth'), shipped_names('.onnx')


@pytest.fixture(scope='module')
def expected():
    """Landmarks by the default model, which ``test_default_weights.py`` looks at."""
    (face,) = FaceLandmarker(threads=1)(PHOTO)
    return face


def test_names():
    assert DEFAULT in WEIGHTS and DEFAULT in EXPORTS
    assert METHODS <= set(WEIGHTS)
    assert shipped_file('star_mini', '.pth') == FOLDER / 'star_mini.pth'
    assert shipped_file('star_hg2_mini', '.pth') is None and shipped_file('../shipped', '.py') is None


def test_a_name_that_no_model_has_is_told_with_those_there_are():
    with pytest.raises(
        FileNotFoundError, match="'star_mini' is no file, .*: it comes as a checkpoint for FaceLandmarkInf"
    ):
        FaceLandmarker('star_mini')
    with pytest.raises(FileNotFoundError, match="'robust' is no file, .*: found mmfld_best_mini, mmfld_robust_mini, "):
        FaceLandmarker('robust')


def test_they_are_small():
    sizes = {path.name: path.stat().st_size for path in FOLDER.iterdir() if path.suffix in ('.pth', '.onnx')}
    assert sum(sizes[f'{name}.pth'] for name in METHODS) <= 15e6
    assert sizes.pop('attentive1d_mini.pth') <= 5.6e6  # with the refinement of its tracker
    assert max(sizes.values()) <= 3.1e6


@pytest.mark.parametrize('name', WEIGHTS)
def test_the_card_names_the_weights(name):
    digest = hashlib.sha256((FOLDER / f'{name}.pth').read_bytes()).hexdigest()
    assert f'`{digest}`' in (FOLDER / 'README.md').read_text()
    if name in EXPORTS:
        metadata = LandmarkModel(FOLDER / f'{name}.onnx', threads=1).metadata
        assert metadata['sha256'] == digest  # made of these weights


@pytest.mark.parametrize('name', WEIGHTS)
def test_weights_by_name(name, expected):
    inferencer = FaceLandmarkInferencer(name, device='cpu', detector='whole_image')
    (face,) = next(inferencer(cv2.imread(PHOTO), bboxes=[expected.box]))['predictions'][0]
    apart = np.linalg.norm(np.array(face['keypoints']) - expected.landmarks, axis=1)
    assert apart.mean() < 0.05 * np.linalg.norm(expected.landmarks[36] - expected.landmarks[45])
    assert np.array(face['keypoint_covariances']).shape == (68, 2, 2)  # calibrated
    content = torch.load(FOLDER / f'{name}.pth', weights_only=True)
    assert content['measured']['licence'] == 'non-commercial research (300W)'
    assert inferencer.orientation == ('auto' if 'sure' in content['measured'] else 'upright')


def test_the_attentive_tracker_by_name(expected):
    tracker = FaceLandmarkTracker('attentive1d_mini', device='cpu', detector='whole_image', return_unconfirmed=True)
    assert isinstance(tracker.model, FaceTracker)
    photo = cv2.imread(PHOTO)
    (first,), after = tracker.predict_boxes(photo, expected.box[None])
    for states in (None, after):
        (face,), _ = tracker.predict_boxes(photo, expected.box[None], states)
        apart = np.linalg.norm(face['keypoints'] - expected.landmarks, axis=1)
        assert apart.mean() < 0.05 * np.linalg.norm(expected.landmarks[36] - expected.landmarks[45])
        assert face['keypoint_covariances'].shape == (68, 2, 2) and face['keypoints_visible'].shape == (68,)
        assert (face['keypoints'] == first['keypoints']).all() == (states is None)  # it remembers


@pytest.mark.parametrize('name', EXPORTS)
def test_exports_by_name(name, expected):
    landmarker = FaceLandmarker(name, 'whole_image', threads=1)
    ((face,),) = landmarker.batch([PHOTO], [expected.box[None]])
    apart = np.linalg.norm(face.landmarks - expected.landmarks, axis=1)
    assert apart.mean() < 0.05 * np.linalg.norm(expected.landmarks[36] - expected.landmarks[45])
    assert face.covariances.shape == (68, 2, 2)


def visible_by(name: str, image: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks and how likely each can be seen: by the runtime, the inferencer or the tracker."""
    if name == 'runtime':
        ((face,),) = FaceLandmarker(None, 'whole_image', threads=1).batch([image], [box[None]])
        return face.landmarks, face.visible
    if name == 'inferencer':
        inferencer = FaceLandmarkInferencer(device='cpu', detector='whole_image')
        (face,) = next(inferencer(image, bboxes=[box]))['predictions'][0]
    else:
        tracker = FaceLandmarkTracker('attentive1d_mini', device='cpu', detector='whole_image', return_unconfirmed=True)
        (face,), _ = tracker.predict_boxes(image, box[None])
    return np.array(face['keypoints']), np.array(face['keypoints_visible'])


@pytest.mark.parametrize('name', ['runtime', 'inferencer', 'tracker'])
def test_what_lies_outside_of_the_picture_cannot_be_seen(name, expected):
    image = cv2.imread(PHOTO)[:, :270].copy()  # half of the face
    landmarks, visible = visible_by(name, image, expected.box)
    outside = landmarks[:, 0] >= 269.5
    assert 20 < outside.sum() < 45
    assert (visible[outside] == 0).all() and (visible[~outside] > 0).all()
    assert visible[36] > 0.8  # the eye that is left


@pytest.mark.parametrize('arguments', [('structured',), (DEFAULT, 'own.pth')])
def test_other_names_name_those_that_there_are(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'own.pth').write_bytes((FOLDER / f'{DEFAULT}.pth').read_bytes())
    with pytest.raises(
        ValueError, match=f'model {arguments[0]!r}: found no config of this name, .*: attentive1d_mini, '
    ):
        FaceLandmarkInferencer(*arguments, device='cpu', detector='whole_image')


def test_a_model_without_an_export_names_the_command():
    with pytest.raises(FileNotFoundError, match=r'`mmfld export CONFIG .*star_mini.pth FILE.onnx` makes a model'):
        FaceLandmarker('star_mini', 'whole_image')


@pytest.mark.parametrize('measured', [[0.4], dict(sure='0.4'), dict(min_score=float('nan')), dict(layout='wflw98')])
def test_what_a_checkpoint_cannot_have_measured(measured, tmp_path):
    content = torch.load(FOLDER / f'{DEFAULT}.pth', weights_only=True)
    torch.save({**content, 'measured': measured}, tmp_path / 'odd.pth')
    with pytest.raises(ValueError, match='odd.pth: measured: found .*, expected numbers sure and min_score'):
        FaceLandmarkInferencer(weights=tmp_path / 'odd.pth', device='cpu', detector='whole_image')
