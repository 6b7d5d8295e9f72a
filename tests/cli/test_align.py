"""``mmfld align`` as it is typed, and what ``mmfld predict --measure`` tells."""

import csv
import json

import cv2
import numpy as np
import pytest
from matplotlib.cbook import get_sample_data

from mmfld.applications import TEMPLATES, five_points
from mmfld.cli.main import main
from mmfld.runtime import FaceLandmarker

PHOTO = get_sample_data('grace_hopper.jpg', asfileobj=False)


@pytest.fixture(scope='module')
def landmarker():
    return FaceLandmarker(threads=1)


def run(command, *arguments):
    return main([command, '--threads', '1', *map(str, arguments)])


def test_eyes_nose_and_mouth_lie_where_the_template_has_them(landmarker, tmp_path, capsys):
    assert run('align', PHOTO, '--out', tmp_path, '--size', '224', '--template', 'ffhq') == 0
    assert capsys.readouterr().out == '1 face in 1 image\n'
    crop = cv2.imread(str(tmp_path / 'grace_hopper_0.png'))
    assert crop.shape == (224, 224, 3)
    (face,) = FaceLandmarker(detector='whole_image', threads=1)(crop)
    np.testing.assert_allclose(five_points(face.landmarks, '300w68'), TEMPLATES['ffhq'] * 224, atol=14)


def test_what_cannot_be_read_is_listed(tmp_path, capsys):
    (tmp_path / 'a.jpg').write_bytes(open(PHOTO, 'rb').read()[:9000])
    assert run('align', tmp_path / 'a.jpg', tmp_path / 'none.jpg', '--out', tmp_path / 'out') == 1
    output = capsys.readouterr()
    assert output.out == '0 faces in 0 images\n' and output.err.count('not read: ') == 2
    assert 'a.jpg: found 9000 bytes' in output.err and 'none.jpg does not exist' in output.err


def test_inputs_of_one_name_do_not_overwrite_each_other(tmp_path, capsys):
    for folder in ('one', 'other'):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / 'a.jpg').write_bytes(open(PHOTO, 'rb').read())
    assert run('align', tmp_path / 'one', tmp_path / 'other', '--out', tmp_path / 'out') == 1
    assert 'mmfld align: ' in capsys.readouterr().err and not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    'wrong', [('--size', '0'), ('--size', '40000'), ('--template', 'casia'), ('--orientation', 'up')]
)
def test_wrong_arguments_are_one_line(wrong, tmp_path, capsys):
    try:
        status = run('align', PHOTO, '--out', tmp_path, *wrong)
    except SystemExit as end:
        status = end.code
    assert status == 2
    assert capsys.readouterr().err.count('\n') == 1


def test_measures_in_json_and_csv(tmp_path):
    assert run('predict', PHOTO, '--out', tmp_path / 'json', '--measure', '--draw') == 0
    assert run('predict', PHOTO, '--out', tmp_path / 'csv', '--measure', '--format', 'csv') == 0
    (face,) = json.loads((tmp_path / 'json/grace_hopper.json').read_text())
    with open(tmp_path / 'csv/faces.csv') as file:
        (row,) = csv.DictReader(file)
    names = 'yaw', 'pitch', 'roll', 'right_eye_opening', 'left_eye_opening', 'mouth_opening'
    assert list(row)[-6:] == list(names)
    assert [float(row[name]) for name in names] == pytest.approx([face[name] for name in names], abs=1e-3)
    assert abs(face['yaw']) < 20 and abs(face['roll'] - face['angle']) < 5 and 0.15 < face['left_eye_opening'] < 0.5
    assert (cv2.imread(str(tmp_path / 'json/grace_hopper.jpg')) != cv2.imread(PHOTO)).any()


def test_inputs_in_the_folder_of_the_faces_are_not_overwritten(tmp_path, capsys):
    (tmp_path / 'a.jpg').write_bytes(open(PHOTO, 'rb').read())
    (tmp_path / 'a_0.png').write_bytes(open(PHOTO, 'rb').read())
    before = (tmp_path / 'a_0.png').read_bytes()
    assert run('align', tmp_path, '--out', tmp_path) == 2
    assert 'a.jpg lies in it, expected another folder' in capsys.readouterr().err
    assert (tmp_path / 'a_0.png').read_bytes() == before
