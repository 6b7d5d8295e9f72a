"""The converters of 68-point sets beside 300W's basic splits, on tiny folders of the official formats, good and broken.

Splits I and II of 300W, 300W-LP, Menpo 2D and MERL-RAV.
"""

import importlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from mmfld.datasets import FaceLandmarkDataset


@pytest.fixture
def run(tmp_path):
    """Runs a converter on ``tmp_path/src`` and returns (exit status, output folder)."""

    def run(name: str, *args) -> tuple:
        out = tmp_path / 'out'
        return importlib.import_module(name).main([str(tmp_path / 'src'), '--out', str(out), *args]), out

    return run


def write_image(path: Path, seed: int, width: int = 60, height: int = 40) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), image)


def make_points(seed: int, count: int = 68) -> np.ndarray:
    """(count, 2), counted from 0, within 60 x 40 pixels."""
    return np.random.default_rng(seed + 100).uniform((10, 5), (50, 35), (count, 2)).round(3)


def write_pts(path: Path, numbers: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f'{x:.3f} {y:.3f}' for x, y in numbers]
    path.write_text('\n'.join(['version: 1', f'n_points:  {len(numbers)}', '{', *lines, '}']))


def read(out: Path, name: str) -> dict:
    return json.loads((out / 'annotations' / name).read_text())


def names(content: dict) -> list:
    return [image['file_name'] for image in content['images']]


def keypoints(annotation: dict) -> np.ndarray:
    return np.reshape(annotation['keypoints'], (68, 3))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def load(out: Path, name: str) -> FaceLandmarkDataset:
    return FaceLandmarkDataset(
        '300w68', ann_file=f'annotations/{name}', data_root=str(out), data_prefix=dict(img='images'), test_mode=True
    )


def check_reported(printed, where: str, kind: str, message: str) -> None:
    """Exactly one face was left out, for this reason."""
    (reported,) = [line for line in printed.err.splitlines() if f': {kind}: ' in line]
    assert f'{where} {kind}: ' in reported
    assert message in reported
    assert f'faces left out: 1\n       1  {kind}\n' in printed.out


# ---- the two splits of 300W ----------------------------------------------------------------------------------------

TRAIN = ['afw/1_1.jpg', 'helen/trainset/2_1.jpg', 'lfpw/trainset/image_0003.png']
VALID = ['helen/testset/4_1.jpg', 'lfpw/testset/image_0005.png', 'ibug/image_092 _01.jpg']
PRIVATE = ['01_Indoor/indoor_001.png', '02_Outdoor/outdoor_001.png']


@pytest.fixture
def src_300w(tmp_path) -> Path:
    src = tmp_path / 'src'
    for seed, name in enumerate((*TRAIN, *VALID, *PRIVATE)):
        write_image(src / name, seed)
        write_pts((src / name).with_suffix('.pts'), make_points(seed) + 1)
    return src


def test_300w_split_i(src_300w, run):
    status, out = run('convert_300w', '--trainval')
    assert status == 0
    assert names(read(out, 'face_landmarks_300w_trainval.json')) == TRAIN + VALID
    assert names(read(out, 'face_landmarks_300w_test.json')) == PRIVATE


def test_300w_split_ii(src_300w, run):
    _, out = run('convert_300w', '--trainval')
    assert names(read(out, 'face_landmarks_300w_train.json')) == TRAIN
    assert names(read(out, 'face_landmarks_300w_valid.json')) == VALID
    assert names(read(out, 'face_landmarks_300w_valid_common.json')) == VALID[:2]
    assert names(read(out, 'face_landmarks_300w_valid_challenge.json')) == VALID[2:]


def test_300w_trainval_is_written_on_request_only(src_300w, run):
    _, out = run('convert_300w')
    assert not (out / 'annotations/face_landmarks_300w_trainval.json').exists()


def test_300w_trainval_is_compared_with_the_official_count(src_300w, run, capsys):
    run('convert_300w', '--trainval')
    printed = capsys.readouterr().err
    assert 'count: face_landmarks_300w_trainval.json: found 6 faces' in printed
    assert 'expected 3837 of the official split' in printed


