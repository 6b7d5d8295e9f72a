"""Whenever a training is killed, a checkpoint that reads is there, with a pointer that names it."""

import errno
import multiprocessing
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook

from mmfld.engine import whole_files
from mmfld.engine.hooks import SafeCheckpointHook
from mmfld.engine.launch import is_whole, latest_checkpoint

from ..fakes import regression_runner

KILLED = 99


def runner(folder, epochs, hook='SafeCheckpointHook', save_best='error', **options):
    return regression_runner(folder, epochs, checkpoint=dict(type=hook, save_best=save_best), **options)


def count_and_kill(monkeypatch, at):
    """Kill this process at the ``at``-th of the moments around each write, rename and removal."""
    moments = 0

    def moment():
        nonlocal moments
        moments += 1
        if moments == at:
            os._exit(KILLED)

    def around(function):
        def call(*args, **kwargs):
            moment()
            result = function(*args, **kwargs)
            moment()
            return result

        return call

    def half_written(path, mode='r', **kwargs):
        file = open(path, mode, **kwargs)
        if mode == 'wb':
            write = file.write

            def in_halves(content):
                write(content[: len(content) // 2])
                file.flush()
                moment()
                return write(content[len(content) // 2 :])

            return _Writer(file, in_halves)
        return file

    monkeypatch.setattr(whole_files, 'open', half_written, raising=False)
    monkeypatch.setattr(whole_files.os, 'replace', around(os.replace))
    monkeypatch.setattr(SafeCheckpointHook, '_remove', around(SafeCheckpointHook._remove))


class _Writer:
    def __init__(self, file, write):
        self.file, self.write = file, write
        self.flush, self.fileno = file.flush, file.fileno

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()


def train_until(folder, at):
    with pytest.MonkeyPatch.context() as monkeypatch:
        count_and_kill(monkeypatch, at)
        runner(folder, epochs=2).train()
    os._exit(0)


def test_killed_at_any_moment_of_saving(tmp_path):
    context, at = multiprocessing.get_context('fork'), 0
    while True:
        at += 1
        folder = tmp_path / str(at)
        process = context.Process(target=train_until, args=(folder, at))
        process.start()
        process.join(60)
        assert process.exitcode in (0, KILLED)
        for path in folder.glob('*.pth'):
            assert is_whole(path) and torch.load(path, weights_only=True)['state_dict'], (at, path)
        last = latest_checkpoint(folder)
        assert (last is not None) == (at >= 3), at  # half of the first is written; it is whole; it has its name
        marker = folder / 'last_checkpoint'
        if marker.exists():
            assert Path(marker.read_text()).is_file(), at
        if process.exitcode == 0:
            break
        shutil.rmtree(folder)
    assert at > 25
    assert sorted(path.name for path in folder.glob('*.pth')) == ['best_error_epoch_2.pth', 'epoch_2.pth']
    assert not [path for path in folder.iterdir() if path.name.endswith('.part')]


def test_mmengines_own_hook_loses_the_only_checkpoint(tmp_path):
    """What this one is for."""

    def train():
        os.remove = lambda path: (os.unlink(path), os._exit(KILLED))
        runner(tmp_path, epochs=2, hook='CheckpointHook', save_best=None).train()

    process = multiprocessing.get_context('fork').Process(target=train)
    process.start()
    process.join(60)
    assert process.exitcode == KILLED and not list(tmp_path.glob('*.pth'))


@pytest.mark.parametrize('error', [errno.ENOSPC, errno.EFBIG])
def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch, error):
    path = tmp_path / 'epoch_1.pth'
    whole_files.write_whole(b'old', path)

    def full(handle):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(whole_files.os, 'fsync', full)
    with pytest.raises(OSError, match='epoch_1.pth: 3000 bytes could not be written, of .* that are free') as raised:
        whole_files.write_whole(bytes(3000), path)
    assert raised.value.errno == error
    assert path.read_bytes() == b'old' and list(tmp_path.iterdir()) == [path]


def test_what_does_not_read_back_is_not_taken(tmp_path, monkeypatch):
    torch.save(dict(a=torch.ones(100)), tmp_path / 'good.pth')
    content = (tmp_path / 'good.pth').read_bytes()
    whole_files.write_whole(content, tmp_path / 'last.pth')
    at = content.index(b'\x00\x00\x80?' * 50) + 5
    broken = content[:at] + b'\xff' + content[at + 1 :]  # a disk that stores something else
    with pytest.raises(OSError, match='does not read back'):
        whole_files.write_whole(broken, tmp_path / 'last.pth')
    assert (tmp_path / 'last.pth').read_bytes() == content


def test_weights_that_are_not_finite_end_the_training_and_replace_nothing(tmp_path):
    class Breaks(Hook):
        def before_train_epoch(self, runner):
            if runner.epoch == 1:
                with torch.no_grad():
                    runner.model.layer.weight[0, 2] = float('nan')

    with pytest.raises(
        FloatingPointError,
        match=r'2 weights are infinite or NaN \(layer.weight, layer.bias\); they '
        r'are not saved, the last checkpoint is .*epoch_1.pth',
    ):
        runner(tmp_path, epochs=3, custom_hooks=[Breaks()]).train()
    assert sorted(path.name for path in tmp_path.glob('*.pth')) == ['best_error_epoch_1.pth', 'epoch_1.pth']
    assert torch.load(tmp_path / 'epoch_1.pth', weights_only=True)['state_dict']['layer.weight'].isfinite().all()


@pytest.mark.parametrize('save_best', ['error', ['error', 'fault']])
def test_nothing_outside_of_the_own_folder_is_removed(tmp_path, save_best):
    first, second = tmp_path / 'first', tmp_path / 'second'
    runner(first, epochs=1, save_best=save_best).train()
    before = sorted(first.glob('*.pth'))
    assert len(before) == 1 + len(np.atleast_1d(save_best))
    runner(second, epochs=3, save_best=save_best, resume=True, load_from=str(first / 'epoch_1.pth')).train()
    assert sorted(first.glob('*.pth')) == before
    # nor is a copy mistaken for the original
    copy = tmp_path / 'copy'
    shutil.copytree(first, copy)
    runner(copy, epochs=3, save_best=save_best, resume=True, load_from=str(copy / 'epoch_1.pth')).train()
    assert sorted(first.glob('*.pth')) == before
    assert (copy / 'epoch_3.pth').is_file() and not (copy / 'epoch_1.pth').exists()
    assert Path((copy / 'last_checkpoint').read_text()) == copy / 'epoch_3.pth'


def test_a_metric_that_is_not_measured_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"default_hooks.checkpoint.save_best: found 'NMEE', expected one of error"):
        runner(tmp_path, epochs=1, save_best='NMEE').train()
    assert (tmp_path / 'epoch_1.pth').is_file()
