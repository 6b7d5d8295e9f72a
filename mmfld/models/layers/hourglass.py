"""One hourglass of a stacked hourglass network (Newell et al., ECCV 2016)."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn


class Hourglass(nn.Module):
    """``up1(x) + upsample(low3(low2(low1(pool(x)))))``, recursive in ``low2``; nearest upsampling.

    Args:
        levels (int): Halvings of the resolution.
        width (int): Channels of input and output.
        block (Callable): ``block(in_channels, out_channels)`` makes one of the residual blocks that it is built of.
        pool (Callable): Halves a feature map; called as ``pool(x, 2)``. Defaults to max pooling.

    Shapes:
        (B, width, h, w) to the same, with h and w divisible by 2**levels.
    """

    def __init__(
        self,
        levels: int,
        width: int,
        block: Callable[[int, int], nn.Module],
        pool: Callable[[Tensor, int], Tensor] = F.max_pool2d,
    ):
        super().__init__()
        self.up1 = block(width, width)
        self.low1 = block(width, width)
        self.low2 = Hourglass(levels - 1, width, block, pool) if levels > 1 else block(width, width)
        self.low3 = block(width, width)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        low = self.low3(self.low2(self.low1(self.pool(x, 2))))
        return self.up1(x).add_(F.interpolate(low, scale_factor=2, mode='nearest'))
