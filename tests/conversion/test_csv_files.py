"""Tables of faces."""

import numpy as np
import pytest

from mmfld.conversion.csv_files import read_csv
from mmfld.conversion.problems import Problem


def test_columns_with_numbers_are_landmarks_in_their_order(read):
    (face,) = read(read_csv, 'a.csv', 'file,x1,y1,x0,y0,x10,y10\na.jpg,3,4,1.5,2,5,-6\n').faces
    assert (face.image, face.names, face.visible, face.line) == ('a.jpg', None, None, 2)
    np.testing.assert_array_equal(face.points, [[1.5, 2], [3, 4], [5, -6]])


def test_a_table_of_mmfld_predict_is_read(read, capsys):
    header = 'file,frame,time,face,score,angle,box_x1,box_y1,box_x2,box_y2,x0,y0,score0,x1,y1,score1'
    (face,) = read(read_csv, 'a.csv', f'{header}\na.jpg,,,0,0.9,1.0,1,1,9,9,1,2,0.8,3,4,0.7\n').faces
    np.testing.assert_array_equal(face.points, [[1, 2], [3, 4]])
    assert 'columns that are not read: frame, time, face, score, angle, box_x1,' in capsys.readouterr().out


def test_the_frame_of_a_video_is_no_image(read):
    assert read(read_csv, 'a.csv', 'file,frame,x0,y0\na.mp4,3,1,2\n').left_out == {'frame of a video': 1}


def test_columns_with_names_may_tell_what_is_visible(read):
    (face,) = read(read_csv, 'a.csv', 'image;eye_x;eye_y;eye_v;nose_x;nose_y;nose_v\na.jpg;1;2;1;3;4;2\n').faces
    assert face.names == ('eye', 'nose') and face.visible.tolist() == [1, 2]


def test_empty_cells_are_landmarks_that_are_not_annotated(read):
    (face,) = read(read_csv, 'a.csv', 'file,eye_x,eye_y,nose_x,nose_y\na.jpg,,,3,4\n').faces
    assert face.visible.tolist() == [0, 1] and face.points.tolist() == [[0, 0], [3, 4]]


def test_a_row_a_landmark(read):
    rows = 'a.jpg,0,eye,1,2\na.jpg,1,eye,5,6\na.jpg,0,nose,3,4\nb.jpg,0,nose,,\n'
    faces = read(read_csv, 'a.csv', f'image,face,name,x,y\n{rows}').faces
    assert [(face.image, face.names) for face in faces] == [
        ('a.jpg', ('eye', 'nose')),
        ('a.jpg', ('eye',)),
        ('b.jpg', ('nose',)),
    ]
    np.testing.assert_array_equal(faces[0].points, [[1, 2], [3, 4]])
    assert faces[0].point_lines == [2, 4] and faces[2].visible.tolist() == [0]


def test_what_spreadsheets_write_is_read(read):
    text = 'file\teye_x\teye_y\r\n"a.jpg"\t1\t2\r\n\t\t\r\n'
    for content in (text.encode('utf-16'), text.encode('utf-8-sig')):
        (face,) = read(read_csv, 'a.csv', content).faces
        assert face.points.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    'row, kind, message',
    [
        ('a.jpg,1', 'wrong number of cells', 'a.csv:2: wrong number of cells: found 2 cells, expected 3'),
        ('a.jpg,1,', 'non-numeric coordinate', "found '', expected a number"),
        ('a.jpg,1,nan', 'non-finite coordinate', "found 'nan'"),
        ('a.jpg,1,"1,5"', 'non-numeric coordinate', "found '1,5'"),
        (',1,2', 'bad image name', "found ''"),
        ('/x/a.jpg,1,2', 'bad image name', "found '/x/a.jpg'"),
    ],
)
def test_a_row_that_is_wrong_is_left_out(read, capsys, row, kind, message):
    found = read(read_csv, 'a.csv', f'file,x0,y0\n{row}\nb.jpg,1,2\n')
    assert len(found.faces) == 1 and found.left_out == {kind: 1}
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    'content, message',
    [
        (b'', 'found the columns'),
        (b'file,x0\na.jpg,1\n', "landmark '0': found x, expected x and y"),
        (b'x0,y0\n1,2\n', 'expected each once, and one of file, '),
        (b'file,a,b\na.jpg,1,2\n', 'expected x0, y0, ..., NAME_x, NAME_y'),
        (b'file,x,y\na.jpg,1,2\n', 'found x and y without a name'),
        (b'file,x0,y0,x0,y0\n', 'expected each once'),
        (b'file,x0,y0\n\xe9.jpg,1,2\n', 'a.csv:2: bad text: found byte 0xe9 in column 1, expected UTF-8'),
        (b'file,x0,y0\na.jpg,"' + b'1' * 200000, 'a.csv:2: bad csv: cannot be read on'),
        (b'\xff\xfe1', 'found no whole UTF-16'),
    ],
    ids=['empty', 'half', 'no image', 'no points', 'no names', 'twice', 'latin', 'large', 'odd'],
)
def test_a_table_that_is_wrong_is_told(read, content, message):
    with pytest.raises(Problem, match=message):
        read(read_csv, 'a.csv', content)


def test_a_visibility_that_is_none_is_left_out(read):
    assert read(read_csv, 'a.csv', 'file,x0,y0,v0\na.jpg,1,2,3\n').left_out == {'bad visibility': 1}
