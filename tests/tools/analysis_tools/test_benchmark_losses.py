"""The command that measures the losses: what it measures them on, and that it runs."""

import importlib

import pytest
import torch

SHAPE = (2, 29, 9, 12)
LOSSES = (
    'STARLoss',
    'SoftArgmaxLoss',
    'AnisotropicDirectionLoss',
    'DistributionRegularization',
    'StructuredHeatmapLoss, 10 samples',
    'WeightedAdaptiveWingLoss',
)


@pytest.fixture(scope='module')
def command():
    return importlib.import_module('benchmark_losses')


@pytest.fixture(scope='module')
def work(command):
    return command.make_work(SHAPE, 'cpu', torch.float64)


def test_every_loss_is_measured(command, work):
    assert tuple(work) == LOSSES


def test_every_heatmap_has_empty_cells(work):
    assert (work['STARLoss'][2] == 0).any((2, 3)).all()


def test_reports_every_loss(command, capsys):
    arguments = ['--shape', *SHAPE, '--device', 'cpu', '--threads', torch.get_num_threads(), '--repeats', 1]
    report = command.main(list(map(str, arguments)))
    assert list(report) == [('cpu', loss) for loss in LOSSES]
    assert all(row['ours_ms'] > 0 and row['naive_ms'] > 0 for row in report.values())


def test_unknown_number_of_landmarks(command):
    with pytest.raises(ValueError, match=r'no layout has 30 landmarks, expected one of \[19, 29, 68, 98\]'):
        command.make_work((1, 30, 8, 8), 'cpu')
