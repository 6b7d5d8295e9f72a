"""The picture of where the model fails."""

import importlib

import cv2
import numpy as np
import pytest

from mmfld.synthetic import SyntheticFaceGenerator


@pytest.fixture(scope='module')
def tool():
    return importlib.import_module('draw_limits')


def test_heads_are_turned_and_keep_their_unit(tool):
    faces = SyntheticFaceGenerator(0, tool.SIDE, flags='none')
    frontal, profile = (tool.render(faces, 3, yaw=yaw) for yaw in (0, 90))
    for one in (frontal, profile):
        assert one.image.shape == (tool.SIDE, tool.SIDE, 3) and one.landmarks.shape == (68, 2)
        assert one.landmarks.min() > 0 and one.landmarks.max() < tool.SIDE
    eyes = [float(np.linalg.norm(one.landmarks[36] - one.landmarks[45])) for one in (frontal, profile)]
    assert eyes[0] == pytest.approx(frontal.unit, rel=0.15)
    assert eyes[1] < 0.5 * profile.unit


def test_errors_are_in_percent_of_the_unit(tool):
    rendered = tool.Rendered(np.zeros((8, 8, 3), np.uint8), np.zeros((68, 2)), 50.0)
    assert tool.error(rendered, np.full((68, 2), [3.0, 4.0])) == pytest.approx(10.0)


def test_a_picture_is_drawn_and_profiles_are_worse(tool, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(tool, 'COLUMNS', {name: tool.COLUMNS[name] for name in ('frontal', 'yaw 75', 'hand')})
    tool.main([str(tmp_path / 'limits.png'), '--model', 'mmfld_tiny_mini', '--faces', '3'])
    lines = [line.split(' | ') for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines] == ['column', 'frontal', 'yaw 75', 'hand']
    assert float(lines[1][1]) < 8 < float(lines[2][1])
    assert cv2.imread(str(tmp_path / 'limits.png')).shape == (2 * (24 + 2 * 192), 2 * 192, 3)


def test_one_face_is_too_few(tool, tmp_path, capsys):
    with pytest.raises(SystemExit):
        tool.main([str(tmp_path / 'limits.png'), '--faces', '1'])
    assert '--faces: found 1, expected 2 or more' in capsys.readouterr().err
