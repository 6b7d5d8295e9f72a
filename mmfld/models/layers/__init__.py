from .conv_block import ConvBlock
from .coord_conv import coordinate_channels
from .hourglass import Hourglass

__all__ = ['ConvBlock', 'Hourglass', 'coordinate_channels']
