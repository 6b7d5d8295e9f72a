"""How far eyes and mouth are open, for studies of blinks and yawns."""

import numpy as np

from ..structures import FaceLayout, get_layout


def eye_opening(landmarks: np.ndarray, layout: str | FaceLayout = '300w68') -> np.ndarray:
    """Eye aspect ratio (EAR; Soukupova and Cech, 2016): the mean distance of opposite points of the upper and the lower
    lid, over the distance of the corners. About 0.3 for open eyes and 0.1 for closed ones.

    >>> from mmfld.applications.head_pose import mean_faces
    >>> eye_opening(mean_faces()['300w68'][:, :2]).round(1).tolist()
    [0.3, 0.3]

    Args:
        landmarks (ndarray): (..., K, 2).
        layout (str | FaceLayout): Of the landmarks; its boundaries ``right_eye`` and ``left_eye`` go around the eyes
            from one corner, with as many points on either lid. Defaults to ``'300w68'``.

    Returns:
        ndarray: (..., 2) float64, of the subject's right and left eye.

    Raises:
        ValueError: If the layout has no such boundaries, or the shape is another.
    """
    layout = get_layout(layout)
    points = _checked(landmarks, layout)
    return np.stack([_opening(points, _around(layout, name)) for name in ('right_eye', 'left_eye')], axis=-1)


def mouth_opening(landmarks: np.ndarray, layout: str | FaceLayout = '300w68') -> np.ndarray:
    """Mouth aspect ratio (MAR): the mean distance of opposite points of the inner edges of the lips, over the distance
    of the corners. 0 for a closed mouth.

    Args:
        landmarks (ndarray): (..., K, 2).
        layout (str | FaceLayout): Of the landmarks; its boundary ``inner_lip`` goes around the opening, or
            ``upper_lip`` and ``lower_lip`` around a lip each, as in COFW. Defaults to ``'300w68'``.

    Returns:
        ndarray: (...) float64.

    Raises:
        ValueError: If the layout has no such boundaries, or the shape is another.
    """
    layout = get_layout(layout)
    points = _checked(landmarks, layout)
    lips = {boundary.name: boundary.indices for boundary in layout.boundaries}
    if 'inner_lip' not in lips and {'upper_lip', 'lower_lip'} <= set(lips):
        (right, _, left, above), (_, below, *_) = lips['upper_lip'], lips['lower_lip']
        return _opening(points, (right, above, left, below))
    return _opening(points, _around(layout, 'inner_lip'))


def _checked(landmarks: np.ndarray, layout: FaceLayout) -> np.ndarray:
    points = np.asarray(landmarks, float)
    if points.shape[-2:] != (layout.num_keypoints, 2):
        raise ValueError(
            f'landmarks have shape {points.shape}, expected (..., {layout.num_keypoints}, 2) for layout {layout.name!r}'
        )
    return points


def _around(layout: FaceLayout, name: str) -> tuple[int, ...]:
    """The landmarks of a closed curve, an even number."""
    found = next((boundary.indices for boundary in layout.boundaries if boundary.name == name), ())
    if len(found) < 4 or len(found) % 2:
        has = f'{len(found)} landmarks on' if found else 'no'
        raise ValueError(
            f'layout {layout.name!r} has {has} boundary {name!r}, expected one that goes around, with as '
            'many on either side'
        )
    return found


def _opening(points: np.ndarray, around: tuple[int, ...]) -> np.ndarray:
    half = len(around) // 2
    width = np.linalg.norm(points[..., around[0], :] - points[..., around[half], :], axis=-1)
    upper, lower = list(around[1:half]), list(around[:half:-1])
    heights = np.linalg.norm(points[..., upper, :] - points[..., lower, :], axis=-1)
    return heights.mean(-1) / np.maximum(width, 1e-9)
