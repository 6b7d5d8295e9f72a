"""What follows the batch, by values computed by hand, and which batches cannot be kept."""

import pytest
from mmengine.config import Config

from mmfld.engine.batch_scaling import fit_to_batch, number_of_processes


@pytest.fixture
def cfg():
    """For 128 faces a step, with 32 on one process."""
    return Config(
        dict(
            launcher='none',
            train_dataloader=dict(batch_size=32),
            auto_scale_lr=dict(base_batch_size=128),
            train_cfg=dict(by_epoch=True, max_epochs=8),
            optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3)),
            param_scheduler=[
                dict(type='LinearLR', start_factor=0.1, end=100, by_epoch=False),
                dict(type='MultiStepLR', milestones=[3, 6], by_epoch=True),
                dict(type='MultiStepLR', milestones=[100, 201], by_epoch=False),
                dict(type='CosineAnnealingLR', eta_min=2e-5, T_max=4, convert_to_iter_based=True),
                dict(type='CosineAnnealingMomentum', eta_min=0.5, begin=50, by_epoch=False),
            ],
            default_hooks=dict(
                ema=dict(type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.19, gamma=300, begin_iter=7)
            ),
            custom_hooks=[
                dict(type='mmengine.EMAHook', ema_type='StochasticWeightAverage'),
                dict(type='EMAHook', momentum=1 - 0.5 ** (128 / 10000)),
                dict(type='EMAHook'),
            ],
        )
    )


def test_everything_that_depends_on_it_follows_half_the_batch(cfg):
    unchanged = Config(cfg.to_dict()).to_dict()
    cfg.train_dataloader.batch_size = 64
    hook = fit_to_batch(cfg)
    expected = unchanged
    expected['train_dataloader']['batch_size'] = 64
    expected['auto_scale_lr'] = dict(base_batch_size=64, enable=False)
    expected['optim_wrapper']['optimizer']['lr'] = 5e-4
    expected['param_scheduler'][0]['end'] = 200
    expected['param_scheduler'][2]['milestones'] = [200, 402]
    expected['param_scheduler'][3]['eta_min'] = 1e-5
    expected['param_scheduler'][4]['begin'] = 100
    # 0.9 twice is 0.81
    expected['default_hooks']['ema'].update(momentum=pytest.approx(0.1), gamma=600, begin_iter=14)
    # the reference code's own rule
    expected['custom_hooks'][1]['momentum'] = pytest.approx(1 - 0.5 ** (64 / 10000), rel=1e-9)
    # MMEngine's default is 0.0002
    expected['custom_hooks'][2]['momentum'] = pytest.approx(1 - 0.9998**0.5, rel=1e-9)
    assert cfg.to_dict() == expected
    assert hook.batch_size == 64
    assert hook.messages[0].startswith('Batch of 64 (1 process x 64); the config is written for 128. Scaled to it')
    assert hook.messages[1:] == [
        'optim_wrapper.optimizer.lr: 0.001 -> 0.0005',
        'param_scheduler.3.eta_min: 2e-05 -> 1e-05',
        'default_hooks.ema.momentum: 0.19 -> 0.1',
        'default_hooks.ema.gamma: 300 -> 600',
        'default_hooks.ema.begin_iter: 7 -> 14',
        'custom_hooks.1.momentum: 0.00883304 -> 0.00442632',
        'custom_hooks.2.momentum: 0.0002 -> 0.000100005',
        'param_scheduler.0.end: 100 -> 200',
        'param_scheduler.2.milestones: [100, 201] -> [200, 402]',
        'param_scheduler.4.begin: 50 -> 100',
    ]


def test_what_was_scaled_is_not_scaled_once_more(cfg):
    fit_to_batch(cfg)
    scaled = Config(cfg.to_dict()).to_dict()  # as MMEngine saves it
    hook = fit_to_batch(cfg)
    assert cfg.to_dict() == scaled
    assert hook.messages == []
    assert not cfg.auto_scale_lr.enable  # MMEngine's scaling


