"""Tools that look at one checkpoint or one face, on a small untrained model and rendered faces."""

import json
import runpy
from contextlib import nullcontext
from pathlib import Path

import cv2
import pytest
import torch
from mmengine import Config
from mmengine.registry import init_default_scope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import MODELS

from mmfld.apis import FaceLandmarkInferencer
from mmfld.engine.hooks.plain_checkpoint_hook import to_plain
from mmfld.engine.rows import read_config
from mmfld.structures import get_layout

REPOSITORY = Path(__file__).resolve().parents[3]
TOOLS = REPOSITORY / 'tools'


@pytest.fixture
def config(tmp_path, synthetic_faces):
    path = tmp_path / 'small.py'
    data = dict(data_root=str(synthetic_faces), ann_file='annotations/synthetic_300w68_test.json')
    path.write_text(f"""
_base_ = [{str(REPOSITORY / 'configs/300w/structured_hg2_mini.py')!r}]
model = dict(backbone=dict(width=16, num_stacks=1, num_levels=2))
train_dataloader = dict(num_workers=0, persistent_workers=False, dataset={data})
test_dataloader = dict(num_workers=0, persistent_workers=False, dataset={data})
""")
    return path


@pytest.fixture
def checkpoint(config, tmp_path):
    cfg = Config.fromfile(config)
    init_default_scope(cfg.default_scope)
    torch.manual_seed(0)
    meta = to_plain(parse_pose_metainfo(get_layout('300w68').metainfo), 'dataset_meta')
    torch.save(
        dict(state_dict=MODELS.build(cfg.model).state_dict(), meta=dict(dataset_meta=meta)), tmp_path / 'model.pth'
    )
    return tmp_path / 'model.pth'


def run(tool, *arguments):
    runpy.run_path(str(TOOLS / tool))['main']([str(argument) for argument in arguments])


def test_summary_of_a_run(config, checkpoint, tmp_path, capsys):
    log = tmp_path / '20260101_000000' / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text(
        '\n'.join(
            map(json.dumps, [dict(loss=3.0, iter=1, step=1), dict(loss=2.0, iter=2, step=2), dict(NME=9.0, step=1)])
        )
    )
    run('misc/summarize_run.py', config, checkpoint, '--num', 2, '--out', tmp_path / 'summary.png', '--device', 'cpu')
    printed = capsys.readouterr().out
    assert 'NME' in printed and '(4 faces)' in printed
    assert cv2.imread(str(tmp_path / 'summary.png')).shape[0] > 400


def test_summary_names_a_missing_checkpoint(config, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run('misc/summarize_run.py', config, tmp_path / 'none.pth')
    assert 'none.pth does not exist' in capsys.readouterr().err


def test_label_smoothing_stages(config, tmp_path):
    run('misc/draw_label_smoothing.py', config, '--index', 1, '--keypoints', 8, 30, '--out', tmp_path / 'stages.png')
    picture = cv2.imread(str(tmp_path / 'stages.png'))
    assert picture.std() > 10


def test_decoders_of_one_checkpoint(config, checkpoint, capsys):
    run('analysis_tools/compare_decoders.py', config, checkpoint, '--split', 'test', '--device', 'cpu')
    table = [line for line in capsys.readouterr().out.splitlines() if line[-1:].isdigit()]
    rows = {line[:22].strip(): [float(value) for value in line[22:].split()] for line in table}
    assert len(rows) == 6 and all(len(values) == 3 and min(values) > 0 for values in rows.values())
    assert len({values[0] for values in rows.values()}) == 6  # every decoder was really used


@pytest.mark.parametrize('width, options', [(16, []), (32, []), (32, ['--allow-mismatch'])])
def test_weights_of_another_model_are_not_tested_unless_told_to(
    config, checkpoint, tmp_path, monkeypatch, width, options
):
    monkeypatch.setattr(
        'sys.argv',
        [
            'test.py',
            str(config),
            str(checkpoint),
            '--work-dir',
            str(tmp_path / 'work'),
            '--out',
            str(tmp_path / 'out.json'),
            *options,
            '--cfg-options',
            f'model.backbone.width={width}',
        ],
    )
    test = runpy.run_path(str(TOOLS / 'test.py'))['main']
    if width == 16 or options:
        test()
        assert json.loads((tmp_path / 'out.json').read_text())['NME'] > 0
    else:
        with pytest.raises(ValueError, match=r'(?s)model.pth does not fit the model of .*small.py: .* misshapen'):
            test()


@pytest.mark.parametrize('allowed', [False, True])
def test_weights_of_another_method_are_not_tested_unless_told_to(config, checkpoint, tmp_path, monkeypatch, allowed):
    content = torch.load(checkpoint, weights_only=True)
    content['meta']['cfg'] = read_config('configs/300w/star_hg2_mini.py', {}).pretty_text
    torch.save(content, checkpoint)
    command = ['test.py', str(config), str(checkpoint), '--work-dir', str(tmp_path / 'work')]
    monkeypatch.setattr('sys.argv', [*command, *['--allow-mismatch'] * allowed])
    test = runpy.run_path(str(TOOLS / 'test.py'))['main']
    message = 'model.head.decoder.type is ImageAwareSmoothing, and the weights were trained with BoundaryAwareHeatmap'
    with nullcontext() if allowed else pytest.raises(ValueError, match=message):
        test()


def publish(*arguments) -> int:
    return runpy.run_path(str(TOOLS / 'misc/publish_model.py'))['main']([str(argument) for argument in arguments])


def test_published_model_is_half_precision_and_stands_alone(config, checkpoint, tmp_path, capsys):
    assert publish(config, checkpoint, tmp_path / 'small.pth') == 0
    assert 'sha256' in capsys.readouterr().out
    content = torch.load(tmp_path / 'small.pth', weights_only=True)
    assert {value.dtype for value in content['state_dict'].values()} == {torch.float16, torch.int64}
    assert (
        FaceLandmarkInferencer(weights=tmp_path / 'small.pth', device='cpu').model.dataset_meta['num_keypoints'] == 68
    )
    with pytest.raises(SystemExit):
        publish(config, checkpoint, tmp_path / 'small.pth')
    assert '--overwrite' in capsys.readouterr().err


def test_a_model_beyond_half_precision_is_not_published(config, checkpoint, tmp_path, capsys):
    content = torch.load(checkpoint, weights_only=True)
    content['state_dict']['backbone.stem.conv.weight'][0] = 1e6
    torch.save(content, checkpoint)
    assert publish(config, checkpoint, tmp_path / 'small.pth') == 1
    assert 'backbone.stem.conv.weight' in capsys.readouterr().err and not (tmp_path / 'small.pth').exists()


def test_running_variances_beyond_half_precision_stay_single(config, checkpoint, tmp_path):
    content = torch.load(checkpoint, weights_only=True)
    name = 'backbone.stem.bn.running_var'
    content['state_dict'][name][0] = 1e5
    torch.save(content, checkpoint)
    assert publish(config, checkpoint, tmp_path / 'small.pth') == 0
    published = torch.load(tmp_path / 'small.pth', weights_only=True)['state_dict']
    assert [key for key, value in published.items() if value.dtype == torch.float32] == [name]
    assert published[name][0] == 1e5
