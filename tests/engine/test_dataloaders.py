"""Data loaders that would do nothing, lose faces or end in an assertion, and what their workers do with memory."""

import gc

import pytest
from mmengine.config import Config
from torch import nn
from torch.utils.data import DataLoader

from mmfld.engine.dataloaders import fit_dataloaders
from mmfld.engine.strict_runner import StrictRunner

from .fakes import Points

SAMPLER = dict(type='DefaultSampler', shuffle=True)


def runner_of(tmp_path, **loader):
    train_cfg = dict(by_epoch=True, max_epochs=1)
    if 'accumulation' in loader:
        train_cfg = dict(type='AccumulatingTrainLoop', max_epochs=1, accumulation=loader.pop('accumulation'))
    return StrictRunner(
        nn.Linear(1, 1),
        str(tmp_path),
        train_cfg=train_cfg,
        default_scope='mmpose',
        log_level='ERROR',
        train_dataloader=dict(dataset=Points(), sampler=SAMPLER, **loader),
        experiment_name=tmp_path.name,
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1)),
    )


@pytest.mark.parametrize(
    'loader',
    [
        dict(batch_size=8, drop_last=True),
        dict(batch_size=9),
        dict(batch_size=4, drop_last=True, accumulation=2),
        dict(batch_size=5, accumulation=3),
    ],
)
def test_an_epoch_with_a_step_passes(tmp_path, loader):
    assert len(runner_of(tmp_path, **loader).train_loop.dataloader)


@pytest.mark.parametrize(
    'loader, found, expected',
    [
        (
            dict(batch_size=9),
            'a batch of 9 and 8 samples',
            'batch_size of at most 8, or train_dataloader.drop_last=False',
        ),
        (
            dict(batch_size=4, accumulation=3),
            'a batch of 4 x 3 accumulated and 8 samples',
            'batch_size of at most 2, or',
        ),
        (
            dict(batch_size=1, accumulation=9),
            'a batch of 1 x 9 accumulated',
            'expected train_dataloader.drop_last=False',
        ),
    ],
)
def test_an_epoch_without_a_step_is_an_error_with_the_way_out(tmp_path, loader, found, expected):
    with pytest.raises(ValueError) as error:
        _ = runner_of(tmp_path, drop_last=True, **loader).train_loop
    assert found in str(error.value) and expected in str(error.value)


@pytest.mark.parametrize('name', ['train_dataloader', 'val_dataloader', 'test_dataloader'])
def test_what_goes_with_workers_is_left_out_where_there_are_none(name):
    workers = dict(persistent_workers=True, prefetch_factor=4, timeout=5)
    cfg = Config({name: dict(batch_size=2, num_workers=0, **workers)})
    fit_dataloaders(cfg)
    assert cfg[name] == dict(batch_size=2, num_workers=0)
    assert len(list(DataLoader(Points(), **cfg[name]))) == 4
    cfg = Config({name: dict(batch_size=2, num_workers=1, **workers)})
    fit_dataloaders(cfg)
    assert cfg[name] == dict(batch_size=2, num_workers=1, **workers)


@pytest.mark.parametrize(
    'name, field, value',
    [
        ('train_dataloader', 'batch_size', 0),
        ('train_dataloader', 'batch_size', '8'),
        ('val_dataloader', 'batch_size', 1.5),
        ('train_dataloader', 'num_workers', -1),
        ('test_dataloader', 'num_workers', None),
        ('train_dataloader', 'num_workers', True),
        ('train_dataloader', 'num_workers', False),
        ('val_dataloader', 'drop_last', True),
        ('test_dataloader', 'drop_last', True),
    ],
)
def test_numbers_that_are_none_and_lost_faces_are_errors(name, field, value):
    with pytest.raises(ValueError, match=rf'{name}.{field}: found {value!r}, expected'):
        fit_dataloaders(Config({name: {'batch_size': 2, field: value}}))


def test_a_config_without_data_loaders_passes():
    fit_dataloaders(Config(dict(train_dataloader=None)))


class Frozen(Points):
    """Says how many objects the garbage collector does not look at."""

    def __getitem__(self, index):
        return gc.get_freeze_count()


def test_workers_do_not_copy_what_they_inherit_when_they_look_for_garbage():
    loader = StrictRunner.build_dataloader(dict(dataset=Frozen(), sampler=SAMPLER, batch_size=8, num_workers=1))
    assert gc.get_freeze_count() == 0
    (counts,) = loader
    assert min(counts) > 1000
