"""The tracker's decaying sum over time and what stands around it (P3, Eq. 13)."""
import numpy as np
import pytest
import torch

from mmfld.models.layers import TemporalRefinement, temporal_sums


def test_sums_equal_the_golden_ones(golden_dir):
    golden = np.load(golden_dir / 'formula_vectors.npz')
    features = torch.from_numpy(golden['tr_U'])[None]
    sums = temporal_sums(features, float(golden['tr_lambda']))
    np.testing.assert_allclose(sums[0].numpy(), golden['tr_V'], rtol=0, atol=1e-12)


@pytest.mark.parametrize('decay', [0., 0.3, 1.])
def test_sums_equal_equation_13_written_out(decay):
    torch.manual_seed(0)
    features = torch.randn(2, 5, 3, 4, dtype=torch.float64)
    expected = torch.stack([
        features[:, t] + sum(decay**(t - tau) * features[:, tau] for tau in range(t)) for t in range(5)
    ], dim=1)
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
    for decay, affected in ((0.5, [False, True, True, True]), (0., [False, True, False, False])):
        refinement = trained(decay=decay)
        same = [torch.equal(a, b) for a, b in zip(refinement(heatmaps)[0][0], refinement(changed)[0][0])]
        assert same == [not one for one in affected]


@pytest.mark.parametrize('kwargs', [dict(decay=1.2), dict(decay=-0.1), dict(kernel_size=4)])
def test_bad_arguments_are_named(kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        TemporalRefinement(5, **kwargs)
