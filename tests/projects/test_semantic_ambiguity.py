"""The study of STAR's covariances: its geometry and statistics, and all its commands on small untrained networks."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine import Config
from mmengine.registry import init_default_scope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import MODELS

from mmfld.engine.hooks.plain_checkpoint_hook import to_plain
from mmfld.engine.rows import read_config, read_rows
from mmfld.structures import cells_to_pixels, get_layout
from mmfld.synthetic import SyntheticFaceGenerator

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = REPOSITORY / 'projects' / 'semantic_ambiguity'
LAYOUT = get_layout('300w68')


@pytest.fixture(scope='module')
def study():
    """The modules of the study by name; they import each other as scripts in one folder do."""
    names = ('predictions', 'train', 'principal_components', 'clean_truth', 'stability')
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROJECT))
        modules = {name: importlib.import_module(name) for name in names}
    for name in names:
        del sys.modules[name]
    return type('Study', (), modules)


@pytest.fixture(scope='module')
def noisy_faces(tmp_path_factory) -> Path:
    """Data root with 6 test faces whose annotations are noisy along the boundaries."""
    root = tmp_path_factory.mktemp('noisy')
    tool = REPOSITORY / 'tools' / 'dataset_converters' / 'make_synthetic_faces.py'
    subprocess.run(
        [
            sys.executable,
            str(tool),
            str(root),
            '--train',
            '0',
            '--test',
            '6',
            '--image-size',
            '128',
            '--boundary-noise',
            '0.03',
            '--workers',
            '1',
        ],
        check=True,
    )
    return root


@pytest.fixture(scope='module')
def work_dir(study, noisy_faces, tmp_path_factory) -> Path:
    """Folders as after the training of two seeds; the networks are narrow and have their first weights."""
    root = tmp_path_factory.mktemp('work')
    meta = to_plain(parse_pose_metainfo(LAYOUT.metainfo), 'dataset_meta')
    for method in study.predictions.METHODS:
        for seed in (0, 1):
            cfg = read_config(f'{study.train.ROWS}:synthetic_{method}')
            init_default_scope(cfg.default_scope)
            cfg.model.backbone.update(width=16, num_stacks=1, num_levels=2)
            cfg.test_dataloader.dataset.data_root = str(noisy_faces)
            cfg.test_dataloader.update(num_workers=0, persistent_workers=False)
            folder = study.predictions.run_folder(root, 'synthetic', method, seed)
            folder.mkdir(parents=True)
            cfg.dump(folder / 'config.py')
            torch.manual_seed(seed)
            torch.save(
                dict(state_dict=MODELS.build(cfg.model).state_dict(), meta=dict(dataset_meta=meta)),
                folder / 'epoch_8.pth',
            )
    return root


def test_moments_of_a_known_gaussian_in_pixels(study):
    place, covariance = np.array([40.3, 22.1]), np.array([[9.0, 4.0], [4.0, 6.0]])
    cells = np.stack(np.meshgrid(np.arange(32.0), np.arange(32.0)), -1)
    offsets = cells_to_pixels(cells, 32, 64, 'align_corners') - place
    maps = np.exp(-np.einsum('yxi,ij,yxj->yx', offsets, np.linalg.inv(covariance), offsets) / 2)
    mean, found = study.predictions.pixel_moments(torch.from_numpy(maps)[None, None], (64, 64))
    p = maps / maps.sum()
    np.testing.assert_allclose(mean[0, 0], place, atol=1e-3)
    np.testing.assert_allclose(found[0, 0] * (1 - (p**2).sum()), covariance, rtol=1e-3)  # without Bessel's correction


def test_components_are_ordered_and_turned(study):
    angle = np.deg2rad(30)
    major, minor = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    covariance = 16 * np.outer(major, major) + 4 * np.outer(minor, minor)
    predictions = study.predictions.Predictions(LAYOUT, None, None, covariance[None, None], None, None)
    std, components = predictions.components()
    np.testing.assert_allclose(std[0, 0], [4, 2], rtol=1e-6)
    np.testing.assert_allclose(
        study.predictions.degrees_between(components[0, 0], np.stack([major, minor])), 0, atol=1e-3
    )
    np.testing.assert_allclose(predictions.std_along(minor[None, None]), [[2]], rtol=1e-6)


@pytest.fixture(scope='module')
def noisy_face():
    return SyntheticFaceGenerator(seed=0, image_size=128, boundary_noise=0.03, flags='none')[0]


@pytest.mark.parametrize('layout', ['300w68', 'wflw98'])
def test_noise_runs_along_the_boundary(study, noisy_face, layout):
    directions = study.predictions.noise_directions(noisy_face.annotations[layout], noisy_face.keypoints[layout])
    degrees = study.predictions.degrees_between(directions, noisy_face.tangents[layout])
    on_boundary = get_layout(layout).boundary_of_keypoint.any(1)
    assert np.isnan(degrees[~on_boundary]).all()
    assert np.median(degrees[on_boundary]) < 0.1  # float32 landmarks


def test_tangents_of_landmarks_are_those_of_the_curves(study, noisy_face):
    tangents = study.predictions.boundary_tangents(noisy_face.keypoints['300w68'][None].astype(float), LAYOUT)[0]
    degrees = study.predictions.degrees_between(tangents, noisy_face.tangents['300w68'])
    assert np.median(degrees) < 3
    assert degrees[list(LAYOUT.areas['contour'])].max() < 20


def test_tangent_at_a_corner_is_the_bisector(study):
    points = np.zeros((1, 68, 2))
    points[0, 36:42] = [[0, 0], [1, -0.5], [2, -0.5], [3, 0], [2, 0.5], [1, 0.5]]
    tangents = study.predictions.boundary_tangents(points, LAYOUT)[0]
    np.testing.assert_allclose(abs(tangents[[36, 39]]), [[1, 0], [1, 0]], atol=1e-12)


def test_degrees_between_axes_have_no_sign(study):
    axes = np.array([[1, 0], [-1, 0], [0, -1], [np.sqrt(0.5), -np.sqrt(0.5)], [0, 0]])
    np.testing.assert_allclose(study.predictions.degrees_between(axes, np.array([1, 0])), [0, 0, 90, 45, np.nan])


def test_groups(study):
    groups = study.predictions.groups(LAYOUT)
    assert groups['eye corners'] == [36, 39, 42, 45]
    assert sorted(k for area in LAYOUT.areas for k in groups[area]) == groups['all']


def test_only_slanted_parts_of_the_contour_are_told_from_the_border(study):
    x = np.linspace(20, 124, 17)
    points = np.zeros((1, 68, 2))
    points[0, :17] = np.stack([x, np.where(x < 64, 120, x)], -1)  # along the lower border, then a diagonal
    predictions = study.predictions.Predictions(LAYOUT, np.zeros((1, 128, 128, 3), np.uint8), None, None, points, None)
    slanted = study.predictions.groups_on_faces(predictions)['contour, slanted'][0]
    assert not slanted[:6].any() and not slanted[17:].any()
    assert slanted[8:17].all()


def test_variance_over_seeds(study):
    points = np.zeros((3, 2, 68, 2))
    points[:, 0, :, 0] = [[-1], [0], [1]]  # variance 1 in x
    points[:, 1, :, 1] = [[-2], [0], [2]]  # variance 4 in y
    variance = study.stability.variance_over_seeds(points)
    np.testing.assert_allclose(variance, np.stack([np.full(68, 1.0), np.full(68, 4.0)]))


def test_stability_of_twice_the_spread(study):
    points = np.random.default_rng(0).normal(size=(4, 5, 68, 2))
    annotated = np.zeros((5, 68, 2))
    annotated[:, LAYOUT.eye_corners[1], 0] = 10
    row = study.stability.compare(dict(soft_argmax=points, star=2 * points), annotated, LAYOUT)['groups']['all']
    assert row['ratio'] == pytest.approx(4)
    assert row['interval'] == pytest.approx([4, 4])
    assert row['one_left_out'] == pytest.approx([4, 4])
    assert row['std']['soft_argmax'] == pytest.approx(100 * np.sqrt(row['mean']['soft_argmax']) / 10)


def test_training_alternates_the_methods_and_skips_what_is_finished(study, work_dir, monkeypatch, capsys):
    commands = []
    monkeypatch.setattr(study.train.subprocess, 'run', lambda command, check: commands.append(command))
    study.train.main(['synthetic', '--seeds', '1', '2', '3', '--work-dir', str(work_dir)])
    assert Path(commands[0][1]).name == 'make_synthetic_faces.py'
    folders = [command[command.index('--work-dir') + 1] for command in commands[1:]]
    assert [Path(folder).name for folder in folders] == [
        'soft_argmax_seed2',
        'star_seed2',
        'soft_argmax_seed3',
        'star_seed3',
    ]
    assert capsys.readouterr().out.count('finished already') == 2
    assert commands[-1][2].endswith('rows.yml:synthetic_star')
    assert {'--resume', 'randomness.seed=3'} < set(commands[-1])


def test_training(study, synthetic_faces, tmp_path):
    study.train.main(
        [
            '300w',
            '--methods',
            'star',
            '--seeds',
            '3',
            '--work-dir',
            str(tmp_path),
            '--cfg-options',
            'train_cfg.max_epochs=1',
            'model.backbone.width=16',
            'train_dataloader.batch_size=6',
            'train_dataloader.num_workers=0',
            'train_dataloader.persistent_workers=False',
            f'train_dataset.data_root={synthetic_faces}',
            'train_dataset.ann_file=annotations/synthetic_300w68_train.json',
        ]
    )
    checkpoint = study.predictions.final_checkpoint(tmp_path / '300w' / 'star_seed3')
    assert checkpoint.name == 'epoch_1.pth'
    cfg = Config.fromfile(study.predictions.run_config(checkpoint.parent))
    assert (cfg.randomness.seed, cfg.train_dataloader.dataset.seed) == (3, 3)
    # two steps, annealed to the end
    optimizer = torch.load(checkpoint, weights_only=True)['optimizer']
    assert optimizer['param_groups'][0]['lr'] < cfg.optim_wrapper.optimizer.lr


def test_rows_differ_in_the_loss_alone(study):
    rows = read_rows(study.train.ROWS).rows
    assert set(rows) == {
        f'{dataset}_{method}' for dataset in ('300w', 'synthetic') for method in study.predictions.METHODS
    }
    for dataset in ('300w', 'synthetic'):
        without, with_star = (
            read_config(f'{study.train.ROWS}:{dataset}_{method}').to_dict() for method in study.predictions.METHODS
        )
        assert without['model']['head'].pop('loss_landmark') == dict(type='SoftArgmaxLoss')
        assert with_star['model']['head'].pop('loss_landmark') == dict(type='STARLoss')
        assert without == with_star
        faces = 'data/300w/' if dataset == '300w' else 'data/synthetic_noise/'
        assert {with_star[f'{part}_dataloader']['dataset']['data_root'] for part in ('train', 'test')} == {faces}


def test_principal_components_command(study, work_dir, tmp_path, capsys):
    folders = [study.predictions.run_folder(work_dir, 'synthetic', method, 0) for method in study.predictions.METHODS]
    study.principal_components.main(
        [*(str(folder / 'epoch_8.pth') for folder in folders), '--faces', '5', '0', '--out-dir', str(tmp_path)]
    )
    numbers = json.loads((tmp_path / 'principal_components.json').read_text())
    assert list(numbers) == ['soft_argmax_seed0', 'star_seed0']
    row = numbers['star_seed0']['contour']
    assert row['std'][0] >= row['std'][1] > 0
    assert 1 <= row['ratio'][0] <= row['ratio'][1] <= row['ratio'][2]
    assert '| contour, slanted' in capsys.readouterr().out
    assert (tmp_path / 'principal_components.png').stat().st_size > 10_000


def test_clean_truth_command(study, work_dir, capsys):
    study.clean_truth.main(['--work-dir', str(work_dir)])
    numbers = json.loads((work_dir / 'synthetic' / 'clean_truth.json').read_text())
    assert numbers['seeds'] == [0, 1]
    assert numbers['noise'] == pytest.approx(3, abs=0.5)
    row = {name: values['star'][1] for name, values in numbers['groups']['all'].items()}
    assert max(row['along'], row['across']) < row['clean'] < row['along'] + row['across']
    assert sum(numbers['histogram']['star']) == pytest.approx(1)
    assert (work_dir / 'synthetic' / 'clean_truth.png').stat().st_size > 10_000
    assert '| star' in capsys.readouterr().out


def test_error_parts_of_a_known_shift(study, noisy_face):
    clean, annotated = (
        points['300w68'][None].astype(float) for points in (noisy_face.keypoints, noisy_face.annotations)
    )
    tangents = noisy_face.tangents['300w68'][None].astype(float)
    normals = np.stack([-tangents[..., 1], tangents[..., 0]], -1)
    predictions = study.predictions.Predictions(
        LAYOUT,
        None,
        clean + 3 * tangents - 4 * normals,
        9 * np.einsum('fki,fkj->fkij', tangents, tangents) + np.eye(2),
        annotated,
        clean,
    )
    measures = study.clean_truth.landmark_measures(predictions)
    distance = np.hypot(*(clean[0, LAYOUT.eye_corners[0]] - clean[0, LAYOUT.eye_corners[1]]))
    for name, pixels in dict(clean=5, along=3, across=4, std_along=np.sqrt(10), std_across=1).items():
        assert np.median(measures[name]) == pytest.approx(100 * pixels / distance, rel=1e-3), name
    assert np.median(measures['degrees']) < 0.1
    assert np.median(measures['ratio']) == pytest.approx(10, rel=1e-3)


def test_stability_command(study, work_dir, capsys):
    study.stability.main(['synthetic', '--work-dir', str(work_dir)])
    numbers = json.loads((work_dir / 'synthetic' / 'stability.json').read_text())
    assert (numbers['seeds'], numbers['faces']) == ([0, 1], 6)
    # untrained networks with the same weights, whatever loss they would be trained with
    assert numbers['groups']['all']['ratio'] == pytest.approx(1)
    assert numbers['groups']['all']['one_left_out'] is None
    assert (work_dir / 'synthetic' / 'stability.png').stat().st_size > 5_000
    assert 'NME (%) on 6 faces' in capsys.readouterr().out


@pytest.mark.parametrize('command', ['clean_truth', 'stability'])
def test_one_seed_is_too_few(study, command, work_dir, tmp_path, capsys):
    for method in study.predictions.METHODS:
        source = study.predictions.run_folder(work_dir, 'synthetic', method, 0)
        target = study.predictions.run_folder(tmp_path, 'synthetic', method, 0)
        target.parent.mkdir(exist_ok=True)
        target.symlink_to(source)
    with pytest.raises(SystemExit):
        getattr(study, command).main([*(['synthetic'] if command == 'stability' else []), '--work-dir', str(tmp_path)])
    assert 'for the seeds [0], expected two seeds or more' in capsys.readouterr().err
