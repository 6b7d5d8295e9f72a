"""FAN, the stacked hourglass of hierarchical blocks (Bulat and Tzimiropoulos, ICCV 2017).

The network of "Subpixel Heatmap Regression for Facial Landmark Localization" (BMVC 2021): 2 stacks with 4 levels,
width 256, 12.1 M parameters. Its original training code and the 2-stack models of the authors halve feature maps by
maxima, the PyTorch release of the 2017 networks (the face-alignment package) by averages: an argument here.
"""

import re

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...structures import FaceLayout, get_layout, layout_of_counts
from ..layers import Conv3x3, ConvBlock, Hourglass
from ..stack_output import StackOutput
from .official_weights import Renames, check_weights, count_channels, count_stacks, rename_keys

_POOLING = dict(max=F.max_pool2d, avg=F.avg_pool2d)


class HierarchicalBlock(nn.Module):
    """Three pre-activated 3x3 convolutions in a row, whose 1/2, 1/4 and 1/4 of the channels are concatenated; residual.

    Convolutions have no bias. No activation after the sum.
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        half, quarter = out_channels // 2, out_channels // 4
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = Conv3x3(in_channels, half, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv2 = Conv3x3(half, quarter, bias=False)
        self.bn3 = nn.BatchNorm2d(quarter)
        self.conv3 = Conv3x3(quarter, quarter, bias=False)
        self.shortcut = (
            nn.Identity()
            if in_channels == out_channels
            else nn.Sequential(
                nn.BatchNorm2d(in_channels), nn.ReLU(inplace=True), nn.Conv2d(in_channels, out_channels, 1, bias=False)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        first = self.conv1(F.relu(self.bn1(x), inplace=True))
        second = self.conv2(F.relu(self.bn2(first), inplace=True))
        third = self.conv3(F.relu(self.bn3(second), inplace=True))
        return torch.cat([first, second, third], dim=1).add_(self.shortcut(x))


@MODELS.register_module()
class FAN(BaseModule):
    """Stacked hourglass of hierarchical blocks that predicts heatmaps in every stack, without output activation.

    Args:
        layout (str | FaceLayout): Gives the number of landmarks K. Defaults to ``'300w68'``.
        num_stacks (int): Defaults to 2, as in the paper; the 2017 networks have 4.
        pooling (str): How feature maps are halved, ``'max'`` or ``'avg'``. Defaults to ``'max'``.
        num_levels (int): Halvings inside an hourglass. Defaults to 4.
        width (int): Channels C of the hourglasses; the stem grows over C/4 and C/2. Defaults to 256.
        in_channels (int): Defaults to 3. Official weights take RGB in [0, 1].
        upsampling (int): Of the heatmaps, by a deconvolution with this kernel and stride in the place of the last 1 x 1
            convolution; what the next stack reads of them is brought back by a convolution. Defaults to 1, without.
        init_cfg (dict, optional): PyTorch's default initialisation, as the reference, if None.

    Shapes:
        Input (B, in_channels, H, W) with H and W divisible by ``stride`` = 4 * 2**num_levels (64 by default); output a
        tuple of ``num_stacks`` :class:`StackOutput` with ``heatmaps`` (B, K, H/4, W/4), times ``upsampling``, and
        ``features`` (B, C, H/4, W/4).
    """

    def __init__(
        self,
        layout: str | FaceLayout = '300w68',
        num_stacks: int = 2,
        pooling: str = 'max',
        num_levels: int = 4,
        width: int = 256,
        in_channels: int = 3,
        upsampling: int = 1,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        if pooling not in _POOLING:
            raise ValueError(f"pooling must be 'max' or 'avg', got {pooling!r}")
        if width % 8:
            raise ValueError(f'width must be divisible by 8, got {width}')
        layout = get_layout(layout)
        keypoints = layout.num_keypoints
        self.layout = layout
        self.num_stacks = num_stacks
        self.pooling = pooling
        self.stride = 4 * 2**num_levels

        self.stem = ConvBlock(in_channels, width // 4, 7, stride=2, bn_relu=True)
        self.res1 = HierarchicalBlock(width // 4, width // 2)
        self.res2 = HierarchicalBlock(width // 2, width // 2)
        self.res3 = HierarchicalBlock(width // 2, width)

        self.hourglasses = nn.ModuleList(
            Hourglass(num_levels, width, HierarchicalBlock, _POOLING[pooling]) for _ in range(num_stacks)
        )
        self.features = nn.ModuleList(
            nn.Sequential(HierarchicalBlock(width, width), ConvBlock(width, width, 1, bn_relu=True))
            for _ in range(num_stacks)
        )
        upsample = nn.Conv2d if upsampling == 1 else nn.ConvTranspose2d
        self.out_heatmaps = nn.ModuleList(upsample(width, keypoints, upsampling, upsampling) for _ in range(num_stacks))
        self.merge_features = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(num_stacks - 1))
        self.merge_heatmaps = nn.ModuleList(
            nn.Conv2d(keypoints, width, upsampling, upsampling) for _ in range(num_stacks - 1)
        )
        # the faster layout of convolutions in mixed precision; values and checkpoints do not change
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> tuple[StackOutput, ...]:
        if x.shape[-1] % self.stride or x.shape[-2] % self.stride:
            raise ValueError(f'input height and width must be divisible by {self.stride}, got {tuple(x.shape[-2:])}')
        x = self.res1(self.stem(x.contiguous(memory_format=torch.channels_last)))
        x = self.res3(self.res2(_POOLING[self.pooling](x, 2)))
        outputs = []
        for s in range(self.num_stacks):
            f = self.features[s](self.hourglasses[s](x))
            heatmaps = self.out_heatmaps[s](f)
            outputs.append(StackOutput(heatmaps, features=f))
            if s + 1 < self.num_stacks:
                x = self.merge_features[s](f).add_(x).add_(self.merge_heatmaps[s](heatmaps))
        return tuple(outputs)


def _hourglass_block(match: re.Match) -> str:
    """Levels count from the inside in official names, where hourglasses are nested here."""
    block, level = match.groups()
    return f'.{"low2." * (4 - int(level))}{dict(b1="up1", b2="low1", b3="low3")[block]}.'


# official name -> name here, applied in this order
_RENAMES: Renames = (
    (r'^(module\.)+', ''),
    (r'^conv1\.', 'stem.conv.'),
    (r'^bn1\.', 'stem.bn.'),
    (r'^conv2\.', 'res1.'),
    (r'^conv3\.', 'res2.'),
    (r'^conv4\.', 'res3.'),
    (r'^m(\d+)\.', r'hourglasses.\1.'),
    (r'\.(b[123])_([1-4])\.', _hourglass_block),
    (r'\.b2_plus_1\.', '.low2.low2.low2.low2.'),
    (r'^top_m_(\d+)\.', r'features.\1.0.'),
    (r'^conv_last(\d+)\.', r'features.\1.1.conv.'),
    (r'^bn_end(\d+)\.', r'features.\1.1.bn.'),
    (r'^l(\d+)\.', r'out_heatmaps.\1.'),
    (r'^bl(\d+)\.', r'merge_features.\1.'),
    (r'^al(\d+)\.', r'merge_heatmaps.\1.'),
    (r'\.downsample\.', '.shortcut.'),
)


def convert_fan_state_dict(state_dict: dict[str, Tensor], layout: str | FaceLayout | None = None) -> dict[str, Tensor]:
    """Rename the parameters of an official FAN to those of :class:`FAN`.

    ``module.`` prefixes are removed. Everything must be there, with the right shapes, and nothing more.

    Args:
        state_dict (dict[str, Tensor]): 4 levels, width 256 and any number of stacks.
        layout (str | FaceLayout, optional): Defaults to the known one with as many landmarks.

    Returns:
        dict[str, Tensor]: For a strict ``FAN.load_state_dict``; tensors are shared, not copied.

    Raises:
        ValueError: If ``layout`` is left out and not exactly one known layout has the number of landmarks; or if keys
            are unknown, missing, there twice or of the wrong shape, which are all listed.
    """
    keys = rename_keys(state_dict, _RENAMES)
    weights = {name: state_dict[official[0]] for name, official in keys.items()}
    network = matching_fan(weights, layout)
    check_weights(weights, keys, network, f'a FAN of {network.num_stacks} stacks for layout {network.layout.name!r}')
    return {name: weights[name] for name in network.state_dict()}


def matching_fan(state_dict: dict[str, Tensor], layout: str | FaceLayout | None = None) -> FAN:
    """The network, without memory on the meta device, whose numbers of landmarks and stacks weights have.

    The pooling, which weights do not show, is the default.

    Args:
        state_dict (dict[str, Tensor]): With the names of :class:`FAN`; only some keys are looked at.
        layout (str | FaceLayout, optional): Defaults to the known one with as many landmarks.

    Raises:
        ValueError: If the keys are those of another network; or if ``layout`` is left out and not exactly one known
            layout has this number of landmarks.
    """
    num_stacks = count_stacks(state_dict, ('hourglasses', 'features', 'out_heatmaps'))
    keypoints = count_channels(state_dict, 'out_heatmaps')
    if not num_stacks or keypoints is None:
        raise ValueError(
            'expected the keys of a FAN, such as m0.b1_4.conv1.weight and l0.weight, found '
            f'{", ".join(sorted(state_dict)[:5]) or "none"}, ...'
        )
    layout = layout_of_counts(keypoints) if layout is None else layout
    with torch.device('meta'):
        return FAN(layout, num_stacks)
