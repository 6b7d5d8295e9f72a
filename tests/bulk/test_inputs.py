"""Which pictures there are does not depend on how they are named, and neither does which go together."""

import io
import os
import tarfile

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmfld.bulk.inputs import Part, divide, list_inputs, parts_of
from mmfld.bulk.pictures import read_part

JPEG = cv2.imencode('.jpg', np.full((8, 9, 3), 100, np.uint8))[1].tobytes()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'photos/more').mkdir(parents=True)
    for name in ('b.jpg', 'a.png', 'more/c.JPG', 'notes.md', '._b.jpg', 'z.tar'):
        (tmp_path / 'photos' / name).write_bytes(JPEG)
    return tmp_path / 'photos'


def shard(path, *members):
    with tarfile.open(path, 'w') as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return str(path)


def read(kind, path):
    return [picture for pictures in read_part(Part(0, kind, [str(path)]), 2) for picture in pictures]


def test_a_folder_with_its_subfolders(folder):
    found = list_inputs([str(folder)])
    assert found == {str(folder / name): len(JPEG) for name in ('a.png', 'b.jpg', 'more/c.JPG', 'z.tar')}


def test_a_file_that_is_given_twice_is_one(folder, monkeypatch):
    (folder / 'list.txt').write_text('b.jpg\n\nmore/../a.png\n')
    monkeypatch.chdir(folder)
    assert list_inputs(['list.txt', '.', 'b.jpg']) == list_inputs([str(folder)])


def test_a_list_has_what_it_says(folder):
    (folder / 'list.txt').write_text('b.jpg\n/elsewhere/missing\nmemory://shards/1.tar\n')
    assert list_inputs([str(folder / 'list.txt')]) == {
        str(folder / 'b.jpg'): None,
        '/elsewhere/missing': None,
        'memory://shards/1.tar': None,
    }


def test_other_file_systems():
    import fsspec

    memory = fsspec.filesystem('memory')
    memory.pipe('/photos/a.jpg', JPEG)
    memory.pipe('/photos/list.txt', b'a.jpg')
    name = 'memory:///photos/a.jpg'
    assert list_inputs(['memory://photos']) == {name: len(JPEG)}
    assert list_inputs(['memory://photos/list.txt']) == {name: None}
    (picture,) = read('images', name)
    assert picture.name == name and picture.image.shape == (8, 9, 3)


def test_parts_depend_on_the_files_alone():
    files = {f'/photos/{n}.jpg': 10 for n in range(5)} | {'/b.tar': 20, '/a.parquet': 30}
    table = divide(files, 2)
    assert table.equals(divide(dict(reversed(files.items())), 2))
    assert parts_of(table) == [
        Part(0, 'images', ['/photos/0.jpg', '/photos/1.jpg']),
        Part(1, 'images', ['/photos/2.jpg', '/photos/3.jpg']),
        Part(2, 'images', ['/photos/4.jpg']),
        Part(3, 'parquet', ['/a.parquet']),
        Part(4, 'tar', ['/b.tar']),
    ]
    assert table['size'].to_pylist() == [10] * 5 + [30, 20]


@pytest.mark.parametrize(
    'name, message',
    [
        ('missing', 'missing does not exist'),
        ('notes.md', "found suffix '.md', expected an image"),
        ('empty', 'empty: found nothing to read'),
        ('empty.txt', 'empty.txt: found no line'),
        ('latin.txt', 'latin.txt: found bytes that are no UTF-8'),
    ],
)
def test_inputs_that_are_none(folder, name, message):
    (folder / 'empty').mkdir()
    (folder / 'empty.txt').write_text('\n')
    (folder / 'latin.txt').write_bytes('ä.jpg'.encode('latin-1'))
    with pytest.raises((FileNotFoundError, ValueError), match=message):
        list_inputs([str(folder / name)])


def test_names_and_links_that_cannot_be_followed(folder):
    os.symlink(folder / 'more', folder / 'link')
    with pytest.raises(ValueError, match='photos/link, a link to a folder'):
        list_inputs([str(folder)])
    (folder / 'link').unlink()
    (folder / 'link.jpg').symlink_to('nowhere.jpg')
    assert list_inputs([str(folder)])[str(folder / 'link.jpg')] is None
    with open(os.fsencode(folder) + b'/\xff.jpg', 'wb') as file:
        file.write(JPEG)
    with pytest.raises(ValueError, match='a name that is no UTF-8'):
        list_inputs([str(folder)])


