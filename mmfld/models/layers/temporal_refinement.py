"""Refinement of heatmaps by those of the frames before (attentive paper: Yin et al., 2020, Eq. 13 and Fig. 2b)."""

from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LAYERS = 4


class TemporalRefinement(nn.Module):
    """CNN3, a decaying sum over time and CNN4 of one axis: E_t + CNN4(V_t), with V_t = CNN3(E_t) + lambda V_{t-1}.

    The recursion is Eq. 13's sum over all frames, without keeping them. CNN4 ends in a layer of zeros, so that an
    untrained refinement leaves the detector's heatmaps as they are. The paper gives no depths, widths and kernels.

    Each of the two has two convolutions. So that a refined bin depends on whole peaks and on displaced ones, they are
    dilated, each twice as much as the one before, so that all four reach ``reach`` times ``sigma`` to each side: for
    peaks of sigma 12 (L = 768) by 2, 3, 5 and 10 bins, 40 to each side with a kernel of 5. Undilated they reach 8.

    The state dict holds the dilations, which weights do not show. What was saved without them was not dilated.

    Args:
        num_maps (int): N, landmarks.
        channels (int): C of CNN3 and CNN4. Defaults to 128.
        kernel_size (int): Odd, in bins. Defaults to 5.
        decay (float): lambda in [0, 1]. Defaults to 0.3; with 0 each frame is refined on its own.
        sigma (float): Standard deviation of a peak in bins. Defaults to 1.
        reach (float): In sigma. Defaults to 3; with 0 nothing is dilated.
        dims (int): 1, or 2 for heatmaps over x and y together, in cells. Defaults to 1.

    Raises:
        ValueError: If an argument is out of range, or if weights of other dilations are loaded.
    """

    def __init__(
        self,
        num_maps: int,
        channels: int = 128,
        kernel_size: int = 5,
        decay: float = 0.3,
        sigma: float = 1.0,
        reach: float = 3.0,
        dims: int = 1,
    ):
        super().__init__()
        if not 0 <= decay <= 1:
            raise ValueError(f'decay must be in [0, 1], got {decay}')
        if kernel_size < 3 or kernel_size % 2 == 0:
            raise ValueError(f'kernel_size must be odd, 3 or more, got {kernel_size}')
        if reach < 0:
            raise ValueError(f'reach must be 0 or more, got {reach}')
        if dims not in (1, 2):
            raise ValueError(f'dims must be 1 or 2, got {dims}')
        self.decay = decay
        self.channels = channels
        conv, norm = ((nn.Conv1d, nn.BatchNorm1d), (nn.Conv2d, nn.BatchNorm2d))[dims - 1]
        dilations = dilations_for(reach * sigma, kernel_size)
        self.register_buffer('dilations', torch.tensor(dilations))

        def layer(in_channels: int, out_channels: int, dilation: int, bias: bool = False) -> nn.Module:
            return conv(
                in_channels,
                out_channels,
                kernel_size,
                padding=dilation * (kernel_size // 2),
                dilation=dilation,
                bias=bias,
            )

        first, second, third, fourth = dilations
        self.cnn3 = nn.Sequential(
            layer(num_maps, channels, first),
            norm(channels),
            nn.ReLU(inplace=True),
            layer(channels, channels, second),
            norm(channels),
            nn.ReLU(inplace=True),
        )
        last = layer(channels, num_maps, fourth, bias=True)
        self.cnn4 = nn.Sequential(layer(channels, channels, third), norm(channels), nn.ReLU(inplace=True), last)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(
        self,
        heatmaps: Tensor,
        state: Tensor | None = None,
        moves: Tensor | None = None,
        remembered: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Refine successive frames.

        Args:
            heatmaps (Tensor): (B, T, N, L) of T successive frames of B videos; (B, T, N, h, w) with ``dims`` 2.
            state (Tensor, optional): (B, C, L), what the call for the frames before returned. Zeros, or None, at the
                start of a video.
            moves (Tensor, optional): (B, T, 2): where the bins of the frame before lie in each frame, a scale and a
                shift, see :func:`moved`. None if they stay where they are.
            remembered (Tensor, optional): (B, T) bool: the frames that later ones remember. None for all. Each is
                refined by itself and those before, whether it is remembered or not.

        Returns:
            tuple[Tensor, Tensor]: (B, T, N, L) refined, and the state after the last frame: its size does not grow.
        """
        clip = heatmaps.shape[:2]
        features = self.cnn3(heatmaps.flatten(0, 1)).unflatten(0, clip)
        entering = features
        if remembered is not None:
            entering = features * remembered.to(features.dtype).view(*clip, *[1] * (features.ndim - 2))
        memory = temporal_sums(entering, self.decay, state, moves)
        sums = memory + (features - entering)
        return heatmaps + self.cnn4(sums.flatten(0, 1)).unflatten(0, clip), memory[:, -1]

    def _load_from_state_dict(self, state_dict, prefix, *args, **kwargs):
        name = f'{prefix}dilations'
        if f'{prefix}cnn3.0.weight' in state_dict:
            found = state_dict.setdefault(name, torch.ones_like(self.dilations)).tolist()
            if found != self.dilations.tolist():
                advice = ': reach=0 in the refinement reads them' if max(found) == 1 else ''
                raise ValueError(
                    f'{name}: found weights of dilations {found}, expected {self.dilations.tolist()}{advice}'
                )
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def dilations_for(reach: float, kernel_size: int) -> tuple[int, ...]:
    """Of four convolutions, each twice that of the one before, rounded up, that together reach so many bins."""
    unit = reach / (kernel_size // 2) / (2**LAYERS - 1)
    return tuple(max(1, ceil(unit * 2**layer - 1e-9)) for layer in range(LAYERS))


def temporal_sums(features: Tensor, decay: float, state: Tensor | None = None, moves: Tensor | None = None) -> Tensor:
    """V_t = U_t + lambda V_{t-1} of all frames (Eq. 13).

    Args:
        features (Tensor): (B, T, ...), U of T successive frames.
        decay (float): lambda.
        state (Tensor, optional): (B, ...), V before the first frame. Zero if None.
        moves (Tensor, optional): (B, T, 2), with features (B, T, C, L): V_{t-1} is :func:`moved` by them first.

    Returns:
        Tensor: (B, T, ...), V.
    """
    if moves is not None:
        sums = []
        for present, move in zip(features.unbind(1), moves.unbind(1)):
            state = present if state is None else present + decay * moved(state, move)
            sums.append(state)
        return torch.stack(sums, dim=1)
    steps = torch.arange(features.shape[1], device=features.device)
    ages = steps[:, None] - steps
    weights = torch.where(ages >= 0, decay ** ages.clamp(min=0).to(features.dtype), 0)
    sums = torch.einsum('ts,bs...->bt...', weights, features)
    if state is not None:
        fading = decay ** (steps + 1).to(features.dtype)
        sums = sums + fading.view(1, -1, *[1] * (state.ndim - 1)) * state[:, None]
    return sums


def moved(sums: Tensor, move: Tensor) -> Tensor:
    """What lies at bin b moved to bin scale * b + shift: linear between bins, zero beyond the first and the last one.

    Args:
        sums (Tensor): (B, C, L).
        move (Tensor): (B, 2), scale and shift in bins.

    Returns:
        Tensor: (B, C, L).
    """
    length = sums.shape[-1]
    scale, shift = move[:, None].unbind(-1)
    source = (torch.arange(length, device=sums.device) - shift) / scale  # (B, L)
    below = source.floor()
    padded = F.pad(sums, (1, 1))
    low, high = (
        padded.gather(2, (below.long() + step).clamp(0, length + 1)[:, None].expand_as(sums)) for step in (1, 2)
    )
    return torch.lerp(low, high, (source - below)[:, None].to(sums.dtype))
