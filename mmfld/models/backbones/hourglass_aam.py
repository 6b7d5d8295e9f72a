"""Stacked hourglass with point and edge maps for the anisotropic attention module (AAM).

The network of ADNet (ICCV 2021), STAR (CVPR 2023) and "Heatmap Regression without Soft-argmax" (ICCV 2025): 4 stacks
with 4 levels, width 256, 13.4 M live parameters. The shortcut convolutions that the reference constructs but never uses
are not built here; :func:`convert_star_state_dict` drops them from official checkpoints.
"""
import re
from typing import Dict, Optional, Sequence, Tuple, Union

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmpose.registry import MODELS

from ...structures import FaceLayout, get_layout
from ..layers import coordinate_channels
from ..stack_output import StackOutput


class ConvBlock(nn.Sequential):
    """Convolution with bias and 'same' padding, then optionally BatchNorm and ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, bn_relu: bool = False):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, (kernel_size - 1) // 2)
        if bn_relu:
            self.bn = nn.BatchNorm2d(out_channels)
            self.relu = nn.ReLU(inplace=True)


class Residual(nn.Module):
    """Pre-activation bottleneck 1x1 - 3x3 - 1x1 of half width; no activation after the sum."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        middle = out_channels // 2
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, middle, 1)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, middle, 3, padding=1)
        self.bn3 = nn.BatchNorm2d(middle)
        self.conv3 = nn.Conv2d(middle, out_channels, 1)
        # on the raw input, not on the normalised one
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(F.relu(self.bn1(x), inplace=True))
        out = self.conv2(F.relu(self.bn2(out), inplace=True))
        out = self.conv3(F.relu(self.bn3(out), inplace=True))
        return out + self.shortcut(x)


class Hourglass(nn.Module):
    """``up1(x) + upsample(low3(low2(low1(pool(x)))))``, recursive in ``low2``; nearest upsampling."""

    def __init__(self, levels: int, width: int):
        super().__init__()
        self.up1 = Residual(width, width)
        self.low1 = Residual(width, width)
        self.low2 = Hourglass(levels - 1, width) if levels > 1 else Residual(width, width)
        self.low3 = Residual(width, width)

    def forward(self, x: Tensor) -> Tensor:
        low = self.low3(self.low2(self.low1(F.max_pool2d(x, 2))))
        return self.up1(x) + F.interpolate(low, scale_factor=2, mode='nearest')


