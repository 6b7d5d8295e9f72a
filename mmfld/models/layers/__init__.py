from .co_attention import CoAttention
from .conv_block import ConvBlock
from .coord_conv import coord_conv, coordinate_channels
from .fold_batch_norm import fold_batch_norm
from .hourglass import Hourglass
from .marginal_branches import MarginalBranches
from .pixel_unshuffle import pixel_unshuffle
from .temporal_refinement import TemporalRefinement, temporal_sums
from .winograd_conv import Conv3x3

__all__ = [
    'CoAttention',
    'Conv3x3',
    'ConvBlock',
    'Hourglass',
    'MarginalBranches',
    'TemporalRefinement',
    'coord_conv',
    'coordinate_channels',
    'fold_batch_norm',
    'pixel_unshuffle',
    'temporal_sums',
]
