"""CoordConv channels as the STAR / ADNet hourglass uses them."""
from typing import Optional

import torch
from torch import Tensor


def coordinate_channels(x: Tensor, last_heatmap: Optional[Tensor] = None) -> Tensor:
    """Append position channels to a feature map.

    Appended in this order: row, column (both -1 ... 1 between the outermost cells), radius (divided by its maximum, 1 at
    the corners) and, with ``last_heatmap``, row and column again where that map is above 0.05. In AWing the masked pair
    marks the facial boundaries; the STAR reference code passes the previous stack's *last landmark* channel instead, and
    its weights depend on that.

    Args:
        x (Tensor): (B, C, h, w).
        last_heatmap (Tensor, optional): (B, 1, h, w) of the previous stack.

    Returns:
        Tensor: (B, C + 3, h, w), or (B, C + 5, h, w) with ``last_heatmap``.
    """
    batch, _, height, width = x.shape
    row = torch.linspace(-1, 1, height, device=x.device, dtype=x.dtype)[:, None].expand(height, width)
    column = torch.linspace(-1, 1, width, device=x.device, dtype=x.dtype).expand(height, width)
    radius = torch.sqrt(row**2 + column**2)
    position = torch.stack([row, column, radius / radius.amax()]).expand(batch, 3, height, width)
    if last_heatmap is None:
        return torch.cat([x, position], dim=1)
    mask = (last_heatmap.clamp(0, 1) > 0.05).to(x.dtype)
    return torch.cat([x, position, position[:, :2] * mask], dim=1)
