"""The converter of AFLW on a tiny list of the official format, good and broken."""

import importlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from mmfld.datasets import FaceLandmarkDataset
from mmfld.evaluation import FaceAlignmentMetric

# image of each face; two faces share one
NAMES = ['0/a.jpg', '2/b.jpg', '2/b.jpg', '3/c.png', '0/d.jpg']
ORDER = [4, 1, 5, 3, 2]  # MATLAB's count from 1
NUM_TRAIN = 3
TRAIN, TEST = [3, 0, 4], [2, 1]  # the faces by their index from 0
HIDDEN = {1: [2, 18], 3: [0]}  # face -> landmarks that cannot be seen
BOXES = np.array([[9, 49, 2, 42], [10, 50, 3, 43], [11, 51, 4, 44], [12, 52, 5, 45], [13, 53, 6, 42]], float)


def make_points(seed: int) -> np.ndarray:
    """(19, 2) within 60 x 40 pixels."""
    return np.random.default_rng(seed).uniform((10, 5), (50, 35), (19, 2))


def make_masks() -> np.ndarray:
    masks = np.ones((len(NAMES), 19))
    for face, landmarks in HIDDEN.items():
        masks[face, landmarks] = 0
    return masks


def as_cells(texts) -> np.ndarray:
    cells = np.empty((len(texts), 1), object)
    cells[:, 0] = texts
    return cells


FIELDS = dict(
    nameList=as_cells(NAMES),
    data=np.stack([make_points(n).T.ravel() for n in range(len(NAMES))]),
    bbox=BOXES,
    mask_new=make_masks(),
    ra=np.array([ORDER], float),
)


@pytest.fixture
def convert(tmp_path, monkeypatch):
    """Runs the converter on the list, with some fields replaced; returns (exit status, output folder)."""
    monkeypatch.setitem(importlib.import_module('convert_aflw').OFFICIAL_COUNTS, 'train', NUM_TRAIN)
    for seed, name in enumerate(dict.fromkeys(NAMES)):
        path = tmp_path / 'flickr' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = np.random.default_rng(seed).integers(0, 255, (40, 60, 3), dtype=np.uint8)
        assert cv2.imwrite(str(path), image)

    def convert(*args, **fields) -> tuple:
        path, out = tmp_path / 'AFLWinfo_release.mat', tmp_path / 'out'
        savemat(path, {name: value for name, value in (FIELDS | fields).items() if value is not None})
        module = importlib.import_module('convert_aflw')
        return module.main([str(path), str(tmp_path / 'flickr'), '--out', str(out), *args]), out

    return convert


def read(out: Path, name: str) -> dict:
    return json.loads((out / f'annotations/face_landmarks_aflw_{name}.json').read_text())


def keypoints(annotation: dict) -> np.ndarray:
    return np.reshape(annotation['keypoints'], (19, 3))


def file_names(content: dict) -> list:
    names = {image['id']: image['file_name'] for image in content['images']}
    return [names[ann['image_id']] for ann in content['annotations']]


def changed(name: str, row: int, column: int, value: float) -> dict:
    """The field with another value at one place."""
    field = FIELDS[name].copy()
    field[row, column] = value
    return {name: field}


def test_splits_follow_the_permutation(convert):
    status, out = convert()
    assert status == 0
    assert len(list((out / 'annotations').iterdir())) == 3
    for part, members in (('train', TRAIN), ('test', TEST), ('test_frontal', TEST[:1])):
        content = read(out, part)
        assert file_names(content) == [NAMES[n] for n in members]
        for ann, n in zip(content['annotations'], members):
            np.testing.assert_allclose(keypoints(ann)[:, :2], make_points(n), atol=1e-6)


def test_annotation(convert):
    _, out = convert()
    ann = read(out, 'test')['annotations'][1]  # face 1, box [10, 50, 3, 43]
    points = make_points(1)
    low, high = points.min(axis=0), points.max(axis=0)
    np.testing.assert_allclose(ann['bbox'], [*low, *(high - low)], atol=1e-6)
    assert ann['box_size'] == 40
    assert ann['center'] == [30, 23]
    assert ann['scale'] == 0.2
    assert ann['face_box'] == [10, 3, 40, 40]
    assert ann['num_keypoints'] == 19


def test_columns_of_the_points(convert):
    _, out = convert(**changed('data', 0, 0, 11.25))  # x of the first landmark
    assert keypoints(read(out, 'train')['annotations'][1])[0, 0] == 11.25
    _, out = convert(**changed('data', 0, 19, 12.5))  # its y
    assert keypoints(read(out, 'train')['annotations'][1])[0, 1] == 12.5