def test_broken_files_have_reasons(folder):
    (folder / 'cut.jpg').write_bytes(JPEG[:-9])
    for name, reason in (
        ('cut.jpg', 'a JPEG that has no end'),
        ('missing.jpg', 'missing.jpg does not exist'),
        ('more', 'Is a directory'),
    ):
        (picture,) = read('images', folder / name)
        assert picture.name == str(folder / name) and reason in picture.image


def test_a_tar_shard(tmp_path):
    path = shard(
        tmp_path / '0.tar',
        ('x/1.jpg', JPEG),
        ('x/1.cls', b'7'),
        ('2.jpg', JPEG[:-9]),
        ('2.jpg', JPEG),
        ('._1.jpg', JPEG),
        ('3.jpeg', JPEG),
    )
    pictures = read('tar', path)
    assert [picture.name for picture in pictures] == [
        f'{path}/{name}' for name in ('x/1.jpg', '2.jpg', '2.jpg', '3.jpeg')
    ]
    assert [picture.image if isinstance(picture.image, str) else picture.image.shape for picture in pictures] == [
        (8, 9, 3),
        f'{path}/2.jpg: found {len(JPEG) - 9} bytes of a JPEG that has no end: it is cut off',
        f'{path}/2.jpg: found a second member of this name',
        (8, 9, 3),
    ]


@pytest.mark.parametrize('blocks, whole', [(1.5, 0), (3, 1), (3.5, 1), (4.5, 1), (6, 2)])
def test_a_tar_shard_that_is_cut_off(tmp_path, blocks, whole):
    """In a picture, after one, in a header, and before the blocks of zeros at the end."""
    path = shard(tmp_path / '0.tar', ('1.jpg', JPEG), ('2.jpg', JPEG))
    content = open(path, 'rb').read()
    assert 512 < len(JPEG) < 1024 and content[6 * 512 :] and not any(content[6 * 512 :])
    open(path, 'wb').write(content[: int(blocks * 512)])
    *pictures, last = read('tar', path)
    assert [picture.name for picture in pictures] == [f'{path}/1.jpg', f'{path}/2.jpg'][:whole]
    assert last.name == path and 'not a complete tar file' in last.image


def test_shards_without_pictures(tmp_path):
    (tmp_path / 'text.tar').write_text('no tar')
    (tmp_path / 'text.parquet').write_text('no parquet')
    pq.write_table(pa.table(dict(a=[b'1'], b=[b'2'])), tmp_path / 'two.parquet')
    for path, reason in (
        (shard(tmp_path / '0.tar', ('1.cls', b'7')), 'found no image'),
        (tmp_path / 'text.tar', 'not a complete tar file'),
        (tmp_path / 'text.parquet', 'cannot be read after 0 rows'),
        (tmp_path / 'two.parquet', 'found 2 columns of bytes among a, b, expected one, or one named'),
        (tmp_path / 'missing.tar', 'does not exist'),
        (tmp_path / 'missing.parquet', 'does not exist'),
    ):
        (picture,) = read(str(path).rpartition('.')[2], path)
        assert picture.name == str(path) and reason in picture.image


@pytest.mark.parametrize(
    'values',
    [[JPEG, None, JPEG[:9]], [dict(bytes=value, path=None) for value in (JPEG, None, JPEG[:9])]],
    ids=['b', 's'],
)
def test_a_parquet_shard(tmp_path, values):
    path = tmp_path / '0.parquet'
    pq.write_table(pa.table(dict(image=values, label=[1, 2, 3], mask=[b'', b'', b''])), path)
    good, empty, cut = read('parquet', path)
    assert good.name == f'{path}/0' and good.image.shape == (8, 9, 3)
    assert empty == (f'{path}/1', f'{path}/1: no image in this row')
    assert cut.name == f'{path}/2' and 'a JPEG that has no end' in cut.image
