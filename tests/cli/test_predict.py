"""``mmfld predict`` as it is typed."""

import csv
import io
import json
import os
import subprocess
import sys

import av
import cv2
import numpy as np
import pyarrow.parquet
import pytest
from matplotlib.cbook import get_sample_data

from mmfld.cli.main import main

from ..runtime.servers import cut, serve, whole

PHOTO = get_sample_data('grace_hopper.jpg', asfileobj=False)


@pytest.fixture
def folder(tmp_path):
    """A photograph, an empty picture, one that is cut off, and what is no picture."""
    path = tmp_path / 'photos'
    path.mkdir()
    content = open(PHOTO, 'rb').read()
    (path / 'b.jpg').write_bytes(content)
    (path / 'a.jpg').write_bytes(content[:9000])
    cv2.imwrite(str(path / 'c.png'), np.zeros((50, 60, 3), np.uint8))
    (path / 'notes.txt').write_text('no picture')
    (path / '._b.jpg').write_text('what macOS leaves')
    return path


def predict(*arguments):
    return main(['predict', '--threads', '1', *map(str, arguments)])


def test_a_folder_with_a_broken_picture(folder, tmp_path, capsys):
    assert predict(folder, '--out', tmp_path / 'out', '--draw') == 1
    output = capsys.readouterr()
    assert output.out == '1 face in 2 images\n'
    assert output.err.count('not read: ') == 1 and 'a.jpg: found 9000 bytes of a JPEG that has no end' in output.err
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['b.jpg', 'b.json', 'c.json', 'c.png']
    (face,) = json.loads((tmp_path / 'out/b.json').read_text())
    assert np.shape(face['keypoints']) == (68, 2) and abs(face['angle']) < 10
    assert json.loads((tmp_path / 'out/c.json').read_text()) == []
    drawn, photo = cv2.imread(str(tmp_path / 'out/b.jpg')), cv2.imread(PHOTO)
    changed = np.argwhere((np.abs(drawn.astype(int) - photo) > 60).any(2))
    low, high = changed.min(0)[::-1], changed.max(0)[::-1]
    np.testing.assert_allclose([*low, *high], face['bbox'][0], atol=8)


def test_strict_stops(folder, tmp_path, capsys):
    assert predict(folder, '--out', tmp_path / 'out', '--strict') == 1
    assert 'mmfld predict: ' in capsys.readouterr().err
    assert not (tmp_path / 'out/b.json').exists()


def test_inputs_of_one_name_do_not_overwrite_each_other(folder, tmp_path, capsys):
    other = tmp_path / 'other'
    other.mkdir()
    cv2.imwrite(str(other / 'c.png'), np.zeros((50, 60, 3), np.uint8))
    assert predict(folder, other, '--out', tmp_path / 'out') == 1
    assert '2 inputs would be saved under the one name c' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()
    # a table has them both
    assert predict(folder / 'c.png', other, '--out', tmp_path / 'out', '--format', 'csv') == 0


def test_what_is_left_out_is_told(folder, tmp_path, capsys):
    predict(folder, '--out', tmp_path / 'out')
    assert f'left out, as the suffix is of no picture: 1 file of {folder} (.txt)' in capsys.readouterr().err


def test_folders_and_links_to_nothing_in_a_folder_are_told(folder, tmp_path, capsys):
    (folder / 'more').mkdir()
    (folder / 'lost.jpg').symlink_to(tmp_path / 'nowhere.jpg')
    assert predict(folder, '--out', tmp_path / 'out') == 1
    said = capsys.readouterr().err
    assert f'not looked into: 1 folder in {folder} (more)' in said
    assert 'lost.jpg' in said and 'not read' in said


def test_a_name_that_is_no_utf_8(folder, tmp_path):
    name = os.fsdecode(b'bad\xff.jpg')
    (folder / 'b.jpg').rename(folder / name)
    for suffix in ('csv', 'parquet'):
        assert predict(folder / name, '--out', tmp_path / 'out', '--format', suffix) == 0
    (row,) = csv.DictReader(open(tmp_path / 'out/faces.csv'))
    assert row['file'].endswith('bad\\udcff.jpg')
    assert pyarrow.parquet.read_table(tmp_path / 'out/faces.parquet').to_pydict()['file'] == [row['file']]


def test_a_table(folder, tmp_path):
    assert predict(folder / 'b.jpg', folder / 'c.png', '--out', tmp_path / 'out', '--format', 'csv') == 0
    (row,) = csv.DictReader(open(tmp_path / 'out/faces.csv'))
    assert row['file'].endswith('b.jpg') and len(row) == 10 + 3 * 68
    assert 200 < float(row['x36']) < float(row['x45']) < 340


