"""The picture of crops and openings shows what the page says of it."""

import re

import cv2
import draw_crops


def test_the_picture_of_the_documentation_is_small_and_its_face_blinks_and_speaks(tmp_path, capsys):
    draw_crops.main([str(tmp_path / 'a.jpg')])
    assert cv2.imread(str(tmp_path / 'a.jpg')).shape == (550, 1100, 3)
    assert (tmp_path / 'a.jpg').stat().st_size < 120_000
    found = re.findall(r'frame \d+, ([\w ]+): eyes ([\d.]+), mouth ([\d.]+)', capsys.readouterr().out)
    eyes, mouth = ({title: float(values[n]) for title, *values in found} for n in range(2))
    assert eyes['eyes closed'] < 0.05 and min(eyes['mouth open'], eyes['mouth nearly closed']) > 0.25
    assert mouth['mouth open'] > 3 * mouth['mouth nearly closed']
