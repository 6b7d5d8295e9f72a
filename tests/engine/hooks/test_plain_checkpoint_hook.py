"""Checkpoints are plain data, and a resumed training goes on exactly as an uninterrupted one."""

import json
from collections import Counter, OrderedDict
from pathlib import Path
from pickle import UnpicklingError

import mmpose
import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.runner import Runner, load_checkpoint
from mmengine.structures import InstanceData
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer
from torch import nn

from mmfld.engine.checkpoint import read_checkpoint
from mmfld.engine.hooks.plain_checkpoint_hook import to_plain

from ..fakes import Points


class Regression(BaseModel):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))

    def forward(self, inputs, mode='tensor'):
        outputs = self.layers(inputs)
        return dict(loss=(outputs - inputs.sum(1, keepdim=True)).square().mean()) if mode == 'loss' else [outputs]


class ConstantError(BaseMetric):
    """A NumPy scalar, as metrics return it; MMEngine keeps the best one in the message hub."""

    def process(self, data_batch, data_samples):
        self.results.append(0.0)

    def compute_metrics(self, results):
        return dict(error=np.float32(1.5))


class AddsArray(Hook):
    """Comes after PlainCheckpointHook in the config, but must be converted, too."""

    def before_save_checkpoint(self, runner, checkpoint):
        checkpoint['extra'] = np.arange(2)


def train(work_dir, name, is_plain=True, **options):
    torch.manual_seed(0)
    loader = dict(batch_size=4, num_workers=0, collate_fn=dict(type='default_collate'))
    runner = Runner(
        model=Regression(),
        work_dir=str(work_dir),
        experiment_name=name,
        default_scope='mmpose',
        randomness=dict(seed=0),
        log_level='WARNING',
        train_dataloader=dict(dataset=Points(), sampler=dict(type='DefaultSampler', shuffle=True), **loader),
        train_cfg=dict(by_epoch=True, max_epochs=4),
        val_dataloader=dict(dataset=Points(), sampler=dict(type='DefaultSampler', shuffle=False), **loader),
        val_cfg=dict(),
        val_evaluator=[ConstantError()],
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.05)),
        param_scheduler=dict(type='MultiStepLR', milestones=[1, 3], by_epoch=True),
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=1),
            checkpoint=dict(type='CheckpointHook', interval=1, save_best='error', rule='less'),
        ),
        custom_hooks=[*[dict(type='PlainCheckpointHook')] * is_plain, dict(type='EMAHook'), AddsArray()],
        **options,
    )
    runner.train()
    return runner


@pytest.fixture(scope='module')
def training(tmp_path_factory):
    """Work folders of four epochs of two steps each in one go, and of the last two resumed."""
    whole, resumed = tmp_path_factory.mktemp('whole'), tmp_path_factory.mktemp('resumed')
    train(whole, 'whole')
    train(resumed, 'resumed', resume=True, load_from=str(whole / 'epoch_2.pth'))
    return dict(whole=whole, resumed=resumed)


def logged(work_dir):
    """{step: record} of what was logged while training; the losses are means over the last 10 steps."""
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in path.open()]
    return {line['step']: {key: line[key] for key in ('loss', 'lr')} for line in lines if 'loss' in line}


def test_checkpoint_loads_with_weights_only(training):
    checkpoint = torch.load(training['whole'] / 'epoch_2.pth', weights_only=True)
    assert {'meta', 'state_dict', 'ema_state_dict', 'message_hub', 'optimizer', 'param_schedulers'} <= set(checkpoint)
    assert checkpoint['meta']['dataset_meta']['sigmas'] == [np.float32(0.1), np.float32(0.2)]
    assert checkpoint['message_hub']['log_scalars']['train/loss']['values'].shape == (4,)
    assert checkpoint['extra'] == [0, 1]
    assert checkpoint['state_dict']._metadata['layers.1']['version'] == 2


