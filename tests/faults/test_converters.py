"""What converters leave out, they say; what is broken costs no other face."""

import ctypes
import importlib
import os
import re
import shutil
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from .tiny_sets import (
    HEIGHT,
    WIDTH,
    TinySet,
    as_cells,
    convert,
    make_300w_lp,
    make_aflw,
    make_cofw,
    make_image,
    make_pts,
    make_wflw,
    points,
    write_image,
    write_pts,
)

CONVERTERS = Path(__file__).resolve().parents[2] / 'tools/dataset_converters'


@pytest.fixture
def data(tmp_path) -> TinySet:
    """300W with the faces afw/a.jpg, afw/b.jpg and ibug/c.png; the second one is to be damaged."""
    return make_pts(tmp_path)


@pytest.fixture
def run(data, tmp_path):
    """Converts 300W; returns what came out, see :class:`Outcome`."""

    def run(*args: str):
        data.argv[1:] = args
        return convert('convert_300w', data, tmp_path / 'out')

    return run


def names(outcome) -> list:
    """Of the images of all json files; those of ibug are in two."""
    return sorted({face.image for face, _ in outcome.faces})


# ---- status --------------------------------------------------------------------------------------------------------


def test_a_face_that_is_left_out_is_status_1(data, run):
    data.damaged.unlink()
    outcome = run()
    assert outcome.status == 1
    assert f'{data.damaged.with_suffix(".jpg")}: missing points: no b.pts beside the image' in outcome.printed
    assert 'faces left out: 1\n       1  missing points' in outcome.printed
    assert 'error: left out 1 of the faces, see above (--allow-left-out accepts that)' in outcome.printed
    assert names(outcome) == ['afw/a.jpg', 'ibug/c.png']


def test_a_face_may_be_left_out_on_request(data, run):
    data.damaged.unlink()
    outcome = run('--allow-left-out')
    assert outcome.status == 0
    assert 'faces left out: 1' in outcome.printed and 'error' not in outcome.printed
    assert names(outcome) == ['afw/a.jpg', 'ibug/c.png']


def test_strict_and_allow_left_out_exclude_each_other(run):
    with pytest.raises(SystemExit, match='2'):
        run('--strict', '--allow-left-out')


@pytest.mark.parametrize('name', sorted(path.stem for path in CONVERTERS.glob('convert_*.py')))
def test_every_converter_has_the_same_arguments(name, capsys):
    with pytest.raises(SystemExit, match='0'):
        importlib.import_module(name).main(['--help'])
    printed = capsys.readouterr().out
    assert printed.count('[--strict | --allow-left-out]') == 2  # in what is generated, and in what is written


def test_strict_leaves_an_old_file_and_says_so(data, run):
    run()
    data.damaged.write_text('version: 1')
    outcome = run('--strict')
    assert outcome.status == 1
    assert 'stopped at the first problem (--strict)' in outcome.printed
    assert 'of an earlier run, and untouched, in' in outcome.printed
    assert 'face_landmarks_300w_train.json' in outcome.printed.split('untouched')[1]


def test_a_file_of_another_converter_is_named_as_untouched(run, tmp_path):
    (tmp_path / 'out/annotations').mkdir(parents=True)
    (tmp_path / 'out/annotations/mine.json').write_text('{"images": [], "annotations": []}')
    outcome = run()
    assert outcome.status == 0
    assert f'of an earlier run, and untouched, in {tmp_path}/out/annotations: mine.json\n' in outcome.printed


@pytest.mark.parametrize('args', [(), ('--allow-left-out',)])
def test_without_any_image_nothing_is_written_and_that_is_an_error(run, tmp_path, args):
    run()
    written = {path: path.read_bytes() for path in (tmp_path / 'out/annotations').iterdir()}
    for path in (tmp_path / 'src').rglob('*.[jp][pn]g'):
        path.unlink()
    outcome = run(*args)
    assert outcome.status == 1
    assert f'error: {tmp_path}/src: none of the faces can be used, nothing is written' in outcome.printed
    assert 'faces left out: 3\n       3  missing image' in outcome.printed
    assert 'untouched' in outcome.printed
    assert {path: path.read_bytes() for path in (tmp_path / 'out/annotations').iterdir()} == written


