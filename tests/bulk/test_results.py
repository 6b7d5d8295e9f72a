"""A folder of results is of one run."""

import pyarrow.parquet as pq
import pytest

from mmfld.bulk import predict_in_bulk
from mmfld.bulk.inputs import divide
from mmfld.bulk.results import IMAGES, ResultFolder, face_table
from mmfld.cli.main import main

FILES = {'/a.jpg': 10, '/b.jpg': 20}


@pytest.fixture
def folder(tmp_path):
    folder = ResultFolder(str(tmp_path / 'out'))
    assert folder.begin(dict(detector='opencv', orientation=90.0), divide(FILES, 1)) == set()
    folder.write_part(1, face_table([], [], 68), IMAGES.empty_table())
    return folder


def test_the_same_run_goes_on(folder):
    assert folder.begin(dict(orientation=90.0, detector='opencv'), divide(FILES, 1)) == {1}


@pytest.mark.parametrize(
    'settings, files, message',
    [
        (dict(detector='centerface', orientation=90.0), FILES, "found detector='opencv' .* now it is 'centerface'"),
        (dict(detector='opencv'), FILES, 'found orientation=90.0 .* now it is None'),
        (None, {'/a.jpg': 10}, '1 gone, as /b.jpg'),
        (None, {**FILES, '/0.jpg': None}, '1 new, as /0.jpg'),
        (None, {**FILES, '/a.jpg': 11}, '1 of another size, as /a.jpg'),
    ],
)
def test_another_run_is_refused(folder, settings, files, message):
    with pytest.raises(ValueError, match=message):
        folder.begin(settings or dict(detector='opencv', orientation=90.0), divide(files, 1))


def test_parts_without_their_run(folder, tmp_path):
    (tmp_path / 'out/run.json').unlink()
    with pytest.raises(ValueError, match='found parts of a run without its run.json'):
        folder.begin({}, divide(FILES, 1))


def test_a_part_without_its_table_of_images_is_not_done(folder, tmp_path):
    (tmp_path / 'out/images/part-000001.parquet').unlink()
    assert folder.begin(dict(detector='opencv', orientation=90.0), divide(FILES, 1)) == set()
    assert folder.finish()[:2] == (0, 0)


def test_what_cannot_be_written_leaves_nothing(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(type(folder._system), 'mv', lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        folder.write_part(0, face_table([], [], 68), IMAGES.empty_table())
    assert not (tmp_path / 'out/faces/part-000000.parquet').exists()


def test_starts_are_counted(folder):
    assert [folder.begin_part(0), folder.begin_part(10), folder.begin_part(0)] == [0, 0, 1]
    folder.begin(dict(detector='opencv', orientation=90.0), divide(FILES, 1))
    assert folder.begin_part(0) == 0


def test_tables_without_faces_have_the_columns_of_those_with(folder, tmp_path):
    table = pq.read_table(tmp_path / 'out/faces/part-000001.parquet')
    assert table.num_rows == 0 and table.num_columns == 10 + 3 * 68
    assert {str(kind) for kind in table.schema.types} == {'string', 'int64', 'double', 'float'}


def test_results_inside_the_inputs(tmp_path):
    (tmp_path / 'a.jpg').touch()
    with pytest.raises(ValueError, match='found it inside the input'):
        predict_in_bulk([str(tmp_path)], str(tmp_path / 'out'), None, {})


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['--workers', '2'], '--workers needs --ray'),
        (['--part-size', '2'], '--part-size needs --ray'),
        (['--ray', '--draw'], '--draw does not go with --ray'),
        (['--ray', '--workers', '0'], "--workers: found '0'"),
        (['--ray', '--format', 'csv'], '--format csv does not go with --ray'),
    ],
)
def test_wrong_arguments_are_one_line(tmp_path, capsys, arguments, message):
    try:
        status = main(['predict', str(tmp_path / 'missing'), '--out', str(tmp_path / 'out'), *arguments])
    except SystemExit as error:
        status = error.code
    error = capsys.readouterr().err
    assert status == 2 and message in error and error.count('\n') == 1


def test_an_input_that_is_missing_is_one_line(tmp_path, capsys):
    assert main(['predict', str(tmp_path / 'missing'), '--out', str(tmp_path / 'out'), '--ray']) == 1
    error = capsys.readouterr().err
    assert 'missing does not exist' in error and error.count('\n') == 1
