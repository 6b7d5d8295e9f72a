"""Codec of "Attentive One-Dimensional Heatmap Regression" (Yin et al., 2020): two 1-D heatmaps per landmark."""

from collections.abc import Sequence

import numpy as np
import torch
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from ..structures import cells_to_pixels, pixels_to_cells
from . import decoders
from .outside import check_outside, counted_landmarks

DECODERS = ('argmax', 'local_soft_argmax')
GRIDS = ('proportional', 'half_pixel')


@KEYPOINT_CODECS.register_module()
class MarginalHeatmap(BaseKeypointCodec):
    """The marginals of a Gaussian around the unrounded landmark, one heatmap of L bins per axis (Eq. 2 and 12).

    Two maps of L bins take the place of L x L cells, so that L can be several times the side of the input.

    >>> codec = MarginalHeatmap()
    >>> encoded = codec.encode(np.array([[[100.3, 50.7]]]))
    >>> encoded['keypoint_x_labels'].shape
    (1, 1, 768)
    >>> keypoints, scores = codec.decode(encoded['keypoint_x_labels'][0], encoded['keypoint_y_labels'][0])
    >>> print(keypoints.round(2))  # bins of a third of a pixel
    [[[100.33  50.67]]]

    Encoded:

    - ``keypoint_x_labels``, ``keypoint_y_labels`` (1, K, L) float32, names and shapes of MMPose's SimCC labels
    - ``keypoint_weights`` (1, K) float32: 0, and the maps all zero, for a landmark that is not annotated, or lies
      outside and is ignored

    Args:
        input_size (tuple): (W, H) of the network input in pixels.
        length (int): L of both axes. Defaults to 768, three times the side of the input, as in the paper.
        sigma (float, optional): Standard deviation in bins. The paper does not give it. Defaults to L / 64: four pixels
            of an input of 256, whatever L is.
        normalize (bool): Scale the maps to a sum of 1 over an unbounded axis, for losses on distributions such as
            MMPose's ``KLDiscretLoss``, instead of to a peak of 1. (Eq. 2 fixes the maps up to a factor.)
        decoder (str): ``'argmax'`` (Eq. 7) or ``'local_soft_argmax'``, which refines it within bins.
        window (int, optional): Of the local soft-argmax, odd, in bins. Defaults to 10/3 sigma, the ratio of the
            subpixel paper.
        temperature (float): Of the local soft-argmax. Defaults to 0.1, for maps of peak 1.
        grid (str): ``'proportional'``, x = c W / L (Eq. 7), or ``'half_pixel'``, x = (c + 0.5) W / L - 0.5.
        outside (str): What a landmark outside the image counts for: ``'clamp'`` or ``'ignore'``, see
            :mod:`mmfld.codecs.outside`. Defaults to ``'clamp'``.
    """

    auxiliary_encode_keys: set[str] = set()
    support_batch_decoding = True
    label_mapping_table = dict(
        keypoint_x_labels='keypoint_x_labels',
        keypoint_y_labels='keypoint_y_labels',
        keypoint_weights='keypoint_weights',
    )

    def __init__(
        self,
        input_size: tuple[int, int] = (256, 256),
        length: int = 768,
        sigma: float | None = None,
        normalize: bool = False,
        decoder: str = 'argmax',
        window: int | None = None,
        *,
        temperature: float = 0.1,
        grid: str = 'proportional',
        outside: str = 'clamp',
    ):
        super().__init__()
        if decoder not in DECODERS:
            raise ValueError(f'unknown decoder {decoder!r}, expected one of {DECODERS}')
        if grid not in GRIDS:
            raise ValueError(f'unknown grid {grid!r}, expected one of {GRIDS}')
        self.input_size = tuple(input_size)
        self.length = length
        self.sigma = length / 64 if sigma is None else sigma
        self.normalize = self.has_distributions = normalize
        self.decoder = decoder
        self.window = 2 * round(self.sigma * 5 / 3) + 1 if window is None else window
        self.temperature = temperature
        self.grid = grid
        self.outside = check_outside(outside)

    def encode(self, keypoints: np.ndarray, keypoints_visible: np.ndarray | None = None) -> dict:
        """Targets of one face.

        Args:
            keypoints (ndarray): (1, K, 2) in pixels of the network input.
            keypoints_visible (ndarray, optional): (1, K); 0 means not annotated.

        Returns:
            dict: See the class.
        """
        keypoints, weights = counted_landmarks(keypoints, keypoints_visible, self.input_size, self.outside)
        points = torch.as_tensor(keypoints, dtype=torch.float32)
        left_out = torch.as_tensor(~weights)[..., None]
        # masked, not multiplied: what is not annotated may be NaN
        x_labels, y_labels = (labels.masked_fill(left_out, 0) for labels in self.batch_encode(points))
        return dict(
            keypoint_x_labels=x_labels.numpy(),
            keypoint_y_labels=y_labels.numpy(),
            keypoint_weights=weights.astype(np.float32),
        )

    def batch_encode(self, keypoints: Tensor) -> tuple[Tensor, Tensor]:
        """Maps of many faces: (..., K, 2) float pixels -> two of (..., K, L), same dtype and device."""
        bins = torch.arange(self.length, device=keypoints.device)
        peak = (self.sigma * (2 * np.pi) ** 0.5) ** -1 if self.normalize else 1.0
        x_maps, y_maps = (
            peak * torch.exp(-0.5 * ((bins - centre[..., None]) / self.sigma) ** 2)
            for centre in self.centres(keypoints).unbind(-1)
        )
        return x_maps, y_maps

    def centres(self, keypoints: Tensor) -> Tensor:
        """Where the Gaussians lie: (..., 2) pixels -> (..., 2) bins, not rounded."""
        return pixels_to_cells(keypoints, self.length, self.input_size, self.grid)

    def mirror(self, x_maps: Tensor) -> Tensor:
        """Maps over x of a mirrored input, (..., L), as they are of the input itself, linear between bins."""
        flipped = x_maps.flip(-1)
        if self.grid == 'half_pixel':
            return flipped
        # bin c of the mirrored input is bin L - L / W - c, and reversing the map has put it at L - 1 - c
        shift = self.length / self.input_size[0] - 1
        whole = int(np.floor(shift))
        bins = torch.arange(self.length, device=x_maps.device) + whole
        low, high = (flipped[..., index.clamp(0, self.length - 1)] for index in (bins, bins + 1))
        return torch.lerp(low, high, shift - whole)

    def landmarks(self, x_maps: Tensor, y_maps: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (B, K, L) -> landmarks (B, K, 2) in pixels of the network input and scores (B, K), as tensors."""
        if x_maps.ndim != 3 or x_maps.shape != y_maps.shape or x_maps.shape[-1] != self.length:
            raise ValueError(
                f'expected maps of {self.length} bins, (B, K, {self.length}), '
                f'got {tuple(x_maps.shape)} and {tuple(y_maps.shape)}'
            )
        maps = torch.stack([x_maps, y_maps], dim=2)  # (B, K, 2, L): the axes are the landmarks of two one-line maps
        lines = maps.flatten(1, 2)[:, :, None]
        if self.decoder == 'argmax':
            bins = decoders.argmax(lines)[..., 0]
        else:
            bins = decoders.local_soft_argmax(lines, (self.window, 1), temperature=self.temperature)[..., 0]
        pixels = cells_to_pixels(bins.unflatten(1, maps.shape[1:3]), self.length, self.input_size, self.grid)
        return pixels, maps.amax(-1).amin(-1).float()  # NumPy knows no bfloat16

    def batch_decode(
        self, x_maps: np.ndarray | Tensor, y_maps: np.ndarray | Tensor
    ) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray]]:
        """Maps to landmarks.

        Args:
            x_maps (ndarray | Tensor): (B, K, L).
            y_maps (ndarray | Tensor): (B, K, L).

        Returns:
            tuple: B arrays (1, K, 2) in pixels of the network input and B arrays (1, K) of scores: the lower of the two
            maxima.
        """
        return decoders.as_arrays(*self.landmarks(decoders.as_maps(x_maps), decoders.as_maps(y_maps)))

    def decode(self, x_maps: np.ndarray | Tensor, y_maps: np.ndarray | Tensor) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`batch_decode` for the N faces of an image: two of (N, K, L) -> (N, K, 2), (N, K).

        As with MMPose's SimCC labels, (K, L) are maps of one face, -> (1, K, 2), (1, K).
        """
        x_maps, y_maps = (maps[None] if maps.ndim == 2 else maps for maps in (x_maps, y_maps))
        keypoints, scores = self.batch_decode(x_maps, y_maps)
        return np.concatenate(keypoints), np.concatenate(scores)