@pytest.mark.parametrize('parent', ['Test', '300W'])
def test_300w_private_set_in_a_folder_of_its_own(src_300w, run, parent):
    (src_300w / parent).mkdir()
    for name in ('01_Indoor', '02_Outdoor'):
        (src_300w / name).rename(src_300w / parent / name)
    _, out = run('convert_300w')
    assert names(read(out, 'face_landmarks_300w_test.json')) == [f'{parent}/{name}' for name in PRIVATE]


def test_300w_trainval_is_read_by_the_dataset(src_300w, run):
    _, out = run('convert_300w', '--trainval')
    dataset = load(out, 'face_landmarks_300w_trainval.json')
    np.testing.assert_allclose(
        [dataset[i]['keypoints'][0] for i in range(6)], [make_points(i) for i in range(6)], atol=1e-5
    )


def test_300w_real_faces(shared_dir, tmp_path, run):
    (tmp_path / 'src/lfpw').mkdir(parents=True)
    for part in ('afw', 'lfpw/testset'):
        (tmp_path / 'src' / part).symlink_to(shared_dir / 'data/300w' / part)
    status, out = run('convert_300w', '--trainval')
    assert status == 0
    counts = {
        split: len(read(out, f'face_landmarks_300w_{split}.json')['annotations'])
        for split in ('train', 'valid', 'trainval')
    }
    assert counts == dict(train=337, valid=224, trainval=561)
    assert len(load(out, 'face_landmarks_300w_trainval.json')) == 561


def test_interrupted_writing_leaves_the_json_before(src_300w, run, monkeypatch):
    _, out = run('convert_300w')
    before = (out / 'annotations/face_landmarks_300w_train.json').read_text()

    def interrupted(path, text, **kwargs):
        path.write_bytes(text[:100].encode())
        raise KeyboardInterrupt

    write_image(src_300w / TRAIN[0], 99, 80, 80)
    monkeypatch.setattr(Path, 'write_text', interrupted)
    with pytest.raises(KeyboardInterrupt):
        run('convert_300w')
    assert (out / 'annotations/face_landmarks_300w_train.json').read_text() == before


# ---- 300W-LP -------------------------------------------------------------------------------------------------------

# (folder, stem) in the order of the json
FACES_LP = [
    ('AFW', 'AFW_134212_1_0'),
    ('AFW', 'AFW_134212_1_1'),
    ('HELEN', 'HELEN_232194_1_0'),
    ('IBUG', 'IBUG_image_092 _01_0'),
    ('LFPW', 'LFPW_image_test_0001_3'),
]


@pytest.fixture
def src_lp(tmp_path) -> Path:
    src = tmp_path / 'src'
    for seed, (part, stem) in enumerate(FACES_LP):
        write_image(src / part / f'{stem}.jpg', seed)
        savemat(src / part / f'{stem}.mat', dict(pt2d=make_points(seed).T, Pose_Para=np.zeros((1, 7))))
        write_mat(src / f'landmarks/{part}/{stem}_pts.mat', seed)
    for part in ('AFW', 'HELEN'):
        write_image(src / f'{part}_Flip' / f'{part}_mirrored_0.jpg', 50)
    return src


def write_mat(path: Path, seed: int, **fields) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = dict(pts_2d=make_points(seed) + 1, pts_3d=make_points(seed + 50) + 1) | fields
    savemat(path, {name: value for name, value in fields.items() if value is not None}, do_compression=True)


@pytest.mark.parametrize(
    'args, offset, shift',
    [((), 0, 0), (('--points', '3d'), 50, 0), (('--zero-based',), 0, 1)],
    ids=['2d', '3d', 'zero-based'],
)
def test_300w_lp_points(src_lp, run, args, offset, shift):
    status, out = run('convert_300w_lp', *args)
    content = read(out, 'face_landmarks_300wlp_train.json')
    assert status == 0
    assert names(content) == [f'{part}/{stem}.jpg' for part, stem in FACES_LP]
    for seed, annotation in enumerate(content['annotations']):
        expected = np.c_[make_points(seed + offset) + shift, np.ones(68)]
        np.testing.assert_allclose(keypoints(annotation), expected, atol=1e-6)


def test_300w_lp_is_read_by_the_dataset(src_lp, run):
    _, out = run('convert_300w_lp')
    sample = load(out, 'face_landmarks_300wlp_train.json')[3]
    assert cv2.imread(sample['img_path']).shape == (40, 60, 3)
    np.testing.assert_allclose(sample['keypoints'][0], make_points(3), atol=1e-5)


