"""``.pts`` files of several faces, and of images whose names are alike."""

from pathlib import Path

import numpy as np

from mmfld.conversion.annotations import NamedFace
from mmfld.conversion.problems import Problems
from mmfld.conversion.pts_files import read_pts_faces, write_pts


def face(image, number):
    return NamedFace(image, np.array([[number, 1.0], [number, 2.0]]), '', Path('faces.json'), number, [number] * 2)


def test_a_further_face_takes_no_name_of_another_image(tmp_path):
    for name in ('a.jpg', 'a.face2.jpg'):
        (tmp_path / name).write_bytes(b'.')
    faces = [face('a.jpg', 1), face('a.jpg', 2), face('a.face2.jpg', 3)]
    write_pts(tmp_path, [(one, None) for one in faces], tmp_path, False, Problems(True))
    found = {(one.image, one.points[0, 0]) for one in read_pts_faces(tmp_path, tmp_path, Problems(True))}
    assert found == {('a.jpg', 1.0), ('a.jpg', 2.0), ('a.face2.jpg', 3.0)}


def test_images_that_differ_in_their_suffix_alone_are_told(tmp_path):
    problems = Problems(False)
    write_pts(tmp_path, [(face('b.png', 1), None), (face('b.jpg', 2), None)], tmp_path, False, problems)
    assert [path.name for path in tmp_path.iterdir()] == ['b.pts'] and problems.left_out.total() == 1
