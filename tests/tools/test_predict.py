"""Prediction by MMPose's inferencer from the command line: what it says, and its exit status."""

import json
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.cbook import get_sample_data

TOOL = Path(__file__).resolve().parents[2] / 'tools/predict.py'
PHOTO = get_sample_data('grace_hopper.jpg', asfileobj=False)


@pytest.fixture
def predict(monkeypatch):
    main = runpy.run_path(str(TOOL))['main']

    def call(*arguments):
        monkeypatch.setattr(sys, 'argv', ['predict.py', *map(str, arguments)])
        return main()

    return call


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / 'in'
    folder.mkdir()
    content = Path(PHOTO).read_bytes()
    (folder / 'whole.jpg').write_bytes(content)
    (folder / 'cut.jpg').write_bytes(content[:9000])
    (folder / '._whole.jpg').write_bytes(b'\0\5\x16\7')
    return folder


def test_a_folder_with_a_broken_picture(predict, folder, tmp_path, capsys, monkeypatch):
    messages = []
    monkeypatch.setattr(
        'mmfld.apis.face_landmark_inferencer.print_log', lambda message, logger, level: messages.append(message)
    )
    assert predict(folder, '--pred-out-dir', tmp_path / 'out') == 1
    assert '1 face in 1 image' in capsys.readouterr().out
    assert messages == [f'not read: {folder}/cut.jpg: found 9000 bytes of a JPEG that has no end: it is cut off']
    assert len(json.loads((tmp_path / 'out/whole.json').read_text())) == 1
    assert not (tmp_path / 'out/cut.json').exists()


def test_several_inputs_are_all_predicted_also_behind_a_broken_one(predict, folder, tmp_path, capsys):
    (tmp_path / 'more').mkdir()
    (tmp_path / 'more/other.jpg').write_bytes(Path(PHOTO).read_bytes())
    inputs = [folder / 'cut.jpg', folder / 'whole.jpg', tmp_path / 'more']
    assert predict(*inputs, '--pred-out-dir', tmp_path / 'out') == 1
    output = capsys.readouterr()
    assert output.out.endswith('2 faces in 2 images\n')
    assert f'predict.py: {folder}/cut.jpg: found 9000 bytes of a JPEG that has no end' in output.err
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['other.json', 'whole.json']


def test_inputs_whose_results_would_have_one_name_are_refused(predict, folder, tmp_path, capsys):
    (tmp_path / 'whole.jpg').write_bytes(Path(PHOTO).read_bytes())
    assert predict(folder / 'whole.jpg', tmp_path / 'whole.jpg', '--pred-out-dir', tmp_path / 'out') == 1
    assert '2 inputs would be saved under the one name whole' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['cut.jpg', '--pred-out-dir', 'out'], 'predict.py: cut.jpg: found 9000 bytes of a JPEG that has no end'),
        (['gone.jpg', '--pred-out-dir', 'out'], 'predict.py: input gone.jpg does not exist'),
        (['whole.jpg', '--vis-out-dir', 'x.png'], 'predict.py: vis_out_dir: found x.png, expected a folder'),
        (['whole.jpg', '--pred-out-dir', 'out', '--pose2d-weights', 'whole.jpg'], 'expected a checkpoint'),
    ],
)
def test_what_cannot_be_done_is_one_sentence(predict, folder, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(folder)
    assert predict(*arguments) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert message in error
    assert not Path('out').exists()


def test_a_model_of_the_package_by_name(predict, tmp_path, capsys):
    assert predict(PHOTO, '--pose2d', 'attentive1d_mini', '--pred-out-dir', tmp_path) == 0
    (face,) = json.loads((tmp_path / 'grace_hopper.json').read_text())
    assert 0.7 < np.mean(face['keypoint_scores']) < 1  # the peaks of its maps; the default's are a third of that
    with pytest.raises(SystemExit):
        predict(PHOTO, '--pose2d', 'attentive1d', '--pred-out-dir', tmp_path)
    error = capsys.readouterr().err
    assert (
        'would be an untrained network; found none of this name in the package, which has attentive1d_mini, ' in error
    )


def test_a_video_is_no_picture(predict, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    video = cv2.VideoWriter('clip.mp4', cv2.VideoWriter_fourcc(*'mp4v'), 10, (64, 64))
    video.write(np.zeros((64, 64, 3), np.uint8))
    video.release()
    assert predict('clip.mp4', '--track', '--vis-out-dir', 'x.png') == 1
    assert 'found x.png, expected a folder for pictures or, of a video, a name that ends in .mp4' in (
        capsys.readouterr().err
    )
    assert [path.name for path in tmp_path.iterdir()] == ['clip.mp4']
