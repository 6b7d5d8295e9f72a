"""Each analysis command and browse_dataset on a tiny config, called in this process."""

import importlib
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmfld.structures import get_layout
from mmfld.visualization import read_training_log

TOOLS = Path(__file__).parents[3] / 'tools'
HOURGLASS = TOOLS.parent / 'configs/300w/structured_hg2_mini.py'
KEYPOINTS = 68


def run(name: str, *arguments):
    return importlib.import_module(name).main([str(argument) for argument in arguments])


@pytest.fixture(scope='module')
def config(tmp_path_factory) -> Path:
    """A data set of three random images and a small MMPose model on 64 x 64 pixels, as a config file."""
    root = tmp_path_factory.mktemp('tiny')
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for index in range(3):
        cv2.imwrite(str(root / f'{index}.png'), rng.integers(0, 256, (90, 120, 3), dtype=np.uint8))
        points = rng.uniform((40, 30), (80, 70), (KEYPOINTS, 2))
        images.append(dict(id=index, file_name=f'{index}.png', width=120, height=90))
        annotations.append(
            dict(
                id=index,
                image_id=index,
                category_id=1,
                iscrowd=0,
                keypoints=np.insert(points, 2, 2, axis=1).ravel().tolist(),
            )
        )
    (root / 'faces.json').write_text(
        json.dumps(dict(images=images, annotations=annotations, categories=[dict(id=1, name='face')]))
    )
    (root / 'tiny.py').write_text(f"""
default_scope = 'mmpose'
codec = dict(type='MSRAHeatmap', input_size=(64, 64), heatmap_size=(16, 16), sigma=1)
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(type='PoseDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=True),
    backbone=dict(type='ViPNAS_ResNet', depth=50),
    head=dict(type='HeatmapHead', in_channels=608, out_channels={KEYPOINTS}, deconv_out_channels=(8, 8, 8),
              deconv_kernel_sizes=(4, 4, 4), loss=dict(type='KeypointMSELoss', use_target_weight=True),
              decoder=codec),
    test_cfg=dict(flip_test=True, flip_mode='heatmap'))
pipeline = [
    dict(type='LoadImage'), dict(type='GetBBoxCenterScale'), dict(type='TopdownAffine', input_size=(64, 64)),
    dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')]
dataset = dict(
    type='FaceLandmarkDataset', layout='300w68', data_root={str(root)!r}, ann_file='faces.json', pipeline=pipeline)
train_dataloader = dict(batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True),
                        dataset=dataset)
test_dataloader = dict(batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
                       dataset=dataset)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01))
""")
    return root / 'tiny.py'


def test_get_flops_counts_a_wider_layer_exactly(config):
    narrow = run('get_flops', config)
    wide = run('get_flops', config, '--cfg-options', f'model.head.out_channels={KEYPOINTS + 1}')
    # one more output of a 1 x 1 convolution from 8 channels on 16 x 16 cells
    assert wide['multiply_adds'] - narrow['multiply_adds'] == 8 * 256
    assert wide['parameters'] - narrow['parameters'] == 8 + 1


def test_get_flops_grows_with_the_input(config):
    small, large = run('get_flops', config)['multiply_adds'], run('get_flops', config, '--shape', 128, 128)
    assert large['multiply_adds'] == pytest.approx(4 * small, rel=0.02)


def test_benchmark_inference_has_a_row_for_each_measurement(config):
    rows = run('benchmark_inference', config, '--batch-sizes', 1, 2, '--seconds', 0, '--device', 'cpu')
    assert [(row['batch_size'], row['what']) for row in rows] == [
        (1, 'network'),
        (1, 'predict'),
        (2, 'network'),
        (2, 'predict'),
    ]
    assert all(0 < row['p50_ms'] <= row['p95_ms'] and row['images_per_second'] > 0 for row in rows)


@pytest.mark.parametrize('data', ['made-up', 'dataset'])
def test_benchmark_training_splits_the_step(config, data, capsys):
    result = run('benchmark_training', config, '--iters', 2, '--data', data)['float32']
    assert set(result['parts']) == {
        'data',
        'copy and normalise',
        'forward (backbone, neck)',
        'losses (with the head)',
        'backward',
        'optimiser step',
    }
    assert min(result['parts'].values()) > 0
    assert result['samples_per_second'] == pytest.approx(4 / sum(result['parts'].values()))
    assert 'peak memory' in capsys.readouterr().out


def test_benchmark_training_measures_beside_the_plain_network(capsys):
    report = run('benchmark_training', HOURGLASS, '--iters', 1, '--batch-size', 2, '--amp')
    assert list(report) == ['plain', 'float32', 'mixed']
    assert report['plain']['speedup'] == 1
    printed = capsys.readouterr().out
    assert re.findall(r'batch 2, (\w+)', printed) == ['OptimWrapper', 'OptimWrapper', 'CPUAmpOptimWrapper']


def test_benchmark_inference_measures_beside_the_plain_network():
    rows = run('benchmark_inference', HOURGLASS, '--batch-sizes', 1, '--seconds', 0, '--device', 'cpu', '--amp')
    assert [(row['what'], row['variant']) for row in rows] == [
        (what, variant)
        for what in ('network', 'predict')
        for variant in ('plain', 'float32', 'float32 folded', 'mixed', 'mixed folded')
    ]
    assert all(row['speedup'] == 1 for row in rows if row['variant'] == 'plain')