def test_300w_lp_tells_what_is_not_converted(src_lp, run, capsys):
    (src_lp / 'LFPW').rename(src_lp / 'elsewhere')
    (src_lp / 'landmarks/LFPW').rename(src_lp / 'landmarks/elsewhere')
    run('convert_300w_lp')
    printed = capsys.readouterr()
    assert 'AFW_Flip: 1 mirrored images, not converted\n' in printed.out
    assert 'LFPW: absent\n' in printed.out
    assert (
        'count: face_landmarks_300wlp_train.json: found 4 faces (2 from AFW, 1 from HELEN, 1 from IBUG), expected 61225'
    ) in printed.err


def test_300w_lp_strict_passes_a_perfect_set(src_lp, run, monkeypatch):
    monkeypatch.setattr(importlib.import_module('convert_300w_lp'), 'OFFICIAL_COUNT', 5)
    assert run('convert_300w_lp', '--strict')[0] == 0


# of the five renderings, one of HELEN, IBUG and LFPW each is of a test image of 300W
TEST_IMAGES = [
    'helen/testset/232194_1.jpg',
    'helen/testset/296814969_3.jpg',
    'lfpw/testset/image_0001.png',
    'ibug/image_092 _01.jpg',
]


def write_test_set(tmp_path, names) -> str:
    path = tmp_path / 'valid.json'
    path.write_text(json.dumps(dict(images=[dict(id=n, file_name=name) for n, name in enumerate(names)])))
    return str(path)


@pytest.mark.parametrize('images, left', [(TEST_IMAGES, [0, 1]), (TEST_IMAGES[:1], [0, 1, 3, 4])])
def test_300w_lp_without_test_faces(src_lp, run, tmp_path, capsys, images, left):
    status, out = run('convert_300w_lp', '--without-test-faces', write_test_set(tmp_path, images))
    assert status == 0
    assert names(read(out, 'face_landmarks_300wlp_train_without_test.json')) == [
        f'{FACES_LP[n][0]}/{FACES_LP[n][1]}.jpg' for n in left
    ]
    assert len(names(read(out, 'face_landmarks_300wlp_train.json'))) == 5
    assert f'{5 - len(left)} renderings of {5 - len(left)} of the {len(images)} test images' in capsys.readouterr().out


@pytest.mark.parametrize(
    'images, message',
    [
        (['helen/testset/1_1.jpg'], 'found no image of which'),
        (['helen/trainset/232194_1.jpg'], 'found the image helen/trainset/232194_1.jpg, expected one in helen/testset'),
    ],
)
def test_300w_lp_without_the_right_test_set(src_lp, run, tmp_path, capsys, images, message):
    status, out = run('convert_300w_lp', '--without-test-faces', write_test_set(tmp_path, images))
    assert status == 1
    assert message in capsys.readouterr().err
    assert not (out / 'annotations').exists()


def test_300w_lp_nothing_there_is_an_error(tmp_path, run, capsys):
    (tmp_path / 'src').mkdir()
    assert run('convert_300w_lp')[0] == 1
    assert 'found no face, expected AFW, HELEN, IBUG, LFPW and landmarks' in capsys.readouterr().err


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:300])


_LP_IMAGE, _LP_MAT = 'AFW/AFW_134212_1_1.jpg', 'landmarks/AFW/AFW_134212_1_1_pts.mat'
_WITH_NAN = make_points(1) + 1
_WITH_NAN[7, 0] = np.nan
# kind -> (what is done to the folder, where the problem must be reported, what the message must contain)
BROKEN_LP = {
    'missing points': (lambda src: (src / _LP_MAT).unlink(), f'{_LP_IMAGE}:', f'{_LP_MAT} does not exist'),
    'missing image': (lambda src: (src / _LP_IMAGE).unlink(), f'{_LP_MAT}:', f'{_LP_IMAGE} does not exist'),
    'unreadable image': (lambda src: _cut(src / _LP_IMAGE), f'{_LP_MAT}:', 'does not decode'),
    'unreadable file': (lambda src: _cut(src / _LP_MAT), f'{_LP_MAT}:', 'no .mat file that can be read ('),
    'missing field': (
        lambda src: write_mat(src / _LP_MAT, 1, pts_2d=None),
        f'{_LP_MAT}:',
        'found pts_3d, expected also pts_2d',
    ),
    'wrong shape': (
        lambda src: write_mat(src / _LP_MAT, 1, pts_2d=make_points(1).T),
        f'{_LP_MAT}:pts_2d:',
        'found 2 x 68, expected 68 x 2',
    ),
    'wrong type': (
        lambda src: write_mat(src / _LP_MAT, 1, pts_2d=np.full((68, 2), 'x')),
        f'{_LP_MAT}:pts_2d:',
        'expected numbers',
    ),
    'non-finite number': (
        lambda src: write_mat(src / _LP_MAT, 1, pts_2d=_WITH_NAN),
        f'{_LP_MAT}:pts_2d(8, :):',
        'found nan in column 1',
    ),
    'landmark far outside': (
        lambda src: write_mat(src / _LP_MAT, 1, pts_2d=np.r_[make_points(1)[:67], [[-98.0, 20]]]),
        f'{_LP_MAT}:pts_2d(68, :):',
        'landmark 67 at (-99, 19)',
    ),
}