@MODELS.register_module()
class HourglassAAM(BaseModule):
    """Stacked hourglass that predicts heatmaps, point maps and edge maps in every stack.

    Args:
        layout (str | FaceLayout): Gives the numbers of landmarks K and boundaries E. Defaults to ``'wflw98'``.
        num_stacks (int): Defaults to 4.
        heatmap_activation (str): ``'none'`` leaves raw scores (P1); ``'in_relu'`` is instance normalisation without
            affine parameters or running statistics, then ReLU (STAR). Defaults to ``'none'``.
        use_aam (bool): Whether to predict point and edge maps. Defaults to True.
        num_levels (int): Halvings inside an hourglass. Defaults to 4 (STAR's text says 3, its code 4).
        width (int): Channels C of the hourglasses; the stem grows over C/4 and C/2. Defaults to 256.
        in_channels (int): Defaults to 3.
        init_cfg (dict, optional): PyTorch's default initialisation, as the reference, if None.

    Shapes:
        Input (B, in_channels, H, W) with H and W divisible by ``stride`` = 4 * 2**num_levels (64 by default); output a
        tuple of ``num_stacks`` :class:`StackOutput` whose maps are H/4 x W/4.
    """

    def __init__(self,
                 layout: Union[str, FaceLayout] = 'wflw98',
                 num_stacks: int = 4,
                 heatmap_activation: str = 'none',
                 use_aam: bool = True,
                 num_levels: int = 4,
                 width: int = 256,
                 in_channels: int = 3,
                 init_cfg: Optional[dict] = None):
        super().__init__(init_cfg)
        if heatmap_activation not in ('none', 'in_relu'):
            raise ValueError(f"heatmap_activation must be 'none' or 'in_relu', got {heatmap_activation!r}")
        if width % 8:
            raise ValueError(f'width must be divisible by 8, got {width}')
        layout = get_layout(layout)
        keypoints, boundaries = layout.num_keypoints, layout.num_boundaries
        self.heatmap_activation = heatmap_activation
        self.use_aam = use_aam
        self.num_stacks = num_stacks
        self.stride = 4 * 2**num_levels

        self.stem = ConvBlock(in_channels + 3, width // 4, 7, stride=2, bn_relu=True)
        self.res1 = Residual(width // 4, width // 2)
        self.res2 = Residual(width // 2, width // 2)
        self.res3 = Residual(width // 2, width)

        between = num_stacks - 1

        def heads(out_channels: int, count: int, in_channels: int = width) -> nn.ModuleList:
            return nn.ModuleList(nn.Conv2d(in_channels, out_channels, 1) for _ in range(count))

        self.coord_convs = nn.ModuleList(nn.Conv2d(width + (3 if s == 0 else 5), width, 1) for s in range(num_stacks))
        self.hourglasses = nn.ModuleList(Hourglass(num_levels, width) for _ in range(num_stacks))
        self.features = nn.ModuleList(
            nn.Sequential(Residual(width, width), ConvBlock(width, width, 1, bn_relu=True)) for _ in range(num_stacks))
        self.out_heatmaps = heads(keypoints, num_stacks)
        self.merge_features = heads(width, between)
        self.merge_heatmaps = heads(width, between, keypoints)
        if use_aam:
            self.out_point_maps = heads(keypoints, num_stacks)
            self.out_edge_maps = heads(boundaries, num_stacks)
            self.merge_point_maps = heads(width, between, keypoints)
            self.merge_edge_maps = heads(width, between, boundaries)
        # the faster layout of convolutions in mixed precision; values and checkpoints do not change
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tuple[StackOutput, ...]:
        if x.shape[-1] % self.stride or x.shape[-2] % self.stride:
            raise ValueError(f'input height and width must be divisible by {self.stride}, got {tuple(x.shape[-2:])}')
        x = coordinate_channels(x).contiguous(memory_format=torch.channels_last)
        x = self.res1(self.stem(x))
        x = self.res3(self.res2(F.max_pool2d(x, 2)))
        outputs = []
        last_heatmap = None
        for s in range(self.num_stacks):
            f = self.coord_convs[s](coordinate_channels(x, last_heatmap))
            f = self.features[s](self.hourglasses[s](f))
            heatmaps = self.out_heatmaps[s](f)
            if self.heatmap_activation == 'in_relu':
                heatmaps = F.relu(F.instance_norm(heatmaps))
            point_maps = torch.sigmoid(self.out_point_maps[s](f)) if self.use_aam else None
            edge_maps = torch.sigmoid(self.out_edge_maps[s](f)) if self.use_aam else None
            outputs.append(StackOutput(heatmaps, point_maps, edge_maps, f))
            if s + 1 < self.num_stacks:
                x = x + self.merge_features[s](f) + self.merge_heatmaps[s](heatmaps)
                if self.use_aam:
                    x = x + self.merge_point_maps[s](point_maps) + self.merge_edge_maps[s](edge_maps)
                last_heatmap = heatmaps[:, -1:]
        return tuple(outputs)


# official name -> name here, applied in this order
_RENAMES: Sequence[Tuple[str, str]] = (
    (r'^((module|net)\.)+', ''),
    (r'^pre\.0\.', 'stem.'),
    (r'^pre\.1\.', 'res1.'),
    (r'^pre\.3\.', 'res2.'),
    (r'^pre\.4\.', 'res3.'),
    (r'^hgs\.(\d+)\.coordconv\.conv\.', r'coord_convs.\1.'),
    (r'^hgs\.', 'hourglasses.'),
    (r'^(out|merge)_(heatmaps|features)\.(\d+)\.conv\.', r'\1_\2.\3.'),
    (r'^(out|merge)_(point|edge)maps\.(\d+)\.conv\.', r'\1_\2_maps.\3.'),
    (r'\.(conv[123])\.conv\.', r'.\1.'),
    (r'\.skip_layer\.conv\.', '.shortcut.'),
)


def convert_star_state_dict(state_dict: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Rename the parameters of an official STAR, ADNet or P1 network to those of :class:`HourglassAAM`.

    ``module.`` prefixes and ``n_averaged`` (torch's AveragedModel) are removed, the never used shortcut convolutions of
    blocks with equal input and output width are dropped, and so are the two ``e2h_transform`` buffers, which the heads
    build from the face layout.

    Args:
        state_dict (dict[str, Tensor]): As stored under ``net`` in an official checkpoint.

    Returns:
        dict[str, Tensor]: For ``HourglassAAM.load_state_dict``; tensors are shared, not copied.
    """
    converted = {}
    for key, value in state_dict.items():
        if key == 'n_averaged':
            continue
        for pattern, replacement in _RENAMES:
            key = re.sub(pattern, replacement, key)
        unused_shortcut = re.search(r'\.shortcut\.', key) and not re.match(r'res[13]\.', key)
        if not unused_shortcut and not key.startswith('e2h_transform.'):
            converted[key] = value
    return converted
