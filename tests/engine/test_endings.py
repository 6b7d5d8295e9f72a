"""How tools end if something is wrong."""

import os
import subprocess
import sys

import pytest
import torch
from mmengine.logging import MMLogger
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from mmfld.engine.checkpoint import read_checkpoint
from mmfld.engine.endings import run_tool, sentence_of


class Faulty(Dataset):
    """Whose sample is what a function gives, or raises."""

    def __init__(self, fault):
        self.fault = fault

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.fault()


def lose_a_file():
    open('/gone/face.jpg')


def refuse():
    read_checkpoint('/gone/weights.pth')


def refuse_with_a_cause():
    """In the middle of handling another error."""
    read_checkpoint(__file__)


def slip():
    return {}['nothing']


def slip_within_a_library():
    return torch.ones(2) @ torch.ones(3)


def raise_elsewhere():
    """As code of others does; what it means is not known."""
    raise ValueError('not of this package')


def raised(fault, workers):
    """The error of a fault as it reaches a tool from a data loader."""
    with pytest.raises(Exception) as caught:
        list(DataLoader(Faulty(fault), num_workers=workers))
    return caught.value


@pytest.mark.parametrize('workers', [0, 1])
@pytest.mark.parametrize(
    'fault, sentence',
    [
        (lose_a_file, "No such file or directory: '/gone/face.jpg'"),
        (refuse, 'checkpoint /gone/weights.pth does not exist'),
        (
            refuse_with_a_cause,
            f'{__file__}: found a file that begins with \'"""How tools end if something is wrong."\', '
            'expected a checkpoint',
        ),
        (slip, None),
        (slip_within_a_library, None),
        (raise_elsewhere, None),
    ],
)
def test_what_was_raised_on_purpose_is_a_sentence_also_from_a_worker(fault, sentence, workers):
    assert sentence_of(raised(fault, workers)) == sentence


@pytest.mark.parametrize(
    'error, sentence',
    [
        (OSError(28, 'No space left on device'), 'No space left on device'),
        (MemoryError(), 'MemoryError'),
        (torch.OutOfMemoryError('CUDA out of memory.\nTried 1 GiB'), 'CUDA out of memory. Tried 1 GiB'),
        (
            RuntimeError('DataLoader worker (pid 7) is killed by signal: Killed. '),
            'DataLoader worker (pid 7) is killed by signal: Killed.',
        ),
        (
            RuntimeError('[pair.cc:537] Read error [127.0.0.1]:1: Connection reset by peer'),
            'another process of this run has ended, and says why itself '
            '([pair.cc:537] Read error [127.0.0.1]:1: Connection reset by peer)',
        ),
        (RuntimeError('mat1 and mat2 shapes cannot be multiplied'), None),
        (KeyError('nothing'), None),
    ],
)
def test_faults_of_the_surroundings_are_sentences_wherever_they_come_from(error, sentence):
    assert sentence_of(error) == sentence


def test_of_a_worker_that_was_lost_the_signal_is_named():
    error = RuntimeError('DataLoader worker (pid(s) 7) exited unexpectedly')
    assert sentence_of(error) == 'DataLoader worker (pid(s) 7) exited unexpectedly'
    error.__cause__ = RuntimeError('DataLoader worker (pid 7) is killed by signal: Killed. ')
    assert sentence_of(error) == 'DataLoader worker (pid 7) is killed by signal: Killed.'


@pytest.fixture
def log(tmp_path, monkeypatch):
    """Makes the log of a run."""
    monkeypatch.setattr(sys, 'argv', ['/tools/tool.py'])

    def make(level):
        file = tmp_path / 'run.log'
        MMLogger.get_instance(f'{tmp_path.name}-{level}', log_file=str(file), log_level=level)
        return file

    yield make
    for name in [name for name in MMLogger._instance_dict if name.startswith(tmp_path.name)]:
        MMLogger._instance_dict.pop(name)


def test_the_sentence_is_the_last_line_and_the_traceback_is_in_the_log(log, capfd):
    log = log('INFO')
    bar = tqdm(total=9)
    assert run_tool(refuse) == 1
    assert capfd.readouterr().err.splitlines()[-1] == 'tool.py: error: checkpoint /gone/weights.pth does not exist'
    assert bar not in tqdm._instances
    assert log.read_text().startswith('Traceback (most recent call last):')
    assert 'FileNotFoundError: checkpoint /gone/weights.pth does not exist' in log.read_text()


def test_the_log_level_debug_shows_the_traceback_before_it(log, capfd):
    log('DEBUG')
    assert run_tool(refuse) == 1
    said = capfd.readouterr().err
    assert 'Traceback (most recent call last):' in said and said.splitlines()[-1].startswith('tool.py: error: ')


def test_an_error_of_a_program_keeps_its_traceback_which_is_in_the_log_too(log):
    log = log('INFO')
    with pytest.raises(KeyError):
        run_tool(slip)
    assert "KeyError: 'nothing'" in log.read_text()


def test_a_full_disk_does_not_take_the_sentence_away(log, capfd):
    path = log('INFO')
    path.unlink()
    path.mkdir()  # cannot be written to
    assert run_tool(refuse) == 1
    assert capfd.readouterr().err == 'tool.py: error: checkpoint /gone/weights.pth does not exist\n'


def test_torchrun_is_told_the_sentence_for_its_report(monkeypatch, tmp_path):
    monkeypatch.setenv('TORCHELASTIC_ERROR_FILE', str(tmp_path / 'error.json'))
    assert run_tool(refuse) == 1
    failure = ProcessFailure(local_rank=0, pid=1, exitcode=1, error_file=str(tmp_path / 'error.json'))
    report = str(ChildFailedError('tool.py', {0: failure}))
    assert 'traceback : checkpoint /gone/weights.pth does not exist\n' in report


@pytest.mark.parametrize('given, status', [(None, 0), (0, 0), (1, 1), ([1], 0)])
def test_otherwise_the_status_is_that_of_the_tool(given, status):
    assert run_tool(lambda: given) == status


def test_an_interruption_is_said(capfd):
    def interrupt():
        raise KeyboardInterrupt

    assert run_tool(interrupt) == 130
    assert capfd.readouterr().err.endswith(': interrupted\n')


def test_an_interruption_that_was_made_another_error_is_still_one(capfd):
    def main():
        try:
            raise KeyboardInterrupt
        except BaseException:
            raise SyntaxError('the config cannot be formatted')  # noqa: B904

    assert run_tool(main) == 130
    assert capfd.readouterr().err.endswith(': interrupted\n')


def test_results_that_nobody_reads_end_it_without_a_word(tmp_path):
    program = """
import sys
from mmfld.engine.endings import run_tool
sys.exit(run_tool(lambda: print('a result', flush=True)))
"""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', program], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b'')


def test_another_pipe_that_breaks_is_said(capfd):
    def main():
        raise BrokenPipeError('the encoder has ended')

    assert run_tool(main) == 1 and 'error: the encoder has ended' in capfd.readouterr().err
