"""HourglassAAM: published parameter counts, the reference's outputs from converted weights, and small variants."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from mmpose.registry import MODELS

from mmfld.models import HourglassAAM, StackedHeatmapHead
from mmfld.models.backbones import convert_star_state_dict
from mmfld.models.backbones.hourglass_aam import matching_hourglass_aam
from mmfld.structures import face_layout, get_layout

# layout -> name in the reference, live parameters (structured paper: 13.48 M for WFLW, STAR: 13.37 M for 300W)
REFERENCE = {'wflw98': ('WFLW', 13_476_468), '300w68': ('300W', 13_368_708), 'cofw29': ('COFW', 13_225_028)}


def small(**options) -> HourglassAAM:
    return HourglassAAM(**dict(layout='cofw29', num_stacks=2, num_levels=2, width=16) | options).eval()


@pytest.mark.parametrize('layout', REFERENCE)
def test_number_of_parameters(layout):
    net = HourglassAAM(layout)
    assert sum(p.numel() for p in net.parameters()) == REFERENCE[layout][1]


@pytest.fixture(scope='module')
def checkpoint(official_state_dict):
    return official_state_dict('cofw29')


@pytest.fixture(scope='module', params=REFERENCE)
def reference_run(request, golden_dir, official_state_dict, reference_input):
    """Golden arrays of one network, and ours with the same weights on the same input."""
    name = REFERENCE[request.param][0]
    net = HourglassAAM(request.param, heatmap_activation='in_relu').eval()
    net.load_state_dict(convert_star_state_dict(official_state_dict(request.param)))
    stem = []
    net.res3.register_forward_hook(lambda module, inputs, output: stem.append(output))
    with torch.no_grad():
        stacks = net(reference_input)
        fused = StackedHeatmapHead(request.param, 'keypoint_labels', dict(type='STARLoss'))(stacks)
    return dict(np.load(golden_dir / f'net_{name}.npz')), stem[0], stacks, fused


def test_landmarks_of_all_stacks_equal_the_reference(reference_run, reference_decode):
    golden, _, _, fused = reference_run
    np.testing.assert_allclose(reference_decode(fused), golden['landmarks'], atol=1e-3)


def test_stem_equals_the_reference(reference_run):
    golden, stem, _, _ = reference_run
    np.testing.assert_allclose(stem[0, 0].numpy(), golden['pre_ch0'], atol=1e-5)


def test_norm_of_the_stem_equals_the_reference(reference_run):
    assert reference_run[1].double().norm().item() == pytest.approx(52.86038, rel=1e-5)


def test_fused_maps_equal_the_reference(reference_run):
    golden, _, _, fused = reference_run
    np.testing.assert_allclose(fused[-1][0, 0].numpy(), golden['fusion_last_ch0'], atol=1e-3)


def test_edge_maps_equal_the_reference(reference_run):
    golden, _, stacks, _ = reference_run
    np.testing.assert_allclose(stacks[-1].edge_maps[0, 0].numpy(), golden['edgemap_last_ch0'], atol=1e-4)


def test_point_maps_equal_the_reference(reference_run):
    golden, _, stacks, _ = reference_run
    np.testing.assert_allclose(stacks[-1].point_maps[0, 0].numpy(), golden['pointmap_last_ch0'], atol=1e-4)


# ---- conversion of official weights ---------------------------------------------------------------------------------


def error_of(state_dict) -> str:
    with pytest.raises(ValueError) as caught:
        convert_star_state_dict(state_dict)
    return str(caught.value)


@pytest.mark.parametrize('prefix', ['module.', 'net.', 'module.module.'])
def test_prefixes_are_removed(checkpoint, prefix):
    converted = convert_star_state_dict({prefix + key: value for key, value in checkpoint.items()})
    assert converted.keys() == convert_star_state_dict(checkpoint).keys()


@pytest.mark.parametrize('counter', ['n_averaged', 'module.n_averaged'])
def test_counter_of_averaged_models_is_dropped(checkpoint, counter):
    averaged = {counter: torch.tensor(3)} | {f'module.{key}': value for key, value in checkpoint.items()}
    assert convert_star_state_dict(averaged).keys() == HourglassAAM('cofw29').state_dict().keys()


def test_unused_shortcuts_are_dropped(checkpoint):
    live = sum(
        value.numel()
        for key, value in convert_star_state_dict(checkpoint).items()
        if not re.search('running_|num_batches', key)
    )
    dead = (
        sum(
            value.numel()
            for key, value in checkpoint.items()
            if not re.search('running_|num_batches|e2h_transform', key)
        )
        - live
    )
    assert (live, dead) == (13_225_028, 3_700_864)


def test_converted_tensors_are_not_copied(checkpoint):
    assert convert_star_state_dict(checkpoint)['stem.conv.weight'] is checkpoint['pre.0.conv.weight']


def test_the_official_dict_is_not_changed(checkpoint):
    before = dict(checkpoint)
    convert_star_state_dict(checkpoint)
    assert list(checkpoint.items()) == list(before.items())


def test_weights_without_attention(checkpoint):
    without = {key: value for key, value in checkpoint.items() if not re.search('edgemaps|pointmaps|e2h', key)}
    assert convert_star_state_dict(without).keys() == HourglassAAM('cofw29', attention_maps=False).state_dict().keys()


def test_weights_of_fewer_stacks(checkpoint):
    two = {
        key: value
        for key, value in checkpoint.items()
        if not re.match(r'(hgs|features|out_\w+)\.[23]\.', key) and not re.match(r'merge_\w+\.[12]\.', key)
    }
    assert convert_star_state_dict(two).keys() == HourglassAAM('cofw29', num_stacks=2).state_dict().keys()


def test_boundaries_need_not_be_stored(checkpoint):
    without = {key: value for key, value in checkpoint.items() if not key.startswith('e2h_transform.')}
    empty = {
        key: torch.zeros_like(value) if key.startswith('e2h_transform.') else value for key, value in checkpoint.items()
    }
    assert convert_star_state_dict(without).keys() == convert_star_state_dict(checkpoint).keys()
    assert convert_star_state_dict(empty).keys() == convert_star_state_dict(checkpoint).keys()


@pytest.mark.parametrize('layout', REFERENCE)
def test_boundaries_in_half_precision(official_state_dict, layout):
    state_dict = {key: value.half() for key, value in official_state_dict(layout).items()}
    assert convert_star_state_dict(state_dict)['stem.conv.weight'].dtype == torch.float16


def test_all_that_does_not_fit_is_listed_in_order(checkpoint):
    changed = checkpoint | {
        'pre.5.weight': torch.zeros(1),
        'head.weight': torch.zeros(1),
        'pre.0.conv.bias': torch.zeros(65),
        'out_edgemaps.3.conv.weight': torch.zeros(9, 256, 1, 1),
        'module.pre.0.bn.bias': torch.zeros(64),
    }
    del changed['hgs.1.low2.up1.bn2.num_batches_tracked'], changed['features.0.0.conv1.conv.bias']
    assert (
        error_of(changed)
        == """\