@pytest.mark.parametrize('kind', BROKEN_LP)
def test_300w_lp_problem_leaves_the_face_out(src_lp, run, capsys, kind):
    breaks, where, message = BROKEN_LP[kind]
    breaks(src_lp)
    status, out = run('convert_300w_lp')
    assert status == 1
    check_reported(capsys.readouterr(), f'{src_lp}/{where}', kind, message)
    assert len(read(out, 'face_landmarks_300wlp_train.json')['annotations']) == 4


@pytest.mark.parametrize('kind', BROKEN_LP)
def test_300w_lp_strict_stops_at_a_problem(src_lp, run, capsys, kind):
    BROKEN_LP[kind][0](src_lp)
    status, out = run('convert_300w_lp', '--strict')
    assert status == 1
    assert f': {kind}: ' in capsys.readouterr().err
    assert not (out / 'annotations').exists()


# ---- Menpo 2D ------------------------------------------------------------------------------------------------------

# image -> number of its points; the index is the seed
FACES_MENPO = {'aflw__face_00001.jpg': 68, 'aflw__face_00002.jpg': 39, 'fddb/face_1.jpg': 68, 'fddb/face_2.png': 68}


@pytest.fixture
def src_menpo(tmp_path) -> Path:
    src = tmp_path / 'src'
    for seed, (name, count) in enumerate(FACES_MENPO.items()):
        write_image(src / name, seed)
        write_pts((src / name).with_suffix('.pts'), make_points(seed, count) + 1)
    return src


def test_menpo_holds_the_near_frontal_faces(src_menpo, run, capsys):
    status, out = run('convert_menpo')
    assert status == 0
    content = read(out, 'face_landmarks_menpo_test.json')
    assert names(content) == ['aflw__face_00001.jpg', 'fddb/face_1.jpg', 'fddb/face_2.png']
    np.testing.assert_allclose(keypoints(content['annotations'][1]), np.c_[make_points(2), np.ones(68)], atol=1e-6)
    assert [path.name for path in (out / 'annotations').iterdir()] == ['face_landmarks_menpo_test.json']
    printed = capsys.readouterr()
    assert 'profile faces of 39 points, not converted: 1\n' in printed.out
    assert 'faces left out: 0\n' in printed.out
    assert (
        f'count: face_landmarks_menpo_test.json: found 3 faces (1 from {src_menpo}, 2 from {src_menpo}/fddb), '
        'expected 6679'
    ) in printed.err


def test_menpo_zero_based(src_menpo, run):
    _, out = run('convert_menpo', '--zero-based')
    annotation = read(out, 'face_landmarks_menpo_test.json')['annotations'][0]
    np.testing.assert_allclose(keypoints(annotation)[:, :2], make_points(0) + 1, atol=1e-6)


def test_menpo_is_read_by_the_dataset(src_menpo, run):
    _, out = run('convert_menpo')
    sample = load(out, 'face_landmarks_menpo_test.json')[2]
    assert cv2.imread(sample['img_path']).shape == (40, 60, 3)
    np.testing.assert_allclose(sample['keypoints'][0], make_points(3), atol=1e-5)


