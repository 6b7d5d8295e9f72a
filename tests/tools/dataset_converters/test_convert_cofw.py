"""The converters of COFW and COFW-68 on tiny files of the official formats, good and broken."""

import importlib
import json
import shutil
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat

from mmfld.datasets import FaceLandmarkDataset


def read(out: Path, name: str) -> dict:
    return json.loads((out / 'annotations' / name).read_text())


def keypoints(annotation: dict) -> np.ndarray:
    return np.reshape(annotation['keypoints'], (-1, 3))


def make_points(seed: int, number: int) -> np.ndarray:
    """(number, 2), counted from 0, within 60 x 40 pixels."""
    return np.random.default_rng(seed).uniform((10, 5), (50, 35), (number, 2))


def make_occluded(seed: int, number: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, number)


# ---- COFW ----------------------------------------------------------------------------------------------------------

# part -> whether each image is grey; the seeds of the faces count on through the parts
FACES_COFW = dict(train=(False, True), test=(False, False, True))
SUFFIX = dict(train='Tr', test='T')


def make_image(seed: int, grey: bool) -> np.ndarray:
    """MATLAB's 40 x 60 or 40 x 60 x 3 image."""
    return np.random.default_rng(seed).integers(0, 255, (40, 60) if grey else (40, 60, 3), dtype=np.uint8)


def write_cofw(path: Path, part: str, images: list, phis: np.ndarray, boxes: np.ndarray) -> None:
    """A file as MATLAB 7.3 saves it: HDF5 behind 512 bytes of text, with the axes of all arrays reversed."""
    with h5py.File(path, 'w', userblock_size=512) as file:
        references = []
        for n, image in enumerate(images):
            references.append(file.create_dataset(f'#refs#/{n}', data=image.T, compression='gzip').ref)
        cells = file.create_dataset(f'Is{SUFFIX[part]}', (1, len(images)), dtype=h5py.ref_dtype)
        cells[0] = references
        file[f'phis{SUFFIX[part]}'] = phis.T
        file[f'bboxes{SUFFIX[part]}'] = boxes.T
    with path.open('r+b') as file:
        file.write(b'MATLAB 7.3 MAT-file, Platform: GLNXA64'.ljust(128))


@pytest.fixture
def src_cofw(tmp_path) -> Path:
    src = tmp_path / 'src'
    src.mkdir()
    seed = 0
    for part, greys in FACES_COFW.items():
        seeds = range(seed, seed + len(greys))
        seed += len(greys)
        phis = [[*(make_points(s, 29) + 1).T.ravel(), *make_occluded(s, 29)] for s in seeds]
        boxes = [[s + 9, s + 4, 42, 32] for s in seeds]
        write_cofw(
            src / f'COFW_{part}_color.mat',
            part,
            [make_image(s, grey) for s, grey in zip(seeds, greys)],
            np.array(phis),
            np.array(boxes, float),
        )
    return src


@pytest.fixture
def convert_cofw(src_cofw, tmp_path):
    """Runs the converter and returns (exit status, output folder)."""

    def convert(*args) -> tuple:
        module = importlib.import_module('convert_cofw')
        return module.main([str(src_cofw), '--out', str(tmp_path / 'out'), *args]), tmp_path / 'out'

    return convert


def test_cofw_splits_and_image_numbers(convert_cofw):
    status, out = convert_cofw()
    assert status == 0
    names = {
        path.name: [image['file_name'] for image in json.loads(path.read_text())['images']]
        for path in (out / 'annotations').iterdir()
    }
    assert names == {
        'cofw_train.json': ['000001.png', '000002.png'],
        'cofw_test.json': ['001346.png', '001347.png', '001348.png'],
    }
    assert sorted(path.name for path in (out / 'images').iterdir()) == sorted(sum(names.values(), []))


def test_cofw_annotation(convert_cofw):
    _, out = convert_cofw()
    content = read(out, 'cofw_test.json')
    assert content['images'][1] == dict(id=2, file_name='001347.png', width=60, height=40)
    ann = content['annotations'][1]
    points = make_points(3, 29)
    np.testing.assert_allclose(keypoints(ann)[:, :2], points, atol=1e-6)
    np.testing.assert_array_equal(keypoints(ann)[:, 2], 2 - make_occluded(3, 29))
    low, high = points.min(axis=0), points.max(axis=0)
    np.testing.assert_allclose(ann['bbox'], [*low, *(high - low)], atol=1e-6)
    assert ann['face_box'] == [3 + 8, 3 + 3, 42, 32]
    assert ann['num_keypoints'] == 29


