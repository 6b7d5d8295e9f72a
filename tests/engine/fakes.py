"""A data set of points and a model of five numbers, for trainings that take no time."""

from pathlib import Path

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset


class Points(Dataset):
    metainfo = dict(dataset_name='points', sigmas=np.array([0.1, 0.2], np.float32), flip_pairs=[(0, 1)])

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return dict(inputs=torch.linspace(-1, 1, 32).view(8, 4)[index])


class Regression(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 1)
        self.register_buffer('steps', torch.zeros((), dtype=torch.int64))

    def forward(self, inputs, mode='tensor'):
        if mode != 'loss':
            return [self.steps]
        self.steps += 1
        return dict(loss=(self.layer(inputs) - inputs.sum(1, keepdim=True)).square().mean())


class FallingError(BaseMetric):
    """1, 1/2, 1/3, ... after each epoch of two steps."""

    def process(self, data_batch, data_samples):
        self.results.append(float(data_samples[0]) / 2)

    def compute_metrics(self, results):
        return dict(error=np.float32(1 / results[0]), fault=np.float32(results[0]))


def regression_runner(folder, epochs, kind=Runner, checkpoint=None, custom_hooks=(), lr=0.05, **options):
    """A runner of one of MMEngine's classes, with two steps an epoch; ``checkpoint`` is what differs in that hook."""
    torch.manual_seed(0)
    loader = dict(batch_size=4, num_workers=0, collate_fn=dict(type='default_collate'))
    return kind(
        model=Regression(),
        work_dir=str(folder),
        experiment_name=f'{Path(folder).name}_{epochs}_{id(options)}',
        default_scope='mmpose',
        randomness=dict(seed=0),
        log_level='WARNING',
        train_dataloader=dict(dataset=Points(), sampler=dict(type='DefaultSampler', shuffle=True), **loader),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        val_dataloader=dict(dataset=Points(), sampler=dict(type='DefaultSampler', shuffle=False), **loader),
        val_cfg=dict(),
        val_evaluator=[FallingError()],
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=lr, momentum=0.9)),
        default_hooks=dict(
            checkpoint={
                **dict(type='SafeCheckpointHook', interval=1, max_keep_ckpts=1, save_best='error', rule='less'),
                **(checkpoint or {}),
            }
        ),
        custom_hooks=[dict(type='PlainCheckpointHook'), *custom_hooks],
        **options,
    )
