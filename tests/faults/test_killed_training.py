"""Whatever happens to a training, it says what, and nothing is lost: resumed, it ends as one that was left alone."""

import os
import random
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

import cv2
import pytest

from mmfld.engine.launch import latest_checkpoint

from .trainings import Training, assert_same

pytestmark = pytest.mark.slow

EPOCHS = 4
NOT_BEGUN = 'SIGTERM: the training ends before its first step: nothing was trained yet.'


@pytest.fixture(scope='module')
def options(tiny_config):
    return [
        tiny_config,
        '--cfg-options',
        f'train_cfg.max_epochs={EPOCHS}',
        'train_cfg.val_interval=2',
        'default_hooks.checkpoint.save_best=NME',
        'default_hooks.checkpoint.max_keep_ckpts=1',
        '--work-dir',
    ]


@pytest.fixture(scope='module')
def whole(options, tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole')
    begin = time.monotonic()
    training = Training(folder / 'log', *options, folder / 'run')
    assert training.end() == 0, training.said()
    (folder / 'seconds').write_text(str(time.monotonic() - begin))
    return folder / 'run'


def last_line(training):
    return training.said().rstrip().splitlines()[-1]


def finish(options, folder, whole):
    """Resume a training that something has happened to."""
    training = Training(folder.with_suffix('.again'), *options, folder, '--resume')
    assert training.end() == 0, training.said()
    assert_same(folder, whole)


def test_killed_at_random_moments(options, whole, tmp_path, request):
    kills, rng, moments = (20 if request.config.getoption('--long', False) else 3), random.Random(0), Counter()
    folder, seconds = tmp_path / 'parts', float((whole.parent / 'seconds').read_text())
    while sum(moments.values()) < kills:
        training = Training(tmp_path / 'parts.log', *options, folder, '--resume')
        number = rng.choice([signal.SIGKILL, signal.SIGTERM])
        time.sleep(rng.uniform(0.2, 0.9) * seconds)
        if training.process.is_alive():
            training.kill(number)
        status = training.end()
        moment = last_line(training)
        assert status in (0, -number), training.said()
        if number == signal.SIGTERM and status == 0 and 'SIGTERM' in moment:
            assert 'The same command with --resume goes on there.' in moment
            moments['SIGTERM, saved'] += 1
        elif status < 0:
            moments[number.name] += 1
            if number == signal.SIGTERM:
                assert moment == NOT_BEGUN
        else:  # it was through
            assert_same(folder, whole)
            shutil.rmtree(folder)
    finish(options, folder, whole)
    print(f'{kills} kills: {dict(moments)}; silent: 0')


def test_sigterm_saves_and_says_how_to_go_on(options, whole, tmp_path):
    folder = tmp_path / 'parts'
    training = Training(tmp_path / 'begun.log', *options, folder)
    training.wait_for(folder / 'last_checkpoint')
    training.kill(signal.SIGTERM)
    assert training.end() == 0, training.said()
    assert f'saved as {latest_checkpoint(folder)}. The same command with --resume goes on there.' in last_line(training)
    finish(options, folder, whole)


def test_a_full_disk_leaves_the_last_checkpoint(options, whole, tmp_path):
    folder = tmp_path / 'parts'
    training = Training(tmp_path / 'begun.log', *options, folder)
    training.wait_for(folder / 'last_checkpoint')
    training.kill(signal.SIGKILL)
    training.end()
    before = {path.name: path.read_bytes() for path in folder.glob('*.pth')}
    training = Training(tmp_path / 'full.log', *options, folder, '--resume', limit=100_000)
    assert training.end() == 1
    assert last_line(training).startswith(f'train.py: error: {folder}/'), training.said()
    assert 'bytes could not be written, of' in last_line(training) and 'Traceback' not in training.said()
    assert {path.name: path.read_bytes() for path in folder.glob('*.pth')} == before
    finish(options, folder, whole)


def test_a_folder_that_cannot_be_written_to(options, tmp_path):
    training = Training(tmp_path / 'log', *options, '/proc/run')
    assert training.end() == 2
    assert 'error: work folder /proc/run cannot be written to' in training.said()


@pytest.mark.parametrize('fault', ['deleted', 'truncated', 'of another size'])
def test_images_that_change_while_it_trains(options, tmp_path, synthetic_faces, fault):
    faces = tmp_path / 'faces'
    shutil.copytree(synthetic_faces, faces)
    moved = [*options[:2], *(f'{part}_dataloader.dataset.data_root={faces}' for part in ('train', 'val')), *options[2:]]
    folder = tmp_path / 'parts'
    training = Training(tmp_path / 'begun.log', *moved, folder)
    training.wait_for(folder / 'last_checkpoint')
    for path in (faces / 'images').iterdir():
        content = path.read_bytes()
        if fault == 'deleted':
            path.unlink()
        elif fault == 'truncated':
            path.write_bytes(content[: len(content) // 2])
        else:
            cv2.imwrite(str(path), cv2.imread(str(path))[1:])
    assert training.end() == 1
    assert last_line(training).startswith('train.py: error: ') and f'{faces}/images/' in last_line(training)
    assert 'Traceback' not in training.said()
    assert any('Traceback' in log.read_text() for log in folder.glob('*/*.log'))
    assert latest_checkpoint(folder) is not None


def test_a_worker_that_is_killed(options, whole, tmp_path):
    folder = tmp_path / 'parts'
    training = Training(tmp_path / 'begun.log', *options, folder)
    training.wait_for(folder / 'last_checkpoint')
    worker = int(Path(f'/proc/{training.process.pid}/task/{training.process.pid}/children').read_text().split()[0])
    os.kill(worker, signal.SIGKILL)
    assert training.end() == 1
    assert last_line(training) == f'train.py: error: DataLoader worker (pid {worker}) is killed by signal: Killed.'
    finish(options, folder, whole)


def test_a_second_training_in_a_folder_is_refused(options, tmp_path):
    folder = tmp_path / 'run'
    first = Training(tmp_path / 'first.log', *options, folder)
    first.wait_for(folder / 'last_checkpoint')
    second = Training(tmp_path / 'second.log', *options, folder)
    assert second.end() == 2
    assert f'found a training in it (process {first.process.pid} on ' in second.said()
    assert first.end() == 0


def test_a_folder_of_an_earlier_training_is_refused_and_nothing_in_it_changes(options, tmp_path):
    folder = tmp_path / 'run'
    short = [*options[:2], *options[3:-1], 'train_cfg.max_epochs=1', '--work-dir']
    assert Training(tmp_path / 'first.log', *short, folder).end() == 0
    before = {path: path.read_bytes() for path in folder.glob('*.pth')}
    second = Training(tmp_path / 'second.log', *short, folder)
    assert second.end() == 2
    assert f'error: work folder {folder}: found checkpoints of an earlier training' in last_line(second)
    assert {path: path.read_bytes() for path in folder.glob('*.pth')} == before

    for path in before:
        path.rename(path.with_name(f'best_{path.name}'))
    (folder / 'last_checkpoint').unlink()
    again = Training(tmp_path / 'again.log', *short, folder, '--resume')
    assert again.end() == 2
    assert 'found checkpoints of an earlier training, such as best_' in last_line(again)
    assert 'none is one to go on from (epoch_N.pth or iter_N.pth), --overwrite removes them' in last_line(again)

    (folder / 'epoch_9.pth').touch()
    third = Training(tmp_path / 'third.log', *short, folder, '--overwrite')
    assert third.end() == 0, third.said()
    assert {path.name for path in folder.glob('*.pth')} == {path.name for path in before}


def test_sigterm_before_the_first_step_says_that_nothing_was_trained(options, tmp_path):
    training = Training(tmp_path / 'log', *options, tmp_path / 'run')
    training.wait_for(tmp_path / 'run' / '.training')
    training.kill(signal.SIGTERM)
    assert training.end() == -signal.SIGTERM
    assert last_line(training) == NOT_BEGUN


def test_another_number_of_faces_in_a_step_is_named_before_what_follows_from_it(options, whole, tmp_path):
    training = Training(
        tmp_path / 'log',
        *options[:-1],
        'train_dataloader.batch_size=4',
        '--work-dir',
        tmp_path / 'run',
        '--resume',
        whole / f'epoch_{EPOCHS}.pth',
    )
    assert training.end() == 1
    assert 'trained with a batch of 2 (1 process x 2)' in last_line(training)
    assert 'found one of 4 (1 process x 4)' in last_line(training)


def test_one_of_two_processes_that_is_killed_ends_both(options, tmp_path):
    training = Training(tmp_path / 'log', *options, tmp_path / 'run', processes=2)
    training.wait_for(tmp_path / 'run' / 'last_checkpoint')
    ranks = training.ranks()
    assert len(ranks) == 2
    os.kill(ranks[1], signal.SIGKILL)
    assert training.end(60) == 1
    assert f'pid: {ranks[1]}' in training.said() and 'Signal 9 (SIGKILL)' in training.said()
