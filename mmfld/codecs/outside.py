"""What a landmark counts for that augmentation has moved out of the crop: one choice for all codecs.

=============  =======================================================================================================
``outside``    a landmark beyond the outer borders of the network input, of its outermost pixels that is
=============  =======================================================================================================
``'clamp'``    counts, as if it lay at the nearest place of the border (STAR reference code)
``'ignore'``   does not count: weight 0 and no map of its own
=============  =======================================================================================================

Boundaries go through their landmarks wherever these lie, and are cut off at the border of the image.
"""

from collections.abc import Sequence

import numpy as np

OUTSIDE = ('clamp', 'ignore')


def check_outside(outside: str) -> str:
    """``outside`` itself, if there is such a choice."""
    if outside not in OUTSIDE:
        raise ValueError(f'unknown outside {outside!r}, expected one of {OUTSIDE}')
    return outside


def clamp(points: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Pixels (..., 2) moved to the nearest place within the outer borders of an image of (W, H) ``size``."""
    return np.clip(points, -0.5, np.array(size) - 0.5)


def lies_inside(points: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """(..., ) bool: whether pixels (..., 2) lie within the borders of an image of (W, H) ``size``; NaN does not."""
    return np.all((points >= -0.5) & (points <= np.array(size) - 0.5), axis=-1)


def counted_landmarks(
    keypoints: np.ndarray, keypoints_visible: np.ndarray | None, size: Sequence[int], outside: str
) -> tuple[np.ndarray, np.ndarray]:
    """Where the landmarks of a face count, and which of them do.

    Args:
        keypoints (ndarray): (1, K, 2) in pixels of the network input.
        keypoints_visible (ndarray, optional): (1, K); 0 means not annotated.
        size (tuple): (W, H) of the network input.
        outside (str): See the module.

    Returns:
        tuple: (1, K, 2) pixels within the borders, also of landmarks that do not count, and (1, K) bool.
    """
    weights = np.ones(keypoints.shape[:2], bool) if keypoints_visible is None else keypoints_visible > 0
    if outside == 'ignore':
        weights = weights & lies_inside(keypoints, size)
    # what does not count may be anywhere and NaN, and 0 times that would not be 0 in a loss
    return clamp(np.where(weights[..., None] | np.isfinite(keypoints), keypoints, 0), size), weights
