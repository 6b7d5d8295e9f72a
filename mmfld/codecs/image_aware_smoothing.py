"""Codec of the structured paper: label samples that vary along the facial boundaries.

"Heatmap Regression without Soft-argmax" (Yang and Yeh, ICCV 2025), Eq. 13 and A1.3.
"""

import numpy as np
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from ..structures import FaceLayout, normalize, pixels_to_cells
from . import decoders
from .boundary_aware_heatmap import BoundaryAwareHeatmap
from .boundary_maps import distance_map
from .label_smoothing import covariances, point_patch, smoothing_stages
from .outside import counted_landmarks

MODES = ('image_aware', 'image_unaware', 'none')
EDGES = ('line', 'distance_transform')


@KEYPOINT_CODECS.register_module()
class ImageAwareSmoothing(BoundaryAwareHeatmap):
    """Point and edge maps as :class:`BoundaryAwareHeatmap`, and samples of each landmark's smoothed label.

    The annotation y_n is replaced by samples y' ~ N(y_n, gamma * Sigma_n), with Sigma_n the covariance of a Gaussian
    patch plus a little of the blurred and sharpened edge map around the landmark, so that the label varies along the
    boundary; in a layout without boundaries it varies the same way in all directions. Samples are continuous and
    clamped to the image; the structured loss snaps them to cells.

    >>> mouth = dict(name='mouth', num_keypoints=2, boundaries=[dict(name='lips', indices=[0, 1])])
    >>> encoded = ImageAwareSmoothing(mouth).encode(np.array([[[100.0, 180.0], [160.0, 180.0]]]))
    >>> encoded['keypoint_labels'].shape, encoded['keypoint_samples'].shape
    ((1, 2, 2), (1, 2, 10, 2))

    Encoded besides the base class's:

    - ``keypoint_samples`` (1, K, S, 2) float32: in [-1, 1]; S = 1, the annotation itself, with ``mode='none'``

    Args:
        layout, input_size, heatmap_size: See :class:`BoundaryAwareHeatmap`.
        mode (str): ``'image_aware'``, ``'image_unaware'`` (isotropic, ignores the edges) or ``'none'`` (Table 6).
        edges (str): The edge map along which labels vary: ``'line'``, the thin lines of STAR's edge maps, or
            ``'distance_transform'`` (:func:`~mmfld.codecs.boundary_maps.distance_map`). Defaults to ``'line'``.
        gamma (float): Scale of the covariance, 0.01 for WFLW and 300W, 0.001 for COFW. Defaults to 0.01.
        num_samples (int): S, drawn anew for each landmark in each iteration. Defaults to 10.
        patch_radius (int): k of the patches of side 2 k + 1 cells; not given in the paper. Defaults to 8.
        decoder (str): Of the raw scores F: ``'local_soft_argmax'`` or ``'expectation'`` on softmax(F / temperature),
            ``'argmax'`` (Eq. 1) or ``'quarter_shift'``. Defaults to ``'local_soft_argmax'``.
        window (int): Of the local soft-argmax, in cells. Defaults to 5.
        temperature (float): That of the loss. Defaults to 1.
        attention_maps (bool), outside (str): See :class:`BoundaryAwareHeatmap`.
    """

    label_mapping_table = dict(
        keypoint_labels='keypoint_labels', keypoint_weights='keypoint_weights', keypoint_samples='keypoint_samples'
    )

    def __init__(
        self,
        layout: str | FaceLayout = 'wflw98',
        input_size: tuple[int, int] = (256, 256),
        heatmap_size: tuple[int, int] = (64, 64),
        mode: str = 'image_aware',
        edges: str = 'line',
        gamma: float = 0.01,
        num_samples: int = 10,
        patch_radius: int = 8,
        decoder: str = 'local_soft_argmax',
        window: int = 5,
        temperature: float = 1.0,
        attention_maps: bool = True,
        outside: str = 'clamp',
    ):
        super().__init__(
            layout,
            input_size,
            heatmap_size,
            decoder,
            window,
            temperature=temperature,
            attention_maps=attention_maps,
            outside=outside,
        )
        if mode not in MODES:
            raise ValueError(f'unknown mode {mode!r}, expected one of {MODES}')
        if edges not in EDGES:
            raise ValueError(f'unknown edges {edges!r}, expected one of {EDGES}')
        self.mode = mode
        self.edges = edges
        self.gamma = gamma
        self.num_samples = num_samples
        self.patch_radius = patch_radius
        self.temperature = temperature

    def encode(self, keypoints: np.ndarray, keypoints_visible: np.ndarray | None = None) -> dict:
        encoded = super().encode(keypoints, keypoints_visible)
        points = counted_landmarks(keypoints, keypoints_visible, self.input_size, self.outside)[0][0]
        labels = normalize(points, self.input_size)[:, None]  # (K, 1, 2)
        if self.mode != 'none':
            if self.mode == 'image_aware' and self.layout.boundaries:
                cells = pixels_to_cells(points, self.heatmap_size, self.input_size, self.map_grid)
                edges = self.smoothing_edges(keypoints, keypoints_visible, encoded)
                sigma = smoothing_stages(edges, cells, self.patch_radius).covariances
            else:
                sigma = covariances(point_patch(self.patch_radius)[None])
            noise = np.random.standard_normal((len(points), self.num_samples, 2))
            shift = noise @ np.linalg.cholesky(self.gamma * sigma).swapaxes(-1, -2)  # in cells
            labels = labels + shift * 2 / (np.array(self.heatmap_size) - 1)
        encoded['keypoint_samples'] = labels.clip(-1, 1).astype(np.float32)[None]
        return encoded

    def smoothing_edges(self, keypoints: np.ndarray, keypoints_visible: np.ndarray | None, encoded: dict) -> np.ndarray:
        """(E, h, w) or (1, h, w) edge maps along which labels vary.

        Args:
            keypoints, keypoints_visible: See :meth:`encode`.
            encoded (dict): By the base class.
        """
        if self.edges == 'distance_transform':
            annotated = None if keypoints_visible is None else keypoints_visible[0] > 0
            return distance_map(keypoints[0], self.layout, self.input_size, self.heatmap_size, annotated)[None]
        # drawn already for a network with attention maps
        maps = encoded.get('edge_heatmaps')
        return self.edge_maps(keypoints, keypoints_visible) if maps is None else maps

    def distributions(self, heatmaps: Tensor) -> Tensor:
        """(B, K, h, w) scores F -> softmax(F / temperature)."""
        return decoders.spatial_softmax(heatmaps, self.temperature)

    def maps_of(self, distributions: Tensor) -> Tensor:
        return decoders.spatial_scores(distributions, self.temperature)

    def cells(self, heatmaps: Tensor) -> Tensor:
        if self.decoder == 'expectation':
            heatmaps = self.distributions(heatmaps)
        return super().cells(heatmaps)

    def scores(self, heatmaps: Tensor) -> Tensor:
        """(B, K) probability of the best cell under softmax(F / temperature)."""
        return super().scores(self.distributions(heatmaps))
