"""The stacked hourglass and the loss of its point and edge maps by automatic differentiation of their definitions.

Nothing is done for speed. The benchmark commands measure a model beside it, and the tests hold that both give the same.
"""

import copy
import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmfld.models import HourglassAAM
from mmfld.models.backbones.hourglass_aam import Residual
from mmfld.models.layers import ConvBlock, Hourglass, coordinate_channels
from mmfld.models.losses import WeightedAdaptiveWingLoss
from mmfld.models.stack_output import StackOutput


def plain_copy(model: nn.Module) -> nn.Module:
    """A copy of an estimator with a stacked hourglass, with the same weights, that is computed as is written here."""
    plain = copy.deepcopy(model)
    plain.backbone.forward = partial(plain_forward, plain.backbone)
    for module in plain.modules():
        if isinstance(module, WeightedAdaptiveWingLoss):
            module.forward = partial(plain_adaptive_wing, module)
    return plain


def _conv(conv: nn.Conv2d, x: Tensor) -> Tensor:
    return F.conv2d(x, conv.weight, conv.bias, conv.stride, conv.padding)


def _conv_block(block: ConvBlock, x: Tensor) -> Tensor:
    return F.relu(block.bn(_conv(block.conv, x)))


def _residual(block: Residual, x: Tensor) -> Tensor:
    out = _conv(block.conv1, F.relu(block.bn1(x)))
    out = _conv(block.conv2, F.relu(block.bn2(out)))
    out = _conv(block.conv3, F.relu(block.bn3(out)))
    return out + block.shortcut(x)


def _hourglass(hourglass: Hourglass, x: Tensor) -> Tensor:
    low = _residual(hourglass.low1, F.max_pool2d(x, 2))
    low = (_hourglass if isinstance(hourglass.low2, Hourglass) else _residual)(hourglass.low2, low)
    return _residual(hourglass.up1, x) + F.interpolate(_residual(hourglass.low3, low), scale_factor=2)


def plain_forward(network: HourglassAAM, x: Tensor) -> tuple[StackOutput, ...]:
    """``network(x)`` with the same parameters and running statistics."""
    x = coordinate_channels(F.pixel_unshuffle(x, network.pixel_unshuffle)).contiguous(memory_format=torch.channels_last)
    x = _residual(network.res1, _conv_block(network.stem, x))
    x = _residual(network.res3, _residual(network.res2, F.max_pool2d(x, 2)))
    outputs, last_heatmap = [], None
    for s in range(network.num_stacks):
        f = _hourglass(network.hourglasses[s], _conv(network.coord_convs[s], coordinate_channels(x, last_heatmap)))
        residual, conv_block = network.features[s]
        f = _conv_block(conv_block, _residual(residual, f))
        heatmaps = network.out_heatmaps[s](f)
        if network.heatmap_activation == 'in_relu':
            heatmaps = F.relu(F.instance_norm(heatmaps.to(torch.promote_types(heatmaps.dtype, torch.float32))))
        point_maps = torch.sigmoid(network.out_point_maps[s](f)) if network.attention_maps else None
        edge_maps = torch.sigmoid(network.out_edge_maps[s](f)) if network.attention_maps else None
        outputs.append(StackOutput(heatmaps, point_maps, edge_maps, f))
        if s + 1 < network.num_stacks:
            x = x + network.merge_features[s](f) + network.merge_heatmaps[s](heatmaps)
            if network.attention_maps:
                x = x + network.merge_point_maps[s](point_maps) + network.merge_edge_maps[s](edge_maps)
            last_heatmap = heatmaps[:, -1:]
    return tuple(outputs)


def plain_adaptive_wing(loss: WeightedAdaptiveWingLoss, output: Tensor, target: Tensor) -> Tensor:
    """``loss(output, target)`` of maps (B, C, h, w)."""
    with torch.autocast(output.device.type, enabled=False):
        output, target = output.float(), target.float()
        delta = (output - target).abs()
        exponent, ratio = loss.alpha - target, loss.theta / loss.epsilon
        power = torch.exp(exponent * math.log(ratio))
        slope = (loss.omega / ratio / loss.epsilon) * exponent * power / (1 + power)
        offset = loss.theta * slope - loss.omega * torch.log1p(power)
        small = torch.exp(exponent * (delta.clamp(min=1e-12) / loss.epsilon).log())
        value = torch.where(delta < loss.theta, loss.omega * torch.log1p(small), slope * delta - offset)
        near = F.max_pool2d(target, 3, stride=1, padding=1) >= 0.2
        return loss.loss_weight * (value * (1 + loss.map_weight * near)).mean()
