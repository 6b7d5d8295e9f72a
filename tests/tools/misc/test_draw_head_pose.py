"""The picture of the sign convention shows what its captions say."""

import cv2
import draw_head_pose
import pytest

from mmfld.applications import HeadPoseEstimator


@pytest.mark.parametrize('axis', range(3), ids=draw_head_pose.NAMES)
@pytest.mark.parametrize('angle', [-30, 30])
def test_a_head_is_found_turned_as_its_caption_says(monkeypatch, axis, angle):
    degrees = tuple(angle * (axis == other) for other in range(3))
    _, pose = draw_head_pose.head(HeadPoseEstimator('300w68'), degrees)
    assert pose[:3] == pytest.approx(degrees, abs=1.5)


def test_the_picture_of_the_documentation_is_small(tmp_path, capsys):
    draw_head_pose.main([str(tmp_path / 'a.jpg')])
    assert cv2.imread(str(tmp_path / 'a.jpg')).shape == (3 * 216, 3 * 194, 3)
    assert (tmp_path / 'a.jpg').stat().st_size < 60_000
    assert capsys.readouterr().out.count('found yaw') == 9
