"""The tools that draw pictures, on a small untrained model and rendered faces."""
import json
import runpy
from pathlib import Path

import cv2
import pytest
import torch
from mmengine import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

REPOSITORY = Path(__file__).resolve().parents[2]
MISC = REPOSITORY / 'tools' / 'misc'


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


def run(tool, *arguments):
    runpy.run_path(str(MISC / tool))['main']([str(argument) for argument in arguments])


def test_summary_of_a_run(config, tmp_path, capsys):
    cfg = Config.fromfile(config)
    init_default_scope(cfg.default_scope)
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict(), meta=dict()), tmp_path / 'model.pth')
    log = tmp_path / '20260101_000000' / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text('\n'.join(map(json.dumps, [dict(loss=3., iter=1, step=1), dict(loss=2., iter=2, step=2),
                                              dict(NME=9., step=1)])))
    run('summarize_run.py', config, tmp_path / 'model.pth', '--num', 2, '--out', tmp_path / 'summary.png',
        '--device', 'cpu')
    printed = capsys.readouterr().out
    assert 'NME' in printed and '(4 faces)' in printed
    assert cv2.imread(str(tmp_path / 'summary.png')).shape[0] > 400


def test_summary_names_a_missing_checkpoint(config, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run('summarize_run.py', config, tmp_path / 'none.pth')
    assert 'none.pth does not exist' in capsys.readouterr().err


def test_label_smoothing_stages(config, tmp_path):
    run('draw_label_smoothing.py', config, '--index', 1, '--keypoints', 8, 30, '--out', tmp_path / 'stages.png')
    picture = cv2.imread(str(tmp_path / 'stages.png'))
    assert picture.std() > 10
