"""Landmarks with their numbers on a rendered head."""

import draw_layout
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from rendered_head import rendered_head

from mmfld.structures import get_layout
from mmfld.synthetic import LAYOUTS


@pytest.mark.parametrize('name', LAYOUTS)
def test_every_landmark_has_its_number_beside_it_and_within_the_picture(name):
    layout = get_layout(name)
    side = draw_layout.SIDE
    image, keypoints = rendered_head((0, 0, 0), side, draw_layout.UNIT, draw_layout.MIDDLE, draw_layout.OPEN)
    figure = draw_layout.draw(image, keypoints[name], layout)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == [str(k) for k in range(layout.num_keypoints)]
    np.testing.assert_array_equal([text.xy for text in axes.texts], keypoints[name])
    away = np.array([text.get_position() for text in axes.texts])
    np.testing.assert_allclose(np.linalg.norm(away, axis=1), draw_layout.AWAY)
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [text.get_window_extent(renderer) for text in axes.texts]
    assert min(min(box.x0, box.y0) for box in boxes) > 0 and max(max(box.x1, box.y1) for box in boxes) < side


def test_numbers_are_outside_of_an_eye_and_inside_of_the_mouth():
    points = np.zeros((68, 2))
    turns = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    layout = get_layout('300w68')
    for name, sign in (('right_eye', 1), ('inner_lip', -1)):
        boundary = next(one for one in layout.boundaries if one.name == name)
        angle = turns if name == 'inner_lip' else turns[:6] * 8 / 6
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        points[list(boundary.indices)] = 100 + 10 * circle
        np.testing.assert_allclose(draw_layout.outwards(points, boundary), sign * circle, atol=1e-9)
