"""Landmarks and facial boundaries as one-dimensional heatmaps.

The attentive paper (Yin et al., 2020) combined with "Look at Boundary" (LAB, CVPR 2018). LAB draws a boundary as a
curve in a 2-D map; the attentive paper puts its own detector in the place of LAB's recogniser of boundaries (Table 3)
without saying what its targets are. Here they are the marginals, as of landmarks: how much of the curve lies at an x,
and how much at a y.
"""

from typing import Any

import numpy as np
import torch
from mmpose.registry import KEYPOINT_CODECS

from ..structures import FaceLayout, get_layout
from .boundary_maps import boundary_curve
from .marginal_heatmap import MarginalHeatmap
from .outside import lies_inside

POINTS_PER_SIGMA = 1  # on the curve: the maps then differ by less than 0.015 from those of endlessly many points


@KEYPOINT_CODECS.register_module()
class BoundaryMarginalHeatmap(MarginalHeatmap):
    """:class:`MarginalHeatmap` that also encodes facial boundaries.

    >>> mouth = dict(name='mouth', num_keypoints=2, boundaries=[dict(name='lips', indices=[0, 1])])
    >>> encoded = BoundaryMarginalHeatmap(layout=mouth).encode(np.array([[[100.0, 180.0], [160.0, 180.0]]]))
    >>> encoded['boundary_x_labels'].shape
    (1, 1, 768)

    Encoded beside the landmarks, for E boundaries:

    - ``boundary_x_labels``, ``boundary_y_labels`` (1, E, L) float32: the density of points spread evenly along the
      boundary's curve, smoothed by the Gaussian of the landmarks and scaled to a peak of 1, whatever ``normalize``
      says. A boundary is cut off at the border of the image, whatever its landmarks count for
    - ``boundary_weights`` (1, E) float32: 0, and the maps all zero, for a boundary with a landmark that is not
      annotated, or that lies outside as a whole

    Args:
        layout (str | FaceLayout): Says which landmarks lie on which boundary. Defaults to ``'300w68'``.
        **kwargs: See :class:`MarginalHeatmap`.
    """

    label_mapping_table = dict(
        **MarginalHeatmap.label_mapping_table,
        boundary_x_labels='boundary_x_labels',
        boundary_y_labels='boundary_y_labels',
        boundary_weights='boundary_weights',
    )

    def __init__(self, layout: str | FaceLayout = '300w68', **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layout = get_layout(layout)

    def encode(self, keypoints: np.ndarray, keypoints_visible: np.ndarray | None = None) -> dict:
        """Targets of one face.

        Args:
            keypoints (ndarray): (1, K, 2) in pixels of the network input.
            keypoints_visible (ndarray, optional): (1, K); 0 means not annotated.

        Returns:
            dict: See the class.
        """
        if keypoints.shape != (1, self.layout.num_keypoints, 2):
            raise ValueError(
                f'layout {self.layout.name} has {self.layout.num_keypoints} landmarks, '
                f'got keypoints of shape {keypoints.shape}'
            )
        encoded = super().encode(keypoints, keypoints_visible)
        annotated = np.ones(keypoints.shape[1], bool) if keypoints_visible is None else keypoints_visible[0] > 0
        shape = 1, self.layout.num_boundaries, self.length
        x_labels, y_labels, weights = (np.zeros(size, np.float32) for size in (shape, shape, shape[:2]))

        curves = {}
        for e, boundary in enumerate(self.layout.boundaries):
            indices = list(boundary.indices)
            if annotated[indices].all():
                curve = self._spread_evenly(boundary_curve(keypoints[0, indices], boundary.closed), boundary.closed)
                curve = curve[lies_inside(curve, self.input_size)]
                if len(curve):
                    curves[e] = torch.as_tensor(curve, dtype=torch.float32)
        if curves:
            present = list(curves)
            points_of = [len(curve) for curve in curves.values()]
            # all points at once, and their sum over each boundary
            maps = self.batch_encode(torch.cat(list(curves.values())))
            for labels, axis in zip((x_labels, y_labels), maps):
                density = torch.stack([points.sum(0) for points in axis.split(points_of)])
                labels[0, present] = density / density.amax(-1, keepdim=True)
            weights[0, present] = 1
        return dict(encoded, boundary_x_labels=x_labels, boundary_y_labels=y_labels, boundary_weights=weights)

    def _spread_evenly(self, curve: np.ndarray, closed: bool) -> np.ndarray:
        """Vertices of a curve (m, 2) -> points at equal distances along it, (n, 2) pixels."""
        if closed:
            curve = np.concatenate([curve, curve[:1]])
        along = np.append(0, np.linalg.norm(np.diff(curve, axis=0), axis=1).cumsum())
        bins_per_pixel = self.length / min(self.input_size)
        number = int(np.ceil(POINTS_PER_SIGMA * along[-1] * bins_per_pixel / self.sigma)) or 1
        places = (np.arange(number) + 0.5) / number * along[-1]
        return np.stack([np.interp(places, along, axis) for axis in curve.T], axis=1)
