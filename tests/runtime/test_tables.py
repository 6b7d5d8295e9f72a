"""One row a face, in files that are complete if they look so."""

import csv
import sys

import numpy as np
import pyarrow.parquet
import pytest

from mmfld.runtime import Face
from mmfld.runtime.frame import Frame
from mmfld.runtime.tables import TableWriter

IMAGE = np.zeros((2, 2, 3), np.uint8)
COLUMNS = [
    'file',
    'frame',
    'time',
    'face',
    'score',
    'angle',
    'box_x1',
    'box_y1',
    'box_x2',
    'box_y2',
    'x0',
    'y0',
    'score0',
    'x1',
    'y1',
    'score1',
]


def face(**more):
    return Face(
        np.array([[1, 2], [3, 4.25]], np.float32),
        np.array([0.5, 0.75], np.float32),
        np.array([1, 2, 3, 4.25], np.float32),
        0.875,
        -90.0,
        **more,
    )


def write(path):
    with TableWriter(path, 2) as table:
        table.write(Frame(IMAGE, 'a.jpg', 3), [face(), face()])
        table.write(Frame(IMAGE, 'b.jpg', 4), [])
        table.write(Frame(IMAGE, 'c.mp4', 7, 0.28, 0.04), [face(track_id=5)])
        assert not path.exists()


def test_csv(tmp_path):
    write(tmp_path / 'out/faces.csv')
    header, *rows = csv.reader(open(tmp_path / 'out/faces.csv'))
    assert header == COLUMNS
    assert [row[:4] for row in rows] == [
        ['a.jpg', '', '', '0'],
        ['a.jpg', '', '', '1'],
        ['c.mp4', '7', '0.280000', '5'],
    ]
    assert list(map(float, rows[0][4:])) == [0.875, -90, 1, 2, 3, 4.25, 1, 2, 0.5, 3, 4.25, 0.75]


def test_parquet(tmp_path):
    write(tmp_path / 'faces.parquet')
    table = pyarrow.parquet.read_table(tmp_path / 'faces.parquet')
    assert table.column_names == COLUMNS
    assert [str(kind) for kind in table.schema.types] == ['string', 'int64', 'double', 'int64'] + 12 * ['float']
    assert [tuple(row.values())[:4] for row in table.to_pylist()] == [
        ('a.jpg', None, None, 0),
        ('a.jpg', None, None, 1),
        ('c.mp4', 7, 0.28, 5),
    ]
    assert list(table.to_pylist()[2].values())[4:] == [0.875, -90, 1, 2, 3, 4.25, 1, 2, 0.5, 3, 4.25, 0.75]


def test_many_rows_and_none(tmp_path, monkeypatch):
    monkeypatch.setattr('mmfld.runtime.tables.ROWS', 2)
    with TableWriter(tmp_path / 'many.parquet', 2) as table:
        for index in range(5):
            table.write(Frame(IMAGE, f'{index}.jpg', index), [face()])
    assert pyarrow.parquet.read_table(tmp_path / 'many.parquet')['file'].to_pylist() == [f'{n}.jpg' for n in range(5)]
    with TableWriter(tmp_path / 'none.parquet', 2):
        pass
    assert pyarrow.parquet.read_table(tmp_path / 'none.parquet').num_rows == 0


@pytest.mark.parametrize('suffix', ['csv', 'parquet'])
def test_an_interrupted_table_does_not_look_complete(tmp_path, suffix):
    write(tmp_path / f'faces.{suffix}')
    before = (tmp_path / f'faces.{suffix}').read_bytes()
    with pytest.raises(KeyboardInterrupt), TableWriter(tmp_path / f'faces.{suffix}', 2):
        raise KeyboardInterrupt
    assert (tmp_path / f'faces.{suffix}').read_bytes() == before
    assert (tmp_path / f'faces.{suffix}.part').exists()


def test_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'pyarrow', None)
    with pytest.raises(ImportError, match='a parquet file needs pyarrow, .*: run `pip install pyarrow`'):
        TableWriter(tmp_path / 'faces.parquet', 2)


def test_other_tables_are_named(tmp_path):
    with pytest.raises(ValueError, match="faces.xlsx: found suffix '.xlsx', expected one of .csv, .parquet"):
        TableWriter(tmp_path / 'faces.xlsx', 2)
