"""The stacked hourglass and the loss of its maps beside their plain definitions, which the benchmark commands carry."""

import copy
import importlib

import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.model import ExponentialMovingAverage
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import Tensor

from mmfld.engine.rows import read_config
from mmfld.models import HourglassAAM
from mmfld.models.layers import Conv3x3
from mmfld.models.losses import WeightedAdaptiveWingLoss


@pytest.fixture(scope='module')
def plain_formulation():
    return importlib.import_module('plain_formulation')


@pytest.fixture(scope='module')
def plain_forward(plain_formulation):
    return plain_formulation.plain_forward


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))


def network(**options) -> HourglassAAM:
    """Wide enough for every way of computing that depends on the width."""
    torch.manual_seed(0)
    return HourglassAAM(**dict(layout='cofw29', num_stacks=2, num_levels=2, width=128) | options)


def maps(stacks) -> list[Tensor]:
    return [maps for stack in stacks for maps in stack if maps is not None]


def assert_same(actual, expected, tolerance: float = 1e-4) -> None:
    """To ``tolerance`` of the largest value of each tensor."""
    assert len(actual) == len(expected)
    for ours, plain in zip(actual, expected):
        torch.testing.assert_close(ours, plain, atol=tolerance * plain.abs().max().item(), rtol=0)


@pytest.mark.parametrize(
    'options',
    [{}, dict(heatmap_activation='in_relu'), dict(attention_maps=False), dict(pixel_unshuffle=2, width=64)],
    ids=str,
)
@pytest.mark.parametrize('training', [True, False])
def test_maps(plain_forward, images, options, training):
    net = network(**options).train(training)
    with torch.no_grad():
        assert_same(maps(net(images)), maps(plain_forward(net, images)))


@pytest.mark.parametrize('activation', ['none', 'in_relu'])
def test_gradients_and_running_statistics(plain_forward, images, activation, monkeypatch):
    # in float64, as a sign that flips in a ReLU changes float32 gradients by percents
    monkeypatch.setattr(Conv3x3, '_gains', lambda self, x: True)
    ours = network(heatmap_activation=activation).train().double()
    plain = copy.deepcopy(ours)
    for stacks in (ours(images.double()), plain_forward(plain, images.double())):
        weights = torch.Generator().manual_seed(1)
        sum((m * torch.randn(m.shape, generator=weights)).mean() for m in maps(stacks)).backward()
    largest = max(parameter.grad.abs().max() for parameter in plain.parameters())
    for parameter, other in zip(ours.parameters(), plain.parameters()):
        torch.testing.assert_close(parameter.grad, other.grad, rtol=1e-5, atol=1e-7 * largest.item())
    assert_same(list(ours.buffers()), list(plain.buffers()))


@pytest.mark.parametrize(
    'options', [{}, dict(map_weight=3.0, loss_weight=2.0, alpha=1.7, omega=5.0, epsilon=0.3, theta=0.2)], ids=str
)
def test_adaptive_wing_loss(plain_formulation, options):
    loss, maps = WeightedAdaptiveWingLoss(**options), torch.rand(2, 3, 3, 16, 16)
    output, target = maps[0].requires_grad_(), maps[1] ** 8
    ours, plain = loss(output, target), plain_formulation.plain_adaptive_wing(loss, output, target)
    torch.testing.assert_close(ours, plain)
    torch.testing.assert_close(*(torch.autograd.grad(value, output) for value in (ours, plain)))


def test_all_of_a_model_is_replaced(plain_formulation):
    init_default_scope('mmpose')
    model = MODELS.build(read_config('configs/300w/structured_hg4.py').model)
    plain = plain_formulation.plain_copy(model)
    replaced = [name for name, module in plain.named_modules() if 'forward' in vars(module)]
    assert replaced == ['backbone', 'head.loss_point', 'head.loss_edge']
    assert not any('forward' in vars(module) for module in model.modules())


def step(net: HourglassAAM) -> None:
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(1.1)


def swap_averaged_weights(net: HourglassAAM) -> None:
    """As EMAHook does before it validates, through ``.data``."""
    hook = EMAHook()
    hook.src_model, hook.ema_model = net, ExponentialMovingAverage(network(), update_buffers=True)
    hook._swap_ema_parameters()


def load(net: HourglassAAM) -> None:
    torch.manual_seed(1)
    net.load_state_dict(HourglassAAM('cofw29', num_stacks=2, num_levels=2, width=128).state_dict(), strict=True)


@pytest.mark.parametrize('change', [step, swap_averaged_weights, load, HourglassAAM.train])
def test_results_follow_the_weights_without_a_call_between(plain_forward, images, change):
    net = network()
    net.train()(images)
    step(net.eval())
    with torch.no_grad():
        before = net(images)[-1].heatmaps
        change(net)
        after = net(images)
        assert not torch.allclose(before, after[-1].heatmaps)
        assert_same(maps(after), maps(plain_forward(net, images)))


def test_a_copy_has_its_own_weights(plain_forward, images):
    net = network().eval()
    with torch.no_grad():
        net(images)
        copied = copy.deepcopy(net)
        step(copied)
        assert_same(maps(copied(images)), maps(plain_forward(copied, images)))


def test_exported(images):
    net = network().eval()
    with torch.no_grad():
        assert_same(maps(torch.export.export(net, (images,)).module()(images)), maps(net(images)))
