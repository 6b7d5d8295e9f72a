"""What lets MMPose's own heads follow a stacked network."""

from collections.abc import Sequence

from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor

from ..stack_output import StackOutput


@MODELS.register_module()
class StackFeatures(BaseModule):
    """The feature maps of each stack, in place of the maps that the network predicts itself.

    A neck between a backbone that returns :class:`StackOutput`, as ``HourglassAAM`` and ``FAN``, and MMPose's
    ``HeatmapHead``, ``SimCCHead``, ..., which read the last of a tuple of feature maps.
    """

    def forward(self, feats: Sequence[StackOutput]) -> tuple[Tensor, ...]:
        """Outputs of the stacks -> their features, (B, C, h, w) each.

        Raises:
            ValueError: If a stack has no features.
        """
        if any(stack.features is None for stack in feats):
            raise ValueError('StackFeatures: found a stack without features, expected a backbone that returns them')
        return tuple(stack.features for stack in feats)
