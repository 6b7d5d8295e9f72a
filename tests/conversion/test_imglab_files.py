"""dlib's xml files."""

import numpy as np
import pytest

from mmfld.conversion.imglab_files import read_imglab, write_imglab
from mmfld.conversion.problems import ConversionError, Problem, Problems

# as dlib's save_image_dataset_metadata writes it
FILE = """<?xml version='1.0' encoding='ISO-8859-1'?>
<?xml-stylesheet type='text/xsl' href='image_metadata_stylesheet.xsl'?>
<dataset>
<name>imglab dataset</name>
<comment>Created by imglab tool.</comment>
<images>
  <image file='a.jpg' width='60' height='40'>
    <box top='5' left='10' width='31' height='21'>
      <label>face</label>
      <part name='0' x='12' y='7'/>
      <part name='1' x='30' y='8'/>
      <part name='10' x='20' y='20'/>
      <part name='2' x='-1' y='0'/>
    </box>
    <box top='0' left='0' width='9' height='9' ignore='1'/>
  </image>
  <image file='b.jpg'>
  </image>
</images>
</dataset>"""


def test_points_box_and_size_are_those_of_the_file(read):
    found = read(read_imglab, 'a.xml', FILE)
    (face,) = found.faces
    assert (face.image, face.size, face.names) == ('a.jpg', (60, 40), ('0', '1', '10', '2'))
    np.testing.assert_array_equal(face.points, [[12, 7], [30, 8], [20, 20], [-1, 0]])
    # dlib's boxes count pixels: from column 10 to 40 there are 31
    assert face.fields == dict(face_box=[10, 5, 30, 20])
    assert face.visible is None and face.line == 8 and face.point_lines == [10, 11, 12, 13]
    assert found.left_out == {}
    assert found.noted == {'box to be ignored': 1, 'image without faces': 1}


def test_a_name_in_utf_8_is_read_though_dlib_calls_it_latin(read, folder):
    (folder / 'a.jpg').rename(folder / 'é.jpg')
    (face,) = read(read_imglab, 'a.xml', FILE.replace('a.jpg', 'é.jpg')).faces
    assert face.image == 'é.jpg'


def test_a_name_in_latin_is_read_as_the_file_says(read):
    (face,) = read(read_imglab, 'a.xml', FILE.replace('a.jpg', 'é.jpg').encode('latin-1')).faces
    assert face.image == 'é.jpg'


@pytest.mark.parametrize(
    'old, new, kind, message',
    [
        ("x='12'", "x='nan'", 'non-finite coordinate', "a.xml:10: non-finite coordinate: found 'nan'"),
        ("x='12'", "x='left'", 'non-numeric coordinate', "found 'left', expected a number"),
        ("x='12' ", '', 'missing attribute', 'found <part> without x'),
        ("name='1'", "name='0'", 'landmark twice', "found '0' 2 times in one face, expected once"),
        ("name='1'", "name=''", 'landmark without name', 'a.xml:8: '),
        ("width='31'", "width='0'", 'bad box', 'found 0 x 21 pixels'),
        ("width='60'", "width='6.5'", 'bad size', 'a.xml:7: bad size: found 6.5 x 40'),
        ("file='a.jpg'", "file='../../x/a.jpg'", 'bad image name', 'expected a name within the data set'),
        ("file='a.jpg'", '', 'missing attribute', 'found <image> without file'),
    ],
)
def test_a_face_that_is_wrong_is_left_out_by_name_and_line(read, capsys, old, new, kind, message):
    assert FILE.count(old)
    found = read(read_imglab, 'a.xml', FILE.replace(old, new, 1))
    assert not found.faces and found.left_out == {kind: 1}
    assert message in capsys.readouterr().err


def test_a_box_without_parts_is_left_out(read):
    parts = FILE[FILE.index('      <part') : FILE.index('    </box>')]
    assert read(read_imglab, 'a.xml', FILE.replace(parts, '')).left_out == {'face without points': 1}


def test_another_xml_is_none(read):
    with pytest.raises(Problem, match='found <svg>, expected <dataset>'):
        read(read_imglab, 'a.xml', '<svg/>')


def test_what_is_written_is_read_again(read, folder):
    found = read(read_imglab, 'a.xml', FILE)
    write_imglab(folder / 'b.xml', [(face, (60, 40)) for face in found.faces], folder, False, Problems(True))
    again = read(read_imglab, 'c.xml', (folder / 'b.xml').read_bytes()).faces[0]
    np.testing.assert_array_equal(again.points, found.faces[0].points)
    assert again.fields == found.faces[0].fields and again.names == found.faces[0].names and again.size == (60, 40)


def test_points_are_rounded_and_names_get_zeros_as_dlib_orders_them_as_texts(read, folder, capsys):
    (face,) = read(read_imglab, 'a.xml', FILE).faces
    face.names, face.fields = None, {}
    face.points = np.column_stack([np.arange(11) + 0.25, np.full(11, 7.5)])
    write_imglab(folder / 'b.xml', [(face, None)], folder, False, Problems(True))
    text = (folder / 'b.xml').read_text()
    assert "<part name=\"00\" x='0' y='8'/>" in text and "<part name=\"10\" x='10' y='8'/>" in text
    assert "<box top='8' left='0' width='11' height='1'>" in text
    assert 'rounded to whole pixels, by up to 0.50' in capsys.readouterr().out


def test_a_name_that_xml_cannot_hold_is_an_error(read, folder):
    (face,) = read(read_imglab, 'a.xml', FILE).faces
    face.names = ('a\n', 'b', 'c', 'd')
    with pytest.raises(ConversionError, match=r"found the name 'a\\n'"):
        write_imglab(folder / 'b.xml', [(face, None)], folder, False, Problems(True))
    assert not (folder / 'b.xml').exists()