def test_menpo_written_into_its_source_stays_the_same(src_menpo, tmp_path, run):
    (tmp_path / 'out').symlink_to(src_menpo)
    contents = []
    for _ in range(2):  # the second run finds the link to the images of the first one
        _, out = run('convert_menpo')
        contents.append(read(out, 'face_landmarks_menpo_test.json'))
    assert contents[0] == contents[1]
    assert len(contents[1]['annotations']) == 3


def test_menpo_strict_passes_a_perfect_set(src_menpo, run, monkeypatch):
    monkeypatch.setattr(importlib.import_module('convert_menpo'), 'OFFICIAL_COUNT', 3)
    assert run('convert_menpo', '--strict')[0] == 0


def test_menpo_without_near_frontal_faces_is_an_error(src_menpo, run, capsys):
    for name in ('aflw__face_00001', 'fddb/face_1', 'fddb/face_2'):
        for path in src_menpo.glob(f'{name}.*'):
            path.unlink()
    assert run('convert_menpo')[0] == 1
    assert 'found no face, expected images and .pts files of 68 points' in capsys.readouterr().err


# kind -> (what is done to the folder, where the problem must be reported, what the message must contain)
BROKEN_MENPO = {
    'missing image': (lambda src: (src / 'fddb/face_1.jpg').unlink(), 'fddb/face_1.pts:', 'face_1.jpg does not exist'),
    'missing points': (lambda src: (src / 'fddb/face_1.pts').unlink(), 'fddb/face_1.jpg:', 'face_1.pts'),
    'ambiguous image': (
        lambda src: write_image(src / 'fddb/face_1.png', 9),
        'fddb/face_1.pts:',
        'face_1.jpg and face_1.png',
    ),
    'unreadable image': (lambda src: _cut(src / 'fddb/face_1.jpg'), 'fddb/face_1.pts:', 'does not decode'),
    'bad header': (
        lambda src: edit(src / 'fddb/face_1.pts', 'n_points:  68', 'points'),
        'fddb/face_1.pts:2:',
        "found 'points', expected 'n_points: 68 or 39'",
    ),
    'wrong point count': (
        lambda src: write_pts(src / 'fddb/face_1.pts', make_points(2, 51)),
        'fddb/face_1.pts:2:',
        'found n_points: 51, expected 68 or 39',
    ),
    'no closing brace': (lambda src: edit(src / 'fddb/face_1.pts', '}', ''), 'fddb/face_1.pts:71:', 'end of the file'),
    'non-numeric coordinate': (
        lambda src: edit(src / 'fddb/face_1.pts', f'{make_points(2)[4, 0] + 1:.3f}', 'x'),
        'fddb/face_1.pts:8:',
        "found 'x'",
    ),
}


@pytest.mark.parametrize('kind', BROKEN_MENPO)
def test_menpo_problem_leaves_the_face_out(src_menpo, run, capsys, kind):
    breaks, where, message = BROKEN_MENPO[kind]
    breaks(src_menpo)
    status, out = run('convert_menpo')
    assert status == 1
    check_reported(capsys.readouterr(), f'{src_menpo}/{where}', kind, message)
    assert len(read(out, 'face_landmarks_menpo_test.json')['annotations']) == 2


@pytest.mark.parametrize('kind', BROKEN_MENPO)
def test_menpo_strict_stops_at_a_problem(src_menpo, run, capsys, kind):
    BROKEN_MENPO[kind][0](src_menpo)
    status, out = run('convert_menpo', '--strict')
    assert status == 1
    assert f': {kind}: ' in capsys.readouterr().err
    assert not (out / 'annotations').exists()


def test_menpo_file_that_announces_68_points_and_holds_39(src_menpo, run, capsys):
    edit(src_menpo / 'aflw__face_00002.pts', 'n_points:  39', 'n_points: 68')
    run('convert_menpo')
    check_reported(
        capsys.readouterr(),
        f'{src_menpo}/aflw__face_00002.pts:43:',
        'wrong point count',
        'found 39 points, expected 68',
    )


# ---- MERL-RAV ------------------------------------------------------------------------------------------------------

POSES = ('frontal', 'left', 'lefthalf', 'right', 'righthalf')
# the index is the seed
FACES_MERL = [
    f'{pose}/{split}set/image{n:05d}_2.jpg'
    for n, (split, pose) in enumerate((split, pose) for split in ('train', 'test') for pose in POSES)
]
HIDDEN, SELF_OCCLUDED = slice(3, 6), slice(60, 68)


