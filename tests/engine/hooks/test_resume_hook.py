"""What a training goes on from, and what it is told of settings that changed."""

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook, Hook
from mmengine.logging import MMLogger

from mmfld.engine import launch
from mmfld.engine.hooks import ResumeHook
from mmfld.engine.hooks.resume_hook import changed_settings
from mmfld.engine.strict_runner import StrictRunner

from ..fakes import regression_runner

BEFORE = dict(
    optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.1)),
    train_cfg=dict(max_epochs=4),
    a=[dict(b=1)],
    param_scheduler=[dict(type='MultiStepLR', milestones=[2, 3])],
    train_dataloader=dict(num_workers=2),
)


@pytest.mark.parametrize(
    'change, without_effect, others',
    [
        ({}, [], []),
        ({'optim_wrapper.optimizer.lr': 0.2}, ['optim_wrapper.optimizer.lr: 0.1 -> 0.2'], []),
        ({'param_scheduler.0.milestones': [2, 4]}, ['param_scheduler.0.milestones.1: 3 -> 4'], []),
        ({'randomness.seed': 1}, ["randomness.seed: '(nothing)' -> 1"], []),
        ({'train_cfg.max_epochs': 6}, [], ['train_cfg.max_epochs: 4 -> 6']),
        ({'a.0.b': 2, 'a.0.c': (1,)}, [], ['a.0.b: 1 -> 2', "a.0.c.0: '(nothing)' -> 1"]),
        ({'train_dataloader.num_workers': 0, 'work_dir': 'other', 'resume': True}, [], []),
    ],
)
def test_settings_that_changed(change, without_effect, others):
    now = Config(BEFORE)
    now.merge_from_dict(change)
    assert changed_settings(Config(BEFORE), now) == (without_effect, others)


def with_rate(rate, **others):
    return Config(dict(optim_wrapper=dict(optimizer=dict(lr=rate)), **others))


@pytest.fixture
def begun(tmp_path):
    regression_runner(tmp_path, 1, StrictRunner, cfg=with_rate(0.05)).train()
    return tmp_path / 'epoch_1.pth'


def resume(checkpoint, lr=0.05, allow_mismatch=False, **others):
    runner = regression_runner(
        checkpoint.parent,
        2,
        StrictRunner,
        resume=True,
        load_from=str(checkpoint),
        cfg=with_rate(lr, **others),
        custom_hooks=[ResumeHook(str(checkpoint), allow_mismatch)],
    )
    runner.train()
    return runner


def test_a_learning_rate_that_would_have_no_effect_is_an_error(begun):
    with pytest.raises(
        ValueError,
        match=r'epoch_1.pth goes on with its own optimiser, schedule and seed, so that these '
        r'have no effect: optim_wrapper.optimizer.lr: 0.05 -> 0.01. .*--allow-mismatch',
    ):
        resume(begun, lr=0.01)
    assert resume(begun, lr=0.01, allow_mismatch=True).iter == 4
    assert torch.load(begun.parent / 'epoch_2.pth')['optimizer']['param_groups'][0]['lr'] == 0.05


def test_other_settings_that_changed_are_told(begun, monkeypatch):
    said = []
    monkeypatch.setattr(MMLogger, 'warning', lambda self, message, *_, **__: said.append(message))
    resume(begun, crop=dict(padding=1.2))
    assert f"Other settings than those that {begun} was trained with: crop.padding: '(nothing)' -> 1.2" in said


def test_training_cannot_go_on_from_weights_alone(begun):
    best = begun.with_name('best_error_epoch_1.pth')
    with pytest.raises(ValueError, match=f'{best}: found no optimiser in it, .*load_from={best} begins'):
        resume(best)
    published = begun.with_name('published.pth')
    torch.save(dict(state_dict=torch.load(begun)['state_dict']), published)
    with pytest.raises(ValueError, match='found no optimiser and no count of iterations and no log in it'):
        resume(published)