def test_hidden_landmarks_are_annotated_but_occluded(convert):
    _, out = convert()
    whole, partly = read(out, 'test')['annotations']
    assert keypoints(whole)[:, 2].tolist() == [2] * 19
    assert np.flatnonzero(keypoints(partly)[:, 2] == 1).tolist() == [2, 18]
    assert (whole['attributes'], partly['attributes']) == (dict(frontal=1), dict(frontal=0))
    assert 'attributes' not in read(out, 'train')['annotations'][0]


def test_side_of_a_box_that_is_not_square(convert):
    _, out = convert()
    ann = read(out, 'train')['annotations'][2]  # face 4, 40 x 36
    assert ann['box_size'] == pytest.approx(np.sqrt(40 * 36))
    assert ann['scale'] == pytest.approx(np.sqrt(40 * 36) / 200)


def test_is_read_by_the_dataset_and_normalised_by_the_metric(convert):
    _, out = convert()
    dataset = FaceLandmarkDataset(
        'aflw19',
        ann_file='annotations/face_landmarks_aflw_test.json',
        data_root=str(out),
        data_prefix=dict(img='images/'),
        test_mode=True,
    )
    assert len(dataset) == 2
    for sample in dataset:
        assert cv2.imread(sample['img_path']).shape == (40, 60, 3)
        assert (sample['keypoints_visible'] == 1).all()
    metric = FaceAlignmentMetric('aflw19', norm='box_side')
    moved = [sample['keypoints'] + np.float32([[[2 * n, 0]]]) for n, sample in enumerate(dataset, 1)]
    metric.process(
        [],
        [
            dict(
                id=sample['id'],
                img_path=sample['img_path'],
                raw_ann_info=sample['raw_ann_info'],
                pred_instances=dict(keypoints=pred),
                gt_instances=dict(keypoints=sample['keypoints'], keypoints_visible=sample['keypoints_visible']),
            )
            for sample, pred in zip(dataset, moved)
        ],
    )
    metrics = metric.compute_metrics(metric.results)
    assert metrics['NME'] == pytest.approx(100 * (2 / 40 + 4 / 40) / 2, abs=1e-4)
    assert metrics['NME/frontal'] == pytest.approx(100 * 2 / 40, abs=1e-4)


def test_images_is_a_link(convert, tmp_path):
    _, out = convert()
    assert (out / 'images').is_symlink() and (out / 'images').resolve() == tmp_path / 'flickr'


def test_twice_is_the_same(convert):
    contents = []
    for _ in range(2):
        status, out = convert()
        assert status == 0
        contents.append({path.name: path.read_bytes() for path in (out / 'annotations').iterdir()})
    assert contents[0] == contents[1]


def test_counts_are_compared_with_the_official_ones(convert, capsys):
    convert()
    printed = capsys.readouterr().err
    assert 'face_landmarks_aflw_test.json: found 2 faces (2 from test), expected 4386' in printed
    assert 'face_landmarks_aflw_test_frontal.json: found 1 face (1 from test), expected 1314' in printed


def test_strict_passes_a_perfect_set(convert, monkeypatch):
    monkeypatch.setattr(
        importlib.import_module('convert_aflw'), 'OFFICIAL_COUNTS', dict(train=NUM_TRAIN, test=2, test_frontal=1)
    )
    status, _ = convert('--strict')
    assert status == 0


# fields that are replaced (None: left out), and the message
BROKEN = {
    'missing field': (dict(mask_new=None), ': missing field: found bbox, data, nameList, ra, expected also mask_new'),
    'points': (dict(data=FIELDS['data'][:, :36]), ':data: wrong shape: found 5 x 36, expected N x 38'),
    'boxes': (dict(bbox=BOXES[:4]), ':bbox: wrong shape: found 4 x 4, expected 5 x 4'),
    'masks': (dict(mask_new=np.ones((5, 21))), ':mask_new: wrong shape: found 5 x 21, expected 5 x 19'),
    'names': (dict(nameList=as_cells(NAMES[:4])), ':nameList: count: found 4 names, expected 5 as data has rows'),
    'type': (dict(bbox=as_cells(NAMES)), ':bbox: wrong type: found object, expected numbers'),
    'permutation length': (dict(ra=FIELDS['ra'][:, :4]), ':ra: wrong shape: found 4, expected 5'),
    'permutation from 0': (
        dict(ra=FIELDS['ra'] - 1),
        ':ra: bad permutation: found numbers from 0 to 4 with 5 different ones, expected each from 1 to 5 once',
    ),
    'permutation twice': (dict(ra=np.array([[1, 2, 3, 4, 4.0]])), 'found numbers from 1 to 4 with 4 different ones'),
}


