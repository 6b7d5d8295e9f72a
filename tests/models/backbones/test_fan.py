"""FAN: published sizes, the forward pass of the public layout from converted weights, and small variants."""

import re
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from mmpose.registry import MODELS
from torch.utils.flop_counter import FlopCounterMode

from mmfld.models import FAN
from mmfld.models.backbones import convert_fan_state_dict
from mmfld.models.backbones.fan import matching_fan
from mmfld.structures import face_layout, get_layout

MISSING = 'missing keys, as FAN names them'


def small(**options) -> FAN:
    torch.manual_seed(0)
    return FAN(**dict(layout='cofw29', num_levels=2, width=16) | options).eval()


def on_meta(**options) -> FAN:
    """Of full size, without memory."""
    with torch.device('meta'):
        return FAN(**options)


# ---- published sizes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'layout, num_stacks, expected',
    [
        ('300w68', 1, 6_249_668),
        ('300w68', 2, 12_106_504),
        ('300w68', 4, 23_820_176),
        ('aflw19', 2, 12_068_774),
        ('cofw29', 2, 12_076_474),
        ('wflw98', 2, 12_129_604),
    ],
)
def test_number_of_parameters(layout, num_stacks, expected):
    net = on_meta(layout=layout, num_stacks=num_stacks)
    assert sum(p.numel() for p in net.parameters()) == expected


def test_multiply_adds():
    with FlopCounterMode(display=False) as counter:
        on_meta()(torch.zeros(1, 3, 256, 256, device='meta'))
    assert counter.get_total_flops() / 2e9 == pytest.approx(13.92, abs=5e-3)  # PyTorch counts both operations


def test_defaults_are_those_of_the_paper():
    net = on_meta()
    assert (net.layout.name, net.num_stacks, net.pooling, net.stride) == ('300w68', 2, 'max', 64)


# ---- the public layout ----------------------------------------------------------------------------------------------


@pytest.fixture(scope='module')
def shapes(golden_dir):
    """Public keys of the network with 2 stacks for 68 points, and their shapes."""
    lines = (golden_dir / 'fan2_state_dict.txt').read_text().splitlines()
    return {key: [int(n) for n in re.findall(r'\d+', shape)] for key, shape in (line.split('\t') for line in lines)}


@pytest.fixture(scope='module')
def checkpoint(shapes):
    """Random weights under the public keys, of sizes with which signals neither vanish nor explode."""
    generator = torch.Generator().manual_seed(0)

    def value(key: str, shape: list) -> torch.Tensor:
        if key.endswith('num_batches_tracked'):
            return torch.tensor(7)
        u = torch.rand(shape, generator=generator)
        if len(shape) == 4:
            return (2 * u - 1) * (3 / u[0].numel()) ** 0.5
        return 0.5 + u if key.endswith(('running_var', 'weight')) else u - 0.5

    return {key: value(key, shape) for key, shape in shapes.items()}


def public_forward(weights: dict, x: torch.Tensor, pool) -> list:
    """The published network, written down with its keys: heatmaps of all stacks."""

    def conv(name, x, **options):
        return F.conv2d(x, weights[f'{name}.weight'], weights.get(f'{name}.bias'), **options)

    def bn_relu(name, x):
        parts = (weights[f'{name}.{part}'] for part in ('running_mean', 'running_var', 'weight', 'bias'))
        return F.relu(F.batch_norm(x, *parts))

    def block(name, x):
        a = conv(f'{name}.conv1', bn_relu(f'{name}.bn1', x), padding=1)
        b = conv(f'{name}.conv2', bn_relu(f'{name}.bn2', a), padding=1)
        c = conv(f'{name}.conv3', bn_relu(f'{name}.bn3', b), padding=1)
        if f'{name}.downsample.2.weight' in weights:
            x = conv(f'{name}.downsample.2', bn_relu(f'{name}.downsample.0', x))
        return torch.cat([a, b, c], 1) + x

    def hourglass(name, level, x):
        low = block(f'{name}.b2_{level}', pool(x, 2))
        low = hourglass(name, level - 1, low) if level > 1 else block(f'{name}.b2_plus_1', low)
        low = block(f'{name}.b3_{level}', low)
        return block(f'{name}.b1_{level}', x) + low.repeat_interleave(2, 2).repeat_interleave(2, 3)

    x = bn_relu('bn1', conv('conv1', x, stride=2, padding=3))
    x = block('conv4', block('conv3', pool(block('conv2', x), 2)))
    outputs = []
    for s in range(2):
        f = block(f'top_m_{s}', hourglass(f'm{s}', 4, x))
        f = bn_relu(f'bn_end{s}', conv(f'conv_last{s}', f))
        outputs.append(conv(f'l{s}', f))
        if s == 0:
            x = x + conv('bl0', f) + conv('al0', outputs[0])
    return outputs


