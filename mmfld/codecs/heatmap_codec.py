"""What codecs with one heatmap a landmark share: from heatmaps to pixels, and how sure each landmark is."""

from collections.abc import Sequence

import numpy as np
from mmpose.codecs.base import BaseKeypointCodec
from torch import Tensor

from ..structures import cells_to_pixels
from . import decoders

DECODERS = ('argmax', 'quarter_shift', 'local_soft_argmax', 'expectation')


class HeatmapCodec(BaseKeypointCodec):
    """Decodes heatmaps (B, K, h, w) by one of :mod:`mmfld.codecs.decoders`; what they are is a subclass's ``encode``.

    A subclass states its ``grid``: where the cells lie in the image, see :mod:`mmfld.structures.coordinates`; and with
    ``has_distributions`` whether the network's maps are distributions over their cells, or read as such, so that their
    spread says something. Maps that were regressed to peaks of one height are not.

    Args:
        input_size (tuple): (W, H) of the network input in pixels.
        heatmap_size (tuple): (w, h) of the heatmaps in cells.
        decoder (str): ``'argmax'``, ``'quarter_shift'``, ``'local_soft_argmax'`` or ``'expectation'``.
        window (int): Of the local soft-argmax, in cells.
        temperature (float): Of the local soft-argmax.
    """

    auxiliary_encode_keys: set[str] = set()
    support_batch_decoding = True
    grid: str
    has_distributions = True

    def __init__(
        self,
        input_size: tuple[int, int],
        heatmap_size: tuple[int, int],
        decoder: str,
        window: int,
        *,
        temperature: float,
    ):
        super().__init__()
        if decoder not in DECODERS:
            raise ValueError(f'unknown decoder {decoder!r}, expected one of {DECODERS}')
        self.input_size = tuple(input_size)
        self.heatmap_size = tuple(heatmap_size)
        self.decoder = decoder
        local = decoder == 'local_soft_argmax'
        self.decoder_options = dict(window=window, temperature=temperature) if local else {}

    def distributions(self, heatmaps: Tensor) -> Tensor:
        """(B, K, h, w) heatmaps as distributions over their cells, each with sum 1."""
        heatmaps = heatmaps.clamp(min=0)
        return heatmaps / heatmaps.sum((2, 3), keepdim=True).clamp(min=1e-6)

    def maps_of(self, distributions: Tensor) -> Tensor:
        """The inverse of :meth:`distributions`: heatmaps that are read as these."""
        return distributions

    @property
    def cell_size(self) -> tuple[float, float]:
        """(w, h) of a cell in pixels of the network input."""
        cells = np.array([[0.0, 0.0], [1.0, 1.0]])
        (left, top), (right, bottom) = cells_to_pixels(cells, self.heatmap_size, self.input_size, self.grid).tolist()
        return right - left, bottom - top

    def cells(self, heatmaps: Tensor) -> Tensor:
        """Landmarks in cells: (B, K, h, w) -> (B, K, 2), on the device of the heatmaps."""
        return getattr(decoders, self.decoder)(heatmaps, **self.decoder_options)

    def scores(self, heatmaps: Tensor) -> Tensor:
        """(B, K) confidence of each landmark: the maximum of its heatmap."""
        return heatmaps.amax((2, 3)).float()  # NumPy knows no bfloat16

    def landmarks(self, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        """Heatmaps (B, K, h, w) -> landmarks (B, K, 2) in pixels of the network input and scores (B, K), as tensors."""
        width, height = self.heatmap_size
        if heatmaps.ndim != 4 or heatmaps.shape[2:] != (height, width):
            raise ValueError(
                f'expected heatmaps of (w, h) = {self.heatmap_size} cells, (B, K, {height}, {width}), '
                f'got {tuple(heatmaps.shape)}'
            )
        pixels = cells_to_pixels(self.cells(heatmaps), self.heatmap_size, self.input_size, self.grid)
        return pixels, self.scores(heatmaps)

    def batch_decode(self, batch_encoded: np.ndarray | Tensor) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray]]:
        """Heatmaps to landmarks.

        Args:
            batch_encoded (ndarray | Tensor): (B, K, h, w).

        Returns:
            tuple: B arrays (1, K, 2) in pixels of the network input and B arrays (1, K) of scores, see :meth:`scores`.
        """
        return decoders.as_arrays(*self.landmarks(decoders.as_maps(batch_encoded)))

    def decode(self, encoded: np.ndarray | Tensor) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`batch_decode` for one face: (K, h, w) -> (1, K, 2), (1, K)."""
        keypoints, scores = self.batch_decode(encoded[None])
        return keypoints[0], scores[0]
