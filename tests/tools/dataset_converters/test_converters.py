"""The 300W and WFLW converters on tiny folders of the official format, good and broken."""

import hashlib
import importlib
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmfld.datasets import FaceLandmarkDataset


def write_image(path: Path, seed: int, width: int = 60, height: int = 40) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), image)


def read(out: Path, name: str) -> dict:
    return json.loads((out / 'annotations' / name).read_text())


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


# ---- 300W ----------------------------------------------------------------------------------------------------------

# stem of image and .pts -> seed of the image and of the points
FACES_300W = {
    'afw/1_1.jpg': 0,
    'helen/trainset/2_1.jpg': 1,
    'lfpw/trainset/image_0003.png': 2,
    'helen/testset/4_1.jpg': 3,
    'lfpw/testset/image_0005.png': 4,
    'ibug/image_092 _01.jpg': 5,
    'Test/01_Indoor/indoor_001.png': 6,
    'Test/02_Outdoor/outdoor_001.png': 7,
}


def points_300w(seed: int) -> np.ndarray:
    """(68, 2), 0-based, within 60 x 40 pixels."""
    return np.random.default_rng(seed + 100).uniform((10, 5), (50, 35), (68, 2)).round(3)


def pts_text(points: np.ndarray) -> str:
    lines = [f'{x:.3f} {y:.3f}' for x, y in points + 1]
    return '\n'.join(['version: 1', f'n_points: {len(points)}', '{', *lines, '}', ''])


@pytest.fixture
def src_300w(tmp_path) -> Path:
    src = tmp_path / 'src'
    for name, seed in FACES_300W.items():
        write_image(src / name, seed)
        (src / name).with_suffix('.pts').write_text(pts_text(points_300w(seed)))
    return src


@pytest.fixture
def convert_300w(src_300w, tmp_path):
    """Runs the converter and returns (exit status, output folder)."""

    def convert(*args) -> tuple:
        module = importlib.import_module('convert_300w')
        return module.main([str(src_300w), '--out', str(tmp_path / 'out'), *args]), tmp_path / 'out'

    return convert


def test_300w_splits(convert_300w):
    status, out = convert_300w()
    assert status == 0
    names = {
        path.name: [image['file_name'] for image in json.loads(path.read_text())['images']]
        for path in (out / 'annotations').iterdir()
    }
    faces = list(FACES_300W)
    assert names == {
        'face_landmarks_300w_train.json': faces[:3],
        'face_landmarks_300w_valid.json': faces[3:6],
        'face_landmarks_300w_valid_common.json': faces[3:5],
        'face_landmarks_300w_valid_challenge.json': faces[5:6],
        'face_landmarks_300w_test.json': faces[6:],
    }


def test_300w_annotation(convert_300w):
    _, out = convert_300w()
    content = read(out, 'face_landmarks_300w_valid_challenge.json')
    assert content['images'] == [dict(id=1, file_name='ibug/image_092 _01.jpg', width=60, height=40)]
    (ann,) = content['annotations']
    points = points_300w(5)
    np.testing.assert_allclose(np.reshape(ann['keypoints'], (68, 3)), np.c_[points, np.ones(68)], atol=1e-6)
    low, high = points.min(axis=0), points.max(axis=0)
    np.testing.assert_allclose(ann['bbox'], [*low, *(high - low)], atol=1e-6)
    np.testing.assert_allclose(ann['center'], (np.floor(low) + np.ceil(high)) / 2)
    assert ann['scale'] == pytest.approx((np.ceil(high) - np.floor(low)).max() / 200)
    assert ann['area'] == pytest.approx((high - low).prod(), abs=1e-5)
    assert ann['attributes'] == dict(common=0, challenge=1)
    assert (ann['num_keypoints'], ann['iscrowd'], ann['category_id']) == (68, 0, 1)


def test_300w_zero_based(convert_300w):
    _, out = convert_300w('--zero-based')
    ann = read(out, 'face_landmarks_300w_train.json')['annotations'][0]
    np.testing.assert_allclose(np.reshape(ann['keypoints'], (68, 3))[:, :2], points_300w(0) + 1, atol=1e-6)


