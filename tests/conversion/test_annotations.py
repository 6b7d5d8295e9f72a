"""Faces whose landmarks stand in one order."""

from pathlib import Path

import numpy as np
import pytest

from mmfld.conversion.annotations import NamedFace, in_one_order
from mmfld.conversion.problems import ConversionError, Problems


def face(points, names=None, visible=None):
    points = np.array(points, float)
    return NamedFace('a.jpg', points, '', Path('a'), 1, [1] * len(points), visible=visible, names=names)


def test_names_in_another_order_are_put_in_that_of_the_first_face():
    first, second = face([[1, 1], [2, 2]], ('b', 'a')), face([[3, 3], [4, 4]], ('a', 'b'))
    found = in_one_order([first, second], None, Problems(True))
    assert [one.names for one in found] == [('b', 'a')] * 2
    np.testing.assert_array_equal(found[1].points, [[4, 4], [3, 3]])
    assert found[1].visible is None


def test_numbers_are_ordered_as_numbers():
    (found,) = in_one_order([face([[1, 1], [2, 2], [3, 3]], ('10', '2', '1'))], None, Problems(True))
    assert found.names == ('1', '2', '10')
    np.testing.assert_array_equal(found.points, [[3, 3], [2, 2], [1, 1]])


def test_numbers_from_0_are_no_names():
    (found,) = in_one_order([face([[1, 1], [2, 2]], ('01', '00'))], None, Problems(True))
    assert found.names is None and found.points.tolist() == [[2, 2], [1, 1]]


def test_a_landmark_that_a_face_lacks_is_not_annotated():
    first, second = face([[1, 1], [2, 2]], ('a', 'b')), face([[3, 3]], ('b',), np.array([2]))
    found = in_one_order([first, second], None, Problems(True))
    assert found[0].visible is None and found[1].visible.tolist() == [0, 2]
    assert found[1].points.tolist() == [[0, 0], [3, 3]]


def test_names_that_are_given_are_the_order_and_all_there_is(capsys):
    problems = Problems(False)
    faces = [face([[1, 1], [2, 2]], ('a', 'b')), face([[1, 1]], ('z',))]
    (found,) = in_one_order(faces, ['b', 'c', 'a'], problems)
    assert found.visible.tolist() == [1, 0, 1] and problems.left_out == {'unknown landmark': 1}
    assert "a:1: unknown landmark: found 'z', expected one of b, c, a" in capsys.readouterr().err


def test_names_are_given_to_landmarks_that_have_none():
    (found,) = in_one_order([face([[1, 1], [2, 2]])], ['a', 'b'], Problems(True))
    assert found.names == ('a', 'b')


def test_unequal_numbers_of_points_are_those_of_most_faces(capsys):
    problems = Problems(False)
    faces = [face([[1, 1]]), face([[1, 1], [2, 2]]), face([[3, 3], [2, 2]])]
    assert in_one_order(faces, None, problems) == faces[1:]
    assert problems.left_out == {'wrong point count': 1}
    assert 'found 1 point, expected 2, as most faces have' in capsys.readouterr().err


def test_names_and_no_names_do_not_go_together():
    with pytest.raises(ConversionError, match='found 1 face whose landmarks have names, .* and 2 without'):
        in_one_order([face([[1, 1]], ('a',)), face([[1, 1]]), face([[1, 1]])], None, Problems(False))


def test_a_name_given_twice_is_an_error():
    with pytest.raises(ConversionError, match="names: found 'a' twice"):
        in_one_order([face([[1, 1]])], ['a', 'a'], Problems(False))


def test_landmarks_that_are_not_annotated_stay_at_zero():
    moved = face([[1, 2], [0, 0]], visible=np.array([1, 0])).moved(0.5)
    assert moved.points.tolist() == [[1.5, 2.5], [0, 0]]


def test_a_face_moves_with_its_box():
    one = face([[1, 2]])
    one.fields = dict(face_box=[1, 2, 3, 4], landmark_box=[1, 2, 3, 4], center=[1, 2], box_size=9, attributes={})
    moved = one.moved(0.5)
    assert moved.points.tolist() == [[1.5, 2.5]] and moved.fields == dict(
        face_box=[1.5, 2.5, 3, 4], landmark_box=[1.5, 2.5, 3.5, 4.5], center=[1.5, 2.5], box_size=9, attributes={}
    )
    assert one.points.tolist() == [[1, 2]]