def test_inputs_that_are_not_there(folder, tmp_path, capsys):
    assert predict('missing.jpg', folder / 'b.jpg', folder / 'notes.txt', '--out', tmp_path / 'out') == 1
    output = capsys.readouterr()
    assert output.out == '1 face in 1 image\n'
    assert 'missing.jpg does not exist' in output.err and "found suffix '.txt'" in output.err


def test_a_video_is_followed(tmp_path, capsys):
    video = cv2.VideoWriter(str(tmp_path / 'clip.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 10, (256, 300))
    photo = cv2.resize(cv2.imread(PHOTO), (256, 300))
    for _ in range(4):
        video.write(photo)
    video.release()
    assert predict(tmp_path / 'clip.mp4', '--out', tmp_path / 'out', '--track', '--smooth') == 0
    frames = json.loads((tmp_path / 'out/clip.json').read_text())
    assert [[face['track_id'] for face in frame['instances']] for frame in frames] == [[], [0], [0], [0]]
    assert [frame['time'] for frame in frames] == [0, 0.1, 0.2, 0.3]


def test_a_cut_video_gives_what_is_there(tmp_path, capsys):
    with av.open(str(tmp_path / 'clip.mkv'), 'w') as output:
        stream = output.add_stream('mjpeg', 10)
        stream.width, stream.height, stream.pix_fmt = 256, 300, 'yuvj420p'
        photo = cv2.resize(cv2.imread(PHOTO), (256, 300))
        packets = [packet for _ in range(12) for packet in stream.encode(av.VideoFrame.from_ndarray(photo, 'bgr24'))]
        output.mux(packets)
    content = (tmp_path / 'clip.mkv').read_bytes()
    (tmp_path / 'clip.mkv').write_bytes(content[: -sum(packet.size for packet in packets[2:])])  # within the third
    assert predict(tmp_path / 'clip.mkv', '--out', tmp_path / 'out', '--draw', '--format', 'parquet') == 1
    output = capsys.readouterr()
    assert output.out == '2 faces in 2 images\n'
    assert output.err.count('not read: ') == 1 and 'clip.mkv: ' in output.err and 'cut off' in output.err
    table = pyarrow.parquet.read_table(tmp_path / 'out/faces.parquet')
    assert table['time'].to_pylist() == pytest.approx([0, 0.1]) and table['frame'].to_pylist() == [0, 1]
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['clip.mp4', 'faces.parquet']
    assert predict(tmp_path / 'clip.mkv', '--out', tmp_path / 'strict', '--strict') == 1
    assert [path.name for path in (tmp_path / 'strict').iterdir()] == ['clip.json.part']


def test_a_video_with_a_lost_frame_goes_on(tmp_path, capsys, write_video_without_a_frame):
    write_video_without_a_frame(tmp_path / 'clip.mp4', [cv2.resize(cv2.imread(PHOTO), (256, 300))] * 5, lost=2)
    assert predict(tmp_path / 'clip.mp4', '--out', tmp_path / 'out') == 1
    frames = json.loads((tmp_path / 'out/clip.json').read_text())
    assert [(frame['frame_id'], frame['time'], len(frame['instances'])) for frame in frames] == [
        (0, 0, 1),
        (1, 0.1, 1),
        (3, 0.3, 1),
        (4, 0.4, 1),
    ]
    assert (
        f'not read: {tmp_path}/clip.mp4: 4 frames read of 5 that it announces; 1 of its packets cannot be decoded, '
        '1 frame in its middle is missing'
    ) in capsys.readouterr().err


def test_an_empty_folder_is_named(tmp_path, capsys):
    (tmp_path / 'in').mkdir()
    assert predict(tmp_path / 'in', '--out', tmp_path / 'out') == 1
    assert f'folder {tmp_path}/in: found no image, expected files ending in' in capsys.readouterr().err


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['--smooth'], '--smooth needs --track'),
        (['--draw-uncertainty'], '--draw-uncertainty needs --draw'),
        (['--detector', 'none'], "unknown detector 'none'"),
        (['--orientation', 'nan'], "--orientation: found 'nan', expected one of"),
        (['--model', 'none.onnx'], 'none.onnx does not exist'),
        (['--orientation', 'up'], "--orientation: found 'up', expected one of"),
        (['--model', ''], "model='', expected"),
        (['--threads', '0'], "--threads: found '0', expected a whole number of at least 1"),
        (['--threads', '1000000'], 'found threads=1000000, expected at most 1024'),
        (['--threads', 'two'], "--threads: found 'two', expected a whole number"),
        (['--backend', '3'], "backend '3'"),
        (['--precision', '3'], "unknown precision '3'"),
        (['--format', 'xml'], "--format: invalid choice: 'xml'"),
        (['--detector', 'mmdet'], 'downloads nothing by itself'),
        (['--track'], 'b.jpg is one picture'),
        (['--detector-weights', 'a.pth'], "'centerface' takes no weights"),
        (['--out', ''], "--out='', expected a path"),
        (['--out', PHOTO], 'found a file, expected a folder'),
        (['--out', 'found.mp4'], '--out found.mp4: found the name of a picture or a video, expected a folder'),
        (['--workers', '0'], "--workers: found '0'"),
        (['--workers', '2'], '--workers needs --ray'),
        (['--part-size', 'a'], "--part-size: found 'a'"),
        (['--drop-late'], '--drop-late needs the address of a stream'),
        (['--reconnects', '3'], '--reconnects needs the address of a stream'),
        (['--reconnects', '-1'], "--reconnects: found '-1', expected a whole number of at least 0"),
        (['--nonsense'], 'unrecognized arguments: --nonsense'),
    ],
    ids=' '.join,
)
def test_wrong_arguments_are_one_line(folder, tmp_path, capsys, arguments, message):
    try:
        status = predict(folder / 'b.jpg', '--out', tmp_path / 'out', *arguments)
    except SystemExit as error:
        status = error.code
    error = capsys.readouterr().err
    assert status == 2 and message in error and error.count('\n') == 1
    assert not (tmp_path / 'out').exists()