@pytest.fixture
def src_merl(tmp_path) -> Path:
    src = tmp_path / 'src'
    for seed, name in enumerate(FACES_MERL):
        write_image(src / name, seed)
        numbers = make_points(seed)
        numbers[HIDDEN] *= -1
        numbers[SELF_OCCLUDED] = -1
        write_pts((src / name).with_suffix('.pts'), numbers)
    return src


def expected_merl(seed: int, shift: float = 0) -> np.ndarray:
    """(68, 3), x, y and visibility."""
    expected = np.c_[make_points(seed) + shift, np.full(68, 2)]
    expected[HIDDEN, 2] = 1
    expected[SELF_OCCLUDED] = 0
    return expected


@pytest.mark.parametrize('args, shift', [((), 0), (('--one-based',), -1)], ids=['zero-based', 'one-based'])
def test_merl_rav_visibility(src_merl, run, args, shift):
    status, out = run('convert_merl_rav', *args)
    assert status == 0
    for first, split in ((0, 'train'), (5, 'test')):
        content = read(out, f'face_landmarks_merl_rav_{split}.json')
        assert names(content) == FACES_MERL[first : first + 5]
        for seed, annotation in enumerate(content['annotations'], first):
            np.testing.assert_allclose(keypoints(annotation), expected_merl(seed, shift), atol=1e-6)


def test_merl_rav_box_is_of_the_annotated_landmarks(src_merl, run):
    _, out = run('convert_merl_rav')
    annotation = read(out, 'face_landmarks_merl_rav_train.json')['annotations'][0]
    points = make_points(0)[:60]
    low, high = points.min(axis=0), points.max(axis=0)
    assert annotation['num_keypoints'] == 60
    np.testing.assert_allclose(annotation['bbox'], [*low, *(high - low)], atol=1e-6)
    np.testing.assert_allclose(annotation['center'], (np.floor(low) + np.ceil(high)) / 2)


def test_merl_rav_subsets(src_merl, run):
    _, out = run('convert_merl_rav')
    attributes = [ann['attributes'] for ann in read(out, 'face_landmarks_merl_rav_test.json')['annotations']]
    assert [[name for name, value in flags.items() if value] for flags in attributes] == [
        ['frontal'],
        ['profile'],
        ['half_profile'],
        ['profile'],
        ['half_profile'],
    ]
    assert all(list(flags) == ['frontal', 'profile', 'half_profile'] for flags in attributes)


def test_merl_rav_is_read_by_the_dataset(src_merl, run):
    _, out = run('convert_merl_rav')
    sample = load(out, 'face_landmarks_merl_rav_test.json')[1]
    expected = expected_merl(6)
    assert cv2.imread(sample['img_path']).shape == (40, 60, 3)
    np.testing.assert_allclose(sample['keypoints'][0], expected[:, :2], atol=1e-5)
    np.testing.assert_array_equal(sample['keypoints_visible'][0], expected[:, 2] > 0)
    assert sample['num_keypoints'] == 60


def test_merl_rav_counts_and_absent_folders(src_merl, run, capsys):
    (src_merl / 'left').rename(src_merl / 'elsewhere')
    run('convert_merl_rav')
    printed = capsys.readouterr()
    assert 'left/trainset: absent\nleft/testset: absent\n' in printed.out
    assert 'face_landmarks_merl_rav_train.json: found 4 faces (1 from frontal/trainset, ' in printed.err
    assert 'expected 15449' in printed.err and 'expected 3865' in printed.err


def test_merl_rav_strict_passes_a_perfect_set(src_merl, run, monkeypatch):
    monkeypatch.setattr(importlib.import_module('convert_merl_rav'), 'OFFICIAL_COUNTS', dict(train=5, test=5))
    assert run('convert_merl_rav', '--strict')[0] == 0


def test_merl_rav_without_its_splits_is_an_error(src_merl, run, capsys):
    for path in src_merl.glob('*/*set'):
        path.rename(path.with_name('elsewhere' + path.name))
    assert run('convert_merl_rav')[0] == 1
    assert 'found no face, expected folders such as frontal/trainset' in capsys.readouterr().err


