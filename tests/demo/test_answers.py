"""The demo finds what the API finds, and writes it as ``mmfld predict`` does."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from mmfld.cli.main import main
from mmfld.demo.answers import annotate, convert, nearest, table_of
from mmfld.demo.limits import Limits
from mmfld.runtime import FaceLandmarker
from mmfld.runtime.crops import turn
from mmfld.structures import convert_keypoints, get_conversion


@pytest.fixture(scope='module')
def landmarker():
    return FaceLandmarker(threads=1)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / 'results'
    path.mkdir()
    return path


@pytest.fixture(scope='module')
def face(landmarker, tilted):
    (found,) = landmarker(tilted)
    return found


def test_files_are_those_of_mmfld_predict(upload, landmarker, folder, tmp_path):
    answer = annotate(upload, False, landmarker, folder, Limits())
    arguments = ['predict', str(upload), '--threads', '1', '--out']
    assert main([*arguments, str(tmp_path / 'predicted'), '--draw']) == 0
    assert main([*arguments, str(tmp_path / 'predicted'), '--format', 'csv']) == 0
    assert [path.name for path in answer.files] == ['tilted.json', 'faces.csv']
    assert answer.files[0].read_text() == (tmp_path / 'predicted/tilted.json').read_text()
    of_demo, of_predict = (path.read_text() for path in (answer.files[1], tmp_path / 'predicted/faces.csv'))
    assert of_demo == of_predict.replace(str(upload), 'tilted.png')
    drawn, predicted = (cv2.imread(str(path)) for path in (answer.picture, tmp_path / 'predicted/tilted.png'))
    np.testing.assert_array_equal(drawn, predicted)
    assert answer.told.startswith('1 face, 300 x 300 pixels, ') and answer.told.endswith(
        ' s with mmfld_robust_mini.onnx'
    )


def test_ellipses_are_drawn_if_asked_for(upload, landmarker, folder):
    plain = cv2.imread(str(annotate(upload, False, landmarker, folder, Limits()).picture))
    drawn = cv2.imread(str(annotate(upload, False, landmarker, folder, Limits(), ellipses=True).picture))
    assert (plain != drawn).any(axis=2).sum() > 68


def test_a_video_is_followed_like_mmfld_predict_does(tilted, tmp_path, landmarker, folder):
    upload = tmp_path / 'clip.mp4'
    cv2_film = cv2.VideoWriter(str(upload), cv2.VideoWriter_fourcc(*'mp4v'), 10, (300, 300))
    for _ in range(3):
        cv2_film.write(tilted)
    cv2_film.release()
    answer = annotate(upload, True, landmarker, folder, Limits())
    assert main(['predict', str(upload), '--threads', '1', '--out', str(tmp_path / 'predicted'), '--track']) == 0
    assert answer.files[0].read_text() == (tmp_path / 'predicted/clip.json').read_text()
    assert answer.told.startswith('2 faces in 3 frames, 300 x 300 pixels, ') and answer.picture.name == 'clip.mp4'
    with pytest.raises(ValueError, match='^clip.mp4: found a video of 0.3 s, expected at most 0.2: cut it$'):
        annotate(upload, True, landmarker, folder, Limits(seconds=0.2))


@pytest.mark.parametrize('content', [b'', b'no picture', None])
def test_a_broken_upload_gets_a_sentence_without_its_folder(upload, landmarker, folder, content):
    upload.write_bytes(upload.read_bytes()[:5000] if content is None else content)
    with pytest.raises(ValueError, match='^tilted.png: ') as error:
        annotate(upload, False, landmarker, folder, Limits())
    assert str(upload.parent) not in str(error.value) and '\n' not in str(error.value)


def test_landmarks_are_converted_as_if_the_face_were_upright(face):
    conversion = get_conversion('300w68', 'cofw25')
    converted = convert(face, conversion)
    expected = turn(convert_keypoints(turn(face.landmarks, face.angle), '300w68', 'cofw25'), -face.angle)
    np.testing.assert_allclose(converted.landmarks, expected, atol=1e-3)
    assert converted.scores.shape == converted.visible.shape == (25,)
    assert converted.box[0] == converted.landmarks[:, 0].min()


def test_the_brows_of_wflw_are_converted_along_the_face_and_not_along_the_picture(face):
    rng, conversion = np.random.default_rng(0), get_conversion('wflw98', '300w68')
    upright = replace(
        face,
        landmarks=rng.uniform(0, 300, (98, 2)).astype(np.float32),
        scores=np.ones(98, np.float32),
        covariances=None,
        visible=None,
        angle=0.0,
    )
    turned = replace(upright, landmarks=turn(upright.landmarks, -70.0).astype(np.float32), angle=70.0)
    np.testing.assert_allclose(
        turn(convert(turned, conversion).landmarks, 70.0), convert(upright, conversion).landmarks, atol=1e-3
    )


def test_covariances_of_copied_landmarks_stay_what_they_are(face):
    conversion = get_conversion('300w68', '300w49')
    kept = convert(face, conversion).covariances
    np.testing.assert_allclose(kept, face.covariances[conversion.indices[:, 0]], rtol=1e-4, atol=1e-4)


def test_a_face_in_its_own_layout_is_not_touched(face):
    assert convert(face, get_conversion('300w68', '300w68')) is face


def test_the_table_has_a_row_a_landmark(face):
    rows = table_of([face, face])
    assert len(rows) == 136 and [row[:2] for row in rows[66:70]] == [[0, 66], [0, 67], [1, 0], [1, 1]]
    np.testing.assert_allclose(rows[67][2:4], face.landmarks[67], atol=0.006)


def test_the_nearest_landmark_is_found_among_all_faces(face):
    other = replace(face, landmarks=face.landmarks + 1000)
    assert nearest([face, other], *(face.landmarks[30] + 1000 + 0.1)) == (1, 30)
    with pytest.raises(ValueError, match='no face'):
        nearest([], 0, 0)


def test_json_is_what_the_api_answers(upload, landmarker, folder, face):
    (told,) = json.loads(annotate(upload, False, landmarker, folder, Limits()).files[0].read_text())
    np.testing.assert_allclose(told['keypoints'], face.landmarks, atol=1e-4)
    assert abs(told['angle'] - 50) < 10
