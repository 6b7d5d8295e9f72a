"""Refinement of one-dimensional heatmaps by those of the frames before (P3, Eq. 13 and Fig. 2b)."""
from typing import Optional, Tuple

import torch
from torch import Tensor, nn


class TemporalRefinement(nn.Module):
    """CNN3, a decaying sum over time and CNN4 of one axis: E_t + CNN4(V_t), with V_t = CNN3(E_t) + lambda V_{t-1}.

    The recursion is Eq. 13's sum over all frames, without keeping them. CNN4 ends in a layer of zeros, so that an
    untrained refinement leaves the detector's heatmaps as they are. The paper gives no depths, widths and kernels.

    Args:
        num_maps (int): N, landmarks.
        channels (int): C of CNN3 and CNN4. Defaults to 128.
        kernel_size (int): Odd, in bins. Defaults to 5.
        decay (float): lambda in [0, 1]. Defaults to 0.3; with 0 each frame is refined on its own.
    """

    def __init__(self, num_maps: int, channels: int = 128, kernel_size: int = 5, decay: float = 0.3):
        super().__init__()
        if not 0 <= decay <= 1:
            raise ValueError(f'decay must be in [0, 1], got {decay}')
        if kernel_size % 2 == 0:
            raise ValueError(f'kernel_size must be odd, got {kernel_size}')
        self.decay = decay
        self.cnn3 = nn.Sequential(*_conv_bn_relu(num_maps, channels, kernel_size),
                                  *_conv_bn_relu(channels, channels, kernel_size))
        last = nn.Conv1d(channels, num_maps, kernel_size, padding=kernel_size // 2)
        self.cnn4 = nn.Sequential(*_conv_bn_relu(channels, channels, kernel_size), last)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, heatmaps: Tensor, state: Optional[Tensor] = None) -> Tuple[Tensor, Tensor]:
        """Refine successive frames.

        Args:
            heatmaps (Tensor): (B, T, N, L) of T successive frames of B videos.
            state (Tensor, optional): (B, C, L), what the call for the frames before returned. Zeros, or None, at the
                start of a video.

        Returns:
            tuple[Tensor, Tensor]: (B, T, N, L) refined, and the state after the last frame: its size does not grow.
        """
        clip = heatmaps.shape[:2]
        features = self.cnn3(heatmaps.flatten(0, 1)).unflatten(0, clip)
        sums = temporal_sums(features, self.decay, state)
        return heatmaps + self.cnn4(sums.flatten(0, 1)).unflatten(0, clip), sums[:, -1]


def temporal_sums(features: Tensor, decay: float, state: Optional[Tensor] = None) -> Tensor:
    """V_t = U_t + lambda V_{t-1} of all frames at once (P3, Eq. 13).

    Args:
        features (Tensor): (B, T, ...), U of T successive frames.
        decay (float): lambda.
        state (Tensor, optional): (B, ...), V before the first frame. Zero if None.

    Returns:
        Tensor: (B, T, ...), V.
    """
    steps = torch.arange(features.shape[1], device=features.device)
    ages = steps[:, None] - steps
    weights = torch.where(ages >= 0, decay**ages.clamp(min=0).to(features.dtype), 0)
    sums = torch.einsum('ts,bs...->bt...', weights, features)
    if state is not None:
        fading = decay**(steps + 1).to(features.dtype)
        sums = sums + fading.view(1, -1, *[1] * (state.ndim - 1)) * state[:, None]
    return sums


def _conv_bn_relu(in_channels: int, out_channels: int, kernel_size: int):
    yield nn.Conv1d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False)
    yield nn.BatchNorm1d(out_channels)
    yield nn.ReLU(inplace=True)
