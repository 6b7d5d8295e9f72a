"""Codec of the subpixel paper: Gaussians around the unrounded landmark.

"Subpixel Heatmap Regression" (Bulat, Sanchez and Tzimiropoulos, BMVC 2021), Eq. 1 to 5.
"""

from collections.abc import Sequence

import numpy as np
import torch
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from ..structures import normalize, pixels_to_cells
from . import decoders
from .heatmap_codec import HeatmapCodec
from .outside import check_outside, counted_landmarks

ENCODINGS = ('continuous', 'rounded', 'floored')


@KEYPOINT_CODECS.register_module()
class ContinuousHeatmap(HeatmapCodec):
    """One Gaussian per landmark, of peak 1 and over the whole map, continuous or quantised.

    Grid: ``half_pixel``, x = (c + 0.5) W / w - 0.5. Eq. 3's y / s is the same with pixels counted from their corners.

    >>> codec = ContinuousHeatmap()
    >>> encoded = codec.encode(np.array([[[100.3, 50.7]]]))
    >>> encoded['heatmaps'].shape
    (1, 64, 64)
    >>> keypoints, scores = codec.decode(encoded['heatmaps'])
    >>> print(keypoints.round(1))  # as near as five cells tell
    [[[100.4  50.6]]]

    Encoded:

    - ``heatmaps`` (K, h, w) float32
    - ``keypoint_weights`` (1, K) float32: 0, and the heatmap all zero, for a landmark that is not annotated, or lies
      outside and is ignored
    - ``keypoint_labels`` (1, K, 2) float32: the unrounded landmarks in [-1, 1], for losses on coordinates

    Args:
        input_size (tuple): (W, H) of the network input in pixels.
        heatmap_size (tuple): (w, h) of the heatmaps in cells.
        sigma (float): Standard deviation in cells; not given in the paper. Defaults to 1.5.
        window (int): d of the local soft-argmax in cells: 3, 5 or 7 in Table 3. Defaults to 5.
        temperature (float): Of the local soft-argmax, and of the global one. Defaults to 0.1.
        encoding (str): Where the Gaussian lies: ``'continuous'`` at the landmark (Eq. 3), ``'rounded'`` at the nearest
            cell (Eq. 2) or ``'floored'`` at the cell below.
        decoder (str): ``'local_soft_argmax'`` (Eq. 4), ``'argmax'``, ``'quarter_shift'`` (the standard method's), or
            ``'expectation'``, the global soft-argmax of Table 1: Eq. 4 with the whole map as the window.
        outside (str): What a landmark outside the image counts for: ``'clamp'`` or ``'ignore'``, see
            :mod:`mmfld.codecs.outside`. Defaults to ``'clamp'``.
    """

    label_mapping_table = dict(keypoint_labels='keypoint_labels', keypoint_weights='keypoint_weights')
    field_mapping_table = dict(heatmaps='heatmaps')

    grid = 'half_pixel'

    def __init__(
        self,
        input_size: tuple[int, int] = (256, 256),
        heatmap_size: tuple[int, int] = (64, 64),
        sigma: float = 1.5,
        window: int = 5,
        *,
        temperature: float = 0.1,
        encoding: str = 'continuous',
        decoder: str = 'local_soft_argmax',
        outside: str = 'clamp',
    ):
        super().__init__(input_size, heatmap_size, decoder, window, temperature=temperature)
        if encoding not in ENCODINGS:
            raise ValueError(f'unknown encoding {encoding!r}, expected one of {ENCODINGS}')
        self.sigma = sigma
        self.temperature = temperature
        self.encoding = encoding
        self.outside = check_outside(outside)
        self.has_distributions = decoder == 'expectation'

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
        heatmaps = self.batch_encode(points)
        heatmaps[torch.as_tensor(~weights)] = 0
        return dict(
            heatmaps=heatmaps[0].numpy(),
            keypoint_weights=weights.astype(np.float32),
            keypoint_labels=normalize(points, self.input_size).numpy(),
        )

    def batch_encode(self, keypoints: Tensor) -> Tensor:
        """Heatmaps of many faces: (B, K, 2) float pixels -> (B, K, h, w), same dtype and device."""
        return gaussian_maps(self.centres(keypoints), self.heatmap_size, self.sigma)

    def centres(self, keypoints: Tensor) -> Tensor:
        """Where the Gaussians lie: (..., 2) pixels -> (..., 2) cells, whole ones unless the encoding is continuous."""
        cells = pixels_to_cells(keypoints, self.heatmap_size, self.input_size, self.grid)
        if self.encoding == 'rounded':
            return (cells + 0.5).floor()
        if self.encoding == 'floored':
            return cells.floor()
        return cells

    def distributions(self, heatmaps: Tensor) -> Tensor:
        """As of other heatmaps, or softmax(F / temperature) where that is what is decoded."""
        if self.decoder == 'expectation':
            return decoders.spatial_softmax(heatmaps, self.temperature)
        return super().distributions(heatmaps)

    def maps_of(self, distributions: Tensor) -> Tensor:
        if self.decoder == 'expectation':
            return decoders.spatial_scores(distributions, self.temperature)
        return super().maps_of(distributions)

    def cells(self, heatmaps: Tensor) -> Tensor:
        return super().cells(self.distributions(heatmaps) if self.decoder == 'expectation' else heatmaps)


def gaussian_maps(centres: Tensor, size: Sequence[int], sigma: float) -> Tensor:
    """Gaussians of peak 1, over the whole map.

    >>> print(gaussian_maps(torch.tensor([1.0, 0.0]), (3, 2), sigma=1.0).numpy().round(2))
    [[0.61 1.   0.61]
     [0.37 0.61 0.37]]

    Args:
        centres (Tensor): (..., 2) float, in cells and (x, y) order.
        size (tuple): (w, h) of the maps.
        sigma (float): Standard deviation in cells.

    Returns:
        Tensor: (..., h, w) of the dtype and on the device of the centres.
    """
    # a Gaussian is separable: w + h exponentials instead of w * h
    columns, rows = (
        torch.exp(-0.5 * ((torch.arange(side, device=centres.device) - centre[..., None]) / sigma) ** 2)
        for side, centre in zip(size, centres.unbind(-1))
    )
    return rows[..., :, None] * columns[..., None, :]