@pytest.mark.parametrize('keep', [False, True])
def test_the_batch_of_the_config_changes_nothing(cfg, monkeypatch, keep):
    monkeypatch.setenv('WORLD_SIZE', '4')
    cfg.launcher = 'pytorch'
    before = cfg.to_dict()
    hook = fit_to_batch(cfg, keep)
    assert {**cfg.to_dict(), 'auto_scale_lr': before['auto_scale_lr']} == before
    assert hook.messages == [] and hook.as_configured


def test_accumulation_keeps_the_batch(cfg):
    before = cfg.to_dict()
    hook = fit_to_batch(cfg, keep=True)
    assert cfg.train_cfg == dict(type='AccumulatingTrainLoop', max_epochs=8, accumulation=4)
    assert all(cfg[name] == before[name] for name in before if name not in ('train_cfg', 'auto_scale_lr'))
    assert hook.batch_size == 128
    assert hook.messages[0] == 'Batch of 128 (1 process x 32 x 4 accumulated), for which the config is written.'


def test_accumulation_of_the_config_is_part_of_the_batch(cfg):
    cfg.optim_wrapper.accumulative_counts = 2  # MMEngine's name
    hook = fit_to_batch(cfg)
    assert 'accumulative_counts' not in cfg.optim_wrapper
    assert cfg.train_cfg.accumulation == 2
    assert (hook.batch_size, cfg.optim_wrapper.optimizer.lr) == (64, 5e-4)
    assert fit_to_batch(cfg).batch_size == 64  # nor is what MMEngine saves
    assert cfg.train_cfg.accumulation == 2


@pytest.mark.parametrize(
    'processes, size, message',
    [
        (
            2,
            24,
            '2 processes x 24, of which 128 is no multiple; expected train_dataloader.batch_size to be one of 1, 2, 4, '
            '8, 16, 32, 64$',
        ),
        (8, 32, '8 processes x 32, of which 128 is no multiple; .* one of 1, 2, 4, 8, 16$'),
        (
            3,
            32,
            '3 processes x 32, of which 128 is no multiple, whatever the batch_size; expected the number of processes '
            'to be one of 1, 2, 4, 8, 16, 32, 64, 128$',
        ),
    ],
)
def test_what_would_divide_is_named(cfg, monkeypatch, processes, size, message):
    monkeypatch.setenv('WORLD_SIZE', str(processes))
    cfg.merge_from_dict({'launcher': 'pytorch', 'train_dataloader.batch_size': size})
    with pytest.raises(ValueError, match=message):
        fit_to_batch(cfg, keep=True)


@pytest.mark.parametrize(
    'options, keep, message',
    [
        ({'auto_scale_lr': None}, True, 'found no auto_scale_lr.base_batch_size'),
        ({'auto_scale_lr.base_batch_size': 0}, False, 'base_batch_size: found 0, expected'),
        ({'train_cfg.by_epoch': False}, True, 'found by_epoch=False, expected training by epochs'),
        ({'train_cfg': dict(_delete_=True, type='IterBasedTrainLoop', max_iters=9)}, False, 'found no max_epochs'),
        ({'optim_wrapper': dict(_delete_=True, constructor='Own')}, False, 'found no optim_wrapper.optimizer.lr'),
    ],
)
def test_what_cannot_follow_is_named(cfg, options, keep, message):
    cfg.merge_from_dict(options)
    with pytest.raises(ValueError, match=message):
        fit_to_batch(cfg, keep)


def test_a_config_that_names_no_batch_is_left_alone(cfg):
    cfg.auto_scale_lr = None
    before = cfg.to_dict()
    hook = fit_to_batch(cfg)
    assert {**cfg.to_dict(), 'auto_scale_lr': None} == before
    assert 'names none' in hook.messages[0]


def test_launchers_say_how_many_processes_there_are(monkeypatch):
    for number, (launcher, name) in enumerate(
        (('pytorch', 'WORLD_SIZE'), ('slurm', 'SLURM_NTASKS'), ('mpi', 'OMPI_COMM_WORLD_SIZE')), 2
    ):
        monkeypatch.delenv(name, raising=False)
        with pytest.raises(ValueError, match=f'--launcher {launcher}: found no {name}'):
            number_of_processes(launcher)
        monkeypatch.setenv(name, str(number))
        assert number_of_processes(launcher) == number
    assert number_of_processes('none') == 1
