"""Whatever happens to a training, it says what, and nothing is lost: resumed, it ends as one that was left alone."""
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import cv2
import pytest

from mmfld.engine.launch import latest_checkpoint

from .trainings import TRAIN, Training, assert_same

EPOCHS = 6


@pytest.fixture(scope='module')
def options(tiny_config):
    return [tiny_config, '--cfg-options', f'train_cfg.max_epochs={EPOCHS}', 'train_cfg.val_interval=2',
            'default_hooks.checkpoint.save_best=NME', 'default_hooks.checkpoint.max_keep_ckpts=1', '--work-dir']


@pytest.fixture(scope='module')
def whole(options, tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole')
    begin = time.monotonic()
    training = Training(folder / 'log', *options, folder / 'run')
    assert training.end() == 0, training.said()
    (folder / 'seconds').write_text(str(time.monotonic() - begin))
    return folder / 'run'


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
        moment = training.said().rstrip().splitlines()[-1]
        assert status in (0, -number), training.said()
        if number == signal.SIGTERM and status == 0 and 'SIGTERM' in moment:
            assert 'The same command with --resume goes on there.' in moment
            moments['SIGTERM, saved'] += 1
        elif status < 0:
            moments[number.name] += 1
        else:  # it was through
            assert_same(folder, whole)
            shutil.rmtree(folder)
    finish(options, folder, whole)
    print(f'{kills} kills: {dict(moments)}; silent: 0')


def test_a_full_disk_leaves_the_last_checkpoint(options, whole, tmp_path):
    folder = tmp_path / 'parts'
    training = Training(tmp_path / 'begun.log', *options, folder)
    training.wait_for(folder / 'last_checkpoint')
    training.kill(signal.SIGKILL)
    training.end()
    before = {path.name: path.read_bytes() for path in folder.glob('*.pth')}
    training = Training(tmp_path / 'full.log', *options, folder, '--resume', limit=100_000)
    assert training.end() == 1
    assert f'OSError: [Errno 27] {folder}/' in training.said() and 'bytes could not be written, of' in training.said()
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
            path.write_bytes(content[:len(content) // 2])
        else:
            cv2.imwrite(str(path), cv2.imread(str(path))[1:])
    assert training.end() == 1
    assert f'{faces}/images/' in training.said().rsplit('Error: ', 1)[-1], training.said()
    assert latest_checkpoint(folder) is not None


def test_a_worker_that_is_killed(options, whole, tmp_path):
    folder = tmp_path / 'parts'
    training = Training(tmp_path / 'begun.log', *options, folder)
    training.wait_for(folder / 'last_checkpoint')
    worker = int(Path(f'/proc/{training.process.pid}/task/{training.process.pid}/children').read_text().split()[0])
    os.kill(worker, signal.SIGKILL)
    assert training.end() == 1
    assert f'DataLoader worker (pid {worker}) is killed by signal: Killed' in training.said()
    finish(options, folder, whole)


def test_a_second_training_in_a_folder_is_refused(options, tmp_path):
    folder = tmp_path / 'run'
    first = Training(tmp_path / 'first.log', *options, folder)
    first.wait_for(folder / 'last_checkpoint')
    second = Training(tmp_path / 'second.log', *options, folder)
    assert second.end() == 2
    assert f'found a training in it (process {first.process.pid} on ' in second.said()
    assert first.end() == 0


def test_one_of_two_processes_that_is_killed_ends_both(options, tmp_path):
    config, *rest = map(str, options)
    folder = tmp_path / 'run'
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': '', 'PYTHON': sys.executable}
    with open(tmp_path / 'log', 'w') as log:
        process = subprocess.Popen(['bash', str(TRAIN.with_name('dist_train.sh')), config, '2', *rest, str(folder)],
                                   env=environment, stdout=log, stderr=subprocess.STDOUT)
        end = time.monotonic() + 120
        while not (folder / 'last_checkpoint').exists() and time.monotonic() < end:
            time.sleep(0.05)
        ranks = Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text().split()
        os.kill(int(ranks[-1]), signal.SIGKILL)
        assert process.wait(60) == 1
    said = (tmp_path / 'log').read_text()
    assert f'pid: {ranks[-1]}' in said and 'Signal 9 (SIGKILL)' in said