def test_300w_is_read_by_the_dataset(convert_300w):
    _, out = convert_300w()
    dataset = FaceLandmarkDataset(
        '300w68',
        ann_file='annotations/face_landmarks_300w_valid.json',
        data_root=str(out),
        data_prefix=dict(img='images'),
        test_mode=True,
    )
    sample = dataset[2]
    assert cv2.imread(sample['img_path']).shape == (40, 60, 3)
    np.testing.assert_allclose(sample['keypoints'][0], points_300w(5), atol=1e-5)
    assert sample['raw_ann_info']['attributes'] == dict(common=0, challenge=1)


def test_300w_holdout_is_by_hash(convert_300w):
    _, out = convert_300w('--holdout', '2')
    train = list(FACES_300W)[:3]
    by_hash = sorted(train, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    select = [image['file_name'] for image in read(out, 'face_landmarks_300w_select.json')['images']]
    fit = [image['file_name'] for image in read(out, 'face_landmarks_300w_fit.json')['images']]
    assert sorted(select) == sorted(by_hash[:2])
    assert fit == by_hash[2:]


def test_300w_holdout_of_everything_is_refused(convert_300w, capsys):
    status, _ = convert_300w('--holdout', '3')
    assert status == 1
    assert '--holdout: found 3, expected 1 to 2' in capsys.readouterr().err


def test_300w_absent_parts_are_reported(convert_300w, src_300w, capsys):
    shutil.rmtree(src_300w / 'ibug')
    status, out = convert_300w()
    printed = capsys.readouterr().out
    assert status == 0
    assert 'ibug: absent' in printed
    assert 'face_landmarks_300w_valid_challenge.json: no face' in printed
    assert not (out / 'annotations/face_landmarks_300w_valid_challenge.json').exists()


def test_300w_private_set_under_its_other_name(convert_300w, src_300w):
    (src_300w / 'Test').rename(src_300w / '300W')
    _, out = convert_300w()
    assert [image['file_name'] for image in read(out, 'face_landmarks_300w_test.json')['images']] == [
        '300W/01_Indoor/indoor_001.png',
        '300W/02_Outdoor/outdoor_001.png',
    ]


def test_300w_nothing_there_is_an_error(convert_300w, src_300w, capsys):
    src_300w.rename(src_300w.with_name('elsewhere'))
    status, _ = convert_300w()
    assert status == 1
    assert 'found no face' in capsys.readouterr().err


def test_300w_line_ends_and_blanks_vary(convert_300w, src_300w):
    pts = src_300w / 'afw/1_1.pts'
    text = pts.read_text().replace('version: 1', 'version:1').replace(' ', '  ').replace('\n', ' \r\n\r\n')
    pts.write_bytes(b'\xef\xbb\xbf' + text.encode())
    _, out = convert_300w()
    keypoints = read(out, 'face_landmarks_300w_train.json')['annotations'][0]['keypoints']
    np.testing.assert_allclose(np.reshape(keypoints, (68, 3))[:, :2], points_300w(0), atol=1e-6)


def _point(seed: int, index: int) -> str:
    x, y = points_300w(seed)[index] + 1
    return f'{x:.3f} {y:.3f}'


def _truncate(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


def _copy_face(src: Path) -> None:
    for suffix in ('.jpg', '.pts'):
        (src / f'ibug/copy{suffix}').write_bytes((src / f'afw/1_1{suffix}').read_bytes())


# kind -> (what is done to the folder, where the problem must be reported, what the message must contain)
BROKEN_300W = {
    'missing image': (lambda src: (src / 'afw/1_1.jpg').unlink(), 'afw/1_1.pts:', '1_1.jpg does not exist'),
    'missing points': (lambda src: (src / 'afw/1_1.pts').unlink(), 'afw/1_1.jpg:', '1_1.pts'),
    'ambiguous image': (lambda src: write_image(src / 'afw/1_1.png', 9), 'afw/1_1.pts:', '1_1.jpg and 1_1.png'),
    'unreadable image': (lambda src: _truncate(src / 'afw/1_1.jpg'), 'afw/1_1.pts:', 'does not decode'),
    'image too small': (lambda src: write_image(src / 'afw/1_1.jpg', 9, 60, 15), 'afw/1_1.pts:', '60 x 15'),
    'bad header': (lambda src: edit(src / 'afw/1_1.pts', 'version: 1', 'points'), 'afw/1_1.pts:1:', "'points'"),
    'wrong point count': (lambda src: edit(src / 'afw/1_1.pts', _point(0, 5) + '\n', ''), 'afw/1_1.pts:71:', '67'),
    'no closing brace': (lambda src: edit(src / 'afw/1_1.pts', '}', ''), 'afw/1_1.pts:71:', 'end of the file'),
    'bad point': (lambda src: edit(src / 'afw/1_1.pts', _point(0, 5), '7.5'), 'afw/1_1.pts:9:', "'7.5'"),
    'non-numeric coordinate': (
        lambda src: edit(src / 'afw/1_1.pts', _point(0, 5), '1.5 left'),
        'afw/1_1.pts:9:',
        "'left'",
    ),
    'non-finite coordinate': (
        lambda src: edit(src / 'afw/1_1.pts', _point(0, 5), '1.5 nan'),
        'afw/1_1.pts:9:',
        "'nan'",
    ),
    'duplicate face': (_copy_face, 'ibug/copy.pts:', 'afw/1_1.pts'),
    'face without extent': (
        lambda src: (src / 'afw/1_1.pts').write_text(pts_text(np.ones((68, 2)))),
        'afw/1_1.pts:',
        '0 x 0',
    ),
    'landmark far outside': (
        lambda src: edit(src / 'afw/1_1.pts', _point(0, 5), '-98 20'),
        'afw/1_1.pts:9:',
        'landmark 5 at (-99, 19)',
    ),
}


@pytest.mark.parametrize('kind', BROKEN_300W)
def test_300w_problem_leaves_the_face_out(convert_300w, src_300w, capsys, kind):
    breaks, where, message = BROKEN_300W[kind]
    breaks(src_300w)
    status, out = convert_300w()
    printed = capsys.readouterr()
    assert status == 1
    (reported,) = [line for line in printed.err.splitlines() if f': {kind}: ' in line]
    assert f'{src_300w}/{where} {kind}: ' in reported
    assert message in reported
    assert f'faces left out: 1\n       1  {kind}\n' in printed.out
    num_faces = sum(
        len(read(out, f'face_landmarks_300w_{split}.json')['annotations']) for split in ('train', 'valid', 'test')
    )
    assert num_faces == (8 if kind == 'duplicate face' else 7)


@pytest.mark.parametrize('kind', BROKEN_300W)
def test_300w_strict_stops_at_a_problem(convert_300w, src_300w, capsys, kind):
    BROKEN_300W[kind][0](src_300w)
    status, out = convert_300w('--strict')
    assert status == 1
    assert f': {kind}: ' in capsys.readouterr().err
    assert not (out / 'annotations').exists()


def test_300w_wrong_n_points(convert_300w, src_300w, capsys):
    edit(src_300w / 'afw/1_1.pts', 'n_points: 68', 'n_points: 51')
    convert_300w()
    assert 'afw/1_1.pts:2: wrong point count: found n_points: 51, expected 68' in capsys.readouterr().err


def test_300w_counts_are_compared_with_the_official_split(convert_300w, capsys):
    status, _ = convert_300w()
    printed = capsys.readouterr()
    assert status == 0
    assert (
        'count: face_landmarks_300w_train.json: found 3 faces (1 from afw, 1 from helen/trainset, '
        '1 from lfpw/trainset), expected 3148'
    ) in printed.err
    assert 'faces left out: 0\nother problems: 5\n       5  count\n' in printed.out


def test_300w_strict_stops_at_a_wrong_count(convert_300w, capsys):
    status, out = convert_300w('--strict')
    assert status == 1
    assert 'found 3 faces' in capsys.readouterr().err
    assert not (out / 'annotations').exists()


def test_300w_strict_passes_a_perfect_set(convert_300w, monkeypatch):
    monkeypatch.setattr(
        importlib.import_module('convert_300w'),
        'OFFICIAL_COUNTS',
        dict(train=3, valid=3, valid_common=2, valid_challenge=1, test=2),
    )
    status, out = convert_300w('--strict')
    assert status == 0
    assert len(list((out / 'annotations').iterdir())) == 5


def test_images_is_a_link_that_stays(convert_300w, src_300w):
    for _ in range(2):
        status, out = convert_300w()
        assert status == 0
        assert (out / 'images').is_symlink() and (out / 'images').resolve() == src_300w


def test_images_that_is_something_else_is_an_error(convert_300w, tmp_path, capsys):
    (tmp_path / 'out/images').mkdir(parents=True)
    status, out = convert_300w()
    assert status == 1
    assert f'{out}/images' in capsys.readouterr().err
    assert not (out / 'annotations').exists()


def test_300w_turned_photograph_has_the_size_that_the_loader_sees(convert_300w, src_300w):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.new('RGB', (40, 60)).save(src_300w / 'afw/1_1.jpg', exif=exif)
    _, out = convert_300w()
    image = read(out, 'face_landmarks_300w_train.json')['images'][0]
    height, width = cv2.imread(str(src_300w / 'afw/1_1.jpg')).shape[:2]
    assert (image['width'], image['height']) == (width, height) == (60, 40)


def test_300w_real_common_set(shared_dir, tmp_path):
    for part in ('helen', 'lfpw'):
        (tmp_path / 'src' / part).mkdir(parents=True)
        (tmp_path / 'src' / part / 'testset').symlink_to(shared_dir / 'data/300w' / part / 'testset')
    module = importlib.import_module('convert_300w')
    assert module.main([str(tmp_path / 'src'), '--out', str(tmp_path / 'out')]) == 0
    content = read(tmp_path / 'out', 'face_landmarks_300w_valid_common.json')
    assert len(content['annotations']) == len(content['images']) == 554


# ---- WFLW ----------------------------------------------------------------------------------------------------------

# list, image, seed of the points, flags
FACES_WFLW = [
    ('train', '0--Parade/a.jpg', 0, '0 0 0 0 0 0'),
    ('train', '0--Parade/a.jpg', 1, '0 1 0 0 0 0'),
    ('test', '1--Handshaking/b.jpg', 2, '1 0 0 0 0 1'),
    ('test', '1--Handshaking/c.jpg', 3, '0 0 1 1 0 0'),
    ('test', '1--Handshaking/c.jpg', 4, '0 0 0 0 1 0'),
]


def points_wflw(seed: int) -> np.ndarray:
    return np.random.default_rng(seed + 200).uniform((10, 5), (50, 35), (98, 2)).round(6)


def wflw_line(image: str, seed: int, flags: str) -> str:
    return ' '.join([*(f'{value:.6f}' for value in points_wflw(seed).ravel()), '9 4 51 36', flags, image]) + '\n'


@pytest.fixture
def src_wflw(tmp_path) -> Path:
    src = tmp_path / 'src'
    folder = src / 'WFLW_annotations/list_98pt_rect_attr_train_test'
    folder.mkdir(parents=True)
    for part in ('train', 'test'):
        lines = [wflw_line(*face[1:]) for face in FACES_WFLW if face[0] == part]
        (folder / f'list_98pt_rect_attr_{part}.txt').write_text(''.join(lines))
    for seed, image in enumerate(sorted({face[1] for face in FACES_WFLW})):
        write_image(src / 'WFLW_images' / image, seed)
    return src


@pytest.fixture
def convert_wflw(src_wflw, tmp_path):

    def convert(*args) -> tuple:
        module = importlib.import_module('convert_wflw')
        return module.main([str(src_wflw), '--out', str(tmp_path / 'out'), *args]), tmp_path / 'out'

    return convert


def test_wflw_splits_and_subsets(convert_wflw):
    status, out = convert_wflw()
    assert status == 0
    counts = {path.name: len(json.loads(path.read_text())['annotations']) for path in (out / 'annotations').iterdir()}
    assert counts == {
        'face_landmarks_wflw_train.json': 2,
        'face_landmarks_wflw_test.json': 3,
        'face_landmarks_wflw_test_largepose.json': 1,
        'face_landmarks_wflw_test_illumination.json': 1,
        'face_landmarks_wflw_test_makeup.json': 1,
        'face_landmarks_wflw_test_occlusion.json': 1,
        'face_landmarks_wflw_test_blur.json': 1,
    }  # the only face with an expression is one of the training faces


def test_wflw_annotation(convert_wflw):
    _, out = convert_wflw()
    content = read(out, 'face_landmarks_wflw_test.json')
    assert [image['file_name'] for image in content['images']] == ['1--Handshaking/b.jpg', '1--Handshaking/c.jpg']
    assert [ann['image_id'] for ann in content['annotations']] == [1, 2, 2]
    ann = content['annotations'][0]
    np.testing.assert_array_equal(np.reshape(ann['keypoints'], (98, 3)), np.c_[points_wflw(2), np.ones(98)])
    assert ann['attributes'] == dict(large_pose=1, expression=0, illumination=0, make_up=0, occlusion=0, blur=1)


def test_wflw_box_like_mmpose(shared_dir, convert_wflw, src_wflw):
    """Centre and scale of the published sample follow from its landmarks."""
    sample = json.loads((shared_dir / 'data/mmpose_samples/wflw/test_wflw.json').read_text())
    anns = sample['annotations']
    lines = []
    for ann in anns:
        points = np.reshape(ann['keypoints'], (98, 3))[:, :2]
        lines.append(' '.join([*map(str, points.ravel().tolist()), '0 0 1 1', '0 0 0 0 0 0', 'sample.png']) + '\n')
    write_image(src_wflw / 'WFLW_images/sample.png', 0, 1024, 1024)
    (src_wflw / 'WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_test.txt').write_text(
        ''.join(lines)
    )
    _, out = convert_wflw()
    ours = read(out, 'face_landmarks_wflw_test.json')['annotations']
    assert [(ann['center'], ann['scale']) for ann in ours] == [(ann['center'], ann['scale']) for ann in anns]


def test_wflw_is_read_by_the_dataset(convert_wflw):
    _, out = convert_wflw()
    dataset = FaceLandmarkDataset(
        'wflw98',
        ann_file='annotations/face_landmarks_wflw_train.json',
        data_root=str(out),
        data_prefix=dict(img='images'),
    )
    assert len(dataset) == 2
    assert cv2.imread(dataset[1]['img_path']).shape == (40, 60, 3)
    assert dataset[1]['raw_ann_info']['attributes']['expression'] == 1


def test_wflw_lists_beside_the_images(convert_wflw, src_wflw):
    folder = src_wflw / 'WFLW_annotations/list_98pt_rect_attr_train_test'
    folder.rename(src_wflw / folder.name)
    status, out = convert_wflw()
    assert status == 0
    assert len(read(out, 'face_landmarks_wflw_train.json')['annotations']) == 2


@pytest.mark.parametrize('folder', ['WFLW_images', 'WFLW_annotations'])
def test_wflw_absent_folder_is_an_error(convert_wflw, src_wflw, capsys, folder):
    (src_wflw / folder).rename(src_wflw / 'elsewhere')
    status, _ = convert_wflw()
    assert status == 1
    assert folder in capsys.readouterr().err


def _edit_list(part: str, old: str, new: str):
    return lambda src: edit(
        src / f'WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_{part}.txt', old, new
    )


# kind -> (what is done, list and line where it must be reported, what the message must contain)
BROKEN_WFLW = {
    'missing image': (lambda src: (src / 'WFLW_images/1--Handshaking/b.jpg').unlink(), 'test.txt:1:', 'b.jpg'),
    'unreadable image': (
        lambda src: (src / 'WFLW_images/1--Handshaking/b.jpg').write_bytes(b'text'),
        'test.txt:1:',
        'does not decode',
    ),
    'wrong point count': (
        _edit_list('train', f'{points_wflw(1)[0, 0]:.6f} ', ''),
        'train.txt:2:',
        '206 fields, expected 207',
    ),
    'non-numeric coordinate': (_edit_list('train', f'{points_wflw(1)[0, 0]:.6f}', 'x'), 'train.txt:2:', "'x'"),
    'non-finite coordinate': (_edit_list('train', f'{points_wflw(1)[0, 0]:.6f}', 'inf'), 'train.txt:2:', "'inf'"),
    'non-numeric rectangle': (_edit_list('test', '9 4 51 36', '9 4 51 ?'), 'test.txt:1:', "'?'"),
    'bad flag': (_edit_list('test', '1 0 0 0 0 1', '1 0 0 0 2 1'), 'test.txt:1:', "'2' for occlusion"),
    'duplicate face': (
        _edit_list('test', wflw_line(*FACES_WFLW[4][1:]), 2 * wflw_line(*FACES_WFLW[4][1:])),
        'test.txt:4:',
        'test.txt:3',
    ),
    'landmark far outside': (
        _edit_list('train', f'{points_wflw(1)[0, 0]:.6f}', '-99'),
        'train.txt:2:',
        'landmark 0 at (-99',
    ),
}


@pytest.mark.parametrize('kind', BROKEN_WFLW)
def test_wflw_problem_leaves_the_face_out(convert_wflw, src_wflw, capsys, kind):
    breaks, where, message = BROKEN_WFLW[kind]
    breaks(src_wflw)
    status, out = convert_wflw()
    printed = capsys.readouterr()
    assert status == 1
    (reported,) = [line for line in printed.err.splitlines() if f': {kind}: ' in line]
    assert f'list_98pt_rect_attr_{where} {kind}: ' in reported
    assert message in reported
    assert f'faces left out: 1\n       1  {kind}\n' in printed.out


@pytest.mark.parametrize('kind', BROKEN_WFLW)
def test_wflw_strict_stops_at_a_problem(convert_wflw, src_wflw, capsys, kind):
    BROKEN_WFLW[kind][0](src_wflw)
    status, out = convert_wflw('--strict')
    assert status == 1
    assert f': {kind}: ' in capsys.readouterr().err
    assert not (out / 'annotations').exists()


def test_wflw_missing_image_leaves_out_all_its_faces(convert_wflw, src_wflw, capsys):
    (src_wflw / 'WFLW_images/1--Handshaking/c.jpg').unlink()
    _, out = convert_wflw()
    assert 'faces left out: 2\n       2  missing image\n' in capsys.readouterr().out
    assert len(read(out, 'face_landmarks_wflw_test.json')['annotations']) == 1


def test_wflw_counts_are_compared_with_the_official_split(convert_wflw, capsys):
    convert_wflw()
    printed = capsys.readouterr()
    for name, found, expected in (
        ('train', 2, 7500),
        ('test', 3, 2500),
        ('test_largepose', 1, 326),
        ('test_illumination', 1, 698),
        ('test_makeup', 1, 206),
        ('test_occlusion', 1, 736),
        ('test_blur', 1, 773),
    ):
        assert f'face_landmarks_wflw_{name}.json: found {found} face{"s" * (found > 1)} ' in printed.err
        assert f'expected {expected} of the official split' in printed.err


def test_wflw_strict_passes_a_perfect_set(convert_wflw, monkeypatch):
    monkeypatch.setattr(
        importlib.import_module('convert_wflw'),
        'OFFICIAL_COUNTS',
        dict(train=2, test=3, largepose=1, expression=0, illumination=1, makeup=1, occlusion=1, blur=1),
    )
    status, _ = convert_wflw('--strict')
    assert status == 0
