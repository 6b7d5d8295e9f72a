"""Stacked hourglass with point and edge maps for the anisotropic attention module (AAM).

The network of ADNet (ICCV 2021), STAR (CVPR 2023) and the structured paper, "Heatmap Regression without Soft-argmax"
(ICCV 2025): 4 stacks with 4 levels, width 256, 13.4 M live parameters. The shortcut convolutions that the reference
constructs but never uses are not built here; :func:`convert_star_state_dict` drops them from official checkpoints.
"""

import re

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...structures import FaceLayout, get_layout, layout_of_counts
from ..layers import Conv3x3, ConvBlock, Hourglass, coord_conv, pixel_unshuffle
from ..stack_output import StackOutput
from .official_weights import Renames, check_weights, count_channels, count_stacks, rename_keys


class Residual(nn.Module):
    """Pre-activation bottleneck 1x1 - 3x3 - 1x1 of half width; no activation after the sum."""

    FOLDS = (('conv1', 'bn2'), ('conv2', 'bn3'))

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        middle = out_channels // 2
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, middle, 1)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv2 = Conv3x3(middle, middle)
        self.bn3 = nn.BatchNorm2d(middle)
        self.conv3 = nn.Conv2d(middle, out_channels, 1)
        # on the raw input, not on the normalised one
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(F.relu(self.bn1(x), inplace=True))
        out = self.conv2(F.relu(self.bn2(out), inplace=True))
        out = self.conv3(F.relu(self.bn3(out), inplace=True))
        return out.add_(self.shortcut(x))