_MERL = f'{Path(FACES_MERL[0]).with_suffix("")}'
_X, _Y = make_points(0)[10]
_POINT = f'{_X:.3f} {_Y:.3f}'
# kind -> (what is done to the folder, where the problem must be reported, what the message must contain)
BROKEN_MERL = {
    'missing image': (lambda src: (src / f'{_MERL}.jpg').unlink(), f'{_MERL}.pts:', '_2.jpg does not exist'),
    'missing points': (lambda src: (src / f'{_MERL}.pts').unlink(), f'{_MERL}.jpg:', '_2.pts'),
    'wrong point count': (lambda src: edit(src / f'{_MERL}.pts', _POINT + '\n', ''), f'{_MERL}.pts:71:', '67 points'),
    'bad point': (lambda src: edit(src / f'{_MERL}.pts', _POINT, '5'), f'{_MERL}.pts:14:', "found '5'"),
    'mixed signs': (
        lambda src: edit(src / f'{_MERL}.pts', _POINT, '-5 20'),
        f'{_MERL}.pts:14:',
        'found -5 20 for landmark 10',
    ),
    'landmark far outside': (
        lambda src: edit(src / f'{_MERL}.pts', _POINT, '-999 -20'),
        f'{_MERL}.pts:14:',
        'landmark 10 at (999, 20)',
    ),
    'face without extent': (
        lambda src: write_pts(src / f'{_MERL}.pts', np.full((68, 2), -1)),
        f'{_MERL}.pts:',
        'found no annotated landmark',
    ),
}


@pytest.mark.parametrize('kind', BROKEN_MERL)
def test_merl_rav_problem_leaves_the_face_out(src_merl, run, capsys, kind):
    breaks, where, message = BROKEN_MERL[kind]
    breaks(src_merl)
    status, out = run('convert_merl_rav')
    assert status == 1
    check_reported(capsys.readouterr(), f'{src_merl}/{where}', kind, message)
    assert names(read(out, 'face_landmarks_merl_rav_train.json')) == FACES_MERL[1:5]


@pytest.mark.parametrize('kind', BROKEN_MERL)
def test_merl_rav_strict_stops_at_a_problem(src_merl, run, capsys, kind):
    BROKEN_MERL[kind][0](src_merl)
    status, out = run('convert_merl_rav', '--strict')
    assert status == 1
    assert f': {kind}: ' in capsys.readouterr().err
    assert not (out / 'annotations').exists()


@pytest.mark.parametrize(
    'numbers, position, visibility',
    [
        ((-1, -300), (1, 300), 1),
        ((0, 20), (0, 20), 2),
        ((0, -20), (0, 20), 1),
        ((0, 0), (0, 0), 2),
        ((-1, -1), (0, 0), 0),
    ],
)
def test_merl_rav_signs_at_the_border(numbers, position, visibility):
    points, visible = importlib.import_module('convert_merl_rav').split_signs(
        np.array([numbers, (30, 40)], float), Path('a.pts'), [4, 5]
    )
    np.testing.assert_array_equal(points, [position, (30, 40)])
    np.testing.assert_array_equal(visible, [visibility, 2])


def test_merl_rav_real_labels(shared_dir, tmp_path, run):
    """200 real label files as a training set; their images are not there and made up."""
    for path in (shared_dir / 'data/merl_rav').glob('*/*.pts'):
        folder = tmp_path / 'src' / path.parent.name / 'trainset'
        folder.mkdir(parents=True, exist_ok=True)
        (folder / path.name).symlink_to(path)
        numbers = np.abs(np.loadtxt(path, skiprows=3, max_rows=68))
        width, height = np.ceil(numbers.max(axis=0)).astype(int) + 2
        assert cv2.imwrite(str(folder / f'{path.stem}.jpg'), np.zeros((height, width), np.uint8))
    status, out = run('convert_merl_rav')
    assert status == 0
    annotations = read(out, 'face_landmarks_merl_rav_train.json')['annotations']
    assert len(annotations) == len(load(out, 'face_landmarks_merl_rav_train.json')) == 200
    visibility = np.array([keypoints(ann)[:, 2] for ann in annotations])
    assert [int((visibility == v).sum()) for v in (0, 1, 2)] == [2571, 1344, 9685]
    assert min(keypoints(ann)[:, :2].min() for ann in annotations) == 0
    for subset, count in dict(frontal=40, half_profile=80, profile=80).items():
        assert sum(ann['attributes'][subset] for ann in annotations) == count
