"""``mmfld track`` as it is typed."""

import json

import cv2
import pytest
from matplotlib.cbook import get_sample_data

from mmfld.cli.main import main

PHOTO = get_sample_data('grace_hopper.jpg', asfileobj=False)


def track(*arguments):
    return main(['track', '--threads', '1', *map(str, arguments)])


def test_the_faces_of_a_folder_of_frames_are_followed(tmp_path, capsys):
    frames = tmp_path / 'frames'
    frames.mkdir()
    for number in range(3):
        cv2.imwrite(str(frames / f'{number}.jpg'), cv2.resize(cv2.imread(PHOTO), (256, 300)))
    assert track(frames, '--out', tmp_path / 'out', '--smooth', '--draw') == 0
    assert capsys.readouterr().out == '2 faces in 3 images\n'
    told = [json.loads((tmp_path / f'out/{number}.json').read_text()) for number in range(3)]
    assert [[face['track_id'] for face in faces] for faces in told] == [[], [0], [0]]


@pytest.mark.parametrize('wrong', [[], ['--track'], ['--ray']], ids=' '.join)
def test_a_picture_and_what_predict_alone_takes_are_wrong(wrong, tmp_path, capsys):
    try:
        status = track(PHOTO, '--out', tmp_path / 'out', *wrong)
    except SystemExit as end:
        status = end.code
    error = capsys.readouterr().err
    assert status == 2 and error.count('\n') == 1
    assert ('unrecognized arguments: --' if wrong else 'is one picture, expected a video') in error
    assert not (tmp_path / 'out').exists()
