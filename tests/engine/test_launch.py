"""What tools/train.py and tools/test.py share."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.device import get_device
from torch import nn

from mmfld.engine.cpu_amp_optim_wrapper import CPUAmpOptimWrapper, computes_bfloat16
from mmfld.engine.launch import REPOSITORY, adapt_to_cpu, latest_checkpoint, load_config, require_file, require_start
from mmfld.engine.rows import read_config
from mmfld.launch_arguments import argument_parser


def load(*arguments):
    parser = argument_parser('')
    return load_config(parser, parser.parse_args(arguments))


@pytest.fixture
def config(tmp_path):
    (tmp_path / 'wflw').mkdir()
    path = tmp_path / 'wflw' / 'method.py'
    path.write_text('value = 1\n')
    return str(path)


def test_default_work_dir_tells_data_sets_apart(config):
    assert load(config).work_dir == 'work_dirs/wflw/method'
    assert load(config, '--work-dir', 'here').work_dir == 'here'
    assert load('configs/300w/star_hg4.py').work_dir == 'work_dirs/300w/star_hg4'
    assert load('projects/reproduce/star.yml:table4-weight-2').work_dir == 'work_dirs/reproduce/star/table4-weight-2'


def test_a_config_of_the_repository_is_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cfg = load('configs/_base_/default_runtime.py')
    assert cfg.filename == str(REPOSITORY / 'configs/_base_/default_runtime.py')
    assert cfg.default_scope == 'mmpose'


def test_a_missing_config_is_named(capsys):
    with pytest.raises(SystemExit):
        load('configs/no_such.py')
    assert f'config configs/no_such.py not found in {REPOSITORY}; near: ' in capsys.readouterr().err


def test_a_missing_checkpoint_is_named(capsys):
    require_file(argument_parser(''), 'checkpoint', 'https://example.org/weights.pth')
    with pytest.raises(SystemExit):
        require_file(argument_parser(''), 'checkpoint', 'no_such.pth')
    assert 'checkpoint no_such.pth does not exist' in capsys.readouterr().err


TABLE = 'projects/reproduce/attentive1d.yml'


def required(name, *more):
    """The config of a training whose start was looked for."""
    parser = argument_parser('')
    args = parser.parse_args([name, *more])
    cfg = load_config(parser, args)
    require_start(parser, args, cfg)
    return cfg


@pytest.mark.parametrize(
    'name, needed, folder',
    [
        ('configs/300vw/attentive1d_tracker.py', 'configs/300vw/attentive1d_hg4.py', '300vw/attentive1d_hg4'),
        (f'{TABLE}:300vw', 'configs/300vw/attentive1d_hg4.py', '300vw/attentive1d_hg4'),
        (
            f'{TABLE}:table1-300vw-length-64',
            f'{TABLE}:300vw-detector-length-64',
            'reproduce/attentive1d/300vw-detector-length-64',
        ),
    ],
)
def test_a_training_that_starts_from_another_one_finds_its_weights_or_says_so(
    name, needed, folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        required(name)
    message = ' '.join(capsys.readouterr().err.split())
    assert f'{name} starts from weights of {needed}, and work_dirs/{folder} has none' in message
    assert '--cfg-options load_from=CHECKPOINT' in message
    assert required(name, '--cfg-options', 'load_from=weights.pth').load_from == 'weights.pth'
    run = tmp_path / 'work_dirs' / folder
    run.mkdir(parents=True)
    last = f'epoch_{read_config(needed).train_cfg.max_epochs}.pth'
    for checkpoint in ('epoch_3.pth', last):
        torch.save(dict(weight=torch.ones(1)), run / checkpoint)
        (run / 'last_checkpoint').write_text(str(run / checkpoint))
        if checkpoint != last:
            with pytest.raises(SystemExit):
                required(name)
            assert f'{folder} has epoch_3.pth, expected {last}' in ' '.join(capsys.readouterr().err.split())
    assert Path(required(name).load_from).resolve() == run / last
    assert required(name, '--cfg-options', 'load_from=weights.pth').load_from == 'weights.pth'


def test_a_row_that_is_not_trained_says_so(capsys):
    with pytest.raises(SystemExit):
        required(f'{TABLE}:talking-face')
    assert 'is not trained: it tests weights of 300vw-alone' in capsys.readouterr().err
    assert required(f'{TABLE}:300vw-detector').load_from is None


@pytest.fixture
def saved(tmp_path):
    """Checkpoints of three epochs, the oldest first."""
    for epoch in (1, 2, 3):
        torch.save(dict(epoch=epoch, state_dict=dict(weight=torch.ones(1))), tmp_path / f'epoch_{epoch}.pth')
        os.utime(tmp_path / f'epoch_{epoch}.pth', (epoch, epoch))
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_3.pth'))
    return tmp_path


@pytest.fixture
def logged(monkeypatch):
    messages = []
    monkeypatch.setattr('mmfld.engine.launch.print_log', lambda message, **kwargs: messages.append(message))
    return messages


def test_the_latest_checkpoint_is_the_one_that_is_named(saved, logged):
    assert latest_checkpoint(saved) == saved / 'epoch_3.pth'
    (saved / 'last_checkpoint').write_text(str(saved / 'epoch_1.pth'))
    assert latest_checkpoint(str(saved)) == saved / 'epoch_1.pth'
    assert not logged


def test_the_latest_checkpoint_of_a_copied_folder_is_in_it(saved, tmp_path_factory):
    copy = tmp_path_factory.mktemp('copies') / 'run'
    shutil.copytree(saved, copy)
    assert latest_checkpoint(copy) == copy / 'epoch_3.pth'
    shutil.rmtree(saved)
    assert latest_checkpoint(copy) == copy / 'epoch_3.pth'


def test_a_copied_folder_that_lacks_the_checkpoint_does_not_go_on_from_the_original(saved, tmp_path_factory, logged):
    copy = tmp_path_factory.mktemp('copies') / 'run'
    shutil.copytree(saved, copy)
    (copy / 'epoch_3.pth').unlink()
    assert latest_checkpoint(copy) == copy / 'epoch_2.pth'
    assert f'names {saved / "epoch_3.pth"}, which is in another work folder: the newest' in logged[0]
    for path in copy.glob('epoch_*.pth'):
        path.unlink()
    assert latest_checkpoint(copy) is None


def test_checkpoints_may_be_in_a_folder_of_their_own(saved, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('run')
    (saved / 'last_checkpoint').unlink()
    (work_dir / 'last_checkpoint').write_text(str(saved / 'epoch_2.pth'))
    assert latest_checkpoint(work_dir) == saved / 'epoch_2.pth'


def test_the_newest_is_that_of_the_highest_number(saved, logged):
    """Whatever times a copy has given them, and with more digits."""
    (saved / 'last_checkpoint').unlink()
    shutil.copy(saved / 'epoch_3.pth', saved / 'epoch_10.pth')
    for path, time in zip((saved / f'epoch_{n}.pth' for n in (10, 3, 2, 1)), range(4)):
        os.utime(path, (time, time))
    assert latest_checkpoint(saved) == saved / 'epoch_10.pth'
    shutil.copy(saved / 'epoch_3.pth', saved / 'interrupted.pth')
    os.utime(saved / 'interrupted.pth', (0, 0))
    assert latest_checkpoint(saved) == saved / 'interrupted.pth'


@pytest.mark.parametrize(
    'break_it, fault',
    [
        (lambda folder: (folder / 'last_checkpoint').unlink(), 'is missing'),
        (lambda folder: (folder / 'last_checkpoint').write_text(''), 'is empty'),
        (
            lambda folder: (folder / 'last_checkpoint').write_text('/elsewhere/epoch_9.pth'),
            'names /elsewhere/epoch_9.pth, which is not there',
        ),
        (lambda folder: (folder / 'last_checkpoint').write_bytes(b'\xff.pth'), 'names \ufffd.pth, which is not there'),
    ],
)
def test_without_a_pointer_it_is_the_newest_checkpoint(saved, logged, break_it, fault):
    break_it(saved)
    assert latest_checkpoint(saved) == saved / 'epoch_3.pth'
    assert logged == [f'{saved / "last_checkpoint"} {fault}: the newest checkpoint that reads is epoch_3.pth']


@pytest.mark.parametrize(
    'damage',
    [
        lambda content: content[: len(content) // 2],
        lambda content: b'',
        lambda content: content[:-1],
        lambda content: content.replace(b'epoch', b'epoxx', 1),
        lambda content: content.replace(b'\x00\x00\x80?', b'\x00\x00\xc0\x7f', 1),
    ],
)
def test_a_checkpoint_that_does_not_read_is_passed_over(saved, logged, damage):
    path = saved / 'epoch_3.pth'
    path.write_bytes(damage(path.read_bytes()))
    assert latest_checkpoint(saved) == saved / 'epoch_2.pth'
    assert f'names {path}, which does not read: the newest' in logged[0]
    for other in ('epoch_1.pth', 'epoch_2.pth'):
        (saved / other).write_bytes(b'no checkpoint')
    with pytest.raises(ValueError, match='none of its checkpoints reads .epoch_3.pth, epoch_2.pth, epoch_1.pth'):
        latest_checkpoint(saved)


def test_a_folder_without_checkpoints(tmp_path):
    assert latest_checkpoint(tmp_path) is None
    (tmp_path / 'last_checkpoint').write_text('')
    assert latest_checkpoint(tmp_path) is None


def test_show_dir_switches_the_visualization_on(config, tmp_path, capsys):
    cfg = load('configs/_base_/default_runtime.py', '--show-dir', 'pictures')
    assert cfg.default_hooks.visualization.enable and cfg.default_hooks.visualization.out_dir == 'pictures'
    with pytest.raises(SystemExit):
        load(config, '--show-dir', 'pictures')
    assert '--show-dir needs default_hooks.visualization' in capsys.readouterr().err


@pytest.mark.skipif(get_device() != 'cpu', reason='the settings for a GPU stay as they are')
def test_mixed_precision_becomes_bfloat16_on_the_cpu():
    cfg = Config(
        dict(
            launcher='none',
            optim_wrapper=dict(
                type='AmpOptimWrapper', loss_scale='dynamic', dtype='float16', clip_grad=dict(max_norm=1.0)
            ),
        )
    )
    adapt_to_cpu(cfg)
    assert cfg.optim_wrapper == dict(type='CPUAmpOptimWrapper', clip_grad=dict(max_norm=1.0))


@pytest.mark.parametrize(
    'by_onednn, level, native, expected',
    [
        (False, 'AVX2', False, False),
        (True, 'AVX512', False, False),  # emulated
        (True, 'AVX512', True, True),
        (True, 'DEFAULT', False, True),  # ARM
    ],
)
def test_emulated_bfloat16_is_none(monkeypatch, by_onednn, level, native, expected):
    monkeypatch.setattr(torch.ops.mkldnn, '_is_mkldnn_bf16_supported', lambda: by_onednn)
    monkeypatch.setattr(torch.backends.cpu, 'get_cpu_capability', lambda: level)
    monkeypatch.setattr(torch.cpu, '_is_avx512_bf16_supported', lambda: native, raising=False)
    monkeypatch.setattr(torch.cpu, '_is_amx_tile_supported', lambda: False, raising=False)
    assert computes_bfloat16() == expected


@pytest.mark.parametrize('has_instructions, dtype', [(True, torch.bfloat16), (False, torch.float32)])
def test_cpu_mixed_precision_trains(monkeypatch, has_instructions, dtype):
    monkeypatch.setattr('mmfld.engine.cpu_amp_optim_wrapper.computes_bfloat16', lambda: has_instructions)
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    optimizer = CPUAmpOptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    inputs, losses = torch.randn(32, 4), []
    for _ in range(20):
        with optimizer.optim_context(model):
            outputs = model(inputs)
            loss = (outputs - inputs.sum(1, keepdim=True)).square().mean()
        optimizer.update_params(loss)
        losses.append(loss.item())
    assert outputs.dtype == dtype and model.weight.dtype == torch.float32
    assert losses[-1] < 0.05 * losses[0]
