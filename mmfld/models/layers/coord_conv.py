"""CoordConv as the STAR / ADNet hourglass uses it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def coordinate_channels(x: Tensor, last_heatmap: Tensor | None = None) -> Tensor:
    """Append position channels to a feature map.

    Appended in this order: row, column (both -1 ... 1 between the outermost cells), radius (divided by its maximum, 1
    at the corners) and, with ``last_heatmap``, row and column again where that map is above 0.05. In AWing the masked
    pair marks the facial boundaries; the STAR reference code passes the previous stack's *last landmark* channel
    instead, and its weights depend on that.

    Args:
        x (Tensor): (B, C, h, w).
        last_heatmap (Tensor, optional): (B, 1, h, w) of the previous stack.

    Returns:
        Tensor: (B, C + 3, h, w), or (B, C + 5, h, w) with ``last_heatmap``.
    """
    position = _position(x, last_heatmap)
    return torch.cat([x, position.expand(x.shape[0], -1, -1, -1)], dim=1)


def coord_conv(conv: nn.Conv2d, x: Tensor, last_heatmap: Tensor | None = None) -> Tensor:
    """``conv(coordinate_channels(x, last_heatmap))`` without a copy of ``x``.

    A convolution is a sum over its input channels: that over the position channels, which are few and, without
    ``last_heatmap``, the same for the whole batch, is added to that over the feature map.
    """
    channels = x.shape[1]
    out = F.conv2d(x, conv.weight[:, :channels], conv.bias, conv.stride, conv.padding)
    return out.add_(F.conv2d(_position(x, last_heatmap), conv.weight[:, channels:], None, conv.stride, conv.padding))


def _position(x: Tensor, last_heatmap: Tensor | None) -> Tensor:
    """(1, 3, h, w), or (B, 5, h, w) with ``last_heatmap``: what :func:`coordinate_channels` appends to ``x``."""
    height, width = x.shape[2:]
    row = torch.linspace(-1, 1, height, device=x.device, dtype=x.dtype)[:, None].expand(height, width)
    column = torch.linspace(-1, 1, width, device=x.device, dtype=x.dtype).expand(height, width)
    radius = torch.sqrt(row**2 + column**2)
    position = torch.stack([row, column, radius / radius.max()])[None]
    if last_heatmap is None:
        return position
    mask = (last_heatmap.clamp(0, 1) > 0.05).to(x.dtype)
    return torch.cat([position.expand(x.shape[0], -1, -1, -1), position[:, :2] * mask], dim=1)
