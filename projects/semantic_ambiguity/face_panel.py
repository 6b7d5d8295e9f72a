"""Covariances as ellipses on a face, for the pictures of this study."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse

from mmfld.structures import FaceLayout


def draw_outline(axis: Axes, position: np.ndarray, layout: FaceLayout) -> None:
    """The boundaries of a face with the landmarks ``position`` (K, 2), closed as they are on the face."""
    for boundary in layout.boundaries:
        axis.plot(*position[[*boundary.indices, boundary.indices[0]]].T, color='0.85', linewidth=1, zorder=0)


def draw_ellipse(axis: Axes, place: np.ndarray, std: float, anisotropy: float, degrees: float, **style) -> None:
    """An ellipse of one standard deviation along each principal axis.

    Args:
        place (ndarray): (2, ).
        std (float): Square root of the covariance's trace.
        anisotropy (float): Difference of its eigenvalues over their sum.
        degrees (float): From the x axis to the first principal axis.
        **style: Of matplotlib's ellipse.
    """
    width, height = 2 * std * np.sqrt((1 + np.array([anisotropy, -anisotropy])) / 2)
    axis.add_patch(Ellipse(place, width, height, angle=degrees, **dict(fill=False, linewidth=1.4) | style))


def show_upright(axis: Axes) -> None:
    """y down, as in a picture."""
    axis.set_aspect('equal')
    axis.invert_yaxis()
    axis.margins(0.1)