@pytest.mark.parametrize(
    'fault, message',
    [
        (dict(optimizer={}), 'found no optimiser in it'),
        (dict(message_hub={}), 'found no log in it'),
        (dict(param_schedulers=[1]), 'found no schedule in it'),
        (dict(meta=dict(epoch=-3, iter=2)), r'meta.epoch: found -3, expected 0 to 2, the end'),
        (dict(meta=dict(epoch=1, iter=10**6)), r'meta.iter: found 1000000, expected 0 to 4, the end'),
        (dict(meta=dict(epoch=1)), 'found no count of iterations in it'),
    ],
)
def test_a_field_that_training_cannot_go_on_with_is_named(begun, fault, message):
    broken = begun.with_name('broken.pth')
    torch.save({**torch.load(begun), **fault}, broken)
    with pytest.raises(ValueError, match=f'broken.pth: {message}'):
        resume(broken)


@pytest.mark.parametrize('form', ['module.', 'alone'])
def test_weights_of_another_form_reach_the_averaged_network_too(begun, form):
    weights = torch.load(begun)['state_dict']
    path = begun.with_name('weights.pth')
    torch.save(
        weights if form == 'alone' else dict(state_dict={f'module.{name}': value for name, value in weights.items()}),
        path,
    )
    runner = regression_runner(
        begun.parent / 'new', 1, StrictRunner, load_from=str(path), custom_hooks=[dict(type='EMAHook')]
    )
    seen = {}

    class Look(Hook):
        def before_train(self, runner):
            seen.update({name: value.clone() for name, value in runner.model.state_dict().items()})
            (ema,) = (hook for hook in runner.hooks if isinstance(hook, EMAHook))
            seen.update(averaged=ema.ema_model.module.layer.weight.clone())

    runner.register_hook(Look())
    runner.train()
    assert seen['layer.weight'].equal(weights['layer.weight']) and seen['averaged'].equal(weights['layer.weight'])


def test_weights_of_another_model_are_refused_unless_told_otherwise(begun):
    checkpoint = torch.load(begun)
    checkpoint['state_dict'] = {'layer.weight': torch.ones(2, 4), 'other': torch.ones(1)}
    other = begun.with_name('other.pth')
    torch.save(checkpoint, other)

    def start(allow):
        runner = regression_runner(begun.parent / 'new', 1, StrictRunner, load_from=str(other))
        runner.allow_mismatch = allow
        runner.train()

    with pytest.raises(
        ValueError,
        match=r'other.pth does not fit the model of .*: 2 missing: layer.bias, steps; '
        r'1 unexpected: other; 1 misshapen: layer.weight \(2, 4\) instead of \(1, 4\); --allow-mismatch',
    ):
        start(allow=False)
    start(allow=True)


def test_a_model_can_begin_with_the_weights_of_a_smaller_one(begun):
    checkpoint = torch.load(begun)

    def start(state):
        path = begun.with_name('smaller.pth')
        torch.save(dict(checkpoint, state_dict=state), path)
        runner = regression_runner(
            begun.parent / 'new', 1, StrictRunner, load_from=str(path), cfg=Config(dict(starts_from='smaller.py'))
        )
        runner.train()

    start({'layer.weight': torch.ones(1, 4)})
    with pytest.raises(ValueError, match=r'smaller.pth does not fit the model .*: 1 unexpected: other;'):
        start({'layer.weight': torch.ones(1, 4), 'other': torch.ones(1)})


def test_how_to_go_on_is_said_only_if_it_was_stopped(begun, monkeypatch):
    said = []
    monkeypatch.setattr(launch, 'print_log', lambda message, **_: said.append(message))
    runner = resume(begun)
    launch.say_how_to_go_on(runner)
    assert not said
    runner.train_loop.stopped_by = begun
    launch.say_how_to_go_on(runner)
    assert said == [
        f'SIGTERM: the training ends after 2 of 2 epochs and 4 of 4 iterations, saved as {begun}. The same '
        'command with --resume goes on there.'
    ]