@pytest.mark.parametrize('args', [(), ('--allow-left-out',)])
def test_a_split_that_has_lost_its_faces_does_not_keep_its_old_file_in_silence(run, tmp_path, args):
    run()
    shutil.rmtree(tmp_path / 'src/ibug')
    outcome = run(*args)
    assert outcome.status == 1
    assert (
        f'error: {tmp_path}/out/annotations/face_landmarks_300w_valid.json: is of an earlier run, and '
        f'{tmp_path}/src has no face for it now, so nothing is written'
    ) in outcome.printed


def test_a_file_that_cannot_be_written_is_named(run, tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/annotations').write_text('')
    outcome = run()
    assert outcome.status == 1
    assert f'error: {tmp_path}/out/annotations/face_landmarks_300w_train.json: cannot be written' in outcome.printed


# ---- what lies in the folders --------------------------------------------------------------------------------------


@pytest.mark.parametrize('folder', ['afw/more', 'elsewhere'])
def test_a_folder_with_faces_that_nobody_reads_is_reported(run, tmp_path, folder):
    for seed in (5, 6):
        write_image(tmp_path / 'src' / folder / f'{seed}.jpg', seed)
        write_pts(tmp_path / 'src' / folder / f'{seed}.pts', points(seed, 68))
    outcome = run()
    assert outcome.status == 1
    assert f'{tmp_path}/src/{folder}: folder not read: found images or *.pts of 2 faces' in outcome.printed
    assert 'faces left out: 2\n       2  folder not read' in outcome.printed
    assert len(names(outcome)) == 3


def test_images_in_a_folder_within_a_part_are_reported(run, tmp_path):
    write_image(tmp_path / 'src/afw/more/5.jpg', 5)
    assert f'{tmp_path}/src/afw/more: folder not read: found images or *.pts of 1 face' in run().printed


def test_pictures_beside_the_parts_are_no_faces(run, tmp_path):
    write_image(tmp_path / 'src/docs/overview.png', 5)
    assert run().status == 0


def test_an_output_within_the_source_is_not_read_again(data, tmp_path):
    for _ in range(2):
        assert convert('convert_300w', data, tmp_path / 'src/out').status == 0


def test_hidden_files_are_none_of_the_data_set(data, run, tmp_path):
    for name in ('._a.jpg', '._a.pts', '.DS_Store'):
        (tmp_path / 'src/afw' / name).write_bytes(b'\0\5\x16\7')
    shutil.copytree(tmp_path / 'src/afw', tmp_path / 'src/__MACOSX/afw')
    outcome = run()
    assert outcome.status == 0
    assert len(names(outcome)) == 3


@pytest.mark.parametrize('suffix', ['.jpeg', '.JPG', '.bmp', '.png', '.tif', '.webp', '.gif'])
def test_images_of_any_suffix_beside_pts(tmp_path, suffix):
    data = make_image(suffix)(tmp_path)
    outcome = convert('convert_300w', data, tmp_path / 'out')
    assert outcome.status == 0
    assert names(outcome) == ['afw/a.jpg', f'afw/b{suffix}', 'ibug/c.png']


@pytest.mark.parametrize('suffix', ['.jpeg', '.bmp', '.webp'])
def test_an_image_of_any_suffix_without_pts_is_reported(tmp_path, suffix):
    data = make_image(suffix)(tmp_path)
    (tmp_path / 'src/afw/b.pts').unlink()
    outcome = convert('convert_300w', data, tmp_path / 'out')
    assert outcome.status == 1
    assert f'{tmp_path}/src/afw/b{suffix}: missing points: no b.pts beside the image' in outcome.printed
    assert names(outcome) == ['afw/a.jpg', 'ibug/c.png']


def test_pts_in_capital_letters(data, run):
    data.damaged.rename(data.damaged.with_suffix('.PTS'))
    outcome = run()
    assert outcome.status == 0 and len(names(outcome)) == 3


def _make_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


# kind -> what is done to the .pts file, and where and how it is reported
BROKEN_PTS = {
    'n_points of 5,000 digits': (
        lambda path: path.write_text(path.read_text().replace('68', '6' * 5000)),
        ':2: wrong point count: found n_points: 666666666... (5000 digits), expected 68',
    ),
    'number of 5,000 digits': (
        lambda path: path.write_text(path.read_text().replace('{\n', '{\n' + '1' * 5000)),
        ':4: non-finite coordinate: found ',
    ),
    'folder': (_make_folder, ': unreadable file: does not exist or is no file'),
    'pipe': (_make_pipe, ': unreadable file: does not exist or is no file'),
    'NUL': (lambda path: path.write_text(path.read_text().replace('{\n', '{\n\0')), ':4: non-numeric coordinate'),
    'no UTF-8': (
        lambda path: path.write_bytes(path.read_bytes().replace(b'{\n', b'{\n\xff')),
        ':4: non-numeric coordinate',
    ),
    'digits of another script': (
        lambda path: path.write_text(path.read_text().replace('{\n', '{\n\u0663')),
        ':4: non-numeric coordinate',
    ),
    'underscore': (lambda path: path.write_text(path.read_text().replace('{\n', '{\n1_')), ':4: non-numeric'),
    'in 0..1': (lambda path: write_pts(path, points(1, 68) / 60), ': face without extent: found all landmarks within'),
    'outside': (
        lambda path: write_pts(path, points(1, 68) * (0.2, 1) + (WIDTH - 1.5, 0)),
        ': face outside of the image: found no landmark in the image',
    ),
    'many far outside': (
        lambda path: write_pts(path, np.where(np.arange(68)[:, None] < 10, 1e9, points(1, 68))),
        ':4: landmark far outside: found landmark 0 at (1e+09, 1e+09)',
    ),
    'close to the largest number': (
        lambda path: write_pts(path, 1e308 * np.linspace(-1, 1, 136).reshape(-1, 2)),
        ': landmark far outside: found landmark ',
    ),
}


@pytest.mark.parametrize('case', BROKEN_PTS)
def test_broken_pts_file_costs_one_face(data, run, case):
    breaks, message = BROKEN_PTS[case]
    breaks(data.damaged)
    outcome = run()
    assert outcome.status == 1
    lines = re.split(r'[\r\n]+', outcome.printed)
    assert any(line.startswith(str(data.damaged)) and message in line for line in lines), outcome.printed
    assert names(outcome) == ['afw/a.jpg', 'ibug/c.png']


# ---- images --------------------------------------------------------------------------------------------------------


def _write_gif(path: Path) -> None:
    Image.new('RGB', (WIDTH, HEIGHT)).save(path, format='GIF')


def _write_text_orientation(path: Path) -> None:
    directory = struct.pack('<HHHI4sI', 1, 0x0112, 2, 4, b'six', 0)  # one entry, its tag, type, length and value
    exif = b'Exif\0\0II*\0\x08\0\0\0' + directory
    Image.new('RGB', (WIDTH, HEIGHT)).save(path, exif=exif)


BROKEN_IMAGE = {
    'GIF': (_write_gif, 'wrong image format', 'is a GIF, expected a JPEG, as its name says'),
    'orientation': (_write_text_orientation, 'bad orientation', "has 'six' as EXIF orientation, expected a number"),
    'too large': (
        lambda path: Image.new('L', (32768, 16)).save(path),
        'image too large',
        'has 32768 x 16 pixels, expected 32767 or less a side',
    ),
    'pipe': (_make_pipe, 'missing image', 'does not exist'),
    'empty': (lambda path: path.write_bytes(b''), 'unreadable image', 'does not decode'),
}


@pytest.mark.parametrize('case', BROKEN_IMAGE)
def test_broken_image_costs_one_face(tmp_path, case):
    data = make_image('.jpg')(tmp_path)
    breaks, kind, message = BROKEN_IMAGE[case]
    path = data.damaged
    if case == 'too large':  # more than JPEG encoders of some versions take
        path.unlink()
        path = path.with_suffix('.png')
    breaks(path)
    outcome = convert('convert_300w', data, tmp_path / 'out')
    assert outcome.status == 1
    assert f'{data.damaged.with_suffix(".pts")}: {kind}: {path} {message}' in outcome.printed
    assert names(outcome) == ['afw/a.jpg', 'ibug/c.png']


def test_a_png_of_another_name_is_what_every_reader_takes(data, run):
    path = data.damaged.with_suffix('.jpg')
    Image.new('RGB', (WIDTH, HEIGHT)).save(path, format='PNG')
    assert run().status == 0


def test_frames_have_the_size_that_the_loader_sees(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.new('RGB', (WIDTH, HEIGHT)).save(tmp_path / '000001.jpg', exif=exif)
    frame = importlib.import_module('mmfld.conversion.video_frames').open_images({0: tmp_path / '000001.jpg'})[0]
    assert (frame.size, frame.problem) == ((HEIGHT, WIDTH), None)


# ---- lists ---------------------------------------------------------------------------------------------------------

# of the second line of a list of WFLW: what is replaced, and the message
BROKEN_LINE = {
    'byte': ((b'0/a.jpg', b'0/\xe9.jpg'), 'bad text: found byte 0xe9 in column '),
    'NUL': ((b'0/a.jpg', b'0/a\0.jpg'), 'bad text: found byte 0x00 in column '),
    'parent': ((b'0/a.jpg', b'0/../../a.jpg'), "bad image name: found '0/../../a.jpg', expected a name within"),
    'absolute': ((b'0/a.jpg', b'/etc/passwd'), "bad image name: found '/etc/passwd'"),
    'Windows': ((b'0/a.jpg', b'..\\a.jpg'), 'bad image name: found '),
    'drive': ((b'0/a.jpg', b'C:\\a.jpg'), 'bad image name: found '),
    'long number': ((b' 9 4 51 36 ', b' 9 4 51 ' + b'3' * 5000 + b' '), 'non-finite rectangle: found '),
    'folder': ((b'0/a.jpg', b'0'), 'missing image: '),
    'long name': ((b'0/a.jpg', b'a' * 5000), 'unreadable image: '),
}


@pytest.mark.parametrize('case', BROKEN_LINE)
def test_broken_line_costs_one_face(tmp_path, case):
    data = make_wflw(tmp_path)
    (old, new), message = BROKEN_LINE[case]
    lines = data.damaged.read_bytes().splitlines(True)
    assert old in lines[1]
    lines[1] = lines[1].replace(old, new)
    data.damaged.write_bytes(b''.join(lines))
    outcome = convert('convert_wflw', data, tmp_path / 'out')
    assert outcome.status == 1
    assert f'{data.damaged}:2: {message}' in outcome.printed
    right = [face for face in data.faces if any(face.is_like(found) for found, _ in outcome.faces)]
    assert [data.faces.index(face) for face in right] == [0, 2, 3]


def test_an_empty_list_is_an_error(tmp_path):
    data = make_wflw(tmp_path)
    data.damaged.write_bytes(b'')
    outcome = convert('convert_wflw', data, tmp_path / 'out')
    assert outcome.status == 1
    assert f'error: {data.damaged}: empty list: found no line' in outcome.printed


@pytest.mark.parametrize('name', ['../a.jpg', '/etc/passwd', ''])
def test_names_in_a_mat_file_stay_within_the_data_set(tmp_path, name):
    data = make_aflw(True)(tmp_path)
    fields = ['nameList', 'data', 'bbox', 'mask_new', 'ra']
    content = importlib.import_module('mmfld.conversion.mat_files').load_mat(data.damaged, fields)
    savemat(data.damaged, {**content, 'nameList': as_cells([name, *(face.image for face in data.faces[1:])])})
    outcome = convert('convert_aflw', data, tmp_path / 'out')
    assert outcome.status == 1
    assert f'{data.damaged}:nameList{{1}}: bad image name: found ' in outcome.printed
    assert names(outcome) == [face.image for face in data.faces[1:]]


# ---- .mat files ----------------------------------------------------------------------------------------------------


def test_a_mat_file_over_which_scipy_crashes_costs_one_face(tmp_path):
    data = make_300w_lp(tmp_path)
    savemat(data.damaged, dict(pts_2d=np.ones((68, 2))))
    content = bytearray(data.damaged.read_bytes())
    content[185] = 1  # the type of the numbers; SciPy 1.15 looks up what to call beyond its table
    data.damaged.write_bytes(content)
    outcome = convert('convert_300w_lp', data, tmp_path / 'out')
    assert outcome.status == 1
    assert f'{data.damaged}: unreadable file: no .mat file that can be read (' in outcome.printed
    assert names(outcome) == [face.image for face in data.intact]


def test_a_crash_is_a_sentence_and_the_next_call_works():
    child = importlib.import_module('mmfld.conversion.child')
    with pytest.raises(child.ChildError, match='crashed: SIGSEGV'):
        child.call(ctypes.string_at, 0)
    with pytest.raises(child.ChildError, match='crashed: status 3'):
        child.call(os._exit, 3)
    assert child.call(abs, -3) == 3


def test_what_hangs_is_ended(monkeypatch):
    child = importlib.import_module('mmfld.conversion.child')
    monkeypatch.setattr(child, 'TIMEOUT', 0.2)
    with pytest.raises(child.ChildError, match='took longer than 0.2 s'):
        child.call(time.sleep, 600)


def test_a_damaged_size_takes_no_more_memory_than_there_is():
    child = importlib.import_module('mmfld.conversion.child')
    with pytest.raises(child.ChildError, match='MemoryError'):
        child.call(bytearray, child.MEMORY)


def test_an_error_of_the_function_is_told():
    child = importlib.import_module('mmfld.conversion.child')
    with pytest.raises(child.ChildError, match="ValueError: invalid literal for int.*'x'"):
        child.call(int, 'x')


def test_images_are_not_written_through_a_link_into_another_data_set(tmp_path):
    data = make_cofw(tmp_path)
    (tmp_path / 'other').mkdir()
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/images').symlink_to(tmp_path / 'other')
    outcome = convert('convert_cofw', data, tmp_path / 'out')
    assert outcome.status == 1
    assert f'error: {tmp_path}/out/images: found a link to {tmp_path}/other, expected a folder' in outcome.printed
    assert not list((tmp_path / 'other').iterdir())


# ---- file systems without links ------------------------------------------------------------------------------------


@pytest.fixture
def without_links(monkeypatch):

    def refuse(*_, **__):
        raise PermissionError(1, 'Operation not permitted')

    monkeypatch.setattr(Path, 'symlink_to', refuse)


def test_without_links_images_are_copied(run, tmp_path, without_links):
    outcome = run()
    assert outcome.status == 0
    assert (
        f'{tmp_path}/out/images: cannot be a link ([Errno 1] Operation not permitted), so {tmp_path}/src is copied'
    ) in outcome.printed
    assert not (tmp_path / 'out/images').is_symlink()
    for name in names(outcome):
        assert (tmp_path / 'out/images' / name).read_bytes() == (tmp_path / 'src' / name).read_bytes()


def test_a_copy_takes_what_is_new(run, tmp_path, without_links):
    run()
    write_image(tmp_path / 'src/afw/new.jpg', 7)
    write_pts(tmp_path / 'src/afw/new.pts', points(7, 68))
    write_image(tmp_path / 'src/afw/a.jpg', 8, quality=30)
    assert run().status == 0
    for name in ('new.jpg', 'a.jpg'):
        assert (tmp_path / 'out/images/afw' / name).read_bytes() == (tmp_path / 'src/afw' / name).read_bytes()


def test_a_copy_does_not_go_into_itself(data, tmp_path, without_links):
    for _ in range(2):
        assert convert('convert_300w', data, tmp_path / 'src/out').status == 0
    assert not (tmp_path / 'src/out/images/out/images').exists()


def test_a_copy_of_other_images_is_an_error(data, run, tmp_path, without_links):
    run()
    (tmp_path / 'src').rename(tmp_path / 'src2')
    data.argv[0] = str(tmp_path / 'src2')
    outcome = run()
    assert outcome.status == 1
    assert f'expected a link to {tmp_path}/src2; remove it or choose another --out' in outcome.printed


# ---- json and csv that converters read -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    'text, message',
    [
        ('{"images": null}', ": images: found 'null', expected a list of images"),
        ('{"images": []}', ": images: found '[]', expected a list of images"),
        ('{"images": {"1": 2}}', ': images: found '),
        ('{"images": [null]}', ": images[0].file_name: found 'null', expected a name such as helen/testset/"),
        (
            '{"images": [{"id": [1], "file_name": "ibug/a.jpg"}, {"file_name": null}]}',
            ": images[1].file_name: found 'null', expected a name",
        ),
        ('{"images": [{"file_name": ["ibug/a.jpg"]}]}', ': images[0].file_name: found '),
        ('[]', ': cannot be read as COCO-style json'),
        ('null', ': cannot be read as COCO-style json'),
        ('[' * 100000, ': cannot be read as COCO-style json (RecursionError'),
        ('\udcff', ': cannot be read as COCO-style json (UnicodeDecodeError'),
    ],
)
def test_wrong_json_of_a_test_set_is_an_error(tmp_path, text, message):
    data = make_300w_lp(tmp_path)
    path = tmp_path / 'valid.json'
    path.write_bytes(text.encode(errors='surrogateescape'))
    data.argv += ['--without-test-faces', str(path)]
    outcome = convert('convert_300w_lp', data, tmp_path / 'out')
    assert outcome.status == 1
    assert f'error: {path}{message}' in outcome.printed


@pytest.mark.parametrize(
    'number, message',
    [
        (10**5000 * -1, 'found a number of thousands of digits'),
        (True, 'found True'),
        ([3], 'found [3]'),
        (2.5, 'found 2.5'),
    ],
    ids=['long', 'flag', 'list', 'float'],
)
def test_wrong_number_in_a_npy_of_frames_is_an_error(tmp_path, number, message):
    path = tmp_path / 'broken.npy'
    np.save(path, np.array({'401': [number]}, dtype=object))
    with pytest.raises(importlib.import_module('mmfld.conversion.problems').Problem) as caught:
        importlib.import_module('convert_300vw').read_broken_frames(path)
    assert str(caught.value).startswith(f'{path}: bad frame: {message}')


@pytest.mark.parametrize(
    'row, message',
    [
        (b'401,\xff', 'bad text: found byte 0xff in column 5, expected UTF-8'),
        (b'401,2\0', 'bad text: found byte 0x00 in column 6'),
        (b'401,' + b'1' * 5000, 'bad frame: found '),
        (b'401,' + b'1' * 200000, 'bad row: found 200004 bytes'),
        ('401,\u0663'.encode(), 'bad frame: found '),
        (b'401,true', "bad frame: found 'true'"),
    ],
)
def test_wrong_row_of_a_list_of_frames_is_an_error(tmp_path, row, message):
    path = tmp_path / 'broken.csv'
    path.write_bytes(b'video,frame_1based\n401,1\n' + row + b'\n')
    with pytest.raises(importlib.import_module('mmfld.conversion.problems').Problem) as caught:
        importlib.import_module('convert_300vw').read_broken_frames(path)
    assert str(caught.value).startswith(f'{path}:3: {message}')