def test_compare_precision_compares_with_float32():
    report = run('compare_precision', HOURGLASS, '--steps', 2, '--batch-size', 2, '--amp')
    assert list(report) == ['plain', 'float32', 'mixed']
    assert report['float32']['first_loss'] == 0 and report['float32']['landmarks'].max() == 0
    assert abs(report['plain']['first_loss']) < 1e-5 and report['plain']['landmarks'][0] < 1e-3
    assert 1e-7 < abs(report['mixed']['first_loss']) < 0.1


def test_speedup_is_that_of_most_rounds():
    utils = importlib.import_module('benchmark_utils')
    times = dict(
        plain=np.array([2.0, 40.0, 2.0]), float32=np.array([1.0, 20.0, 9.0])
    )  # a slow round, and a disturbed one
    assert utils.speedups(times) == dict(plain=1, float32=2)


def test_benchmark_dataset_lists_every_transform(config):
    result = run('benchmark_dataset', config, '--num', 4)
    assert list(result['milliseconds']) == [
        'annotation',
        '1. LoadImage',
        '2. GetBBoxCenterScale',
        '3. TopdownAffine',
        '4. GenerateTarget',
        '5. PackPoseInputs',
    ]
    assert result['samples_per_second'] == pytest.approx(1000 / sum(result['milliseconds'].values()))


def write_log(work_dir: Path, timestamp: str, lines: list) -> None:
    folder = work_dir / timestamp / 'vis_data'
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text('\n'.join(map(json.dumps, lines)))


def test_plot_logs_joins_a_resumed_run(tmp_path):
    write_log(
        tmp_path,
        '20240101_000000',
        [
            dict(loss=3.0, lr=0.1, iter=10, epoch=1, step=10),
            dict(NME=0.5, step=1),
            dict(loss=2.0, lr=0.1, iter=20, epoch=2, step=20),
        ],
    )
    write_log(tmp_path, '20240102_000000', [dict(loss=1.0, lr=0.1, iter=20, epoch=2, step=20), dict(NME=0.4, step=2)])
    curves = read_training_log(tmp_path)
    assert curves['loss'] == dict(x='iteration', points={10: 3.0, 20: 1.0})
    assert curves['NME'] == dict(x='epoch', points={1: 0.5, 2: 0.4})
    picture = run('plot_logs', tmp_path, '--out', tmp_path / 'curves.png')
    assert cv2.imread(str(picture)).std() > 0


def test_plot_logs_says_what_is_logged(tmp_path, capsys):
    write_log(tmp_path, '20240101_000000', [dict(loss=3.0, iter=10, step=10)])
    with pytest.raises(SystemExit):
        run('plot_logs', tmp_path, '--keys', 'accuracy')
    assert "no run logged ['accuracy']; logged are: loss" in capsys.readouterr().err


def test_plot_logs_names_a_directory_without_logs(tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        run('plot_logs', tmp_path)


@pytest.mark.parametrize('mode, tiles', [('original', 1), ('transformed', 2)])
def test_browse_dataset_makes_contact_sheets(config, tmp_path, mode, tiles):
    sheets = run('browse_dataset', config, '--out', tmp_path, '--mode', mode, '--per-sheet', 2)
    assert [sheet.name for sheet in sheets] == [f'train_{mode}_00.png', f'train_{mode}_01.png']
    assert cv2.imread(str(sheets[0])).shape == (340, 2 * (tiles * 320 + 2), 3)


def test_browse_dataset_places_points_on_pixel_centres():
    image = np.zeros((8, 8, 3), np.uint8)
    image[3, 5] = 255
    tile, points = importlib.import_module('browse_dataset').to_tile(image, np.array([[5.0, 3.0]]), (0, 0), 8)
    weights = tile[..., 0].astype(float)
    rows, columns = np.indices(weights.shape)
    centre = [(weights * axis).sum() / weights.sum() for axis in (columns, rows)]
    np.testing.assert_allclose(points[0], centre, atol=0.1)


@pytest.mark.parametrize('shift', [0, 1, -1.5])
def test_registration_of_points_and_images(tmp_path, capsys, shift):
    """Faces that are their own mirror image, with points beside where they belong."""
    rng = np.random.default_rng(0)
    partners = np.array(get_layout('300w68').flip_indices)
    left = np.flatnonzero(np.arange(KEYPOINTS) < partners)
    images, annotations = [], []
    for index in range(4):
        half = cv2.GaussianBlur(rng.integers(0, 256, (120, 80), dtype=np.uint8), (0, 0), 5)
        (tmp_path / f'{index % 2}').mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / f'{index % 2}/{index}.png'), np.hstack([half, half[:, ::-1]]))
        points = np.full((KEYPOINTS, 2), 79.5)
        points[left] = rng.uniform((30, 30), (60, 90), (len(left), 2))
        points[partners[left]] = points[left] * (-1, 1) + (159, 0)
        images.append(dict(id=index, file_name=f'{index % 2}/{index}.png', width=160, height=120))
        annotations.append(
            dict(
                id=index,
                image_id=index,
                category_id=1,
                iscrowd=0,
                keypoints=np.insert(points + (shift, 0), 2, 2, axis=1).ravel().tolist(),
            )
        )
    (tmp_path / 'faces.json').write_text(
        json.dumps(dict(images=images, annotations=annotations, categories=[dict(id=1, name='face')]))
    )
    (tmp_path / 'config.py').write_text(
        f"train_dataloader = dict(dataset=dict(type='FaceLandmarkDataset', data_root='{tmp_path}', "
        "ann_file='faces.json', data_prefix=dict(img='')))"
    )
    offsets = run('measure_registration', tmp_path / 'config.py', '--radius', 15)
    assert offsets == pytest.approx({'0': shift, '1': shift, 'all': shift}, abs=0.1)
    assert re.search(r'all +4 +\d+ ', capsys.readouterr().out)
