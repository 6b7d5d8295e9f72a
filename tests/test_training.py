"""Runs of tools/train.py: resumed equals uninterrupted, and so do processes and accumulation with the same batch."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': '', 'PYTHONWARNINGS': 'ignore'}

HOOK = """
from mmengine.dist import all_reduce, is_main_process
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from torch.nn import BatchNorm2d

@HOOKS.register_module()
class FreezeStatisticsAndAverageLoss(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        for module in runner.model.modules():
            if isinstance(module, BatchNorm2d):
                module.eval()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        loss = outputs['loss'].detach().clone()  # of this process alone
        all_reduce(loss, 'mean')
        if is_main_process():
            with open(runner.work_dir + '/losses.txt', 'a') as file:
                print(float(loss), file=file)
"""


def train_command(config, work_dir, *arguments):
    return [sys.executable, str(REPOSITORY / 'tools/train.py'), str(config), '--work-dir', str(work_dir), *arguments]


def run(command, cwd):
    environment = {
        **ENVIRONMENT,
        'PYTHONPATH': f'{cwd}{os.pathsep}{os.environ.get("PYTHONPATH", "")}',
        'PATH': f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}',
    }
    result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout + result.stderr


def logged(work_dir, name='loss'):
    """{iteration: value} of all parts of a run."""
    values = {}
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            scalars = json.loads(line)
            if name in scalars:
                values[scalars['step']] = scalars[name]
    return values


@pytest.mark.parametrize('accumulate', [[], ['--accumulate', '--no-validate']])
def test_a_loss_that_is_no_number_ends_the_training_before_its_step(tiny_config, tmp_path, accumulate):
    work_dir = tmp_path / 'run'
    command = train_command(
        tiny_config,
        work_dir,
        *accumulate,
        '--cfg-options',
        'train_cfg.max_epochs=1',
        'model.head.loss_landmark.loss_weight=1e38',
    )
    failed = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert failed.returncode == 1
    message = failed.stderr.splitlines()[-1]
    assert message.startswith('train.py: error: ') and 'Traceback' not in failed.stderr
    assert 'epoch 1, iteration 1: the loss is not finite, before the step: ' in message
    assert 'loss_landmark inf' in message
    kept = work_dir / 'not_finite.pth'
    assert message.endswith(f'`python {REPOSITORY}/tools/misc/replay_step.py {kept}` takes the step again')
    step = torch.load(kept, weights_only=True)
    named = [
        f'{item["metainfo"]["id"]} ({item["metainfo"]["img_path"]})'
        for batch in (step['batch'] if accumulate else [step['batch']])
        for item in batch['data_samples']
    ]
    assert len(named) == (4 if accumulate else 2) and f'Samples: {", ".join(named)}. ' in message
    assert all(value.isfinite().all() for value in step['state_dict'].values() if value.is_floating_point())

    step['meta']['cfg'] = step['meta']['cfg'].replace('1e+38', '2.0')
    torch.save(step, kept)
    lines = run([sys.executable, str(REPOSITORY / 'tools/misc/replay_step.py'), str(kept)], tmp_path).splitlines()
    assert [line.split(': ')[0] for line in lines[-len(named) :]] == named
    losses = [float(line.split('loss_landmark ')[1].split(',')[0]) for line in lines[1:]]
    assert all(0 < loss < 1e3 for loss in losses)
    assert not list(work_dir.glob('epoch_*.pth'))


def test_resumed_run_has_the_losses_of_an_uninterrupted_one(tiny_config, tmp_path):
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    progress = run(train_command(tiny_config, whole), tmp_path)
    assert 'training: 100%' in progress and 'NME=' in progress

    process = subprocess.Popen(
        train_command(tiny_config, parts),
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not (parts / 'last_checkpoint').is_file() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(1)  # two runs in one second would share a folder
    before = logged(parts)
    # what load_from names is where the whole run started, and not where this one goes on
    options = ['--resume', '--cfg-options', f'load_from={whole}/epoch_4.pth']
    run(train_command(tiny_config, parts, *options), tmp_path)

    assert 0 < len(before) < 24  # it was really cut short
    assert sorted(map(str, parts.glob('epoch_*.pth')))[-1].endswith('epoch_4.pth')
    assert logged(parts) == logged(whole)
    assert len(logged(whole)) == 4 * 12 // 2
    # the learning rate, 1e-3 for 4 faces, follows the batch; the warm-up from a tenth of it lasts 200 iterations
    assert logged(parts, 'lr') == logged(whole, 'lr')
    assert 'optim_wrapper.optimizer.lr: 0.001 -> 0.0005' in progress and 'default_hooks.ema.momentum' in progress
    assert logged(whole, 'lr')[1] == pytest.approx(0.1 * 5e-4)


@pytest.fixture
def frozen(tiny_config, tmp_path):
    """The config with frozen batch statistics, which writes the loss of all processes down. SGD, because Adam makes
    steps of the rounding errors of weights without gradient."""
    (tmp_path / 'averaging.py').write_text(HOOK)
    config = tmp_path / 'frozen.py'
    config.write_text(
        tiny_config.read_text() + "\ncustom_imports = dict(imports=['mmfld', 'averaging'])\n"
        "custom_hooks = [dict(type='mmengine.FreezeStatisticsAndAverageLoss')]\nsync_bn = 'torch'\n"
        "optim_wrapper = dict(_delete_=True, optimizer=dict(type='SGD', lr=1e-6, momentum=0.9))\n"
    )
    return config


def mean_losses(work_dir):
    return [float(line) for line in (work_dir / 'losses.txt').read_text().split()]


def weights(work_dir, key, epoch=4):
    state = torch.load(work_dir / f'epoch_{epoch}.pth')[key]
    return torch.cat([value.flatten() for value in state.values() if value.is_floating_point()])


def test_processes_and_accumulation_equal_one_process_with_the_whole_batch(frozen, tmp_path):
    """Equal within 1e-4 relative, the rounding of the differently ordered sums, with batch statistics frozen."""
    whole, two, one_by_four, resumed = (tmp_path / name for name in ('whole', 'two', 'one_by_four', 'resumed'))
    dist_train = ['bash', str(REPOSITORY / 'tools/dist_train.sh'), str(frozen), '2']
    one_face = ['--accumulate', '--cfg-options', 'train_dataloader.batch_size=1']
    run(train_command(frozen, whole, '--cfg-options', 'train_dataloader.batch_size=4'), tmp_path)
    run([*dist_train, '--work-dir', str(two)], tmp_path)
    said = run(train_command(frozen, one_by_four, *one_face), tmp_path)
    assert 'Batch of 4 (1 process x 1 x 4 accumulated)' in said
    # the last epoch again, by two processes
    said = run([*dist_train, '--work-dir', str(resumed), '--resume', f'{one_by_four}/epoch_3.pth', *one_face], tmp_path)
    assert 'Batch of 4 (2 processes x 1 x 2 accumulated)' in said

    expected = mean_losses(whole)
    assert len(expected) == 4 * 12 // 4
    assert mean_losses(two) == pytest.approx(expected, rel=1e-4)
    assert mean_losses(one_by_four) == pytest.approx(expected, rel=1e-4)
    assert mean_losses(resumed) == pytest.approx(expected[9:], rel=1e-4)
    for key in ('state_dict', 'ema_state_dict'):  # the averaged weights, and those that are trained
        end = weights(whole, key)
        last_epoch = (end - weights(whole, key, epoch=3)).norm()
        assert last_epoch > 1e-3 * end.norm()
        for work_dir in (two, one_by_four, resumed):
            assert (weights(work_dir, key) - end).norm() < 1e-4 * last_epoch


def test_nothing_is_scaled_if_told_not_to(tiny_config, tmp_path):
    """The config's learning rate, which the warm-up begins with a tenth of, is for twice the batch."""
    said = run(
        train_command(
            tiny_config, tmp_path / 'run', '--no-scale', '--no-validate', '--cfg-options', 'train_cfg.max_epochs=1'
        ),
        tmp_path,
    )
    assert 'Batch of' not in said
    assert logged(tmp_path / 'run', 'lr')[1] == pytest.approx(0.1 * 1e-3)