def test_without_opencv_it_is_one_sentence():
    program = """
import importlib.util, sys
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *package: None if name == 'mmpose' else real(name, *package)
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name == 'cv2':
            raise ModuleNotFoundError('No module named cv2')
sys.meta_path.insert(0, Hidden())
from mmfld.cli.main import main
sys.exit(main(['predict', 'a.jpg', '--out', 'out']))
"""
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        'mmfld predict: mmfld.runtime needs opencv-python-headless, which does not import '
        '(No module named cv2): run `pip install opencv-python-headless`\n'
    )


def test_as_a_module_and_without_a_command():
    done = subprocess.run([sys.executable, '-m', 'mmfld', '--version'], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith('mmfld ')
    done = subprocess.run([sys.executable, '-m', 'mmfld'], capture_output=True, text=True)
    assert done.returncode == 2 and 'COMMAND' in done.stderr


@pytest.fixture
def photo_stream():
    """Of three pictures with a face, 10 a second, in Matroska."""
    content = io.BytesIO()
    with av.open(content, 'w', format='matroska') as output:
        stream = output.add_stream('mjpeg', 10)
        stream.width, stream.height, stream.pix_fmt = 256, 300, 'yuvj420p'
        photo = cv2.resize(cv2.imread(PHOTO), (256, 300))
        for _ in range(3):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(photo, 'bgr24')))
        output.mux(stream.encode())
    return content.getvalue()


def test_a_stream_is_followed_over_a_break_which_is_told(tmp_path, capsys, monkeypatch, photo_stream):
    monkeypatch.setattr('mmfld.runtime.stream.WAIT', 0)
    with serve(cut(photo_stream, 3 * len(photo_stream) // 5), whole(photo_stream)) as server:
        assert predict(server.address, '--out', tmp_path / 'out', '--track') == 0
    name = f'127.0.0.1_{server.server_port}_clip'
    output = capsys.readouterr()
    assert output.out == '2 faces in 3 images; 1 try to connect again\n'
    assert output.err == f'{server.address}: 1 try to connect again\n'
    frames = json.loads((tmp_path / 'out' / f'{name}.json').read_text())
    assert [(frame['frame_id'], frame['time'], frame.get('reconnects', 0)) for frame in frames] == [
        (0, 0, 0),
        (1, 0.1, 1),
        (2, 0.2, 0),
    ]


def test_a_stream_that_stays_away_leaves_what_was_read(tmp_path, capsys, monkeypatch, photo_stream):
    monkeypatch.setattr('mmfld.runtime.stream.WAIT', 0)
    with serve(cut(photo_stream, 3 * len(photo_stream) // 5)) as server:
        options = ('--out', tmp_path / 'out', '--format', 'csv', '--reconnects', '2')
        assert predict(server.address, *options) == 1
    output = capsys.readouterr()
    assert output.out == '1 face in 1 image; 2 tries to connect again\n'
    assert output.err.splitlines()[1:] == [
        f'not read: {server.address}: 1 frame read, 2 tries to connect again; PyAV cannot open this stream (Server '
        'returned 404 Not Found)'
    ]
    (row,) = csv.DictReader(open(tmp_path / 'out/faces.csv'))
    assert row['file'] == server.address and float(row['time']) == 0


def test_a_stream_that_is_not_there_is_one_sentence(tmp_path, capsys):
    assert predict('rtsp://127.0.0.1:1/live', '--out', tmp_path / 'out') == 1
    assert capsys.readouterr().err == (
        'not read: rtsp://127.0.0.1:1/live: PyAV cannot open this stream (Connection refused)\n'
    )
