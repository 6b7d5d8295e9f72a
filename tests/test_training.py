"""Runs of tools/train.py: resumed equals uninterrupted, and two processes equal one with the doubled batch."""
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': '', 'PYTHONWARNINGS': 'ignore'}

CONFIG = """
_base_ = [{base!r}]
model = dict(backbone=dict(width=16, num_stacks=1, num_levels=2))
data = dict(data_root={data!r})
train_dataloader = dict(
    batch_size=2, num_workers=1, dataset=dict(**data, ann_file='annotations/synthetic_300w68_train.json'))
val_dataloader = dict(num_workers=0, persistent_workers=False,
    dataset=dict(**data, ann_file='annotations/synthetic_300w68_test.json'))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=4, val_interval=4)
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=1, save_best=None),
                     progress=dict(type='ProgressBarHook'))
optim_wrapper = dict(_delete_=True, type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3))
log_processor = dict(window_size=1)
"""

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


@pytest.fixture
def config(tmp_path, synthetic_faces):
    path = tmp_path / 'tiny.py'
    path.write_text(CONFIG.format(base=str(REPOSITORY / 'configs/300w/structured_hg2_mini.py'),
                                  data=str(synthetic_faces)))
    return path


def train_command(config, work_dir, *arguments):
    return [sys.executable, str(REPOSITORY / 'tools/train.py'), str(config), '--work-dir', str(work_dir), *arguments]


def run(command, cwd):
    environment = {**ENVIRONMENT, 'PYTHONPATH': f'{cwd}{os.pathsep}{os.environ.get("PYTHONPATH", "")}',
                   'PATH': f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'}
    result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stderr


def losses(work_dir):
    """{iteration: loss} of all parts of a run."""
    logged = {}
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            scalars = json.loads(line)
            if 'loss' in scalars:
                logged[scalars['step']] = scalars['loss']
    return logged


def test_resumed_run_has_the_losses_of_an_uninterrupted_one(config, tmp_path):
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    progress = run(train_command(config, whole), tmp_path)
    assert 'training: 100%' in progress and 'NME=' in progress

    process = subprocess.Popen(train_command(config, parts), cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 120
    while not (parts / 'last_checkpoint').is_file() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(1)  # two runs in one second would share a folder
    before = losses(parts)
    # what load_from names is where the whole run started, and not where this one goes on
    run(train_command(config, parts, '--resume', '--cfg-options', f'load_from={whole}/epoch_4.pth'), tmp_path)

    assert 0 < len(before) < 24  # it was really cut short
    assert sorted(map(str, parts.glob('epoch_*.pth')))[-1].endswith('epoch_4.pth')
    assert losses(parts) == losses(whole)
    assert len(losses(whole)) == 4 * 12 // 2


def test_two_processes_equal_one_with_the_doubled_batch(config, tmp_path):
    """Equal within 1e-4 relative, the rounding of the differently ordered sums, with batch statistics frozen."""
    (tmp_path / 'averaging.py').write_text(HOOK)
    config.write_text(config.read_text() + "\ncustom_imports = dict(imports=['mmfld', 'averaging'])\n"
                      "custom_hooks = [dict(type='mmengine.FreezeStatisticsAndAverageLoss')]\nsync_bn = 'torch'\n")
    one, two = tmp_path / 'one', tmp_path / 'two'
    run(train_command(config, one, '--cfg-options', 'train_dataloader.batch_size=4'), tmp_path)
    run(['bash', str(REPOSITORY / 'tools/dist_train.sh'), str(config), '2', '--work-dir', str(two)], tmp_path)

    expected = [float(line) for line in (one / 'losses.txt').read_text().split()]
    assert len(expected) == 4 * 12 // 4
    assert [float(line) for line in (two / 'losses.txt').read_text().split()] == pytest.approx(expected, rel=1e-4)
