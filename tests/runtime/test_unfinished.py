"""Results are there as a whole or not at all, and what could not be written is named."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from mmfld.runtime.images import read_image, write_image
from mmfld.runtime.media import ResultWriter
from mmfld.runtime.tables import TableWriter
from mmfld.runtime.unfinished import write_finished

NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_that_does_not_fit_leaves_what_was_there(tmp_path, files_end_at):
    path = tmp_path / 'a.json'
    write_finished(path, b'before')
    with files_end_at(1000), pytest.raises(OSError, match="File too large: '.*a.json'"):
        write_finished(path, bytes(2000))
    assert path.read_bytes() == b'before' and names(tmp_path) == ['a.json']


def test_a_picture_that_does_not_fit_is_not_there(tmp_path, files_end_at):
    with files_end_at(1000), pytest.raises(OSError, match="File too large: '.*a.png'"):
        write_image(tmp_path / 'a.png', NOISE)
    assert names(tmp_path) == []
    write_image(tmp_path / 'new' / 'a.png', NOISE)
    np.testing.assert_array_equal(read_image(tmp_path / 'new' / 'a.png'), NOISE)


def test_a_picture_of_no_format_is_one_sentence(tmp_path):
    with pytest.raises(ValueError, match='a.xyz: OpenCV cannot write this image'):
        write_image(tmp_path / 'a.xyz', NOISE)


@pytest.mark.parametrize('is_video', [False, True])
def test_predictions_that_do_not_fit_are_named(tmp_path, files_end_at, is_video):
    source = SimpleNamespace(
        is_video=is_video, is_live=False, name='clip', names=['b.jpg'], inputs=['b.jpg'], name_of=lambda index: 'b.jpg'
    )
    frame = SimpleNamespace(index=0, time=0.0, since={})
    name = 'clip.json' if is_video else 'b.json'
    faces = [dict(keypoints=np.zeros((68, 2)))] * 20
    with files_end_at(1000), pytest.raises(OSError, match=f"File too large: '.*{name}'"):
        with ResultWriter(source, '', str(tmp_path)) as writer:
            for _ in range(20):
                writer.write_instances(frame, faces)
    assert name not in names(tmp_path)
    with ResultWriter(source, '', str(tmp_path)) as writer:
        writer.write_instances(frame, faces)
    assert json.loads((tmp_path / name).read_text())


def test_a_table_that_does_not_fit_is_named(tmp_path, files_end_at):
    face = SimpleNamespace(
        score=1.0, angle=0.0, box=np.zeros(4), landmarks=np.zeros((68, 2)), scores=np.zeros(68), track_id=None
    )
    frame = SimpleNamespace(path='a.jpg', index=0, time=None)
    with files_end_at(1000), pytest.raises(OSError, match="File too large: '.*faces.csv'"):
        with TableWriter(tmp_path / 'faces.csv', 68) as table:
            for _ in range(100):
                table.write(frame, [face])
    assert 'faces.csv' not in names(tmp_path)
