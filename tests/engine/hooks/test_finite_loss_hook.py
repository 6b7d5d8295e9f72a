"""A loss that is infinite or NaN is an error at once, or after many in a row where a gradient scaler skips them."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.structures import InstanceData, PixelData
from mmpose.structures import PoseDataSample
from torch import nn

from mmfld.engine.hooks import FiniteLossHook
from mmfld.engine.plain_batch import pack, unpack


class Model(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, inputs, mode='loss'):
        return dict(loss_a=inputs.sum(), other=torch.ones(()))


@pytest.fixture
def runner(tmp_path):
    return SimpleNamespace(
        model=Model(),
        optim_wrapper=SimpleNamespace(),
        work_dir=str(tmp_path),
        epoch=1,
        iter=6,
        cfg=Config(dict(a=1)),
        train_dataloader=SimpleNamespace(dataset=SimpleNamespace(metainfo=dict(sigmas=np.ones(2)))),
    )


def step(hook, runner, value):
    sample = PoseDataSample(metainfo=dict(id=7, img_path='faces/seven.jpg'))
    hook.before_train_iter(runner, 0, dict(inputs=[torch.tensor(value)], data_samples=[sample]))
    runner.model.parse_losses(runner.model(torch.tensor(value)))


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
def test_the_first_one_is_an_error_that_names_all(runner, tmp_path, value):
    hook = FiniteLossHook()
    hook.before_train(runner)
    step(hook, runner, 1.0)
    with pytest.raises(FloatingPointError) as raised:
        step(hook, runner, value)
    assert str(raised.value) == (
        f'epoch 2, iteration 7: the loss is not finite, before the step: loss {value:g}, loss_a {value:g}, other 1. '
        f'Samples: 7 (faces/seven.jpg). `python tools/misc/replay_step.py {tmp_path}/not_finite.pth` takes the step '
        'again'
    )
    hook.after_train(runner)
    runner.model.parse_losses(runner.model(torch.tensor(value)))  # as it was


def test_a_gradient_scaler_may_skip_some(runner):
    runner.optim_wrapper.loss_scaler = object()
    hook = FiniteLossHook()
    hook.before_train(runner)
    for value in (*[np.inf] * 19, 1.0, *[np.inf] * 19):
        step(hook, runner, value)
    with pytest.raises(FloatingPointError, match='not finite, 20 times in a row: '):
        step(hook, runner, np.inf)


def test_a_batch_is_the_same_after_it_was_stored(tmp_path):
    sample = PoseDataSample(metainfo=dict(id=3, flip_indices=[1, 0], input_size=(4, 5), scale=np.float32(2)))
    sample.gt_instances = InstanceData(keypoints=np.arange(4.0).reshape(1, 2, 2))
    sample.gt_fields = PixelData(heatmaps=torch.rand(2, 4, 4))
    batch = dict(inputs=[torch.arange(6, dtype=torch.uint8)], data_samples=[[sample]])
    torch.save(pack(batch), tmp_path / 'batch.pth')
    found = unpack(torch.load(tmp_path / 'batch.pth', weights_only=True))
    assert found['inputs'][0].equal(batch['inputs'][0])
    ((one,),) = found['data_samples']
    assert isinstance(one, PoseDataSample) and one.metainfo == dict(sample.metainfo, scale=2.0)
    np.testing.assert_array_equal(one.gt_instances.keypoints, sample.gt_instances.keypoints)
    assert one.gt_fields.heatmaps.equal(sample.gt_fields.heatmaps)
    with pytest.raises(TypeError, match='found a object in a batch'):
        pack([object()])


def test_without_space_the_step_is_named_all_the_same(runner, tmp_path, files_end_at):
    hook = FiniteLossHook()
    hook.before_train(runner)
    with files_end_at(100), pytest.raises(FloatingPointError) as raised:
        step(hook, runner, float('inf'))
    said = str(raised.value)
    assert 'epoch 2, iteration 7: the loss is not finite' in said and 'faces/seven.jpg' in said
    assert 'could not be saved: ' in said and 'not_finite.pth' in said
    assert list(tmp_path.iterdir()) == []