def test_a_training_of_plain_mmengine_is_read_and_goes_on(training, tmp_path):
    train(tmp_path / 'foreign', 'foreign', is_plain=False)
    path = tmp_path / 'foreign/epoch_2.pth'
    with pytest.raises(UnpicklingError):
        torch.load(path, weights_only=True)
    found, expected = read_checkpoint(path), torch.load(training['whole'] / 'epoch_2.pth', weights_only=True)
    assert found['extra'] == [0, 1] and found['meta']['dataset_meta'] == expected['meta']['dataset_meta']
    found_loss, loss = (each['message_hub']['log_scalars']['train/loss'] for each in (found, expected))
    assert torch.equal(found_loss['values'], loss['values']) and found_loss['values'].dtype == loss['values'].dtype
    assert torch.equal(found_loss['counts'], loss['counts']) and found_loss['max_length'] == loss['max_length']
    train(tmp_path / 'resumed', 'goes on', resume=True, load_from=str(path))
    ends = [
        torch.load(folder / 'epoch_4.pth', weights_only=True) for folder in (training['whole'], tmp_path / 'resumed')
    ]
    assert all(torch.equal(ends[0]['state_dict'][name], value) for name, value in ends[1]['state_dict'].items())


def test_best_checkpoint_is_plain_too(training):
    (best,) = training['whole'].glob('best_error_*.pth')
    hub = torch.load(best, weights_only=True)['message_hub']
    assert hub['runtime_info']['best_score'] == 1.5


def test_mmengine_loads_the_weights(training):
    model = Regression()
    checkpoint = load_checkpoint(model, str(training['whole'] / 'epoch_4.pth'), strict=True)
    torch.testing.assert_close(dict(model.state_dict()), dict(checkpoint['state_dict']), rtol=0, atol=0)


def test_resumed_losses_equal_the_uninterrupted_ones(training):
    whole, resumed = logged(training['whole']), logged(training['resumed'])
    assert sorted(resumed) == [5, 6, 7, 8]
    assert resumed == {step: whole[step] for step in resumed}


def test_resumed_weights_and_optimizer_equal_the_uninterrupted_ones(training):
    whole = torch.load(training['whole'] / 'epoch_4.pth', weights_only=True)
    resumed = torch.load(training['resumed'] / 'epoch_4.pth', weights_only=True)
    assert resumed['param_schedulers'] == whole['param_schedulers']
    for key in ('state_dict', 'ema_state_dict', 'optimizer'):
        torch.testing.assert_close(resumed[key], whole[key], rtol=0, atol=0)


def test_resuming_knows_the_data_set_is_the_same(training):
    (log,) = training['resumed'].glob('*/*.log')
    assert 'dataset metainfo' not in log.read_text()


@pytest.mark.parametrize(
    'value, expected',
    [
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_('a'), 'a'),
        (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        (ConfigDict(a=ConfigDict(b=(1, 2))), dict(a=dict(b=(1, 2)))),
        ({np.int64(3): frozenset({1})}, {3: {1}}),
        (Counter({3: 1}), Counter({3: 1})),
        (OrderedDict(a=None), OrderedDict(a=None)),
        (torch.Size([1, 2]), torch.Size([1, 2])),
    ],
)
def test_to_plain(tmp_path, value, expected):
    plain = to_plain(value, 'value')
    torch.save(plain, tmp_path / 'plain.pth')
    loaded = torch.load(tmp_path / 'plain.pth', weights_only=True)
    assert loaded == expected and type(loaded) is type(expected)


def test_to_plain_keeps_a_history_buffer_exactly():
    buffer = HistoryBuffer([0.1, 0.2, 0.7], [4, 4, 2])
    plain = to_plain(buffer, 'buffer')
    assert plain['values'].dtype == torch.float64
    assert HistoryBuffer(plain['values'].numpy(), plain['counts'].numpy()).mean(3) == buffer.mean(3)


def test_a_value_that_is_no_plain_data_is_named():
    with pytest.raises(TypeError, match=r"checkpoint\['meta'\]\['task'\]\[1\] is a .*fakes\.Points"):
        to_plain(dict(task=[1, Points()]), "checkpoint['meta']")


def test_stored_meta_information_draws_the_same_picture():
    meta = parse_pose_metainfo(
        dict(from_file=str(Path(mmpose.__file__).with_name('.mim') / 'configs/_base_/datasets/wflw.py'))
    )
    points = np.random.default_rng(0).uniform(0, 64, (1, 98, 2))
    sample = PoseDataSample(
        pred_instances=InstanceData(
            keypoints=points, keypoint_scores=np.ones((1, 98)), bboxes=np.array([[0, 0, 60, 60]]), bbox_scores=[1]
        )
    )
    pictures = []
    for variant in (meta, to_plain(meta, 'meta')):
        visualizer = PoseLocalVisualizer()
        visualizer.set_dataset_meta(variant)
        pictures.append(visualizer.add_datasample('', np.zeros((64, 64, 3), np.uint8), sample, draw_gt=False))
    assert pictures[0].any()
    np.testing.assert_array_equal(*pictures)