def test_cofw_pixel_counted_from_one_becomes_counted_from_zero(convert_cofw, src_cofw):
    with h5py.File(src_cofw / 'COFW_train_color.mat', 'r+') as file:
        file['phisTr'][[0, 29], 0] = 12, 7  # x and y of the first landmark of the first face
    _, out = convert_cofw()
    assert read(out, 'cofw_train.json')['annotations'][0]['keypoints'][:2] == [11, 6]


def test_cofw_axes_and_colours_of_the_images(convert_cofw, src_cofw):
    with h5py.File(src_cofw / 'COFW_train_color.mat', 'r+') as file:
        colour, grey = (file[reference] for reference in file['IsTr'][0])
        colour[:] = 0
        colour[:, 5, 2] = 250, 100, 0  # MATLAB's image(3, 6, :)
        grey[:] = 0
        grey[5, 2] = 200
    _, out = convert_cofw()
    colour, grey = (cv2.imread(str(out / 'images' / name)) for name in ('000001.png', '000002.png'))
    assert colour.shape == grey.shape == (40, 60, 3)
    assert np.argwhere(colour.any(axis=2)).tolist() == np.argwhere(grey.any(axis=2)).tolist() == [[2, 5]]
    assert colour[2, 5].tolist() == [0, 100, 250]  # OpenCV: blue first
    assert grey[2, 5].tolist() == [200, 200, 200]


def test_cofw_images_are_kept_to_the_pixel(convert_cofw):
    _, out = convert_cofw()
    np.testing.assert_array_equal(np.array(Image.open(out / 'images/001347.png')), make_image(3, grey=False))
    np.testing.assert_array_equal(np.array(Image.open(out / 'images/001348.png')), make_image(4, grey=True))


def test_cofw_is_read_by_the_dataset(convert_cofw):
    _, out = convert_cofw()
    dataset = FaceLandmarkDataset(
        'cofw29',
        ann_file='annotations/cofw_test.json',
        data_root=str(out),
        data_prefix=dict(img='images/'),
        test_mode=True,
    )
    assert len(dataset) == 3
    sample = dataset[2]
    assert cv2.imread(sample['img_path']).shape == (40, 60, 3)
    points = make_points(4, 29)
    np.testing.assert_allclose(sample['keypoints'][0], points, atol=1e-5)
    np.testing.assert_allclose(sample['bbox'][0], [*points.min(axis=0), *points.max(axis=0)], atol=1e-5)
    assert (sample['keypoints_visible'] == 1).all()  # occluded landmarks are annotated


def test_cofw_twice_is_the_same(convert_cofw):
    contents = []
    for _ in range(2):
        status, out = convert_cofw()
        assert status == 0
        contents.append(
            {path.name: path.read_bytes() for folder in ('images', 'annotations') for path in (out / folder).iterdir()}
        )
    assert contents[0] == contents[1]


def test_cofw_absent_part_is_reported(convert_cofw, src_cofw, capsys):
    (src_cofw / 'COFW_train_color.mat').unlink()
    status, out = convert_cofw()
    assert status == 0
    assert 'COFW_train_color.mat: absent' in capsys.readouterr().out
    assert [image['file_name'] for image in read(out, 'cofw_test.json')['images']][0] == '001346.png'


def test_cofw_nothing_there_is_an_error(convert_cofw, src_cofw, capsys):
    for path in src_cofw.iterdir():
        path.unlink()
    status, out = convert_cofw()
    assert status == 1
    assert 'found no face, expected COFW_train_color.mat or COFW_test_color.mat' in capsys.readouterr().err
    assert not out.exists()


def test_cofw_counts_are_compared_with_the_official_split(convert_cofw, capsys):
    convert_cofw()
    printed = capsys.readouterr()
    assert 'cofw_train.json: found 2 faces (2 from train), expected 1345 of the official split' in printed.err
    assert 'cofw_test.json: found 3 faces (3 from test), expected 507 of the official split' in printed.err


def test_cofw_strict_passes_a_perfect_set(convert_cofw, monkeypatch):
    monkeypatch.setattr(importlib.import_module('convert_cofw'), 'OFFICIAL_COUNTS', dict(train=2, test=3))
    status, _ = convert_cofw('--strict')
    assert status == 0


