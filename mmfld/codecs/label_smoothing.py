"""Image-aware label smoothing: which way an annotation may vary, as NumPy functions.

Of "Heatmap Regression without Soft-argmax" (Yang and Yeh, ICCV 2025), Fig. 1 and appendix A1.3.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

BLUR_KERNEL = 9
BLUR_SIGMA = 0.3 * ((BLUR_KERNEL - 1) * 0.5 - 1) + 0.8  # 1.7, what torchvision takes for a kernel of 9
SHARPNESS = 5.0
POINT_KERNEL = 5
POINT_SIGMA = 0.3 * ((POINT_KERNEL - 1) * 0.5 - 1) + 0.8  # 1.1
EDGE_WEIGHT = 0.01


class SmoothingStages(NamedTuple):
    """The intermediate products of the paper's Fig. 1 for K landmarks; patches have side 2 k + 1.

    Attributes:
        edge (ndarray): (h, w) all boundaries in one map, E.
        refined_edge (ndarray): (h, w) blurred and sharpened, E'.
        edge_patches (ndarray): (K, 2k+1, 2k+1) E' around each landmark, scaled to maximum 1, E'_n.
        point_patch (ndarray): (2k+1, 2k+1) Gaussian around the landmark, N_n.
        joint_patches (ndarray): (K, 2k+1, 2k+1) 0.01 E'_n + N_n, M_n.
        covariances (ndarray): (K, 2, 2) of M_n in cells^2, rows and columns in (x, y) order.
    """

    edge: np.ndarray
    refined_edge: np.ndarray
    edge_patches: np.ndarray
    point_patch: np.ndarray
    joint_patches: np.ndarray
    covariances: np.ndarray


def refine_edges(edge: np.ndarray) -> np.ndarray:
    """Close the gaps of an edge map: Gaussian blur, then a sharpness filter.

    Args:
        edge (ndarray): (h, w) float32 in [0, 1].

    Returns:
        ndarray: (h, w) float32 in [0, 1].
    """
    blurred = cv2.GaussianBlur(edge, (BLUR_KERNEL, BLUR_KERNEL), BLUR_SIGMA, borderType=cv2.BORDER_REFLECT_101)
    kernel = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13
    smooth = blurred.copy()
    smooth[1:-1, 1:-1] = cv2.filter2D(blurred, -1, kernel)[1:-1, 1:-1]  # the border is left as it is
    return np.clip(SHARPNESS * blurred + (1 - SHARPNESS) * smooth, 0, 1)


def smoothing_stages(edge_maps: np.ndarray, cells: np.ndarray, patch_radius: int = 8) -> SmoothingStages:
    """All stages from edge maps to the covariance of each landmark's label distribution.

    >>> edge = np.zeros((1, 32, 32), np.float32)
    >>> edge[0, 16] = 1.0  # a level line
    >>> (xx, _), (_, yy) = smoothing_stages(edge, np.array([[16.0, 16.0]])).covariances[0]
    >>> bool(xx > yy)  # the label varies along it
    True

    Args:
        edge_maps (ndarray): (E, h, w) float32 in [0, 1].
        cells (ndarray): (K, 2) landmark positions in cells of the edge maps.
        patch_radius (int): k, in cells; the paper does not give it. Defaults to 8.

    Returns:
        SmoothingStages: Vectorised over landmarks.
    """
    height, width = edge_maps.shape[1:]
    edge = edge_maps.max(0)
    refined = refine_edges(edge)
    side = 2 * patch_radius + 1
    centres = np.rint(cells).astype(np.int64).clip(0, [width - 1, height - 1])
    patches = sliding_window_view(np.pad(refined, patch_radius), (side, side))[centres[:, 1], centres[:, 0]]
    top = patches.max((1, 2), keepdims=True)
    patches = patches / np.where(top > 0, top, 1)
    point = point_patch(patch_radius)
    joint = EDGE_WEIGHT * patches + point
    return SmoothingStages(edge, refined, patches, point, joint, covariances(joint))


def point_patch(patch_radius: int) -> np.ndarray:
    """(2k+1, 2k+1) Gaussian of peak 1 with support 5 x 5 in the middle, N_n."""
    offsets = np.arange(-patch_radius, patch_radius + 1)
    profile = np.exp(-0.5 * (offsets / POINT_SIGMA) ** 2) * (abs(offsets) <= POINT_KERNEL // 2)
    return np.outer(profile, profile)


def covariances(patches: np.ndarray) -> np.ndarray:
    """(K, 2, 2) covariance of each patch (K, s, s) taken as a distribution, in cells^2 and (x, y) order."""
    side = patches.shape[-1]
    offsets = np.arange(side) - side // 2
    total = patches.sum((1, 2))
    columns, rows = patches.sum(1), patches.sum(2)
    mean = np.stack([columns @ offsets, rows @ offsets], axis=-1) / total[:, None]
    cross = np.einsum('kij,i,j->k', patches, offsets, offsets, optimize=True)
    second = np.stack([columns @ offsets**2, cross, cross, rows @ offsets**2], axis=-1) / total[:, None]
    return second.reshape(-1, 2, 2) - mean[:, :, None] * mean[:, None, :]
