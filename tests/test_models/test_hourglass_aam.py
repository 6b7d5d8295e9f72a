"""HourglassAAM: published parameter counts, the reference's outputs from converted weights, and small variants."""
import hashlib
import re

import numpy as np
import pytest
import torch
from mmpose.registry import MODELS

from mmfld.codecs import decoders
from mmfld.models import HourglassAAM, StructuredHeatmapHead
from mmfld.models.backbones import convert_star_state_dict
from mmfld.structures import cells_to_normalized, get_layout

# layout -> name in the reference, live parameters (P1: 13.48 M for WFLW, STAR: 13.37 M for 300W)
REFERENCE = {'wflw98': ('WFLW', 13_476_468), '300w68': ('300W', 13_368_708), 'cofw29': ('COFW', 13_225_028)}


def small(**options) -> HourglassAAM:
    return HourglassAAM(**dict(layout='cofw29', num_stacks=2, num_levels=2, width=16) | options).eval()


@pytest.mark.parametrize('layout', REFERENCE)
def test_number_of_parameters(layout):
    net = HourglassAAM(layout)
    assert sum(p.numel() for p in net.parameters()) == REFERENCE[layout][1]


def official_state_dict(listing: str) -> dict:
    """Weights that depend on nothing but the names of an official checkpoint."""
    state = {}
    for line in listing.splitlines():
        key, shape, dtype, _ = line.split('\t')
        shape = [int(n) for n in re.findall(r'\d+', shape)]
        if dtype != 'float32' or key.startswith('e2h_transform'):
            state[key] = torch.zeros(shape, dtype=getattr(torch, dtype))
            continue
        seed = int.from_bytes(hashlib.sha256(f'2023:{key}'.encode()).digest()[:4], 'big') & 0x7fffffff
        u = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
        scale = key.endswith('running_var') or ('.bn' in key and key.endswith('.weight'))
        state[key] = 1 + 0.1 * u if scale else 0.05 * (2 * u - 1)
    return state


@pytest.fixture(scope='module')
def checkpoint(golden_dir):
    return official_state_dict((golden_dir / 'star_cofw_state_dict.txt').read_text())


@pytest.fixture(scope='module', params=REFERENCE)
def reference_run(request, golden_dir):
    """Golden arrays of one network, and ours with the same weights on the same input."""
    name = REFERENCE[request.param][0]
    net = HourglassAAM(request.param, heatmap_activation='in_relu').eval()
    net.load_state_dict(convert_star_state_dict(
        official_state_dict((golden_dir / f'star_{name.lower()}_state_dict.txt').read_text())))
    stem = []
    net.res3.register_forward_hook(lambda module, inputs, output: stem.append(output))
    with torch.no_grad():
        stacks = net(torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(4242)) * 2 - 1)
        fused = StructuredHeatmapHead(request.param)(stacks)
    return dict(np.load(golden_dir / f'net_{name}.npz')), stem[0], stacks, fused


def test_landmarks_of_all_stacks_equal_the_reference(reference_run):
    golden, _, _, fused = reference_run
    landmarks = [cells_to_normalized(decoders.expectation(maps)[0], 64, 'align_corners').numpy() for maps in fused]
    np.testing.assert_allclose(landmarks, golden['landmarks'], atol=1e-3)


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


@pytest.mark.parametrize('prefix', ['module.', 'net.'])
def test_prefixes_are_removed(checkpoint, prefix):
    converted = convert_star_state_dict({prefix + key: value for key, value in checkpoint.items()})
    assert converted.keys() == convert_star_state_dict(checkpoint).keys()


def test_counter_of_averaged_models_is_dropped(checkpoint):
    averaged = {'n_averaged': torch.tensor(3)} | {f'module.{key}': value for key, value in checkpoint.items()}
    assert convert_star_state_dict(averaged).keys() == HourglassAAM('cofw29').state_dict().keys()


def test_unused_shortcuts_are_dropped(checkpoint):
    live = sum(value.numel() for key, value in convert_star_state_dict(checkpoint).items()
               if not re.search('running_|num_batches', key))
    dead = sum(value.numel() for key, value in checkpoint.items()
               if not re.search('running_|num_batches|e2h_transform', key)) - live
    assert (live, dead) == (13_225_028, 3_700_864)


def test_converted_tensors_are_not_copied(checkpoint):
    assert convert_star_state_dict(checkpoint)['stem.conv.weight'] is checkpoint['pre.0.conv.weight']


@pytest.mark.parametrize('options, size', [
    (dict(), (64, 64)),
    (dict(num_stacks=1), (64, 64)),
    (dict(num_levels=3, width=24), (64, 96)),
    (dict(layout='wflw98', heatmap_activation='in_relu'), (32, 48)),
    (dict(in_channels=1), (16, 16)),
])
def test_shapes(options, size):
    net = small(**options)
    layout = get_layout(options.get('layout', 'cofw29'))
    stacks = net(torch.zeros(2, options.get('in_channels', 3), *size))
    cells = (size[0] // 4, size[1] // 4)
    expected = [(2, layout.num_keypoints, *cells)] * 2 + [(2, layout.num_boundaries, *cells),
                                                          (2, options.get('width', 16), *cells)]
    assert [[tuple(maps.shape) for maps in stack] for stack in stacks] == [expected] * options.get('num_stacks', 2)


@pytest.mark.parametrize('size', [(64, 72), (56, 64)])
def test_input_must_be_divisible_by_the_stride(size):
    with pytest.raises(ValueError, match=rf'must be divisible by 16, got \({size[0]}, {size[1]}\)'):
        small()(torch.zeros(1, 3, *size))


def test_stride_of_the_defaults():
    with torch.device('meta'):
        assert HourglassAAM().stride == 64


def test_without_attention_there_are_no_point_and_edge_maps():
    stack = small(use_aam=False)(torch.zeros(1, 3, 32, 32))[-1]
    assert stack.point_maps is None and stack.edge_maps is None


def test_without_attention_there_are_no_parameters_for_it():
    names = [name for name, _ in small(use_aam=False).named_parameters()]
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


@pytest.mark.parametrize('options, message', [
    (dict(heatmap_activation='relu'), "heatmap_activation must be 'none' or 'in_relu', got 'relu'"),
    (dict(width=20), 'width must be divisible by 8, got 20'),
])
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        small(**options)


def test_builds_by_name():
    with torch.device('meta'):
        assert MODELS.build(dict(type='HourglassAAM')).num_stacks == 4
