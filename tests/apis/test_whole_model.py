"""Tools take whole checkpoints of their method, or none."""

import ast
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope

from mmfld.apis.whole_model import init_picture_model, init_whole_model
from mmfld.engine.rows import read_config
from mmfld.repository import REPOSITORY
from mmfld.shipped import shipped_file

CONFIG = 'configs/300w/mmfld_tiny_mini.py'
WEIGHTS = shipped_file('mmfld_tiny_mini', '.pth')


@pytest.fixture
def cfg():
    cfg = read_config(CONFIG)
    init_default_scope(cfg.default_scope)
    return cfg


def test_a_whole_checkpoint_is_loaded(cfg):
    model = init_whole_model(cfg, WEIGHTS)
    weights = torch.load(WEIGHTS, weights_only=True)['state_dict']
    assert not model.training and model.dataset_meta['dataset_name']
    for name, value in model.state_dict().items():
        assert torch.equal(value, weights[name].to(value.dtype))


def test_the_maps_of_a_trackers_head_are_not_those_it_reads(cfg):
    assert type(init_picture_model(cfg, WEIGHTS)) is type(init_whole_model(cfg, WEIGHTS))
    tracker = read_config('configs/300w/attentive1d_tracker_mini.py')
    with pytest.raises(ValueError, match='attentive1d_mini.pth: found a FaceTracker, which refines its maps by'):
        init_picture_model(tracker, shipped_file('attentive1d_mini', '.pth'))


def damaged(change):
    content = torch.load(WEIGHTS, weights_only=True)
    change(content['state_dict'])
    return content


@pytest.mark.parametrize(
    'change, said',
    [
        (lambda weights: weights.pop(next(iter(weights))), 'does not fit the model: 1 missing'),
        (lambda weights: weights.update(other=torch.zeros(1)), 'does not fit the model: 1 unexpected'),
        (lambda weights: next(iter(weights.values())).fill_(torch.nan), 'not finite|NaN|finite'),
    ],
)
def test_another_is_an_error(cfg, tmp_path, change, said):
    torch.save(damaged(change), tmp_path / 'other.pth')
    with pytest.raises(ValueError, match=said):
        init_whole_model(cfg, tmp_path / 'other.pth')


def test_one_of_another_method_is_an_error(cfg):
    with pytest.raises(ValueError, match='subpixel_mini.pth does not fit the model'):
        init_whole_model(read_config('configs/300w/structured_hg2_mini.py'), shipped_file('subpixel_mini', '.pth'))


def test_no_tool_loads_what_fits_and_goes_on():
    """MMPose's ``init_model`` and MMEngine's ``load_checkpoint`` do."""
    lenient = []
    for folder in ('tools', 'projects'):
        for path in sorted((REPOSITORY / folder).rglob('*.py')):
            for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
                name = isinstance(node, ast.Call) and getattr(node.func, 'id', getattr(node.func, 'attr', ''))
                if name in ('init_model', 'load_checkpoint'):
                    lenient.append(f'{Path(path).relative_to(REPOSITORY)}:{node.lineno}')
    assert not lenient
