"""``mmfld train`` and ``mmfld test``: what they make of their arguments, and what they print where."""

import logging
import signal
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MMLogger

from mmfld.cli.main import main
from mmfld.engine import training, work_dir
from mmfld.engine.strict_runner import StrictRunner
from mmfld.repository import REPOSITORY

CONFIG = '300w/structured_hg2_mini'


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / 'epoch_1.pth'
    torch.save(dict(weight=torch.ones(1)), path)
    (tmp_path / 'last_checkpoint').write_text(str(path))
    return path


@pytest.fixture
def configs(monkeypatch):
    """The configs of runners that are made; none of them trains, and all test well."""
    configs = []

    def runner(cfg):
        configs.append(cfg)
        print('a log')
        settings = dict(register_custom_hooks=lambda hooks: None, train=lambda: None, train_loop=None, rank=0)
        return SimpleNamespace(test=lambda: {'NME': 0.03, 'FR': 0.5}, **settings)

    monkeypatch.setattr(work_dir, '_held', None)
    monkeypatch.setattr(StrictRunner, 'from_cfg', runner)
    return configs


def test_the_log_goes_to_stderr_and_the_last_checkpoint_to_stdout(configs, tmp_path, checkpoint, capsys):
    folder = str(checkpoint.parent)
    assert main(['train', CONFIG, '--work-dir', folder, '--resume', '--cfg-options', 'train_cfg.max_epochs=3']) == 0
    output = capsys.readouterr()
    assert output.out == f'{checkpoint}\n' and 'a log\n' in output.err
    (cfg,) = configs
    assert cfg.filename == str(REPOSITORY / f'configs/{CONFIG}.py') and cfg.train_cfg.max_epochs == 3
    assert cfg.work_dir == folder and cfg.resume and cfg.log_level == 'INFO'


def test_a_training_without_a_checkpoint_prints_none(configs, tmp_path, capsys):
    assert main(['train', CONFIG, '--work-dir', str(tmp_path)]) == 0
    assert capsys.readouterr().out == ''


def test_it_leaves_sigterm_as_it_found_it(configs, tmp_path):
    """Ignored, it would be so in every process that this one starts afterwards."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert main(['train', CONFIG, '--work-dir', str(tmp_path)]) == 0
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_it_trains_in_any_thread(configs, tmp_path):
    with ThreadPoolExecutor(1) as pool:  # in which no signal can be handled
        assert pool.submit(main, ['train', CONFIG, '--work-dir', str(tmp_path)]).result() == 0


def test_metrics_go_to_stdout(configs, checkpoint, tmp_path, capsys):
    out = tmp_path / 'metrics.json'
    assert main(['test', CONFIG, str(checkpoint), '--work-dir', str(tmp_path), '--out', str(out)]) == 0
    output = capsys.readouterr()
    assert output.out == 'NME: 0.030000  FR: 0.500000\n' and 'a log\n' in output.err
    assert out.read_text() == '{"NME": 0.03, "FR": 0.5}'
    assert configs[0].load_from == str(checkpoint)


@pytest.mark.parametrize('name', ['train', 'test'])
def test_quiet_logs_only_what_is_wrong_unless_an_option_says_otherwise(
    name, configs, checkpoint, tmp_path, monkeypatch
):
    monkeypatch.setenv('TQDM_DISABLE', '')  # and not after this test
    logger = MMLogger.get_instance('quiet')
    monkeypatch.setattr(MMLogger, 'get_current_instance', lambda: logger)
    arguments = [name, CONFIG, *([str(checkpoint)] if name == 'test' else []), '--work-dir', str(tmp_path / 'run')]
    assert main([*arguments, '--quiet']) == 0
    assert main([*arguments, '--quiet', '--cfg-options', 'log_level=ERROR']) == 0
    assert [cfg.log_level for cfg in configs] == ['WARNING', 'ERROR']
    assert logger.level == logging.WARNING  # of what is logged before the run has its own


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['train', 'structured_hg4'], 'mmfld train: config structured_hg4 stands for configs/300w/structured_hg4.py, '),
        (['train', 'wflw/strucured_hg4'], 'near: configs/wflw/structured_hg4.py, '),
        (['train', CONFIG, '--cfg-options', 'codec.lenght=1'], "mmfld train: 300w/structured_hg2_mini: option 'codec."),
        (['test', CONFIG, 'none.pth'], 'mmfld test: checkpoint none.pth'),
        (['test', CONFIG, 'none.pth', '--out', 'metrics.txt'], 'mmfld test: --out metrics.txt should end with .json'),
    ],
)
def test_wrong_arguments_are_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit, match='2'):
        main(arguments)
    output = capsys.readouterr()
    assert message in output.err and output.err.count('\n') == 1 and output.out == ''


def test_what_ends_a_training_is_one_sentence(monkeypatch, capsys):
    def fail(args):
        raise OSError('the disk is full')

    monkeypatch.setattr(training, 'train', fail)
    assert main(['train', CONFIG]) == 1
    assert capsys.readouterr().err == 'mmfld train: error: the disk is full\n'
