"""Section 5.1 of the structured paper, in 1-D: its picture is drawn and the claims that hold are in its numbers."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

RUN = Path(__file__).parents[2] / 'projects' / 'simplified_model' / 'run.py'


@pytest.fixture(scope='module')
def study():
    spec = importlib.util.spec_from_file_location('simplified_model', RUN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def result(study, tmp_path_factory):
    study.MANY_STEPS, study.RANDOM_STARTS, study.RATES = 200, 10, (0.01, 0.1, 1.0)
    out = tmp_path_factory.mktemp('simplified_model')
    return study.main(['--out', str(out)]), out


def test_losses_equal_the_reference_values(study, golden_dir):
    golden = np.load(golden_dir / 'formula_vectors.npz')
    theta = torch.from_numpy(golden['toy_theta'])[None]
    assert study.soft_argmax(theta).item() == pytest.approx(golden['toy_softargmax'].item(), rel=1e-12)
    assert study.structured_loss(theta).item() == pytest.approx(golden['toy_loss_l2'].item(), rel=1e-12)


def test_gradients_have_their_closed_forms(study):
    theta, steps = study.bimodal()[None], 3
    for name in study.LOSSES:
        trace = study.descend(study.LOSSES[name], theta, 0.1, steps)
        now = trace['theta'][steps]
        if name == 'soft_argmax':
            p, s = now.softmax(-1), study.soft_argmax(now)[:, None]
            expected = -0.1 * 2 * (s - 5) * (study.POSITIONS - s) * p
        else:
            expected = -0.1 * (now + (study.POSITIONS - 5) ** 2).softmax(-1)
            expected[:, 5] += 0.1
        torch.testing.assert_close(trace['update'][steps], expected, rtol=1e-9, atol=1e-15)


def test_picture_and_numbers_are_written(result):
    numbers, out = result
    assert 10_000 < (out / 'panels.png').stat().st_size < 150_000
    assert json.loads((out / 'numbers.json').read_text())['rates'] == numbers['rates']


def test_structured_loss_raises_the_target_and_lowers_all_others(result):
    claim = result[0]['claims']['structured']
    assert claim['target_up'] == 1
    assert claim['all_others_down'] == 1
    assert claim['arrival'] == 2


def test_structured_loss_opens_a_gap(result):
    panels = result[0]['claims']['structured']['panels']
    assert [panels[step]['argmax'] for step in (10, 20, 50)] == [5, 5, 5]
    assert [panels[step]['gap'] for step in (10, 20, 50)] == pytest.approx([8.529, 18.024, 20.338], abs=1e-3)


def test_soft_argmax_moves_the_target_little_and_half_of_the_others_up(result):
    claim = result[0]['claims']['soft_argmax']
    assert claim['target_up'] == 1
    assert claim['target_share'] < 0.05
    assert claim['others_up'] == pytest.approx(0.5)


def test_soft_argmax_converges_on_a_wrong_argmax(result):
    claim = result[0]['claims']['soft_argmax']
    assert claim['arrival'] is None
    assert claim['panels'][50]['argmax'] == 9
    assert claim['panels'][50]['loss'] < 0.02


def test_random_starts(result):
    successes = result[0]['success_by_rate']
    assert successes['structured'][1.0] == 1
    assert successes['soft_argmax'][0.01] == successes['soft_argmax'][0.1] == 0


def test_zero_loss_with_a_wrong_argmax(result):
    case = result[0]['section_4_1']['bimodal']
    assert case['loss'] == pytest.approx(0, abs=1e-30)
    assert case['argmax'] != 2