def _replace(file: h5py.File, name: str, data) -> None:
    del file[name]
    file[name] = data


# what is done to the open training file, and the message
BROKEN_COFW = {
    'missing field': (lambda file: file.move('phisTr', 'phis'), 'found IsTr, bboxesTr, phis, expected also phisTr'),
    'wrong shape of points': (
        lambda file: _replace(file, 'phisTr', np.ones((58, 2))),
        ':phisTr: wrong shape: found 2 x 58, expected N x 87',
    ),
    'wrong shape of boxes': (
        lambda file: _replace(file, 'bboxesTr', np.ones((4, 3))),
        ':bboxesTr: wrong shape: found 3 x 4, expected 2 x 4',
    ),
    'text for points': (
        lambda file: _replace(file, 'phisTr', np.full((87, 2), b'a')),
        ':phisTr: wrong type: found |S1, expected numbers',
    ),
    'numbers for images': (
        lambda file: _replace(file, 'IsTr', np.ones((1, 2))),
        ':IsTr: wrong type: found float64, expected a cell array of images',
    ),
    'too few images': (
        lambda file: _replace(file, 'IsTr', file['IsTr'][:, :1]),
        ':IsTr: count: found 1 images, expected 2 as phisTr has rows',
    ),
}


@pytest.mark.parametrize('case', BROKEN_COFW)
def test_cofw_broken_file_is_an_error(convert_cofw, src_cofw, capsys, case):
    breaks, message = BROKEN_COFW[case]
    with h5py.File(src_cofw / 'COFW_train_color.mat', 'r+') as file:
        breaks(file)
    status, out = convert_cofw()
    printed = capsys.readouterr().err
    assert status == 1
    assert f'{src_cofw}/COFW_train_color.mat' in printed
    assert message in printed
    assert not (out / 'annotations').exists()


def test_cofw_more_faces_than_there_are_numbers_is_an_error(convert_cofw, src_cofw, monkeypatch, capsys):
    monkeypatch.setattr(importlib.import_module('convert_cofw'), 'OFFICIAL_COUNTS', dict(train=1, test=3))
    status, _ = convert_cofw()
    assert status == 1
    assert 'COFW_train_color.mat:phisTr: count: found 2 faces, expected 1' in capsys.readouterr().err


def test_cofw_truncated_file_is_an_error(convert_cofw, src_cofw, capsys):
    path = src_cofw / 'COFW_train_color.mat'
    path.write_bytes(path.read_bytes()[:-1000])
    status, _ = convert_cofw()
    assert status == 1
    assert f'{path}: unreadable file: ' in capsys.readouterr().err


def _set(name: str, row: int, column: int, value: float):

    def change(file: h5py.File) -> None:
        file[name][column, row] = value

    return change


def _change_image(change):
    """Puts another dataset in the place of the second image."""

    def replace(file: h5py.File) -> None:
        data = change(file[file['IsTr'][0, 1]][()])
        references = file['IsTr'][()]
        references[0, 1] = file.create_dataset('#refs#/other', data=data).ref
        _replace(file, 'IsTr', references)

    return replace


def _damage_image(file: h5py.File) -> None:
    dataset = file[file['IsTr'][0, 1]]
    dataset.id.write_direct_chunk((0, 0), b'no gzip')


def _forget_image(file: h5py.File) -> None:
    references = file['IsTr'][()]
    references[0, 1] = h5py.Reference()
    _replace(file, 'IsTr', references)


# what is done to the second face of the open training file, and the message
BROKEN_COFW_FACE = {
    'coordinate': (_set('phisTr', 1, 30, np.nan), 'phisTr(2, :): non-finite number: found nan in column 31'),
    'box': (_set('bboxesTr', 1, 2, np.inf), 'bboxesTr(2, :): non-finite number: found inf in column 3'),
    'flag': (_set('phisTr', 1, 58 + 4, 2), 'phisTr(2, :): bad flag: found 2 for landmark 4, expected 0 or 1'),
    'far outside': (_set('phisTr', 1, 3, 500), 'phisTr(2, :): landmark far outside: found landmark 3 at (499, '),
    'image type': (_change_image(lambda image: image / 255.0), 'IsTr{2}: unreadable image: found float64'),
    'image shape': (
        _change_image(lambda image: np.stack([image] * 2)),
        'IsTr{2}: unreadable image: found 40 x 60 x 2, expected height x width or height x width x 3',
    ),
    'empty image': (_change_image(lambda image: image[:0]), 'IsTr{2}: unreadable image: found 40 x 0, expected'),
    'image too small': (_change_image(lambda image: image[:15]), 'phisTr(2, :): image too small: '),
    'damaged image': (_damage_image, 'IsTr{2}: unreadable image: the cell cannot be read'),
    'no image': (_forget_image, 'IsTr{2}: unreadable image: the cell cannot be read'),
}


