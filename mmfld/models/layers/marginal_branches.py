"""From feature maps to one-dimensional heatmaps over x and over y (attentive paper: Yin et al., 2020, Fig. 2a)."""

import torch
from torch import Tensor, nn

from .co_attention import CoAttention

HALVINGS = 3  # of CNN1; what is left afterwards must be more than one row, or attention has nothing to weigh


class MarginalBranches(nn.Module):
    """CNN1, co-attention and CNN2 of both axes.

    For each axis, convolutions with stride (2, 1) halve the features across it: three times in CNN1, then, after the
    co-attention, in CNN2 until one row is left. A deconvolution whose kernel and stride are both M = L / s turns each
    of its s positions into M bins: 12 for L = 768 and features of 64 x 64. The paper gives no depths and widths.

    Args:
        in_channels (int): C of the features.
        num_maps (int): N, the heatmaps of each axis.
        feature_size (int): s, the side of the features: a power of two, 16 or more.
        length (int): L, a multiple of s.
        channels (int): Of the convolutions. Defaults to 128.
        gamma (float): Weight of the co-attention; with 0 there is none. Defaults to 0.4.
        attention_layout (str): See :class:`CoAttention`. Defaults to ``'position'``.

    Shapes:
        (B, C, s, s) to two of (B, N, L), over x and over y.
    """

    def __init__(
        self,
        in_channels: int,
        num_maps: int,
        feature_size: int,
        length: int,
        channels: int = 128,
        gamma: float = 0.4,
        attention_layout: str = 'position',
    ):
        super().__init__()
        if feature_size < 2 ** (HALVINGS + 1) or feature_size & (feature_size - 1):
            raise ValueError(f'feature_size must be a power of two, 16 or more, got {feature_size}')
        if length % feature_size:
            raise ValueError(f'length must be a multiple of the feature_size {feature_size}, got {length}')
        self.feature_size = feature_size
        rows = feature_size >> HALVINGS
        self.cnn1_x, self.cnn1_y = (_halvings(in_channels, channels, HALVINGS) for _ in 'xy')
        self.co_attention = CoAttention(feature_size, rows, gamma, attention_layout) if gamma else None
        self.cnn2_x, self.cnn2_y = (_halvings(channels, channels, rows.bit_length() - 1) for _ in 'xy')
        stride = length // feature_size
        self.deconv_x, self.deconv_y = (nn.ConvTranspose1d(channels, num_maps, stride, stride) for _ in 'xy')

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        if features.shape[2:] != (self.feature_size,) * 2:
            raise ValueError(
                f'expected features of {self.feature_size} x {self.feature_size}, got {tuple(features.shape[2:])}'
            )
        # the axis of the heatmaps is the last one
        x, y = self.cnn1_x(features), self.cnn1_y(features.mT)
        if self.co_attention is not None:
            x, y = self.co_attention(x, y)
        x, y = self.cnn2_x(x).squeeze(2), self.cnn2_y(y).squeeze(2)
        # half precision would make neighbouring bins around the maximum equal
        with torch.autocast(features.device.type, enabled=False):
            return self.deconv_x(x.float()), self.deconv_y(y.float())


def _halvings(in_channels: int, channels: int, number: int) -> nn.Sequential:
    """``number`` convolutions that each halve the rows and keep the columns."""
    steps = []
    for step in range(number):
        steps += [
            nn.Conv2d(channels if step else in_channels, channels, 3, stride=(2, 1), padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*steps)
