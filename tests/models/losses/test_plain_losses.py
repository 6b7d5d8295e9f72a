"""Each loss gives the values and gradients of its formula as printed, which the benchmark command carries."""

import benchmark_losses
import pytest
import torch

WORK = benchmark_losses.make_work((2, 29, 9, 12), 'cpu', torch.float64)


@pytest.mark.parametrize('loss', WORK)
def test_value_and_gradient_are_those_of_the_formula(loss):
    ours, plain, prediction, target = WORK[loss]
    found = benchmark_losses.value_and_gradient(ours, prediction, target)
    expected = benchmark_losses.value_and_gradient(plain, prediction, target)
    assert benchmark_losses.difference(found[0], expected[0]) < 1e-6
    assert benchmark_losses.difference(found[1], expected[1]) < 1e-5
