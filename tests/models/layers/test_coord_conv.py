"""Position channels against a loop over cells."""

import numpy as np
import torch

from mmfld.models.layers import coordinate_channels

H, W = 4, 6


def test_position_channels_equal_the_loops():
    appended = coordinate_channels(torch.zeros(2, 3, H, W))[:, 3:]
    expected = np.zeros((3, H, W))
    for i, j in np.ndindex(H, W):
        row, column = 2 * i / (H - 1) - 1, 2 * j / (W - 1) - 1
        expected[:, i, j] = row, column, np.hypot(row, column) / np.sqrt(2)
    np.testing.assert_allclose(appended.numpy(), np.stack([expected] * 2), atol=1e-6)


def test_masked_channels_are_there_only_above_the_threshold():
    heatmap = torch.zeros(1, 1, H, W)
    heatmap[0, 0, 0, :4] = torch.tensor([0.04, 0.06, 3.0, -1.0])
    x = coordinate_channels(torch.zeros(1, 2, H, W), heatmap)
    mask = torch.zeros(H, W)
    mask[0, 1:3] = 1
    torch.testing.assert_close(x[0, 5:], x[0, 2:4] * mask)


def test_input_channels_come_first():
    x = torch.rand(1, 2, H, W)
    assert (coordinate_channels(x)[:, :2] == x).all()