@pytest.mark.parametrize('case', BROKEN_COFW_FACE)
def test_cofw_broken_face_is_left_out(convert_cofw, src_cofw, capsys, case):
    breaks, message = BROKEN_COFW_FACE[case]
    with h5py.File(src_cofw / 'COFW_train_color.mat', 'r+') as file:
        breaks(file)
    status, out = convert_cofw()
    printed = capsys.readouterr()
    assert status == 1
    assert f'{src_cofw}/COFW_train_color.mat:{message}' in printed.err
    assert 'faces left out: 1\n' in printed.out
    assert [image['file_name'] for image in read(out, 'cofw_train.json')['images']] == ['000001.png']


def test_cofw_strict_stops_at_a_broken_face(convert_cofw, src_cofw, capsys):
    with h5py.File(src_cofw / 'COFW_train_color.mat', 'r+') as file:
        file['phisTr'][30, 1] = np.nan
    status, out = convert_cofw('--strict')
    assert status == 1
    assert 'phisTr(2, :): non-finite number' in capsys.readouterr().err
    assert not (out / 'annotations').exists()


def test_cofw_real_faces_as_in_the_file_of_mmpose(shared_dir, convert_cofw, src_cofw):
    samples = shared_dir / 'data/mmpose_samples/cofw'
    expected = json.loads((samples / 'test_cofw.json').read_text())
    images = [np.array(Image.open(samples / image['file_name'])) for image in expected['images']]
    phis = [[*(keypoints(ann)[:, :2] + 1).T.ravel(), *(2 - keypoints(ann)[:, 2])] for ann in expected['annotations']]
    boxes = np.array([ann['bbox'] for ann in expected['annotations']]) + (1, 1, 0, 0)
    write_cofw(src_cofw / 'COFW_test_color.mat', 'test', images, np.array(phis), boxes)
    _, out = convert_cofw()
    found = read(out, 'cofw_test.json')
    for found_image, image in zip(found['images'], expected['images']):
        assert (found_image['width'], found_image['height']) == (image['width'], image['height'])
    for found_ann, ann in zip(found['annotations'], expected['annotations']):
        np.testing.assert_allclose(keypoints(found_ann), keypoints(ann), atol=1e-6)
        assert found_ann['face_box'] == ann['bbox']


# ---- COFW-68 -------------------------------------------------------------------------------------------------------

BOXES_COFW68 = np.array([[9, 4, 42, 32], [10, 5, 42, 32], [11, 6, 42, 32]], np.int16)


@pytest.fixture
def src_cofw68(tmp_path) -> Path:
    """Three faces, and the first three test images of COFW in ``tmp_path/cofw``."""
    src = tmp_path / 'cofw68'
    (src / 'test_annotations').mkdir(parents=True)
    (tmp_path / 'cofw/images').mkdir(parents=True)
    for n in range(3):
        write_face68(src, n + 1, make_points(n, 68) + 1, make_occluded(n, 68))
        Image.fromarray(make_image(n, grey=False)).save(tmp_path / f'cofw/images/{1346 + n:06d}.png')
    savemat(src / 'cofw68_test_bboxes.mat', dict(bboxes=BOXES_COFW68))
    return src


def write_face68(src: Path, number: int, points: np.ndarray, occluded: np.ndarray, **others) -> None:
    savemat(
        src / f'test_annotations/{number}_points.mat',
        dict(Points=points, Occ=np.array(occluded, np.uint8)[None]) | others,
    )


@pytest.fixture
def convert_cofw68(src_cofw68, tmp_path):

    def convert(*args) -> tuple:
        module = importlib.import_module('convert_cofw68')
        return module.main([str(src_cofw68), '--out', str(tmp_path / 'cofw'), *args]), tmp_path / 'cofw'

    return convert


