"""The tracker's decaying sum over time and what stands around it (attentive paper, Eq. 13)."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.runner.checkpoint import load_state_dict as mmengine_load_state_dict

from mmfld.models.layers import TemporalRefinement, temporal_sums
from mmfld.models.layers.temporal_refinement import moved


def test_sums_equal_the_golden_ones(golden_dir):
    golden = np.load(golden_dir / 'formula_vectors.npz')
    features = torch.from_numpy(golden['tr_U'])[None]
    sums = temporal_sums(features, float(golden['tr_lambda']))
    np.testing.assert_allclose(sums[0].numpy(), golden['tr_V'], rtol=0, atol=1e-12)


@pytest.mark.parametrize('decay', [0.0, 0.3, 1.0])
def test_sums_equal_equation_13_written_out(decay):
    torch.manual_seed(0)
    features = torch.randn(2, 5, 3, 4, dtype=torch.float64)
    expected = torch.stack(
        [features[:, t] + sum(decay ** (t - tau) * features[:, tau] for tau in range(t)) for t in range(5)], dim=1
    )
    torch.testing.assert_close(temporal_sums(features, decay), expected, rtol=0, atol=1e-12)


def test_a_video_in_parts_gives_the_sums_of_the_whole():
    torch.manual_seed(0)
    features = torch.randn(2, 7, 3, 4, dtype=torch.float64)
    whole = temporal_sums(features, 0.6)
    state, parts = None, []
    for part in features.split([1, 4, 2], dim=1):
        parts.append(temporal_sums(part, 0.6, state))
        state = parts[-1][:, -1]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=0, atol=1e-12)


def test_untrained_refinement_changes_nothing():
    heatmaps = torch.randn(2, 4, 5, 24)
    refined, _ = TemporalRefinement(5, channels=8)(heatmaps)
    assert torch.equal(refined, heatmaps)


def trained(**kwargs) -> TemporalRefinement:
    """With other weights than zeros in the last layer, and in evaluation mode."""
    torch.manual_seed(0)
    refinement = TemporalRefinement(5, channels=8, **kwargs)
    torch.nn.init.normal_(refinement.cnn4[-1].weight)
    return refinement.eval()


def test_refinement_is_cnn4_of_the_decaying_sum_of_cnn3():
    refinement, heatmaps = trained(decay=0.4), torch.randn(1, 3, 5, 24)
    features = [refinement.cnn3(frame[None]) for frame in heatmaps[0]]
    last = features[2] + 0.4 * features[1] + 0.16 * features[0]
    refined, state = refinement(heatmaps)
    torch.testing.assert_close(state, last)
    torch.testing.assert_close(refined[0, 2], heatmaps[0, 2] + refinement.cnn4(last)[0])


def test_only_earlier_frames_matter_and_with_decay_0_none():
    heatmaps = torch.randn(1, 4, 5, 24)
    changed = heatmaps.clone()
    changed[:, 1] += 1
    for decay, affected in ((0.5, [False, True, True, True]), (0.0, [False, True, False, False])):
        refinement = trained(decay=decay)
        same = [torch.equal(a, b) for a, b in zip(refinement(heatmaps)[0][0], refinement(changed)[0][0])]
        assert same == [not one for one in affected]


@pytest.mark.parametrize(
    'kwargs', [dict(decay=1.2), dict(decay=-0.1), dict(kernel_size=4), dict(reach=-1.0), dict(dims=3)]
)
def test_bad_arguments_are_named(kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        TemporalRefinement(5, **kwargs)


@pytest.mark.parametrize(
    'sigma, reach, bins',
    [
        (12.0, 3.0, 40),  # L = 768: 2, 3, 5 and 10 times two bins
        (4.0, 3.0, 16),
        (1.0, 3.0, 8),  # L = 64: the kernels alone do
        (12.0, 0.0, 8),
    ],
)
def test_a_refined_bin_depends_on_three_sigma_to_each_side(sigma, reach, bins):
    torch.manual_seed(0)
    refinement = TemporalRefinement(2, channels=3, sigma=sigma, reach=reach).eval()
    torch.nn.init.normal_(refinement.cnn4[-1].weight)
    heatmaps = torch.randn(1, 1, 2, 121, requires_grad=True)
    refined, _ = refinement(heatmaps)
    (refined - heatmaps)[0, 0, :, 60].sum().backward()
    read = heatmaps.grad[0, 0].abs().sum(0).nonzero().flatten()
    assert (read.min().item(), read.max().item()) == (60 - bins, 60 + bins)
    assert bins >= min(reach * sigma, 60)


def undilated(weights: dict, maps: torch.Tensor) -> torch.Tensor:
    """The refinement of a single frame as it was before there were dilations, from weights as they were saved then."""

    def batch_norm(x, name):
        return F.batch_norm(x, *(weights[f'{name}.{key}'] for key in ('running_mean', 'running_var', 'weight', 'bias')))

    x = maps
    for conv, norm in (('cnn3.0', 'cnn3.1'), ('cnn3.3', 'cnn3.4'), ('cnn4.0', 'cnn4.1')):
        x = batch_norm(F.conv1d(x, weights[f'{conv}.weight'], padding=2), norm).relu()
    return maps + F.conv1d(x, weights['cnn4.3.weight'], weights['cnn4.3.bias'], padding=2)


@pytest.mark.parametrize(
    'load',
    [
        lambda module, weights: module.load_state_dict(weights),
        lambda module, weights: mmengine_load_state_dict(module, weights, strict=True),
    ],
)
def test_weights_from_before_there_were_dilations(load):
    weights = trained(sigma=12.0, reach=0.0).state_dict()
    assert weights.pop('dilations').tolist() == [1] * 4
    small = TemporalRefinement(5, channels=8, sigma=12.0, reach=0.0).eval()
    load(small, weights)
    maps = torch.randn(1, 5, 48)
    with torch.no_grad():
        torch.testing.assert_close(small(maps[None])[0][0], undilated(weights, maps))
    # the same shapes, other networks
    with pytest.raises(ValueError, match=r'found weights of dilations \[1, 1, 1, 1\], .* \[2, 3, 5, 10\]: reach=0'):
        load(TemporalRefinement(5, channels=8, sigma=12.0), weights)
    with pytest.raises(ValueError, match=r'found weights of dilations \[2, 3, 5, 10\], expected \[1, 1, 1, 1\]$'):
        load(small, TemporalRefinement(5, channels=8, sigma=12.0).state_dict())


def test_a_frame_that_is_not_remembered_is_refined_and_leaves_no_trace():
    refinement, heatmaps = trained(decay=0.4), torch.randn(2, 3, 5, 24)
    remembered = torch.tensor([[True, False, True], [True, True, True]])
    features = refinement.cnn3(heatmaps.flatten(0, 1)).unflatten(0, (2, 3))
    refined, state = refinement(heatmaps, remembered=remembered)
    expected = features[0, 1] + 0.4 * features[0, 0]
    torch.testing.assert_close(refined[0, 1], heatmaps[0, 1] + refinement.cnn4(expected[None])[0])
    torch.testing.assert_close(state[0], features[0, 2] + 0.16 * features[0, 0])
    torch.testing.assert_close(refined[1], refinement(heatmaps)[0][1])


def test_a_peak_moves_to_where_scale_and_shift_put_it():
    bins = torch.arange(60.0)

    def peak(centre):
        return torch.exp(-0.5 * ((bins - centre) / 4) ** 2)

    sums = torch.stack([peak(20.0), peak(40.0)])[None].repeat(2, 1, 1)
    found = moved(sums, torch.tensor([[1.0, 0.0], [1.25, -6.5]]))
    assert torch.equal(found[0], sums[0])
    # 1.25 * 20 - 6.5 and 1.25 * 40 - 6.5, and wider in the same ratio
    expected = torch.exp(-0.5 * ((bins - torch.tensor([[18.5], [43.5]])) / 5) ** 2)
    torch.testing.assert_close(found[1], expected, rtol=0, atol=0.01)
    # out at the ends: nothing comes in
    assert moved(torch.ones(1, 1, 6), torch.tensor([[1.0, 2.0]]))[0, 0].tolist() == [0, 0, 1, 1, 1, 1]
    assert moved(torch.ones(1, 1, 6), torch.tensor([[1.0, -2.5]]))[0, 0].tolist() == [1, 1, 1, 0.5, 0, 0]


def test_sums_that_do_not_move_are_the_same_frame_by_frame():
    torch.manual_seed(0)
    features, state = torch.randn(2, 5, 3, 8), torch.randn(2, 3, 8)
    still = torch.tensor([1.0, 0.0]).expand(2, 5, 2)
    torch.testing.assert_close(temporal_sums(features, 0.6, state, still), temporal_sums(features, 0.6, state))
