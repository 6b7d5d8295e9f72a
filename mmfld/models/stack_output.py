"""What a stacked network hands to its head."""

from typing import NamedTuple

from torch import Tensor


class StackOutput(NamedTuple):
    """Maps of one stack; what a network does not have is None.

    Attributes:
        heatmaps (Tensor): (B, K, h, w) landmark maps after the heatmap activation, before any attention.
        point_maps (Tensor, optional): (B, K, h, w) in (0, 1).
        edge_maps (Tensor, optional): (B, E, h, w) in (0, 1), one per facial boundary.
        features (Tensor, optional): (B, C, h, w) that the maps were predicted from.
    """

    heatmaps: Tensor
    point_maps: Tensor | None = None
    edge_maps: Tensor | None = None
    features: Tensor | None = None
