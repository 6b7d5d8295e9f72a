"""Raw and averaged weights of a model whose values are known: they fall by 1 and 0.25 in every step."""

import json

import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

import mmfld  # noqa: F401  registers the hook

# after one epoch of two steps
RAW = dict(weight=-2.0, offset=0.5)
EMA = dict(weight=-1.5, offset=0.375)  # (-1 - 2) / 2, (0.25 + 0.5) / 2
TARGETS = dict(raw=-1.4, ema=-1.2)  # where these are better: they predict -1.5 and -1.125
NMES = dict(raw=dict(raw=0.1, ema=0.275), ema=dict(raw=0.3, ema=0.075))


class Faces(Dataset):
    metainfo = dict(dataset_name='faces')

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return dict(inputs=torch.zeros(1))


class Falling(BaseModel):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.register_buffer('offset', torch.zeros(1))

    def forward(self, inputs, mode='tensor'):
        if mode == 'loss':
            self.offset += 0.25
            return dict(loss=self.weight.sum())
        return [dict(prediction=(self.weight + self.offset).item())] * len(inputs)


class Error(BaseMetric):
    def __init__(self, target, name='NME'):
        super().__init__()
        self.target, self.name = target, name

    def process(self, data_batch, data_samples):
        self.results += [abs(sample['prediction'] - self.target) for sample in data_samples]

    def compute_metrics(self, results):
        return {self.name: sum(results) / len(results), 'count': len(results)}


def runner(work_dir, better, hook=True, epochs=2, metric='NME', **options):
    loader = dict(
        dataset=Faces(),
        batch_size=2,
        num_workers=0,
        collate_fn=dict(type='default_collate'),
        sampler=dict(type='DefaultSampler', shuffle=False),
    )
    ema = [dict(type='SelectingEMAHook', momentum=0.5, update_buffers=True)] if hook else []
    return Runner(
        model=Falling(),
        work_dir=str(work_dir),
        experiment_name=f'{work_dir.name}-{len(list(work_dir.iterdir()))}',
        default_scope='mmpose',
        log_level='INFO',
        train_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=1.0)),
        val_dataloader=loader,
        val_cfg=dict(),
        val_evaluator=[Error(TARGETS[better], metric)],
        test_dataloader=loader,
        test_cfg=dict(),
        test_evaluator=[Error(TARGETS[better], metric)],
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=1, save_best=metric, rule='less')),
        custom_hooks=[*ema, dict(type='PlainCheckpointHook')],
        **options,
    )


@pytest.fixture(scope='module', params=TARGETS)
def training(request, tmp_path_factory):
    """A work folder of two epochs, of which the first is the better one, and whose weights are better in it."""
    folder = tmp_path_factory.mktemp(f'{request.param}-is-better')
    runner(folder, request.param).train()
    return folder, request.param


def weights(state_dict):
    return {name: value.item() for name, value in state_dict.items() if name in RAW}


def averaged(checkpoint, key):
    return weights({name.removeprefix('module.'): value for name, value in checkpoint[key].items()})


def test_metrics_are_those_of_the_better_weights_and_both_are_logged(training):
    folder, better = training
    (path,) = folder.glob('*/vis_data/scalars.json')
    first = next(line for line in map(json.loads, path.open()) if 'NME' in line)
    nmes = NMES[better]
    assert first['NME'] == pytest.approx(nmes[better])
    assert (first['raw/NME'], first['ema/NME']) == pytest.approx((nmes['raw'], nmes['ema']))
    assert first['count'] == 4


def test_the_log_says_which(training):
    folder, better = training
    (log,) = folder.glob('*/*.log')
    nmes, name = NMES[better], dict(raw='raw', ema='averaged')[better]
    assert (
        f'NME of the raw weights {nmes["raw"]:.4f}, of the averaged (EMA) {nmes["ema"]:.4f}: the {name} ones are better'
    ) in log.read_text()


def test_best_checkpoint_holds_the_better_weights(training):
    folder, better = training
    checkpoint = torch.load(folder / 'best_NME_epoch_1.pth', weights_only=True)
    assert checkpoint['meta']['weights'] == better
    assert weights(checkpoint['state_dict']) == dict(raw=RAW, ema=EMA)[better]
    assert averaged(checkpoint, 'ema_state_dict') == dict(raw=EMA, ema=RAW)[better]


def test_last_checkpoint_holds_both_as_mmengine_writes_them(training):
    # written before validation, and once more after it because it was the best
    checkpoint = torch.load(training[0] / 'epoch_1.pth', weights_only=True)
    assert 'optimizer' in checkpoint and checkpoint['meta']['weights'] == 'ema'
    assert weights(checkpoint['state_dict']) == EMA
    assert averaged(checkpoint, 'ema_state_dict') == RAW


@pytest.mark.parametrize('hook', [True, False])
def test_best_checkpoint_gives_its_number_with_the_hook_and_without(training, tmp_path, hook):
    folder, better = training
    best = folder / 'best_NME_epoch_1.pth'
    logged = torch.load(best, weights_only=True)['message_hub']['runtime_info']['best_score']
    assert runner(tmp_path, better, hook, load_from=str(best)).test()['NME'] == logged


@pytest.mark.parametrize('name', ['epoch_1.pth', 'best_NME_epoch_1.pth'])
def test_resumed_training_goes_on_with_both_weights(training, tmp_path, name):
    folder, better = training
    runner(tmp_path, better, resume=True, load_from=str(folder / name)).train()
    whole, resumed = (torch.load(place / 'epoch_2.pth', weights_only=True) for place in (folder, tmp_path))
    for key in ('state_dict', 'ema_state_dict'):
        torch.testing.assert_close(resumed[key], whole[key], rtol=0, atol=0)
    assert averaged(whole, 'ema_state_dict') == dict(weight=-4.0, offset=1.0)


def test_a_metric_that_is_not_reported_is_named(tmp_path):
    with pytest.raises(KeyError, match="found the metrics FR, count, expected 'NME'"):
        runner(tmp_path, 'raw', epochs=1, metric='FR').train()
