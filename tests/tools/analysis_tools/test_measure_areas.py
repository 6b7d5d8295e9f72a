"""Errors and variances by facial area, of a tiny model on images and on a video."""

import csv
import importlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import save_checkpoint
from mmpose.registry import MODELS

from mmfld.evaluation.functional import coordinate_variances
from mmfld.structures import get_layout

ROOT = Path(__file__).parents[3]
LAYOUT = get_layout('300w68')
EXCLUDED = 2  # of the four frames


@pytest.fixture
def command():
    return importlib.import_module('measure_areas')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Four faces, which are frames of a video as well, two configs that test on them, and a checkpoint."""
    root = tmp_path_factory.mktemp('areas')
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for index in range(4):
        cv2.imwrite(str(root / f'{index}.png'), rng.integers(0, 256, (90, 120, 3), dtype=np.uint8))
        points = rng.uniform((40, 30), (80, 70), (68, 2))
        points[list(LAYOUT.eye_corners)] = [[40, 40], [80, 40]]
        images.append(dict(id=index, file_name=f'{index}.png', width=120, height=90, video='clip', frame=index))
        annotations.append(
            dict(
                id=index,
                image_id=index,
                category_id=1,
                iscrowd=0,
                excluded=int(index == EXCLUDED),
                keypoints=np.insert(points, 2, 2, axis=1).ravel().tolist(),
            )
        )
    (root / 'faces.json').write_text(
        json.dumps(dict(images=images, annotations=annotations, categories=[dict(id=1, name='face')]))
    )
    small = 'model = dict(backbone=dict(width=16, num_stacks=1, num_levels=1))'
    data = (
        f'dict(num_workers=0, persistent_workers=False, batch_size=3, dataset=dict(data_root={str(root)!r}, '
        "data_prefix=dict(img=''), ann_file='faces.json'))"
    )
    (root / 'images.py').write_text(
        f'_base_ = {str(ROOT / "configs/300w/structured_hg2_mini.py")!r}\n{small}\ntest_dataloader = {data}\n'
    )
    (root / 'video.py').write_text(
        f'_base_ = {str(root / "images.py")!r}\n'
        "test_dataloader = dict(dataset=dict(type='FaceVideoDataset', clip_length=1))\n"
        "test_evaluator = dict(_delete_=True, type='FaceVideoMetric', layout='300w68', per_area=False)\n"
    )
    init_default_scope('mmpose')
    model = MODELS.build(Config.fromfile(root / 'images.py').model)
    save_checkpoint(dict(state_dict=model.state_dict(), meta={}), str(root / 'tiny.pth'))
    return root


def truth(folder):
    annotations = json.loads((folder / 'faces.json').read_text())['annotations']
    return np.array([face['keypoints'] for face in annotations]).reshape(4, 68, 3)[..., :2]


@pytest.mark.parametrize('name, faces', [('images', [0, 1, 2, 3]), ('video', [0, 1, 3])])
def test_rows_of_images_and_videos(command, folder, tmp_path, name, faces):
    """Frames that are annotated badly are left out of errors and variances."""
    rows = command.main(
        [
            str(folder / f'{name}.py'),
            str(folder / 'tiny.pth'),
            '--legend',
            'tiny',
            '--device',
            'cpu',
            '--csv',
            str(tmp_path / 'areas.csv'),
            '--plot',
            str(tmp_path / 'areas.png'),
        ]
    )
    assert [(row['of'], row['area']) for row in rows] == [
        (of, area) for of in ('annotated', 'tiny') for area in LAYOUT.areas
    ]
    variances = 100 * coordinate_variances(truth(folder)[faces], np.ones((len(faces), 68), bool), LAYOUT)
    for row in rows[:5]:
        x, y = variances[list(LAYOUT.areas[row['area']])].mean(axis=0)
        assert (row['variance_x_percent'], row['variance_y_percent']) == pytest.approx((x, y), rel=1e-4)
        assert row['nme_percent'] is None
    assert all(row['nme_percent'] > 0 and row['variance_x_percent'] > 0 for row in rows[5:])
    with open(tmp_path / 'areas.csv', newline='') as file:
        assert [row['area'] for row in csv.DictReader(file)] == [row['area'] for row in rows]
    assert cv2.imread(str(tmp_path / 'areas.png')) is not None


def test_predictions_have_variances_of_their_own(command):
    gt, pred = np.random.default_rng(0).uniform(0, 80, (2, 3, 68, 2))
    visible = np.ones((3, 68), bool)
    rows = command.measure(dict(one=command.Run(LAYOUT, {name: 1.0 for name in LAYOUT.areas}, gt, pred, visible)))
    mouth = 100 * coordinate_variances(pred, visible, LAYOUT)[list(LAYOUT.areas['mouth'])].mean(axis=0)
    row = next(row for row in rows if (row['of'], row['area']) == ('one', 'mouth'))
    assert row == pytest.approx(
        dict(
            of='one',
            area='mouth',
            landmarks=20,
            nme_percent=1.0,
            variance_x_percent=mouth[0],
            variance_y_percent=mouth[1],
        )
    )


def test_areas_of_landmarks_that_are_not_annotated_are_empty(command):
    gt = np.random.default_rng(0).uniform(0, 80, (3, 68, 2))
    visible = np.zeros((3, 68), bool)
    visible[:, [36, 45, 48]] = True
    run = command.Run(LAYOUT, dict.fromkeys(LAYOUT.areas, np.nan), gt, gt, visible)
    rows = command.measure(dict(one=run))
    assert [row['area'] for row in rows[:5] if row['variance_x_percent'] is not None] == ['eye', 'mouth']


def test_models_on_different_faces_are_not_compared(command):
    gt = np.zeros((3, 68, 2))
    runs = {label: command.Run(LAYOUT, {}, points, points, None) for label, points in dict(a=gt, b=gt + 9).items()}
    with pytest.raises(ValueError, match='b: found 3 faces of another test set, expected the 3 faces of a'):
        command.check_same_faces(runs)


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['a.py'], 'found 1 names, expected a config and a checkpoint for each model'),
        (['a.py', 'no.pth'], 'checkpoint no.pth does not exist'),
    ],
)
def test_unusable_arguments(command, capsys, arguments, message):
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert message in capsys.readouterr().err
