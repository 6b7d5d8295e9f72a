from .co_attention import CoAttention
from .conv_block import ConvBlock
from .coord_conv import coordinate_channels
from .hourglass import Hourglass
from .marginal_branches import MarginalBranches
from .temporal_refinement import TemporalRefinement, temporal_sums

__all__ = [
    'CoAttention', 'ConvBlock', 'Hourglass', 'MarginalBranches', 'TemporalRefinement', 'coordinate_channels',
    'temporal_sums'
]
