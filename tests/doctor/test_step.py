"""What the outcome of a step means; that one is taken, test_data.py tests."""

import json
import subprocess
from types import SimpleNamespace

import pytest

from mmfld.doctor.step import look_at_step
from mmfld.engine.rows import read_config


@pytest.fixture
def step(monkeypatch):
    """Function of how the process of the step ends: the findings about it, for 160 faces in batches of 16."""

    def findings(**ending):
        ending = dict(dict(returncode=0, stdout='', stderr=''), **ending)
        monkeypatch.setattr(subprocess, 'run', lambda *_, **__: SimpleNamespace(**ending))
        return list(look_at_step(read_config('configs/300w/structured_hg2_mini.py'), 160, 1))

    return findings


@pytest.mark.parametrize(
    'ending',
    [dict(returncode=-9), dict(returncode=1, stderr='Traceback\ntorch.OutOfMemoryError: CUDA out of memory. Tried')],
)
def test_a_step_that_does_not_fit_says_how_to_make_it_smaller(step, ending):
    (finding,) = step(**ending)
    assert finding.severity == 'error' and 'a step of 16 does not fit into memory' in finding.message
    assert 'train_dataloader.batch_size' in finding.advice


def test_a_step_that_fails_says_why(step):
    (finding,) = step(returncode=1, stderr='Traceback\n  File "x.py"\nValueError: no such thing')
    assert finding.severity == 'error' and finding.message == 'the first step fails: ValueError: no such thing'


@pytest.mark.parametrize('peak, severity', [(95, 'warning'), (50, 'note')])
def test_a_step_that_nearly_fills_the_memory_is_a_warning(step, peak, severity):
    found = step(stdout=json.dumps(dict(device='cpu', data=0.1, step=2.0, peak=peak * 2**20, memory=100 * 2**20)))
    assert found[0].severity == severity and f'{peak} MiB at the peak of 100 MiB' in found[0].message
    # 45 epochs of 10 steps, 2 s each
    assert '45 epochs are 450 steps, about 15.0 minutes' in found[-1].message


def test_data_that_are_read_slower_than_computed_are_found(step):
    found = step(stdout=json.dumps(dict(device='cpu', data=3.0, step=1.0, peak=0, memory=0)))
    # two workers
    assert 'reading data takes longer than computing: 1.50 s a batch by 2 workers' in found[1].message
