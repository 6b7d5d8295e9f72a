"""compare_runs and compare_predictions on small untrained models and rendered faces."""

import importlib
import json

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import MODELS

from mmfld.codecs import BoundaryAwareHeatmap, ImageAwareSmoothing
from mmfld.engine.hooks.plain_checkpoint_hook import to_plain
from mmfld.engine.rows import read_config
from mmfld.structures import get_layout

CURVES = dict(star={1: 10.0, 2: 8.0, 3: 6.0, 4: 5.0, 5: 4.0}, structured={1: 8.0, 2: 4.0, 3: 3.0, 4: 3.0, 5: 3.0})
ATTRIBUTES = ('large_pose', 'expression', 'illumination', 'make_up', 'occlusion', 'blur')
METHODS = dict(star='star_hg2_mini', structured='structured_hg2_mini')


def run(name: str, *arguments):
    return importlib.import_module(name).main([str(argument) for argument in arguments])


@pytest.fixture(scope='module')
def work_dirs(tmp_path_factory, synthetic_faces) -> dict:
    """What short trainings of two methods leave: config, log and checkpoints of two epochs."""
    folders = {}
    meta = to_plain(parse_pose_metainfo(get_layout('300w68').metainfo), 'dataset_meta')
    for method, name in METHODS.items():
        folder = folders[method] = tmp_path_factory.mktemp('runs') / method
        log = folder / '20260101_000000/vis_data/scalars.json'
        log.parent.mkdir(parents=True)
        log.write_text('\n'.join(json.dumps(dict(NME=nme, step=epoch)) for epoch, nme in CURVES[method].items()))
        data = {
            f'{part}_dataset.{key}': value
            for part in ('train', 'val', 'test')
            for key, value in (
                ('data_root', str(synthetic_faces)),
                ('ann_file', 'annotations/synthetic_300w68_test.json'),
            )
        }
        cfg = read_config(
            f'configs/300w/{name}.py',
            {
                **data,
                'model.backbone.width': 16,
                'model.backbone.num_stacks': 1,
                'model.backbone.num_levels': 2,
                'test_dataloader.num_workers': 0,
                'test_dataloader.persistent_workers': False,
            },
        )
        cfg.dump(folder / 'small.py')
        init_default_scope(cfg.default_scope)
        for epoch in (1, 2):
            torch.manual_seed(epoch)
            torch.save(
                dict(state_dict=MODELS.build(cfg.model).state_dict(), meta=dict(dataset_meta=meta)),
                folder / f'epoch_{epoch}.pth',
            )
    return folders


def test_convergence_of_two_runs(work_dirs, tmp_path, capsys):
    run('compare_runs', work_dirs['star'], work_dirs['structured'], '--at', 2, 5, '--out', tmp_path)
    cells = [line.strip('|').split('|') for line in capsys.readouterr().out.splitlines() if '| structured' in line]
    assert [[cell.strip() for cell in line] for line in cells] == [
        ['structured', '8.000', '2', '1.0', '2.0'],
        ['structured', '4.000', '5', '2.0', '2.5'],
    ]
    assert cv2.imread(str(tmp_path / 'convergence.png')).std() > 5
    assert not (tmp_path / 'heatmaps.png').exists()


def test_heatmaps_of_early_epochs(work_dirs, tmp_path):
    arguments = (*work_dirs.values(), '--epochs', '1', '1,2', '--images', 0, 3, '--device', 'cpu')
    run('compare_runs', *arguments, '--out', tmp_path / 'maps')
    run('compare_runs', *arguments, '--out', tmp_path / 'faces', '--faces')
    maps, faces = (cv2.imread(str(tmp_path / name / 'heatmaps.png')) for name in ('maps', 'faces'))
    # 2.1 inches of 80 dots each: three columns, or four with the faces
    assert maps.shape[:2] == (336, 504) and faces.shape[:2] == (336, 672)