@MODELS.register_module()
class HourglassAAM(BaseModule):
    """Stacked hourglass that predicts heatmaps, point maps and edge maps in every stack.

    Args:
        layout (str | FaceLayout): Gives the numbers of landmarks K and boundaries E. Defaults to ``'wflw98'``.
        num_stacks (int): Defaults to 4.
        heatmap_activation (str): ``'none'`` leaves raw scores (structured); ``'in_relu'`` is instance normalisation
            without affine parameters or running statistics, then ReLU (STAR). Defaults to ``'none'``.
        attention_maps (bool): Whether to predict point and edge maps, with which AAM attends. Defaults to True.
        num_levels (int): Halvings inside an hourglass. Defaults to 4 (STAR's text says 3, its code 4).
        width (int): Channels C of the hourglasses; the stem grows over C/4 and C/2. Defaults to 256.
        pixel_unshuffle (int): Side r of the blocks of pixels that enter the stem as channels, so that an input of r
            times the side costs little more. Defaults to 1.
        in_channels (int): Defaults to 3.
        init_cfg (dict, optional): PyTorch's default initialisation, as the reference, if None.

    Shapes:
        Input (B, in_channels, H, W) with H and W divisible by ``stride`` = 4 r * 2**num_levels (64 by default); output
        a tuple of ``num_stacks`` :class:`StackOutput` whose maps are H/4r x W/4r.
    """

    def __init__(
        self,
        layout: str | FaceLayout = 'wflw98',
        num_stacks: int = 4,
        heatmap_activation: str = 'none',
        attention_maps: bool = True,
        num_levels: int = 4,
        width: int = 256,
        pixel_unshuffle: int = 1,
        in_channels: int = 3,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        if heatmap_activation not in ('none', 'in_relu'):
            raise ValueError(f"heatmap_activation must be 'none' or 'in_relu', got {heatmap_activation!r}")
        if width % 8:
            raise ValueError(f'width must be divisible by 8, got {width}')
        if pixel_unshuffle < 1:
            raise ValueError(f'pixel_unshuffle must be at least 1, got {pixel_unshuffle}')
        layout = get_layout(layout)
        keypoints, boundaries = layout.num_keypoints, layout.num_boundaries
        if attention_maps and not boundaries:
            raise ValueError(
                f'attention_maps=True needs facial boundaries, but layout {layout.name!r} has none: '
                'expected attention_maps=False'
            )
        self.layout = layout
        self.heatmap_activation = heatmap_activation
        self.attention_maps = attention_maps
        self.num_stacks = num_stacks
        self.pixel_unshuffle = pixel_unshuffle
        self.stride = 4 * pixel_unshuffle * 2**num_levels

        self.stem = ConvBlock(in_channels * pixel_unshuffle**2 + 3, width // 4, 7, stride=2, bn_relu=True)
        self.res1 = Residual(width // 4, width // 2)
        self.res2 = Residual(width // 2, width // 2)
        self.res3 = Residual(width // 2, width)

        between = num_stacks - 1

        def heads(out_channels: int, count: int, in_channels: int = width) -> nn.ModuleList:
            return nn.ModuleList(nn.Conv2d(in_channels, out_channels, 1) for _ in range(count))

        self.coord_convs = nn.ModuleList(nn.Conv2d(width + (3 if s == 0 else 5), width, 1) for s in range(num_stacks))
        self.hourglasses = nn.ModuleList(Hourglass(num_levels, width, Residual) for _ in range(num_stacks))
        self.features = nn.ModuleList(
            nn.Sequential(Residual(width, width), ConvBlock(width, width, 1, bn_relu=True)) for _ in range(num_stacks)
        )
        self.out_heatmaps = heads(keypoints, num_stacks)
        self.merge_features = heads(width, between)
        self.merge_heatmaps = heads(width, between, keypoints)
        if attention_maps:
            self.out_point_maps = heads(keypoints, num_stacks)
            self.out_edge_maps = heads(boundaries, num_stacks)
            self.merge_point_maps = heads(width, between, keypoints)
            self.merge_edge_maps = heads(width, between, boundaries)
        # the faster layout of convolutions in mixed precision; values and checkpoints do not change
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> tuple[StackOutput, ...]:
        if x.shape[-1] % self.stride or x.shape[-2] % self.stride:
            raise ValueError(f'input height and width must be divisible by {self.stride}, got {tuple(x.shape[-2:])}')
        x = pixel_unshuffle(x, self.pixel_unshuffle).contiguous(memory_format=torch.channels_last)
        x = self.res1(self.stem.relu(self.stem.bn(coord_conv(self.stem.conv, x))))
        x = self.res3(self.res2(F.max_pool2d(x, 2)))
        outputs = []
        last_heatmap = None
        for s in range(self.num_stacks):
            f = coord_conv(self.coord_convs[s], x, last_heatmap)
            f = self.features[s](self.hourglasses[s](f))
            heatmaps = self.out_heatmaps[s](f)
            if self.heatmap_activation == 'in_relu':
                # float32 under autocast: the mean of a map shows the rounding of its cells
                heatmaps = F.relu(F.instance_norm(heatmaps.to(torch.promote_types(heatmaps.dtype, torch.float32))))
            point_maps = torch.sigmoid(self.out_point_maps[s](f)) if self.attention_maps else None
            edge_maps = torch.sigmoid(self.out_edge_maps[s](f)) if self.attention_maps else None
            outputs.append(StackOutput(heatmaps, point_maps, edge_maps, f))
            if s + 1 < self.num_stacks:
                x = self.merge_features[s](f).add_(x).add_(self.merge_heatmaps[s](heatmaps))
                if self.attention_maps:
                    x.add_(self.merge_point_maps[s](point_maps)).add_(self.merge_edge_maps[s](edge_maps))
                last_heatmap = heatmaps[:, -1:]
        return tuple(outputs)


# official name -> name here, applied in this order
_RENAMES: Renames = (
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


def convert_star_state_dict(state_dict: dict[str, Tensor], layout: str | FaceLayout | None = None) -> dict[str, Tensor]:
    """Rename the parameters of an official STAR, ADNet or structured network to those of :class:`HourglassAAM`.

    ``module.`` prefixes and ``n_averaged`` (torch's AveragedModel) are removed, the never used shortcut convolutions of
    blocks with equal input and output width are dropped, and so are the two ``e2h_transform`` buffers, which the heads
    build from the face layout. Everything else must be there, with the right shapes, and nothing more.

    Args:
        state_dict (dict[str, Tensor]): As stored under ``net`` in an official checkpoint; 4 levels, width 256 and any
            number of stacks, with or without AAM.
        layout (str | FaceLayout, optional): Defaults to the known one with as many landmarks and boundaries.

    Returns:
        dict[str, Tensor]: For a strict ``HourglassAAM.load_state_dict``; tensors are shared, not copied.

    Raises:
        ValueError: If ``layout`` is left out and not exactly one known layout has the numbers of landmarks and
            boundaries; if keys are unknown, missing, there twice or of the wrong shape, which are all listed; or if the
            ``e2h_transform`` buffers show that the network was trained with other boundaries than those of the layout.
    """
    keys = rename_keys(state_dict, _RENAMES)
    keys.pop('n_averaged', None)
    weights = {name: state_dict[official[0]] for name, official in keys.items()}

    network = matching_hourglass_aam(weights, layout)
    attention = _attention_buffers(network.layout)
    unused = {
        f'{name}.{parameter}'
        for name, module in network.named_modules()
        if isinstance(module, nn.Identity)
        for parameter in ('weight', 'bias')
    }
    check_weights(
        weights,
        keys,
        network,
        f'a network of {network.num_stacks} stacks '
        f'{"with" if network.attention_maps else "without"} AAM for layout {network.layout.name!r}',
        attention,
        unused,
    )
    _check_attention_buffers(weights, attention, network.layout)
    return {name: weights[name] for name in network.state_dict()}


def matching_hourglass_aam(state_dict: dict[str, Tensor], layout: str | FaceLayout | None = None) -> HourglassAAM:
    """The network, without memory on the meta device, whose numbers of landmarks, boundaries and stacks weights have.

    The heatmap activation, which weights do not show, is the default.

    Args:
        state_dict (dict[str, Tensor]): With the names of :class:`HourglassAAM`; only some keys are looked at.
        layout (str | FaceLayout, optional): Defaults to the known one with as many landmarks and boundaries.

    Raises:
        ValueError: If the keys are those of another network; or if ``layout`` is left out and not exactly one known
            layout has these numbers.
    """
    num_stacks = count_stacks(state_dict, ('hourglasses', 'features', 'coord_convs', 'out_heatmaps'))
    attention_maps = any(re.match(r'(out|merge)_(point|edge)_maps\.', name) for name in state_dict)
    keypoints, boundaries = (count_channels(state_dict, f'out_{maps}') for maps in ('heatmaps', 'edge_maps'))
    if not num_stacks or keypoints is None:
        raise ValueError(
            "expected the keys of STAR's network, such as hgs.0.coordconv.conv.weight and "
            f'out_heatmaps.0.conv.weight, found {", ".join(sorted(state_dict)[:5]) or "none"}, ...'
        )
    layout = layout_of_counts(keypoints, boundaries) if layout is None else layout
    with torch.device('meta'):
        return HourglassAAM(layout, num_stacks=num_stacks, attention_maps=attention_maps)


def _attention_buffers(layout: FaceLayout) -> dict[str, Tensor]:
    """What an official network holds of its layout: which landmarks lie on which boundary, and which on none."""
    incidence = torch.from_numpy(layout.boundary_of_keypoint)
    return {'e2h_transform.weight': incidence[:, :, None, None], 'e2h_transform.bias': (incidence.sum(1) == 0).float()}


def _check_attention_buffers(weights: dict[str, Tensor], expected: dict[str, Tensor], layout: FaceLayout) -> None:
    """Raise if ``weights`` hold these buffers with other values: the heads would fuse what was not trained together."""

    def table(buffers: dict[str, Tensor]) -> np.ndarray:  # (K, E + 1)
        return torch.column_stack([buffers[name].cpu().float().squeeze() for name in expected]).numpy()

    columns = [*(boundary.name for boundary in layout.boundaries), 'no boundary']

    def describe(row: np.ndarray) -> str:
        return ', '.join(f'{name} ({value:g})' for name, value in zip(columns, row) if value) or 'nothing'

    found, wanted = table({**expected, **weights}), table(expected)
    if not found.any():
        return  # never filled in: with these no network could have been trained
    differ = np.flatnonzero((found != wanted).any(1))
    if len(differ):
        raise ValueError(
            f'e2h_transform: {len(differ)} landmarks lie on other boundaries than in layout '
            f'{layout.name!r}; found\n'
            + '\n'.join(f'  landmark {k}: {describe(found[k])}, expected {describe(wanted[k])}' for k in differ)
        )
