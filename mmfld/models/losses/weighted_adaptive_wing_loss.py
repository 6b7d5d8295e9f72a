"""Adaptive wing loss with the weighted loss map (AWing, ICCV 2019; as used by ADNet, STAR and structured)."""

import math

import torch
from mmpose.models.losses import AdaptiveWingLoss
from mmpose.registry import MODELS
from torch import Tensor
from torch.autograd.function import once_differentiable

NEAR = 0.2  # value of the target from which on a cell and its eight neighbours count more


@MODELS.register_module()
class WeightedAdaptiveWingLoss(AdaptiveWingLoss):
    """MMPose's adaptive wing loss, with errors near the curve or point counted ``1 + map_weight`` times.

    A cell is near where the 3x3 maximum of the target is at least 0.2. Computed in float32 under autocast. The gradient
    is that of the closed form, for the output alone: none flows to the target.

    >>> target = torch.zeros(1, 1, 5, 5)
    >>> target[..., 2, 2] = 1.0
    >>> missed, false = torch.zeros(1, 1, 5, 5), target.clone()
    >>> false[..., 0, 0] = 1.0
    >>> loss = WeightedAdaptiveWingLoss()
    >>> bool(loss(missed, target) > loss(false, target))  # what is missed at the point counts more than what is far
    True

    Args:
        map_weight (float): Extra weight near the target; 0 gives the plain loss. Defaults to 10.
        loss_weight (float): Defaults to 1.
        **kwargs: ``alpha``, ``omega``, ``epsilon``, ``theta`` of the base class, whose defaults are the paper's.
    """

    def __init__(self, map_weight: float = 10.0, loss_weight: float = 1.0, **kwargs):
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
            return self.loss_weight * _WeightedAdaptiveWing.apply(output, target, self)

    def value_and_slope(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Loss of each cell of maps (B, C, h, w) and its derivative by the output, without ``loss_weight``.

        The base class reduces to a scalar, so the formulas are written out here (AWing, Eq. 4, 5 and 9), powers as
        exp(b log a), which is several times faster than pow with a tensor as exponent.
        """
        signed = output - target
        delta = signed.abs()
        exponent = self.alpha - target
        ratio = self.theta / self.epsilon
        power = (exponent * math.log(ratio)).exp_()
        slope = power / (1 + power)
        slope.mul_(exponent).mul_(self.omega / ratio / self.epsilon)
        offset = (self.theta * slope).sub_(power.log1p_(), alpha=self.omega)

        distance = delta.clamp(min=1e-12)
        small = (distance / self.epsilon).log_().mul_(exponent).exp_()
        small_slope = (exponent / distance).mul_(small).div_(1 + small).mul_(self.omega)
        inside = delta < self.theta
        value = torch.where(inside, small.log1p_().mul_(self.omega), delta.mul_(slope).sub_(offset))
        slope = torch.where(inside, small_slope, slope).mul_(signed.sign_())
        weight = 1 + self.map_weight * near(target)
        return value.mul_(weight), slope.mul_(weight)


def near(target: Tensor) -> Tensor:
    """Whether the largest of a cell and its eight neighbours is at least 0.2, of maps (..., h, w)."""
    found = target >= NEAR
    for dim in (-1, -2):
        cells = target.size(dim)
        wider = found.clone()
        wider.narrow(dim, 0, cells - 1).logical_or_(found.narrow(dim, 1, cells - 1))
        wider.narrow(dim, 1, cells - 1).logical_or_(found.narrow(dim, 0, cells - 1))
        found = wider
    return found


class _WeightedAdaptiveWing(torch.autograd.Function):
    """The mean, whose gradient is computed on the way; on the CPU image by image, whose maps stay in the cache."""

    @staticmethod
    def forward(ctx, output: Tensor, target: Tensor, loss: WeightedAdaptiveWingLoss) -> Tensor:
        dtype = torch.promote_types(output.dtype, torch.float32)
        gradient = torch.empty_like(output, dtype=dtype)  # rounded to a half type after the scale of the loss
        images = 1 if output.device.type == 'cpu' else len(output)
        total = 0.0
        for out, wanted, slopes in zip(output.split(images), target.split(images), gradient.split(images)):
            value, slope = loss.value_and_slope(out.to(dtype), wanted.to(dtype))
            total = total + value.sum()
            slopes.copy_(slope.div_(output.numel()))
        ctx.save_for_backward(gradient)
        ctx.output_dtype = output.dtype
        return total / output.numel()

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_loss: Tensor):
        (gradient,) = ctx.saved_tensors
        return (gradient * grad_loss).to(ctx.output_dtype), None, None
