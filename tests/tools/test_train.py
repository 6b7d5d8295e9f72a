"""What tools/train.py makes of its arguments before a training begins."""

import logging
import runpy
from pathlib import Path

import pytest

from mmfld.engine import training, work_dir
from mmfld.engine.strict_runner import StrictRunner

TOOL = Path(__file__).resolve().parents[2] / 'tools/train.py'
CONFIG = 'configs/300w/structured_hg2_mini.py'


class Begun(Exception):
    """Instead of a runner."""


@pytest.fixture
def said(monkeypatch):
    """What the tool logs: messages with their levels."""
    messages = []
    monkeypatch.setattr(
        training, 'print_log', lambda message, logger, level=logging.INFO: messages.append((message, level))
    )
    return messages


@pytest.fixture
def begin(tmp_path, monkeypatch, said):
    """Runs the tool; returns the config with which a runner would be made."""

    def no_runner(cfg):
        raise Begun(cfg)

    def begin(*arguments):
        monkeypatch.setattr('sys.argv', ['train.py', CONFIG, '--work-dir', str(tmp_path / 'run'), *arguments])
        with pytest.raises(Begun) as begun:
            runpy.run_path(str(TOOL))['main']()
        return begun.value.args[0]

    monkeypatch.setattr(work_dir, '_held', None)
    monkeypatch.setattr(StrictRunner, 'from_cfg', no_runner)
    return begin


def test_resume_without_a_checkpoint_says_that_it_starts_from_the_beginning(begin, said, tmp_path):
    cfg = begin('--resume')
    assert not cfg.resume and cfg.load_from is None
    assert (
        f'{tmp_path}/run has no checkpoint to go on from: training starts from the beginning.',
        logging.WARNING,
    ) in said


def test_a_key_that_the_config_does_not_have_ends_it(begin, capsys):
    with pytest.raises(SystemExit, match='2'):
        begin('--cfg-options', 'train_dataloder.batch_size=4')
    assert 'train_dataloder' in (message := capsys.readouterr().err) and 'train_dataloader' in message
    assert begin('--cfg-options', '+own.key=4', 'train_dataloader.batch_size=4').own.key == 4


def test_without_workers_nothing_is_asked_of_them(begin):
    assert begin().train_dataloader.persistent_workers
    assert 'persistent_workers' not in begin('--cfg-options', 'train_dataloader.num_workers=0').train_dataloader


def test_numbers_that_are_none_end_it(begin, capsys):
    with pytest.raises(SystemExit, match='2'):
        begin('--cfg-options', 'train_dataloader.batch_size=0')
    assert 'train_dataloader.batch_size: found 0, expected' in capsys.readouterr().err