def test_cofw68_annotation(convert_cofw68):
    status, out = convert_cofw68()
    assert status == 0
    content = read(out, 'cofw68_test.json')
    assert [image['file_name'] for image in content['images']] == ['001346.png', '001347.png', '001348.png']
    ann = content['annotations'][1]
    points = make_points(1, 68)
    np.testing.assert_allclose(keypoints(ann)[:, :2], points, atol=1e-6)
    np.testing.assert_array_equal(keypoints(ann)[:, 2], 2 - make_occluded(1, 68))
    low, high = points.min(axis=0), points.max(axis=0)
    np.testing.assert_allclose(ann['bbox'], [*low, *(high - low)], atol=1e-6)
    assert ann['face_box'] == [9, 4, 42, 32]


def test_cofw68_images_of_mmpose(convert_cofw68, tmp_path):
    for path in (tmp_path / 'cofw/images').iterdir():
        Image.open(path).save(path.with_suffix('.jpg'))
        path.unlink()
    status, out = convert_cofw68()
    assert status == 0
    assert [image['file_name'] for image in read(out, 'cofw68_test.json')['images']] == [
        '001346.jpg',
        '001347.jpg',
        '001348.jpg',
    ]


def test_cofw68_is_read_by_the_dataset(convert_cofw68):
    _, out = convert_cofw68()
    dataset = FaceLandmarkDataset(
        '300w68',
        ann_file='annotations/cofw68_test.json',
        data_root=str(out),
        data_prefix=dict(img='images/'),
        test_mode=True,
    )
    sample = dataset[2]
    assert cv2.imread(sample['img_path']).shape == (40, 60, 3)
    np.testing.assert_allclose(sample['keypoints'][0], make_points(2, 68), atol=1e-5)
    assert (sample['keypoints_visible'] == 1).all()


def test_cofw68_uses_what_convert_cofw_wrote(convert_cofw, convert_cofw68, tmp_path):
    _, out = convert_cofw()
    shutil.rmtree(tmp_path / 'cofw')
    out.rename(tmp_path / 'cofw')
    status, out = convert_cofw68()
    assert status == 0
    assert len(read(out, 'cofw68_test.json')['annotations']) == 3
    assert sorted(path.name for path in (out / 'annotations').iterdir()) == [
        'cofw68_test.json',
        'cofw_test.json',
        'cofw_train.json',
    ]


def test_cofw68_without_images_is_an_error(convert_cofw68, tmp_path, capsys):
    shutil.rmtree(tmp_path / 'cofw')
    status, _ = convert_cofw68()
    assert status == 1
    assert f'{tmp_path}/cofw/images: found no 001346.png' in capsys.readouterr().err


def test_cofw68_count_is_compared_with_the_official_one(convert_cofw68, capsys):
    convert_cofw68()
    assert 'cofw68_test.json: found 3 faces (3 from test), expected 507' in capsys.readouterr().err


# what is done to the folder, and the message
BROKEN_COFW68 = {
    'no boxes': (
        lambda src: (src / 'cofw68_test_bboxes.mat').unlink(),
        'cofw68_test_bboxes.mat: missing file: does not exist',
    ),
    'no .mat': (
        lambda src: (src / 'cofw68_test_bboxes.mat').write_text('1 2 3 4'),
        'cofw68_test_bboxes.mat: unreadable file: no .mat file that can be read',
    ),
    'missing field': (
        lambda src: savemat(src / 'cofw68_test_bboxes.mat', dict(boxes=BOXES_COFW68)),
        'cofw68_test_bboxes.mat: missing field: found boxes, expected also bboxes',
    ),
    'wrong shape': (
        lambda src: savemat(src / 'cofw68_test_bboxes.mat', dict(bboxes=BOXES_COFW68.T)),
        'cofw68_test_bboxes.mat:bboxes: wrong shape: found 4 x 3, expected N x 4',
    ),
}


@pytest.mark.parametrize('case', BROKEN_COFW68)
def test_cofw68_broken_boxes_are_an_error(convert_cofw68, src_cofw68, capsys, case):
    breaks, message = BROKEN_COFW68[case]
    breaks(src_cofw68)
    status, out = convert_cofw68()
    assert status == 1
    assert f'{src_cofw68}/{message}' in capsys.readouterr().err
    assert not (out / 'annotations').exists()


POINTS68 = make_points(1, 68) + 1
POINTS68_NAN = POINTS68.copy()
POINTS68_NAN[7, 1] = np.nan
ZEROS68 = np.zeros(68)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