@pytest.mark.parametrize('case', BROKEN)
def test_broken_list_is_an_error(convert, tmp_path, capsys, case):
    fields, message = BROKEN[case]
    status, out = convert(**fields)
    printed = capsys.readouterr().err
    assert status == 1
    assert f'error: {tmp_path}/AFLWinfo_release.mat' in printed
    assert message in printed
    assert not out.exists()


def test_absent_images_are_an_error(convert, tmp_path, capsys):
    (tmp_path / 'flickr').rename(tmp_path / 'elsewhere')
    status, _ = convert()
    assert status == 1
    assert f'{tmp_path}/flickr: found none of the folders 0, 2, 3' in capsys.readouterr().err


def _names_with(value) -> np.ndarray:
    return as_cells([*NAMES[:3], value, NAMES[4]])


# fields that are replaced, and the message about face 3, the first one of the training set
BROKEN_FACE = {
    'coordinate': (changed('data', 3, 20, np.nan), 'data(4, :): non-finite number: found nan in column 21'),
    'box': (changed('bbox', 3, 1, np.inf), 'bbox(4, :): non-finite number: found inf in column 2'),
    'order of the box': (
        changed('bbox', 3, 1, 5),
        'bbox(4, :): bad box: found [12.0, 5.0, 5.0, 45.0], expected xmin, xmax, ymin and ymax',
    ),
    'mask': (changed('mask_new', 3, 6, -1), 'mask_new(4, :): bad flag: found -1 for landmark 6, expected 0 or 1'),
    'name': (dict(nameList=_names_with(7.0)), 'nameList{4}: bad image name: found '),
    'image': (dict(nameList=_names_with('3/e.jpg')), 'data(4, :): missing image: '),
    'far outside': (changed('data', 3, 5, 500), 'data(4, :): landmark far outside: found landmark 5 at (500, '),
}


@pytest.mark.parametrize('case', BROKEN_FACE)
def test_broken_face_is_left_out(convert, tmp_path, capsys, case):
    fields, message = BROKEN_FACE[case]
    status, out = convert(**fields)
    printed = capsys.readouterr()
    assert status == 1
    assert f'{tmp_path}/AFLWinfo_release.mat:{message}' in printed.err
    assert 'faces left out: 1\n' in printed.out
    assert file_names(read(out, 'train')) == [NAMES[n] for n in TRAIN[1:]]


def test_strict_stops_at_a_broken_face(convert, capsys):
    status, out = convert('--strict', **changed('data', 3, 20, np.nan))
    assert status == 1
    assert 'data(4, :): non-finite number' in capsys.readouterr().err
    assert not (out / 'annotations').exists()


def test_real_faces_as_in_the_file_of_mmpose(shared_dir, tmp_path):
    samples = shared_dir / 'data/mmpose_samples/aflw'
    expected = json.loads((samples / 'test_aflw.json').read_text())
    images, annotations = expected['images'], expected['annotations']
    (tmp_path / 'flickr').mkdir()
    (tmp_path / 'flickr/0').symlink_to(samples)
    boxes = [
        [x - side / 2, x + side / 2, y - side / 2, y + side / 2]
        for (x, y), side in ((ann['center'], ann['box_size']) for ann in annotations)
    ]
    savemat(
        tmp_path / 'AFLWinfo_release.mat',
        dict(
            nameList=as_cells([f'0/{image["file_name"]}' for image in images]),
            data=np.stack([keypoints(ann)[:, :2].T.ravel() for ann in annotations]),
            bbox=np.array(boxes),
            mask_new=np.ones((2, 19), np.uint8),
            ra=np.array([[1, 2]], np.uint16),
        ),
    )
    module = importlib.import_module('convert_aflw')
    module.main([str(tmp_path / 'AFLWinfo_release.mat'), str(tmp_path / 'flickr'), '--out', str(tmp_path / 'out')])
    found = read(tmp_path / 'out', 'train')
    for found_image, image in zip(found['images'], images):
        assert (found_image['width'], found_image['height']) == (image['width'], image['height'])
    for found_ann, ann in zip(found['annotations'], annotations):
        np.testing.assert_allclose(keypoints(found_ann)[:, :2], keypoints(ann)[:, :2], atol=1e-6)
        assert [found_ann[name] for name in ('box_size', 'center', 'scale')] == [
            ann[name] for name in ('box_size', 'center', 'scale')
        ]
