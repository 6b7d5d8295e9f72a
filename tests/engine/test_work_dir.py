"""One training at a time in a work folder."""

import multiprocessing
import os
import re
import signal

import pytest

from mmfld.engine import work_dir

context = multiprocessing.get_context('fork')


def hold_until_killed(folder, held):
    work_dir.hold(folder)
    held.set()
    signal.pause()


@pytest.fixture
def other(tmp_path):
    held = context.Event()
    process = context.Process(target=hold_until_killed, args=(tmp_path / 'run', held))
    process.start()
    assert held.wait(30)
    yield process
    process.kill()
    process.join()


@pytest.fixture(autouse=True)
def release(monkeypatch):
    monkeypatch.setattr(work_dir, '_held', None)


def test_a_second_training_is_refused_and_told_of_the_first(tmp_path, other):
    with pytest.raises(
        ValueError,
        match=rf'work folder {re.escape(str(tmp_path / "run"))}: found a training in it '
        rf'\(process {other.pid} on .* since 20.*\), expected one at a time: .*--work-dir',
    ):
        work_dir.hold(tmp_path / 'run')


def test_a_folder_is_free_after_a_kill(tmp_path, other):
    other.kill()
    other.join()
    work_dir.hold(tmp_path / 'run')
    assert (tmp_path / 'run' / work_dir.LOCK).read_text().startswith(f'process {os.getpid()} on ')


def test_of_several_processes_the_first_one_holds_it(tmp_path, other, monkeypatch):
    monkeypatch.setenv('RANK', '1')
    work_dir.hold(tmp_path / 'run', launcher='pytorch')
    monkeypatch.setenv('RANK', '0')
    with pytest.raises(ValueError, match='found a training in it'):
        work_dir.hold(tmp_path / 'run', launcher='pytorch')


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(ValueError, match=f'work folder {tmp_path}/file/run cannot be written to: Not a directory'):
        work_dir.hold(tmp_path / 'file' / 'run')


@pytest.fixture
def used(tmp_path):
    """A folder that a training has left."""
    folder = tmp_path / 'run'
    folder.mkdir()
    for name in ('epoch_3.pth', 'best_NME_epoch_2.pth', 'last_checkpoint', 'tiny.py'):
        (folder / name).touch()
    return folder


def test_a_used_folder_is_refused_to_a_training_that_does_not_go_on_from_it(used, tmp_path):
    for resumed in (None, tmp_path / 'other' / 'epoch_1.pth'):
        with pytest.raises(
            ValueError,
            match=f'work folder {used}: found checkpoints of an earlier training, such as '
            'best_NME_epoch_2.pth, .*--resume, .*--overwrite removes .*--work-dir',
        ):
            work_dir.require_unused(used, resumed)
    work_dir.require_unused(used, used / 'epoch_1.pth')
    work_dir.require_unused(tmp_path / 'new')


@pytest.mark.parametrize('name', ['interrupted.pth', 'iter_100.pth', 'best_NME_epoch_2.pth'])
def test_any_checkpoint_makes_a_folder_used(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match=f'found checkpoints of an earlier training, such as {name}'):
        work_dir.require_unused(tmp_path)


def test_checkpoints_are_removed_and_nothing_else(used):
    work_dir.remove_checkpoints(used)
    assert [path.name for path in used.iterdir()] == ['tiny.py']
