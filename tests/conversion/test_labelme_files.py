"""The json files of labelme."""

import json

import numpy as np
import pytest

from mmfld.conversion.labelme_files import read_labelme
from mmfld.conversion.problems import Problems


def shape(label, x, y, group=None, kind='point'):
    return dict(label=label, points=[[x, y]], group_id=group, shape_type=kind, flags={}, description='')


def content(*shapes, **fields):
    whole = dict(version='5.4.1', flags={}, imagePath='a.jpg', imageData=None, imageHeight=40, imageWidth=60)
    return json.dumps({**whole, 'shapes': list(shapes), **fields})


def test_points_without_a_group_are_one_face(read):
    (face,) = read(read_labelme, 'a.json', content(shape('eye', 10.5, 12), shape('nose', 20, 20.25))).faces
    assert (face.image, face.names, face.size, face.visible) == ('a.jpg', ('eye', 'nose'), (60, 40), None)
    np.testing.assert_array_equal(face.points, [[10.5, 12], [20, 20.25]])


def test_a_group_is_a_face(read):
    shapes = shape('eye', 1, 2, 0), shape('nose', 3, 4, 1), shape('nose', 5, 6, 0), shape('face', 1, 1, 0, 'rectangle')
    found = read(read_labelme, 'a.json', content(*shapes))
    assert [face.names for face in found.faces] == [('eye', 'nose'), ('nose',)]
    assert found.noted == {'other shapes': 1}


def test_two_faces_without_groups_are_told(read, capsys):
    found = read(read_labelme, 'a.json', content(shape('eye', 1, 2), shape('eye', 3, 4)))
    assert not found.faces and found.left_out == {'landmark twice': 1}
    assert 'a.json:shapes[0]: landmark twice' in (error := capsys.readouterr().err) and 'group_id each' in error


def test_all_files_of_a_folder_are_read_and_a_broken_one_is_left_out(read, folder):
    (folder / 'b.json').write_text(content(shape('eye', 1, 2), imagePath='b.jpg'))
    (folder / 'c.json').write_text('{"shapes":')
    (folder / 'a.json').write_text(content(shape('eye', 1, 2)))
    found = read(lambda path, images, problems: read_labelme(folder, folder, problems), 'a.txt', '')
    assert [face.image for face in found.faces] == ['a.jpg', 'b.jpg'] and found.left_out == {'bad json': 1}


def test_a_path_of_windows_is_found(read, folder):
    (folder / 'images').mkdir()
    (folder / 'a.jpg').rename(folder / 'images' / 'a.jpg')
    (face,) = read(read_labelme, 'a.json', content(shape('eye', 1, 2), imagePath='images\\a.jpg')).faces
    assert face.image == 'images/a.jpg'


def test_a_path_of_windows_out_of_the_folder_is_found_from_the_file(folder):
    for name in ('set/json', 'set/img'):
        (folder / name).mkdir(parents=True)
    (folder / 'a.jpg').rename(folder / 'set/img/a b.jpg')
    (folder / 'b.jpg').rename(folder / 'set/json/a b.jpg')
    file = folder / 'set/json/a b.json'
    file.write_text(content(shape('eye', 1, 2), imagePath='..\\img\\a b.jpg'))
    (face,) = read_labelme(folder / 'set', folder / 'set', Problems(True))
    assert face.image == 'img/a b.jpg'
    (face,) = read_labelme(file, folder / 'set/img', Problems(True))
    assert face.image == 'a b.jpg'


@pytest.mark.parametrize('told', ['..\\img\\a.jpg', '../img/a.jpg', 'C:\\Users\\a.jpg', '/home/a.jpg'])
def test_an_image_that_was_moved_with_its_file_is_found_beside_it(read, told):
    (face,) = read(read_labelme, 'a.json', content(shape('eye', 1, 2), imagePath=told)).faces
    assert face.image == 'a.jpg'


@pytest.mark.parametrize('told', ['..\\img\\c.jpg', ''])
def test_an_image_that_is_nowhere_is_told(read, told, capsys):
    assert read(read_labelme, 'a.json', content(shape('eye', 1, 2), imagePath=told)).left_out == {'bad image name': 1}
    assert 'a.json: bad image name: found ' in capsys.readouterr().err


def test_utf_16_and_marks_are_read(read):
    for encoding in ('utf-16', 'utf-8-sig'):
        (face,) = read(read_labelme, 'a.json', content(shape('é', 1, 2)).encode(encoding)).faces
        assert face.names == ('é',)


@pytest.mark.parametrize(
    'fields, kind, message',
    [
        (dict(shapes=[shape('eye', float('nan'), 2)]), 'bad point', 'found [[nan, 2]], expected [[x, y]]'),
        (dict(shapes=[shape('eye', 10**400, 2)]), 'bad point', 'expected [[x, y]], two finite numbers'),
        (dict(shapes=[shape('eye', '1', 2)]), 'bad point', "found [['1', 2]]"),
        (dict(shapes=[shape('eye', True, 2)]), 'bad point', 'found [[True, 2]]'),
        (dict(shapes=[dict(label='eye', points=[])]), 'bad point', 'found []'),
        (dict(shapes=[shape('', 1, 2)]), 'landmark without name', 'shapes[0]'),
        (dict(shapes=['eye']), 'bad json', "a.json:shapes[0]: bad json: found 'eye', expected an object"),
        (dict(shapes={}), 'bad json', 'found no list "shapes"'),
        (dict(shapes=[shape('eye', 1, 2)], imagePath=None), 'bad json', 'imagePath: found None'),
        (dict(shapes=[shape('eye', 1, 2)], imagePath=''), 'bad image name', "found ''"),
        (dict(shapes=[shape('eye', 1, 2)], imagePath='../../x.jpg'), 'bad image name', "found '../../x.jpg'"),
    ],
)
def test_what_is_wrong_is_left_out_and_told(read, capsys, fields, kind, message):
    found = read(read_labelme, 'a.json', content(**fields))
    assert not found.faces and found.left_out == {kind: 1}
    assert message in capsys.readouterr().err


def test_an_image_without_points_is_noted(read):
    found = read(read_labelme, 'a.json', content())
    assert not found.faces and found.noted == {'image without faces': 1}