@pytest.mark.parametrize('method', METHODS)
def test_maps_of_a_column_are_those_of_the_landmark_as_distributions(work_dirs, method):
    tool = importlib.import_module('compare_runs')
    cfg = tool.run_config(work_dirs[method], {})
    samples = tool.validation_samples(cfg, [1, 2])
    column = tool.predict(cfg, work_dirs[method] / 'epoch_1.pth', samples, [30, 8], 'cpu')
    torch.manual_seed(1)
    model = MODELS.build(cfg.model).eval()
    for row, (sample, landmark) in enumerate(zip(samples, (30, 8))):
        with torch.no_grad():
            heatmaps = model.head(model.backbone((sample['inputs'][None].float() - 127.5) / 127.5))[-1][0, landmark]
        if method == 'structured':
            expected = heatmaps.double().exp()
        else:
            expected = heatmaps.double()
        np.testing.assert_allclose(column.maps[row], expected / expected.sum(), rtol=1e-3, atol=1e-7)
    # the cell of the annotation is at the same place in the crop
    points = tool.annotated(samples, [30, 8])
    np.testing.assert_allclose(column.truth, (points + 0.5) / 128 * 31, atol=1e-4)


def test_an_empty_map_is_no_division_by_zero():
    assert BoundaryAwareHeatmap().distributions(torch.zeros(1, 1, 4, 4)).sum() == 0
    assert ImageAwareSmoothing().distributions(torch.zeros(1, 1, 4, 4)).sum() == pytest.approx(1)


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['--epochs', '1', '9'], 'epoch_9.pth does not exist; a run keeps every epoch with'),
        (['--epochs', '1'], '--epochs has 1 values, expected 2, one for each run'),
        (['--epochs', '1', 'last'], '--epochs is 1 last, expected numbers such as 1,5 1,2'),
        (['--epochs', '1', '1', '--images', '0', '99'], '--images has 99, expected numbers below 4'),
        (['--metric', 'PCK'], "found no PCK by epoch, expected one of ['NME']"),
        (['--labels', 'a', 'a'], 'two runs are called the same'),
    ],
)
def test_what_cannot_be_compared_is_said(work_dirs, tmp_path, capsys, arguments, message):
    with pytest.raises(SystemExit):
        run('compare_runs', *work_dirs.values(), '--out', tmp_path, '--device', 'cpu', *arguments)
    assert message in capsys.readouterr().err


def test_a_page_for_each_attribute(work_dirs, tmp_path, capsys):
    models = [folder / name for folder in work_dirs.values() for name in ('small.py', 'epoch_1.pth')]
    written = run(
        'compare_predictions', *models, '--labels', 'A', 'B', '--num', 2, '--out', tmp_path, '--device', 'cpu'
    )
    printed = capsys.readouterr().out.splitlines()
    shown = [line.split()[0] for line in printed if ' faces ' in line]
    assert [path.stem for path in written] == shown and set(shown) <= set(ATTRIBUTES) and len(shown) > 1
    assert all(cv2.imread(str(path)).std() > 20 for path in written)


@pytest.fixture
def pages():
    return importlib.import_module('compare_predictions')


def test_subsets_and_choices(pages):
    found = pages.subsets([dict(pose=1, blur=0), dict(pose=1), dict(pose=0, blur=0)])
    assert {name: list(members) for name, members in found.items()} == {'pose': [0, 1]}
    assert list(pages.subsets([{}, {}])['all']) == [0, 1]
    errors = np.array([[1.0, 9.0, 3.0, 4.0], [2.0, 4.0, 3.0, 8.0]])
    members = np.array([0, 2, 3])
    assert list(pages.choose(errors, members, 2, 'difference', 0)) == [3, 0]
    drawn = [list(pages.choose(errors, np.arange(100), 5, 'random', seed)) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2] and len(set(drawn[0])) == 5


def test_models_of_different_faces_are_not_compared(work_dirs, tmp_path, capsys):
    other = tmp_path / 'other.py'
    other.write_text(
        f'_base_ = [{str(work_dirs["star"] / "small.py")!r}]\ntest_dataloader = dict(dataset=dict(indices=3))\n'
    )
    with pytest.raises(SystemExit):
        run(
            'compare_predictions',
            work_dirs['star'] / 'small.py',
            work_dirs['star'] / 'epoch_1.pth',
            other,
            work_dirs['star'] / 'epoch_1.pth',
            '--out',
            tmp_path,
            '--device',
            'cpu',
        )
    assert 'the models are tested on different faces: 4 with 300w68, ' in capsys.readouterr().err