# what is done to the folder, and the message about the second face
BROKEN_COFW68_FACE = {
    'missing': (lambda src: (src / 'test_annotations/2_points.mat').unlink(), ': missing file: does not exist'),
    'truncated': (lambda src: _truncate(src / 'test_annotations/2_points.mat'), ': unreadable file: '),
    'field': (
        lambda src: savemat(src / 'test_annotations/2_points.mat', dict(Points=POINTS68)),
        ': missing field: found Points, expected also Occ',
    ),
    'shape': (
        lambda src: write_face68(src, 2, POINTS68[:66], ZEROS68),
        ':Points: wrong shape: found 66 x 2, expected 68 x 2',
    ),
    'flags': (
        lambda src: write_face68(src, 2, POINTS68, ZEROS68[:66]),
        ':Occ: wrong shape: found 1 x 66, expected 1 x 68',
    ),
    'type': (lambda src: write_face68(src, 2, POINTS68, ZEROS68, Points='none'), ':Points: wrong type: found <U4'),
    'coordinate': (
        lambda src: write_face68(src, 2, POINTS68_NAN, ZEROS68),
        ':Points(8, :): non-finite number: found nan in column 2',
    ),
    'flag': (
        lambda src: write_face68(src, 2, POINTS68, ZEROS68 + 3),
        ':Occ: bad flag: found 3 for landmark 0, expected 0 or 1',
    ),
    'image': (lambda src: (src.parent / 'cofw/images/001347.png').unlink(), ': missing image: '),
}


@pytest.mark.parametrize('case', BROKEN_COFW68_FACE)
def test_cofw68_broken_face_is_left_out(convert_cofw68, src_cofw68, capsys, case):
    breaks, message = BROKEN_COFW68_FACE[case]
    breaks(src_cofw68)
    status, out = convert_cofw68()
    printed = capsys.readouterr()
    assert status == 1
    assert f'{src_cofw68}/test_annotations/2_points.mat{message}' in printed.err
    assert 'faces left out: 1\n' in printed.out
    assert [image['file_name'] for image in read(out, 'cofw68_test.json')['images']] == ['001346.png', '001348.png']


def test_cofw68_face_without_box_is_reported(convert_cofw68, src_cofw68, capsys):
    write_face68(src_cofw68, 4, POINTS68, ZEROS68)
    convert_cofw68()
    assert f'{src_cofw68}/test_annotations/4_points.mat: missing box: ' in capsys.readouterr().err


def test_cofw68_real_annotations(shared_dir, tmp_path):
    """All 507, without the images but for two; --strict passes no problem and no other count."""
    src, samples = shared_dir / 'data/cofw68', shared_dir / 'data/mmpose_samples/cofw'
    (tmp_path / 'images').mkdir()
    Image.new('1', (900, 900)).save(tmp_path / 'blank.png')
    for name in {f'{number:06d}' for number in range(1346, 1853)} - {'001766', '001805'}:
        (tmp_path / f'images/{name}.png').symlink_to(tmp_path / 'blank.png')
    for name in ('001766', '001805'):
        (tmp_path / f'images/{name}.jpg').symlink_to(samples / f'{name}.jpg')
    module = importlib.import_module('convert_cofw68')
    assert module.main([str(src), '--out', str(tmp_path), '--strict']) == 0

    annotations = read(tmp_path, 'cofw68_test.json')['annotations']
    assert len(annotations) == 507
    raw = loadmat(src / 'test_annotations/1_points.mat')
    np.testing.assert_allclose(keypoints(annotations[0])[:, :2], raw['Points'] - 1, atol=1e-6)
    np.testing.assert_array_equal(keypoints(annotations[0])[:, 2], 2 - raw['Occ'][0].astype(int))
    # the two have COFW's 29 points as well: eye corners, nose and mouth lie within 3 % of the face's height
    by_name = {image['file_name']: ann for image, ann in zip(read(tmp_path, 'cofw68_test.json')['images'], annotations)}
    cofw = json.loads((samples / 'test_cofw.json').read_text())
    for image, ann in zip(cofw['images'], cofw['annotations']):
        points68, points29 = (keypoints(by_name[image['file_name']])[:, :2], keypoints(ann)[:, :2])
        distance = points68[[36, 39, 42, 45, 30, 33, 57]] - points29[[8, 10, 11, 9, 20, 21, 27]]
        assert np.linalg.norm(distance, axis=1).mean() < 0.03 * ann['bbox'][3]
