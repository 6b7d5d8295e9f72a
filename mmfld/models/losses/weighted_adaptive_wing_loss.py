"""Adaptive wing loss with the weighted loss map (AWing, ICCV 2019; as used by ADNet, STAR and P1)."""
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from mmpose.models.losses import AdaptiveWingLoss
from mmpose.registry import MODELS


@MODELS.register_module()
class WeightedAdaptiveWingLoss(AdaptiveWingLoss):
    """MMPose's adaptive wing loss, with errors near the curve or point counted ``1 + map_weight`` times.

    A cell is near where the 3x3 maximum of the target is at least 0.2. Computed in float32 under autocast.

    Args:
        map_weight (float): Extra weight near the target; 0 gives the plain loss. Defaults to 10.
        loss_weight (float): Defaults to 1.
        **kwargs: ``alpha``, ``omega``, ``epsilon``, ``theta`` of the base class, whose defaults are the paper's.
    """

    def __init__(self, map_weight: float = 10., loss_weight: float = 1., **kwargs):
        super().__init__(loss_weight=loss_weight, **kwargs)
        self.map_weight = map_weight

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """
        Args:
            output (Tensor): (B, C, h, w) predicted maps in [0, 1].
            target (Tensor): (B, C, h, w) target maps in [0, 1].

        Returns:
            Tensor: Scalar, the mean over all elements.
        """
        with torch.autocast(output.device.type, enabled=False):
            if output.dtype != torch.float64:
                output, target = output.float(), target.float()
            delta = (output - target).abs()
            # The base class reduces to a scalar, so the two branches are written out here; powers as exp(b log a), which
            # is several times faster than pow with a tensor as exponent.
            exponent = self.alpha - target
            ratio = self.theta / self.epsilon
            power = torch.exp(exponent * math.log(ratio))
            slope = (self.omega / ratio / self.epsilon) * exponent * power / (1 + power)
            offset = self.theta * slope - self.omega * torch.log1p(power)
            small = torch.exp(exponent * (delta.clamp(min=1e-12) / self.epsilon).log())
            loss = torch.where(delta < self.theta, self.omega * torch.log1p(small), slope * delta - offset)
            near = F.max_pool2d(target, 3, stride=1, padding=1) >= 0.2
            return self.loss_weight * (loss * (1 + self.map_weight * near)).mean()
