"""A training that SIGTERM ends goes on as if nothing had been, wherever it was."""

import os
import signal
import subprocess
import sys
from collections import OrderedDict

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmfld.engine.hooks import ResumeHook
from mmfld.engine.launch import latest_checkpoint
from mmfld.engine.strict_runner import StrictRunner

from .fakes import regression_runner


class Terminate(Hook):
    """SIGTERM at a moment, counted over training steps and batches of validations."""

    priority = 'LOWEST'

    def __init__(self, at):
        self.at, self.moments, self.validations = at, 0, 0

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self._moment()

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self._moment()

    def after_val_epoch(self, runner, metrics=None):
        self.validations += 1

    def _moment(self):
        self.moments += 1
        if self.moments == self.at:
            os.kill(os.getpid(), signal.SIGTERM)


def train(folder, at=None, resume=False, **options):
    """Train three epochs of two steps, or until SIGTERM; the loop and the hook."""
    hook, hooks = Terminate(at), []
    if resume:
        checkpoint = str(latest_checkpoint(folder))
        options.update(resume=True, load_from=checkpoint)
        hooks.append(ResumeHook(checkpoint))
    runner = regression_runner(folder, 3, StrictRunner, custom_hooks=[hook, *hooks], **options)
    runner.train()
    return runner.train_loop, hook


def equal(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, (dict, OrderedDict)):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


def checkpoint(folder):
    return torch.load(folder / 'epoch_3.pth', weights_only=True)


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole')
    _, hook = train(folder)
    assert (hook.moments, hook.validations) == (3 * (2 + 2), 3)
    return folder


# each epoch: a step, a step, and two batches of validation
@pytest.mark.parametrize('at', range(1, 12))
def test_wherever_it_was_stopped_it_ends_as_if_it_had_not_been(tmp_path, whole, at):
    before = signal.getsignal(signal.SIGTERM)
    loop, hook = train(tmp_path, at)
    assert signal.getsignal(signal.SIGTERM) is before
    assert hook.moments == at  # it ended right there
    within = at % 4 == 1
    assert loop.stopped_by.name == ('interrupted.pth' if within else f'epoch_{(at + 2) // 4}.pth')
    assert latest_checkpoint(tmp_path) == loop.stopped_by
    assert torch.load(loop.stopped_by, weights_only=True)['meta'].get('iterations_of_epoch', 0) == (1 if within else 0)

    loop, hook = train(tmp_path, resume=True)
    assert loop.stopped_by is None and (loop.epoch, loop.iter) == (3, 6)
    assert hook.validations == 3 - (at - 1) // 4  # with the one in which it was stopped, or that was due
    for key in ('state_dict', 'optimizer'):
        assert equal(checkpoint(tmp_path)[key], checkpoint(whole)[key])
    assert sorted(path.name for path in tmp_path.glob('*.pth')) == ['best_error_epoch_3.pth', 'epoch_3.pth']


def test_between_two_checkpoints_a_validation_is_finished_and_saved(tmp_path, whole):
    rare = dict(checkpoint=dict(interval=3))
    loop, hook = train(tmp_path, at=3, **rare)
    assert hook.moments == 4 and hook.validations == 1
    assert loop.stopped_by.name == 'interrupted.pth'
    meta = torch.load(loop.stopped_by, weights_only=True)['meta']
    assert (meta['epoch'], meta['iter'], meta['iterations_of_epoch']) == (1, 2, 0)
    train(tmp_path, resume=True, **rare)
    assert equal(checkpoint(tmp_path)['state_dict'], checkpoint(whole)['state_dict'])


def test_what_a_kill_left_unvalidated_is_validated(tmp_path):
    """Else the best checkpoint of all would be lost, and the next one kept instead of it."""

    class Killed(Exception):
        pass

    class Kill(Hook):
        priority = 'HIGHEST'

        def before_val_epoch(self, runner):
            if runner.epoch == 2:
                raise Killed

    runner = regression_runner(tmp_path, 3, StrictRunner, custom_hooks=[Kill()])
    with pytest.raises(Killed):
        runner.train()
    _, hook = train(tmp_path, resume=True)
    assert hook.validations == 2


def test_an_untouched_training_is_mmengines(tmp_path, whole):
    regression_runner(tmp_path, 3, Runner).train()
    for key in ('state_dict', 'optimizer'):
        assert equal(checkpoint(tmp_path)[key], checkpoint(whole)[key])


def test_without_a_hook_that_saves_it_ends_as_others_do(tmp_path):
    with pytest.raises(SystemExit) as ended:
        train(tmp_path, at=1, checkpoint=dict(type='CheckpointHook'))
    assert ended.value.code == 128 + signal.SIGTERM
    assert latest_checkpoint(tmp_path) is None


def test_a_signal_where_everything_is_caught_is_not_lost(tmp_path, whole):
    """As where a config is formatted, for a checkpoint."""

    class Catch(Hook):
        def after_val_epoch(self, runner, metrics=None):
            try:
                if runner.epoch == 1:
                    os.kill(os.getpid(), signal.SIGTERM)
            except BaseException as error:
                raise RuntimeError('the signal was taken for a fault') from error

    runner = regression_runner(tmp_path, 3, StrictRunner, custom_hooks=[Catch()])
    runner.train()
    assert runner.train_loop.stopped_by.name == 'epoch_1.pth'
    train(tmp_path, resume=True)
    assert equal(checkpoint(tmp_path)['state_dict'], checkpoint(whole)['state_dict'])


@pytest.mark.skipif(not hasattr(signal, 'alarm'), reason='workers on Windows end by other means')
def test_workers_that_live_on_end_with_the_process_without_a_word(tmp_path):
    script = tmp_path / 'run.py'
    script.write_text("""
import mmfld
from mmengine.dataset import BaseDataset
from mmfld.engine.strict_runner import StrictRunner

if __name__ == '__main__':
    dataset = BaseDataset(serialize_data=False, lazy_init=True)
    dataset.data_list, dataset._fully_initialized = [dict(n=n) for n in range(8)], True
    loader = StrictRunner.build_dataloader(dict(
        dataset=dataset, batch_size=2, num_workers=2, persistent_workers=True,
        sampler=dict(type='DefaultSampler', shuffle=False), collate_fn=dict(type='pseudo_collate')))
    print(len(list(loader)))
""")
    done = subprocess.run([sys.executable, '-W', 'ignore', str(script)], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()[-1]) == (0, '4')
    assert 'DataLoader worker' not in done.stderr and 'Traceback' not in done.stderr


@pytest.mark.parametrize('option', [dict(max_epochs=0), dict(max_epochs=1.5), dict(max_epochs=2, val_interval=0)])
def test_numbers_of_epochs_that_are_none_are_named(tmp_path, option):
    runner = regression_runner(tmp_path, 3, StrictRunner)
    runner._train_loop = dict(by_epoch=True, **option)
    name, value = list(option.items())[-1]
    with pytest.raises(ValueError, match=f'train_cfg.{name}: found {value}, expected a whole number from 1'):
        runner.train()
