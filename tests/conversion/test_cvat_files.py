"""CVAT's annotations.xml."""

import numpy as np
import pytest

from mmfld.conversion.cvat_files import read_cvat
from mmfld.conversion.problems import Problem

HEAD = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><name>faces</name></task></meta>
"""
SKELETON = """  <image id="0" name="a.jpg" width="60" height="40">
    <skeleton label="face" source="manual" z_order="0">
      <points label="eye" source="manual" outside="0" occluded="0" points="10.50,12.25">
      </points>
      <points label="nose" source="manual" outside="0" occluded="1" points="20.00,20.00">
      </points>
      <points label="ear" source="manual" outside="1" occluded="0" points="1.00,1.00">
      </points>
    </skeleton>
  </image>
"""
POINTS = """  <image id="1" name="b.jpg" width="60" height="40">
    <points label="face" source="manual" occluded="0" points="10.50,12.25;20.00,20.00;30.00,-1.50" z_order="0">
    </points>
    <points label="face" source="manual" occluded="1" points="1,2;3,4;5,7" z_order="0"></points>
  </image>
"""
SINGLE = """  <image id="1" name="b.jpg" width="60" height="40">
    <points label="eye" source="manual" occluded="0" points="1,2" z_order="0" group_id="1"></points>
    <points label="eye" source="manual" occluded="0" points="5,6" z_order="0" group_id="2"></points>
    <points label="nose" source="manual" occluded="0" points="3,4" z_order="0" group_id="1"></points>
    <box label="face" occluded="0" xtl="1" ytl="1" xbr="9" ybr="9" z_order="0"></box>
  </image>
"""


def file(*images):
    return HEAD + ''.join(images) + '</annotations>\n'


def test_a_skeleton_has_names_and_visibilities(read):
    (face,) = read(read_cvat, 'a.xml', file(SKELETON)).faces
    assert (face.image, face.names, face.size, face.line) == ('a.jpg', ('eye', 'nose', 'ear'), (60, 40), 7)
    np.testing.assert_array_equal(face.points, [[10.5, 12.25], [20, 20], [0, 0]])
    np.testing.assert_array_equal(face.visible, [2, 1, 0])


def test_points_of_one_shape_have_an_order_only(read):
    first, second = read(read_cvat, 'a.xml', file(POINTS)).faces
    assert first.names is None
    np.testing.assert_array_equal(first.points, [[10.5, 12.25], [20, 20], [30, -1.5]])
    np.testing.assert_array_equal(second.visible, [1, 1, 1])


def test_single_points_of_a_group_are_a_face(read):
    found = read(read_cvat, 'a.xml', file(SINGLE))
    assert [face.names for face in found.faces] == [('eye', 'nose'), ('eye',)]
    np.testing.assert_array_equal(found.faces[0].points, [[1, 2], [3, 4]])
    assert found.noted == {'other shapes': 1}


def test_two_faces_without_groups_are_told_apart_by_no_one(read, capsys):
    text = file(SINGLE).replace(' group_id="1"', '').replace(' group_id="2"', '')
    assert read(read_cvat, 'a.xml', text).left_out == {'landmark twice': 1}
    assert 'faces of one image need a skeleton or a group each' in capsys.readouterr().err


def test_the_images_of_an_export_lie_in_a_folder_of_that_name(read, folder):
    (folder / 'images').mkdir()
    (folder / 'a.jpg').rename(folder / 'images' / 'a.jpg')
    (face,) = read(read_cvat, 'a.xml', file(SKELETON)).faces
    assert face.image == 'images/a.jpg'


def test_an_image_without_points_is_noted(read):
    found = read(read_cvat, 'a.xml', file('<image id="0" name="a.jpg" width="60" height="40"></image>'))
    assert not found.faces and found.noted == {'image without faces': 1}


@pytest.mark.parametrize(
    'old, new, kind',
    [
        ('"10.50,12.25"', '"10.50,NaN"', 'non-finite coordinate'),
        ('"10.50,12.25"', '"10.50"', 'bad point'),
        ('"10.50,12.25"', '""', 'bad point'),
        ('"10.50,12.25"', '"1,2;3,4"', 'bad point'),
        ('label="eye"', 'label="nose"', 'landmark twice'),
        ('width="60"', '', 'missing attribute'),
        ('name="a.jpg"', 'name="/a.jpg"', 'bad image name'),
    ],
)
def test_a_skeleton_that_is_wrong_is_left_out(read, old, new, kind):
    found = read(read_cvat, 'a.xml', file(SKELETON).replace(old, new, 1))
    assert not found.faces and found.left_out == {kind: 1}


def test_a_skeleton_without_points_is_left_out(read):
    text = file('<image id="0" name="a.jpg" width="60" height="40"><skeleton label="face"/></image>')
    assert read(read_cvat, 'a.xml', text).left_out == {'face without points': 1}


def test_an_export_for_video_is_told(read):
    with pytest.raises(Problem, match='found <track> of "CVAT for video", expected an export as "CVAT for images"'):
        read(read_cvat, 'a.xml', file('<track id="0" label="face"></track>'))
