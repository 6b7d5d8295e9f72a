"""The command that measures the memory of 1-D and 2-D heatmaps: what it counts, and what does not fit."""

import importlib
import json
from pathlib import Path

import pytest
import torch

TINY = ['--width', '16', '--num-stacks', '1', '--input-size', '64', '--batch-size', '2', '--device', 'cpu']
KEYPOINTS = 68
MIB = 2**20


@pytest.fixture(scope='module')
def command():
    return importlib.import_module('benchmark_memory')


@pytest.fixture(scope='module')
def out_dir(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp('memory')


@pytest.fixture(scope='module')
def rows(command, out_dir):
    """Of tiny networks, all measured in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, 'measure_in_new_process', command.measure)
        return command.main(
            [
                *TINY,
                '--lengths',
                '16',
                '256',
                '--lengths-2d',
                '16',
                '256',
                '--limit-gib',
                '1',
                '--out-dir',
                str(out_dir),
            ]
        )


def growth(rows, head: str, phase: str) -> float:
    """Bytes that the peak of L = 256 is above that of L = 16."""
    short, long = (row for row in rows if (row['head'], row['phase']) == (head, phase))
    return (long['peak_mib'] - short['peak_mib']) * MIB


def test_a_row_for_each_measurement(rows):
    assert [(row['head'], row['phase'], row['length'], row['values']) for row in rows] == [
        ('1-D', 'training', 16, KEYPOINTS * 32),
        ('1-D', 'training', 256, KEYPOINTS * 512),
        ('1-D', 'inference', 16, KEYPOINTS * 32),
        ('1-D', 'inference', 256, KEYPOINTS * 512),
        ('2-D', 'training', 16, KEYPOINTS * 256),
        ('2-D', 'training', 256, KEYPOINTS * 65536),
        ('2-D', 'inference', 16, KEYPOINTS * 256),
        ('2-D', 'inference', 256, KEYPOINTS * 65536),
    ]
    assert all(row['fits'] and row['seconds'] > 0 for row in rows)


@pytest.mark.parametrize('phase, num_maps', [('training', 3), ('inference', 1)])
def test_memory_of_2d_heatmaps_grows_with_their_area(rows, phase, num_maps):
    # in training the predictions, the targets of the samples and those of the batch
    maps = 2 * KEYPOINTS * (256**2 - 16**2) * 4
    assert growth(rows, '2-D', phase) >= num_maps * maps


@pytest.mark.parametrize('phase', ['training', 'inference'])
def test_memory_of_1d_heatmaps_hardly_grows(rows, phase):
    assert 0 < growth(rows, '1-D', phase) < 0.1 * growth(rows, '2-D', phase)


def test_writes_what_it_measured(rows, out_dir):
    report = json.loads((out_dir / 'memory.json').read_text())
    assert report['rows'] == rows
    assert report['settings']['batch_size'] == 2
    assert (out_dir / 'memory.png').stat().st_size > 0


def test_table_has_ratios_to_the_longest_1d_heatmaps(command):
    peaks = {('1-D', 64): 90, ('1-D', 768): 100, ('2-D', 64): 150}
    table = command.make_table(
        [
            dict(head=head, length=length, phase=phase, values=1, fits=True, peak_mib=peak, seconds=1.0)
            for (head, length), peak in peaks.items()
            for phase in ('training', 'inference')
        ]
    )
    assert [line.split()[5] for line in table.splitlines()[1:]] == ['0.90', '1.00', '1.50']


def test_peak_is_of_blocks_that_live_at_the_same_time(command):
    with torch.autograd.profiler.profile(profile_memory=True) as profiler:
        first = torch.empty(MIB, dtype=torch.uint8)
        second = torch.empty(2 * MIB, dtype=torch.uint8)
        del first, second
        third = torch.empty(MIB, dtype=torch.uint8)
        del third
    assert command.peak_allocated(profiler) == 3 * MIB


def test_peak_does_not_count_what_was_there_before(command):
    before = torch.empty(8 * MIB, dtype=torch.uint8)
    with torch.autograd.profiler.profile(profile_memory=True) as profiler:
        torch.empty(MIB, dtype=torch.uint8)
    assert len(before) and command.peak_allocated(profiler) == MIB


def test_does_not_fit_into_a_tiny_limit(command):
    args = command.parse_args([*TINY, '--limit-gib', '0.25'])
    assert set(command.measure_in_new_process('2-D', 1024, 'training', args)) == {'reason'}


def test_other_errors_are_not_taken_for_want_of_memory(command):
    args = command.parse_args([*TINY, '--limit-gib', '1'])
    with pytest.raises(ValueError, match='length must be a multiple of the feature_size 16, got 24'):
        command.measure_in_new_process('1-D', 24, 'training', args)


def test_nothing_longer_is_tried_than_what_does_not_fit(command, monkeypatch, tmp_path, capsys):
    def measure(head, length, phase, args):
        fits = head == '1-D' or length < (32 if phase == 'training' else 64)
        return dict(peak_mib=float(length), seconds=1.0) if fits else dict(reason='no memory')

    monkeypatch.setattr(command, 'measure_in_new_process', measure)
    rows = command.main(
        [
            *TINY,
            '--lengths',
            '16',
            '--lengths-2d',
            '16',
            '32',
            '64',
            '128',
            '--limit-gib',
            '1',
            '--out-dir',
            str(tmp_path),
        ]
    )
    assert [(row['phase'], row['length'], row['fits']) for row in rows if row['head'] == '2-D'] == [
        ('training', 16, True),
        ('training', 32, False),
        ('inference', 16, True),
        ('inference', 32, True),
        ('inference', 64, False),
    ]
    assert capsys.readouterr().out.count('does not fit: no memory') == 2


def test_lengths_that_2d_heatmaps_cannot_have(command, capsys):
    with pytest.raises(SystemExit):
        command.parse_args([*TINY, '--lengths-2d', '16', '48'])
    assert "must be doublings of the features' 16, got [16, 48]" in capsys.readouterr().err


def test_2d_head_predicts_the_length_asked_for(command):
    args = command.parse_args(TINY)
    head = command.MODELS.build(command.make_config('2-D', 64, args).model.head)
    assert head([torch.zeros(1, 16, 16, 16)]).shape == (1, KEYPOINTS, 64, 64)


def test_default_limit_is_part_of_the_free_memory(command, monkeypatch):
    monkeypatch.setattr(command, 'free_gib', lambda device: 10.0)
    assert command.parse_args(TINY).limit_gib == pytest.approx(8)