the weights do not fit a network of 4 stacks with AAM for layout 'cofw29'
unknown keys (2):
  head.weight
  pre.5.weight
missing keys, as HourglassAAM names them (2):
  features.0.0.conv1.bias
  hourglasses.1.low2.up1.bn2.num_batches_tracked
keys of the wrong shape (2):
  out_edgemaps.3.conv.weight: found (9, 256, 1, 1), expected (7, 256, 1, 1)
  pre.0.conv.bias: found (65,), expected (64,)
parameters under more than one key (1):
  pre.0.bn.bias and module.pre.0.bn.bias"""
    )


@pytest.mark.parametrize(
    'key',
    [
        'pre.2.skip_layer.conv.weight',
        'hgs.4.up1.skip_layer.conv.weight',
        'features.0.0.skip_layer.bn.weight',
        'e2h_transform.scale',
    ],
)
def test_only_shortcuts_and_buffers_that_exist_are_dropped(checkpoint, key):
    assert error_of(checkpoint | {key: torch.zeros(1)}) == (
        f"the weights do not fit a network of 4 stacks with AAM for layout 'cofw29'\nunknown keys (1):\n  {key}"
    )


@pytest.mark.parametrize('key', ['hgs.0.coordconv.conv.weight', 'out_heatmaps.0.conv.weight'])
def test_one_wrong_key_does_not_look_like_another_network(checkpoint, key):
    message = error_of(checkpoint | {key: torch.zeros(28, 5)})
    assert re.sub('found.*', 'found', message) == (
        "the weights do not fit a network of 4 stacks with AAM for layout 'cofw29'\n"
        f'keys of the wrong shape (1):\n  {key}: found'
    )


def test_the_shortcuts_in_use_are_needed(checkpoint):
    needed = ('pre.1.skip_layer.conv.weight', 'pre.4.skip_layer.conv.bias')
    without = {key: value for key, value in checkpoint.items() if key not in needed}
    assert error_of(without).endswith(
        'missing keys, as HourglassAAM names them (2):\n  res1.shortcut.weight\n  res3.shortcut.bias'
    )


@pytest.mark.parametrize('key', ['out_edgemaps.0.conv.weight', 'merge_pointmaps.2.conv.bias'])
def test_attention_is_all_or_nothing(checkpoint, key):
    changed = dict(checkpoint)
    del changed[key]
    name = key.replace('maps', '_maps').replace('.conv', '')
    assert error_of(changed) == (
        "the weights do not fit a network of 4 stacks with AAM for layout 'cofw29'\n"
        f'missing keys, as HourglassAAM names them (1):\n  {name}'
    )


def test_unknown_counts_name_the_known_layouts(checkpoint):
    changed = {key: value[:28] if key.startswith('out_heatmaps') else value for key, value in checkpoint.items()}
    assert error_of(changed) == (
        'found 28 landmarks and 7 boundaries, expected those of a known layout: wflw98 (98 '
        'and 9), 300w68 (68 and 9), cofw29 (29 and 7), aflw19 (19 and 6)'
    )


def test_both_counts_must_be_those_of_the_layout(checkpoint):
    changed = {
        key: torch.zeros(13, 256, 1, 1) if re.fullmatch(r'out_edgemaps\.\d\.conv\.weight', key) else value
        for key, value in checkpoint.items()
    }
    assert error_of(changed).startswith('found 29 landmarks and 13 boundaries, expected')


def test_which_of_two_layouts_with_as_many_landmarks_has_to_be_said(checkpoint, monkeypatch):
    other = replace(get_layout('cofw29'), name='other29')
    monkeypatch.setitem(face_layout._SCHEMES, 'other29', other)
    assert error_of(checkpoint).startswith('found 29 landmarks and 7 boundaries, which several layouts have: cofw29')
    converted = convert_star_state_dict(checkpoint, 'cofw29')
    assert matching_hourglass_aam(converted, other).layout is other


@pytest.mark.parametrize('state_dict', [{}, {'layer1.0.conv1.weight': torch.zeros(1)}])
def test_weights_of_another_network(state_dict):
    assert error_of(state_dict) == (
        "expected the keys of STAR's network, such as hgs.0.coordconv.conv.weight and "
        f'out_heatmaps.0.conv.weight, found {", ".join(state_dict) or "none"}, ...'
    )


def test_values_must_be_tensors(checkpoint):
    assert error_of(checkpoint | {'epoch': 3}) == "expected names with tensors, found 'epoch': int"


def test_other_boundaries_name_the_landmarks(checkpoint):
    weight, bias = checkpoint['e2h_transform.weight'].clone(), checkpoint['e2h_transform.bias'].clone()
    weight[22, 6], weight[28, 0], bias[28] = 0, 1, 0
    assert error_of(checkpoint | {'e2h_transform.weight': weight, 'e2h_transform.bias': bias}) == (
        "e2h_transform: 2 landmarks lie on other boundaries than in layout 'cofw29'; found\n"
        '  landmark 22: lower_lip (1), expected lower_lip (1), upper_lip (1)\n'
        '  landmark 28: right_eyebrow (1), expected no boundary (1)'
    )


def test_other_bias_of_attention(checkpoint):
    message = error_of(checkpoint | {'e2h_transform.bias': torch.zeros(29)})
    assert [int(k) for k in re.findall(r'landmark (\d+): nothing, expected no boundary \(1\)', message)] == [16, 17, 28]


# ---- the network ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'options, size',
    [
        (dict(), (64, 64)),
        (dict(num_stacks=1), (64, 64)),
        (dict(num_levels=3, width=24), (64, 96)),
        (dict(layout='wflw98', heatmap_activation='in_relu'), (32, 48)),
        (dict(in_channels=1), (16, 16)),
    ],
)
def test_shapes(options, size):
    net = small(**options)
    layout = get_layout(options.get('layout', 'cofw29'))
    stacks = net(torch.zeros(2, options.get('in_channels', 3), *size))
    cells = (size[0] // 4, size[1] // 4)
    expected = [(2, layout.num_keypoints, *cells)] * 2 + [
        (2, layout.num_boundaries, *cells),
        (2, options.get('width', 16), *cells),
    ]
    assert [[tuple(maps.shape) for maps in stack] for stack in stacks] == [expected] * options.get('num_stacks', 2)


def test_blocks_of_pixels_as_channels():
    net = small(pixel_unshuffle=2)
    assert net.stride == 32 and net.stem.conv.in_channels == 4 * 3 + 3
    assert net(torch.zeros(1, 3, 64, 96))[-1].heatmaps.shape == (1, 29, 8, 12)
    with pytest.raises(ValueError, match=r'must be divisible by 32, got \(48, 64\)'):
        net(torch.zeros(1, 3, 48, 64))


@pytest.mark.parametrize('size', [(64, 72), (56, 64)])
def test_input_must_be_divisible_by_the_stride(size):
    with pytest.raises(ValueError, match=rf'must be divisible by 16, got \({size[0]}, {size[1]}\)'):
        small()(torch.zeros(1, 3, *size))


def test_stride_of_the_defaults():
    with torch.device('meta'):
        assert HourglassAAM().stride == 64


def test_without_attention_there_are_no_point_and_edge_maps():
    stack = small(attention_maps=False)(torch.zeros(1, 3, 32, 32))[-1]
    assert stack.point_maps is None and stack.edge_maps is None


def test_without_attention_there_are_no_parameters_for_it():
    names = [name for name, _ in small(attention_maps=False).named_parameters()]
    assert not [name for name in names if re.search('point_maps|edge_maps', name)]


def test_scores_without_activation_take_both_signs():
    scores = small()(torch.rand(1, 3, 32, 32))[-1].heatmaps
    assert scores.min() < 0 < scores.max()


def test_in_relu_normalises_each_map_by_itself():
    net = small(heatmap_activation='in_relu')
    seen = []
    net.out_heatmaps[-1].register_forward_hook(lambda module, inputs, output: seen.append(output))
    heatmaps = net(torch.rand(2, 3, 32, 32))[-1].heatmaps
    raw = seen[0].double()
    deviation = (raw.var((2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
    expected = ((raw - raw.mean((2, 3), keepdim=True)) / deviation).clamp(min=0)
    torch.testing.assert_close(heatmaps.double(), expected, rtol=1e-4, atol=1e-5)


def test_maps_of_attention_are_probabilities():
    stack = small()(torch.rand(1, 3, 32, 32))[-1]
    assert all(0 < maps.min() and maps.max() < 1 for maps in (stack.point_maps, stack.edge_maps))


def test_results_do_not_depend_on_the_memory_format():
    net, x = small(), torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(net(x)[-1].heatmaps, net(x.to(memory_format=torch.channels_last))[-1].heatmaps)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(heatmap_activation='relu'), "heatmap_activation must be 'none' or 'in_relu', got 'relu'"),
        (dict(width=20), 'width must be divisible by 8, got 20'),
        (dict(pixel_unshuffle=0), 'pixel_unshuffle must be at least 1, got 0'),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        small(**options)


def test_builds_by_name():
    with torch.device('meta'):
        assert MODELS.build(dict(type='HourglassAAM')).num_stacks == 4
