"""The convolution of stems, features and maps in the stacked hourglasses."""

from torch import nn


class ConvBlock(nn.Sequential):
    """Convolution with bias and 'same' padding, then optionally BatchNorm and ReLU."""

    FOLDS = (('conv', 'bn'),)

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, bn_relu: bool = False):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, (kernel_size - 1) // 2)
        if bn_relu:
            self.bn = nn.BatchNorm2d(out_channels)
            self.relu = nn.ReLU(inplace=True)
