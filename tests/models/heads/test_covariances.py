"""Covariances of heads whose maps are distributions, in pixels of the network input."""

import pytest
import torch
from mmengine.registry import init_default_scope

from mmfld.models import StackedHeatmapHead

SIZES = dict(input_size=(128, 64), heatmap_size=(32, 16))
LAYOUT = dict(layout='cofw29')


def covariances(target, codec, high, low=0.0):
    """Of maps (1, 29, 16, 32) with two equal cells, two apart in x and one in y."""
    init_default_scope('mmpose')
    if codec['type'] != 'ContinuousHeatmap':
        codec = dict(codec, **LAYOUT)
    head = StackedHeatmapHead('cofw29', target, dict(type='STARLoss'), decoder=dict(codec, **SIZES))
    maps = torch.full((1, 29, 16, 32), low)
    maps[..., 8, 20] = maps[..., 9, 22] = high
    return head.uncertainty(maps).covariances


# Around their middle the cells lie at (-1, -0.5) and (1, 0.5): a scatter of [[1, 0.5], [0.5, 0.25]] cells, over Eq. 4's
# 1 - (1/4 + 1/4)
CELLS = torch.tensor([[2.0, 1.0], [1.0, 0.5]])


@pytest.mark.parametrize(
    'target, codec, high, cell',
    [
        ('keypoint_labels', dict(type='BoundaryAwareHeatmap'), 0.3, (128 / 31, 64 / 15)),
        ('keypoint_samples', dict(type='ImageAwareSmoothing'), 30.0, (128 / 31, 64 / 15)),
        ('heatmaps', dict(type='ContinuousHeatmap', decoder='expectation'), 3.0, (4.0, 4.0)),
    ],
)
def test_two_cells(target, codec, high, cell):
    found = covariances(target, codec, high)
    assert (found.shape, found.dtype) == ((1, 29, 2, 2), torch.float32)
    expected = CELLS * torch.outer(torch.tensor(cell), torch.tensor(cell))
    torch.testing.assert_close(found, expected.expand_as(found), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize('decoder', ['local_soft_argmax', 'argmax', 'quarter_shift'])
def test_peaks_of_one_height_are_no_distributions(decoder):
    assert covariances('heatmaps', dict(type='ContinuousHeatmap', decoder=decoder), 1.0) is None