@pytest.mark.parametrize('pooling', ['max', 'avg'])
def test_heatmaps_equal_the_public_network(checkpoint, pooling):
    exact = {key: value.double() for key, value in checkpoint.items()}
    net = FAN(pooling=pooling).double().eval()
    net.load_state_dict(convert_fan_state_dict(exact))
    x = torch.rand(1, 3, 64, 128, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = [stack.heatmaps for stack in net(x)]
        expected = public_forward(exact, x, dict(max=F.max_pool2d, avg=F.avg_pool2d)[pooling])
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_each_public_key_is_used_once(checkpoint):
    converted = convert_fan_state_dict(checkpoint)
    assert sorted(map(id, converted.values())) == sorted(map(id, checkpoint.values()))  # not copied, either


def test_the_official_dict_is_not_changed(checkpoint):
    before = dict(checkpoint)
    convert_fan_state_dict(checkpoint)
    assert list(checkpoint.items()) == list(before.items())


@pytest.mark.parametrize('prefix', ['module.', 'module.module.'])
def test_prefixes_are_removed(checkpoint, prefix):
    converted = convert_fan_state_dict({prefix + key: value for key, value in checkpoint.items()})
    assert converted.keys() == on_meta().state_dict().keys()


def with_stacks(weights: dict, count: int) -> dict:
    """The weights of a network with more stacks, or with one."""
    last = {key for key in weights if re.match(r'(m|top_m_|conv_last|bn_end|l)1\.', key)}
    first = {key.replace('1', '0', 1) for key in last}
    between = {'al0.weight', 'al0.bias', 'bl0.weight', 'bl0.bias'}
    stem = {key: weights[key] for key in weights.keys() - last - first - between}
    return (
        stem
        | {key.replace('0', str(s), 1): weights[key] for s in range(count) for key in first}
        | {key.replace('0', str(s), 1): weights[key] for s in range(count - 1) for key in between}
    )


@pytest.mark.parametrize('num_stacks', [1, 4])
def test_other_numbers_of_stacks(checkpoint, num_stacks):
    converted = convert_fan_state_dict(with_stacks(checkpoint, num_stacks))
    assert converted.keys() == on_meta(num_stacks=num_stacks).state_dict().keys()


def with_landmarks(weights: dict, count: int) -> dict:
    changed = {key: torch.zeros(count, *value.shape[1:]) for key, value in weights.items() if re.match(r'l\d\.', key)}
    return weights | changed | {'al0.weight': torch.zeros(256, count, 1, 1)}


@pytest.mark.parametrize('layout', ['wflw98', 'cofw29', 'aflw19'])
def test_other_layouts(checkpoint, layout):
    net = on_meta(layout=layout)
    converted = convert_fan_state_dict(with_landmarks(checkpoint, net.layout.num_keypoints))
    assert {name: value.shape for name, value in converted.items()} == {
        name: value.shape for name, value in net.state_dict().items()
    }


def error_of(state_dict) -> str:
    with pytest.raises(ValueError) as caught:
        convert_fan_state_dict(state_dict)
    return str(caught.value)


def test_all_that_does_not_fit_is_listed_in_order(checkpoint):
    changed = checkpoint | {
        'm0.b1_5.conv1.weight': torch.zeros(1),
        'head.weight': torch.zeros(1),
        'l1.bias': torch.zeros(69),
        'conv1.weight': torch.zeros(64, 4, 7, 7),
        'module.bn1.bias': torch.zeros(64),
    }
    del changed['m1.b2_plus_1.bn2.bias'], changed['conv2.downsample.2.weight']
    assert (
        error_of(changed)
        == f"""\
the weights do not fit a FAN of 2 stacks for layout '300w68'
unknown keys (2):
  head.weight
  m0.b1_5.conv1.weight
{MISSING} (2):
  hourglasses.1.low2.low2.low2.low2.bn2.bias
  res1.shortcut.2.weight
keys of the wrong shape (2):
  conv1.weight: found (64, 4, 7, 7), expected (64, 3, 7, 7)
  l1.bias: found (69,), expected (68,)
parameters under more than one key (1):
  bn1.bias and module.bn1.bias"""
    )


@pytest.mark.parametrize(
    'key',
    ['m0.b2_plus_2.bn1.bias', 'm0.b4_1.bn1.bias', 'm2.b1_4.bn1.bias', 'al1.weight', 'top_m_0.downsample.2.weight'],
)
def test_unknown_keys(checkpoint, key):
    assert error_of(checkpoint | {key: torch.zeros(1)}) == (
        f"the weights do not fit a FAN of 2 stacks for layout '300w68'\nunknown keys (1):\n  {key}"
    )


def test_a_network_of_other_depth_is_not_half_converted(checkpoint):
    three = {key: value for key, value in checkpoint.items() if not re.search('b[123]_4', key)}
    assert f'{MISSING} (108):' in error_of(three)


def test_unknown_number_of_landmarks(checkpoint):
    assert error_of(with_landmarks(checkpoint, 28)) == (
        'found 28 landmarks, expected those of a known layout: wflw98 (98), 300w68 (68), cofw29 (29), aflw19 (19)'
    )


def test_which_of_two_layouts_with_as_many_landmarks_has_to_be_said(checkpoint, monkeypatch):
    other = replace(get_layout('300w68'), name='other68')
    monkeypatch.setitem(face_layout._SCHEMES, 'other68', other)
    assert error_of(checkpoint).startswith('found 68 landmarks, which several layouts have: 300w68, other68')
    converted = convert_fan_state_dict(checkpoint, '300w68')
    assert matching_fan(converted, other).layout is other


def test_weights_that_do_not_fit_the_layout_that_is_said(checkpoint):
    with pytest.raises(ValueError, match="do not fit a FAN of 2 stacks for layout 'cofw29'"):
        convert_fan_state_dict(checkpoint, 'cofw29')


@pytest.mark.parametrize('state_dict', [{}, {'layer1.0.conv1.weight': torch.zeros(1)}])
def test_weights_of_another_network(state_dict):
    assert error_of(state_dict) == (
        'expected the keys of a FAN, such as m0.b1_4.conv1.weight and l0.weight, found '
        f'{", ".join(state_dict) or "none"}, ...'
    )


def test_values_must_be_tensors(checkpoint):
    assert error_of(checkpoint | {'epoch': 3}) == "expected names with tensors, found 'epoch': int"


# ---- the network ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'options, size',
    [
        (dict(), (64, 64)),
        (dict(num_stacks=1), (16, 16)),
        (dict(num_stacks=3, pooling='avg'), (32, 48)),
        (dict(num_levels=3, width=24), (64, 96)),
        (dict(layout='wflw98', in_channels=1), (16, 32)),
    ],
)
def test_shapes(options, size):
    stacks = small(**options)(torch.zeros(2, options.get('in_channels', 3), *size))
    cells = (size[0] // 4, size[1] // 4)
    expected = (
        (2, get_layout(options.get('layout', 'cofw29')).num_keypoints, *cells),
        None,
        None,
        (2, options.get('width', 16), *cells),
    )
    assert [tuple(None if maps is None else tuple(maps.shape) for maps in stack) for stack in stacks] == [
        expected
    ] * options.get('num_stacks', 2)


@pytest.mark.parametrize('size', [(64, 72), (56, 64)])
def test_input_must_be_divisible_by_the_stride(size):
    with pytest.raises(ValueError, match=rf'must be divisible by 16, got \({size[0]}, {size[1]}\)'):
        small()(torch.zeros(1, 3, *size))


def test_poolings_differ():
    maximum, average = small(), small(pooling='avg')
    average.load_state_dict(maximum.state_dict())
    x = torch.rand(1, 3, 32, 32)
    assert (maximum(x)[-1].heatmaps - average(x)[-1].heatmaps).abs().max() > 0.01


def test_heatmaps_may_have_more_cells_than_the_features():
    stacks = small(upsampling=2)(torch.rand(1, 3, 32, 48))
    assert [stack.heatmaps.shape[2:] for stack in stacks] == [(16, 24)] * 2
    assert [stack.features.shape[2:] for stack in stacks] == [(8, 12)] * 2
    # a deconvolution whose stride is its kernel: each cell of the features gives 2 x 2 of its own
    net = small(upsampling=2)
    features = torch.zeros(1, 16, 8, 8)
    features[0, :, 3, 5] = 1
    changed = (net.out_heatmaps[0](features) - net.out_heatmaps[0](0 * features)).abs().sum((0, 1)).nonzero()
    assert changed.tolist() == [[6, 10], [6, 11], [7, 10], [7, 11]]


def test_heatmaps_are_raw_scores():
    heatmaps = small()(torch.rand(1, 3, 32, 32))[-1].heatmaps
    assert heatmaps.min() < 0 < heatmaps.max()


def test_features_are_what_the_heatmaps_were_predicted_from():
    net = small()
    for stack, head in zip(net(torch.rand(1, 3, 32, 32)), net.out_heatmaps):
        torch.testing.assert_close(head(stack.features), stack.heatmaps)


def test_results_do_not_depend_on_the_memory_format():
    net, x = small(), torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(net(x)[-1].heatmaps, net(x.to(memory_format=torch.channels_last))[-1].heatmaps)


def test_maps_stay_channels_last():
    heatmaps = small()(torch.rand(2, 3, 32, 32))[-1].heatmaps
    assert heatmaps.is_contiguous(memory_format=torch.channels_last)


def test_mixed_precision_is_close():
    net, x = small(), torch.rand(2, 3, 32, 32)
    exact = net(x)[-1].heatmaps
    with torch.autocast('cpu', torch.bfloat16):
        mixed = net(x)[-1].heatmaps
    assert mixed.dtype == torch.bfloat16
    assert (mixed - exact).abs().max() < 0.05 * exact.abs().max()


@pytest.mark.parametrize('options', [dict(pooling='max'), dict(pooling='avg'), dict(upsampling=2)])
def test_gradient_reaches_all_parameters(options):
    net = small(**options).train()
    sum(stack.heatmaps.square().mean() for stack in net(torch.rand(2, 3, 32, 32))).backward()
    # the normalisation behind the bias of a convolution takes it out
    cancelled = r'stem\.conv\.bias|features\.\d\.1\.conv\.bias'
    assert [
        name
        for name, p in net.named_parameters()
        if p.grad is None or not p.grad.any() and not re.fullmatch(cancelled, name)
    ] == []


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(pooling='mean'), "pooling must be 'max' or 'avg', got 'mean'"),
        (dict(width=20), 'width must be divisible by 8, got 20'),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        small(**options)


def test_builds_by_name():
    with torch.device('meta'):
        assert MODELS.build(dict(type='FAN')).num_stacks == 2
