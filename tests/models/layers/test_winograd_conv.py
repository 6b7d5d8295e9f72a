"""Conv3x3: PyTorch's convolution in float64 is the expectation, for values and gradients."""

import pytest
import torch
import torch.nn.functional as F

from mmfld.models.layers import Conv3x3, winograd_conv
from mmfld.models.layers.winograd_conv import BLOCK, OUT, _WinogradConv


@pytest.fixture(autouse=True)
def small_maps_are_enough(monkeypatch):
    """As with one thread, so that small ones test it."""
    monkeypatch.setattr(winograd_conv, 'enough_inputs', lambda: OUT**2 * BLOCK)


def relative_error(actual: torch.Tensor, expected: torch.Tensor) -> float:
    return ((actual - expected).abs().max() / expected.abs().max()).item()


@pytest.fixture
def winograd_calls(monkeypatch):
    """Lists the calls that do not go to PyTorch's convolution."""
    calls, apply = [], _WinogradConv.apply
    monkeypatch.setattr(_WinogradConv, 'apply', lambda *args: calls.append(args) or apply(*args))
    return calls


@pytest.mark.parametrize(
    'shape, filters, bias',
    [
        ((2, 64, 32, 32), 64, True),
        ((3, 64, 36, 28), 80, True),  # blocks of unequal size
        ((1, 96, 128, 16), 64, False),
        ((9, 128, 8, 16), 64, False),  # blocks of several images
    ],
)
def test_values_and_gradients(winograd_calls, shape, filters, bias):
    torch.manual_seed(0)
    conv = Conv3x3(shape[1], filters, bias)
    x = torch.randn(shape).contiguous(memory_format=torch.channels_last).requires_grad_()
    grad = torch.randn(shape[0], filters, *shape[2:])
    out = conv(x)
    assert winograd_calls and out.is_contiguous(memory_format=torch.channels_last)
    out.backward(grad)

    inputs = [tensor.detach().double().requires_grad_() for tensor in (x, *conv.parameters())]
    expected = F.conv2d(*inputs, padding=1)
    expected.backward(grad.double())
    assert relative_error(out, expected) < 2e-5
    for tensor, reference in zip((x, *conv.parameters()), inputs):
        assert relative_error(tensor.grad, reference.grad) < 2e-5


def test_only_gradients_that_are_asked_for(winograd_calls):
    conv = Conv3x3(64, 64)
    conv.weight.requires_grad_(False)
    x = torch.randn(2, 64, 32, 32)  # an image has no gradient
    conv(x).sum().backward()
    assert winograd_calls and conv.weight.grad is None
    assert conv.bias.grad == pytest.approx(2 * 32 * 32)


def test_parameters_are_those_of_a_convolution():
    torch.manual_seed(0)
    ours = Conv3x3(8, 4).state_dict()
    torch.manual_seed(0)
    theirs = torch.nn.Conv2d(8, 4, 3, padding=1).state_dict()
    assert ours.keys() == theirs.keys()
    assert all((ours[key] == theirs[key]).all() for key in ours)


@pytest.mark.parametrize(
    'shape, options',
    [
        ((2, 64, 32, 30), {}),  # not in tiles
        ((1, 64, 16, 16), {}),  # too few cells
        ((2, 32, 64, 64), {}),  # too few channels
        ((2, 64, 32, 32), dict(dtype=torch.float64)),
    ],
)
def test_elsewhere_it_is_pytorchs_convolution(winograd_calls, shape, options):
    conv, x = Conv3x3(shape[1], 64).to(**options), torch.randn(shape, **options)
    assert (conv(x) == F.conv2d(x, conv.weight, conv.bias, padding=1)).all()
    assert not winograd_calls


def test_mixed_precision_is_pytorchs_convolution(winograd_calls):
    conv, x = Conv3x3(64, 64), torch.randn(2, 64, 32, 32)
    with torch.autocast('cpu'):
        assert conv(x).dtype == torch.bfloat16
    assert not winograd_calls


def test_exported_and_traced_it_is_one_convolution():
    conv, x = Conv3x3(64, 64).eval(), torch.randn(2, 64, 32, 32)
    exported = torch.export.export(conv, (x,))
    assert [str(node.target) for node in exported.graph.nodes if node.op == 'call_function'] == ['aten.conv2d.default']
    assert 'aten::_convolution' in str(torch.jit.trace(conv, x).inlined_graph)


@pytest.mark.parametrize('threads', [1, 2])
def test_a_block_fits_a_core(monkeypatch, threads):
    """What a core works on does not grow with the batch."""
    sizes, bmm = [], torch.bmm
    monkeypatch.setattr(torch, 'bmm', lambda a, b: sizes.append(a.shape[1:].numel()) or bmm(a, b))
    monkeypatch.setattr(torch, 'get_num_threads', lambda: threads)
    with torch.no_grad():
        Conv3x3(64, 64)(torch.zeros(3, 64, 64, 64))
    assert max(sizes) == BLOCK * threads and sum(sizes) == 3 * 16 * 16 * 64


@pytest.mark.parametrize('threads, batch, gains', [(1, 1, True), (2, 1, False), (2, 2, True)])
def test_a_single_face_takes_pytorchs_convolution_with_several_threads(monkeypatch, threads, batch, gains):
    monkeypatch.undo()
    monkeypatch.setattr(torch, 'get_num_threads', lambda: threads)
    assert Conv3x3(128, 128)._gains(torch.empty(batch, 128, 64, 64)) is gains
