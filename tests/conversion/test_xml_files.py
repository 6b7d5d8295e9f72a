"""XML that is wrong, or made to harm."""

import pytest

from mmfld.conversion.problems import Problem
from mmfld.conversion.xml_files import read_xml

LAUGHS = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>\n<a>&c;</a>'
OUTSIDE = '<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>\n<a>&b;</a>'


@pytest.mark.parametrize('text, line', [(LAUGHS, 1), (OUTSIDE, 2)], ids=['laughs', 'outside'])
def test_entities_are_refused_before_they_are_looked_at(tmp_path, text, line):
    path = tmp_path / 'a.xml'
    path.write_text(text)
    with pytest.raises(Problem, match=f'a.xml:{line}: document type: found <!DOCTYPE>, expected none'):
        read_xml(path)


@pytest.mark.parametrize(
    'content, message',
    [
        (b'', 'no element found'),
        (b'<a>\n<b></a>', 'a.xml:2: bad xml: found no valid XML .mismatched tag'),
        (b'<a>\n\n&nowhere;</a>', 'a.xml:3: bad xml: .*undefined entity'),
        (b'<?xml version="1.0" encoding="nonsense"?><a>\xff</a>', 'unknown encoding'),
        (b'<a>\xff</a>', 'not well-formed'),
        (b'\0' * 20, 'not well-formed'),
    ],
    ids=['empty', 'tags', 'entity', 'encoding', 'bytes', 'zeros'],
)
def test_what_is_no_xml_is_told_with_its_line(tmp_path, content, message):
    (tmp_path / 'a.xml').write_bytes(content)
    with pytest.raises(Problem, match=message):
        read_xml(tmp_path / 'a.xml')


def test_elements_know_their_lines(tmp_path):
    (tmp_path / 'a.xml').write_text('<a>\n<b/>\n\n<c\n d="e"/></a>')
    root = read_xml(tmp_path / 'a.xml')
    assert [(element.tag, element.line) for element in root.iter()] == [('a', 1), ('b', 2), ('c', 4)]


def test_utf_16_is_read(tmp_path):
    (tmp_path / 'a.xml').write_bytes('<?xml version="1.0" encoding="utf-16"?><a b="é"/>'.encode('utf-16'))
    assert read_xml(tmp_path / 'a.xml').get('b') == 'é'


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(Problem, match='a.xml: unreadable file: does not exist'):
        read_xml(tmp_path / 'a.xml')
