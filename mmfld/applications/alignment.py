"""Faces cut out so that eyes, nose and mouth lie at given places, as face recognition and generation want them."""

from typing import NamedTuple

import cv2
import numpy as np

from ..runtime.crops import warp
from ..structures import FaceLayout, get_layout

# five points in parts of a side: the subject's right and left eye, tip of the nose, right and left corner of the mouth
TEMPLATES: dict[str, np.ndarray] = {
    # of ArcFace (Deng et al., CVPR 2019), published for 112 pixels
    'arcface': np.array(
        [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
    )
    / 112,
    # the means of FFHQ's aligned faces (Karras et al., CVPR 2019), published for 512 pixels
    'ffhq': np.array(
        [
            (192.98138, 239.94708),
            (318.90277, 240.1936),
            (256.63416, 314.01935),
            (201.26117, 371.41043),
            (313.08905, 371.15118),
        ]
    )
    / 512,
}


MOST = 16384  # pixels of a side


class Alignment(NamedTuple):
    """An aligned face.

    Attributes:
        image (ndarray): (S, S, 3) or (S, S), as the image was.
        matrix (ndarray): (2, 3) from pixels of the image to those of the crop, centres of pixels at integers.
        back (ndarray): (2, 3) from pixels of the crop to those of the image.
        residual (float): Root mean square distance of the five points from the template's, pixels of the crop.
    """

    image: np.ndarray
    matrix: np.ndarray
    back: np.ndarray
    residual: float


def five_points(landmarks: np.ndarray, layout: str | FaceLayout) -> np.ndarray:
    """The subject's right and left eye, tip of the nose, right and left corner of the mouth.

    Args:
        landmarks (ndarray): (..., K, 2).
        layout (str | FaceLayout): Of the landmarks.

    Returns:
        ndarray: (..., 5, 2) float64. An eye is the mean of its landmarks.

    Raises:
        ValueError: If the layout does not tell which landmarks they are, or the shape is another.
    """
    layout = get_layout(layout)
    landmarks = np.asarray(landmarks, float)
    if landmarks.shape[-2:] != (layout.num_keypoints, 2):
        raise ValueError(
            f'landmarks have shape {landmarks.shape}, expected (..., {layout.num_keypoints}, 2) for '
            f'layout {layout.name!r}'
        )
    if layout.five_points is None:
        raise ValueError(
            f'layout {layout.name!r} does not say which landmarks are eyes, nose and mouth: expected '
            'five_points among its fields'
        )
    return np.stack([landmarks[..., list(indices), :].mean(-2) for indices in layout.five_points], axis=-2)


def align(
    image: np.ndarray,
    landmarks: np.ndarray,
    size: int = 112,
    template: str | np.ndarray = 'arcface',
    layout: str | FaceLayout = '300w68',
) -> Alignment:
    """Cut out a face by the similarity that brings its five points nearest to a template's (least squares).

    What lies outside the image is black. Large faces are scaled down without aliasing: each pixel of the crop is a mean
    over those of the image that it covers.

    >>> from mmfld.runtime import FaceLandmarker, read_image
    >>> image = read_image('photo.jpg')
    >>> for face in FaceLandmarker()(image):
    ...     print(align(image, face.landmarks, 112).image.shape)
    (112, 112, 3)

    Args:
        image (ndarray): (H, W, 3) or (H, W).
        landmarks (ndarray): (K, 2) in its pixels.
        size (int): S, side of the crop in pixels. Defaults to 112.
        template (str | ndarray): ``'arcface'``, ``'ffhq'``, or five points (5, 2) in pixels of the crop, in the order
            of :func:`five_points`. Defaults to ``'arcface'``.
        layout (str | FaceLayout): Of the landmarks. Defaults to ``'300w68'``.

    Raises:
        ValueError: If the template is unknown or of another shape, the size is none, points lie on one spot, or the
            image is none.
    """
    check_size(size)
    _check_image(image)
    points = five_points(landmarks, layout)
    if points.ndim != 2 or not np.isfinite(points).all():
        raise ValueError(f'landmarks: found shape {np.shape(landmarks)}, expected finite ones of one face')
    target = _points_of(template, size)
    matrix = similarity(points, target)
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    back = cv2.invertAffineTransform(matrix)
    return Alignment(
        _shrunk_warp(image, matrix, size), matrix, back, float(np.sqrt(((moved - target) ** 2).sum(-1).mean()))
    )


def check_size(size: int) -> None:
    """Raise a ValueError if crops cannot have sides of so many pixels."""
    if not isinstance(size, (int, np.integer)) or not 2 <= size <= MOST:
        raise ValueError(f'found size={size!r}, expected a whole number from 2 to {MOST}')


def _check_image(image: np.ndarray) -> None:
    is_image = isinstance(image, np.ndarray) and image.ndim in (2, 3) and image.size > 0
    if not is_image or image.dtype not in (np.uint8, np.uint16, np.float32, np.float64):
        found = f'{image.dtype} {image.shape}' if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f'image: found {found}, expected (H, W, 3) or (H, W), 8 or 16 bit or floats')


def similarity(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(2, 3) rotation, scale and shift, without reflection, that bring points (N, 2) nearest to a target (N, 2).

    Raises:
        ValueError: If the points lie on one spot.
    """
    middle, target_middle = points.mean(0), target.mean(0)
    x, y = (points - middle).T
    u, v = (target - target_middle).T
    spread = (x**2 + y**2).sum()
    if not spread > 1e-9:
        raise ValueError('the five points lie on one spot')
    a, b = (x @ u + y @ v) / spread, (x @ v - y @ u) / spread
    linear = np.array([[a, -b], [b, a]])
    return np.column_stack([linear, target_middle - linear @ middle])


def _points_of(template: str | np.ndarray, size: int) -> np.ndarray:
    if isinstance(template, str):
        if template not in TEMPLATES:
            raise ValueError(f'unknown template {template!r}, expected one of {", ".join(TEMPLATES)} or five points')
        return TEMPLATES[template] * size
    points = np.asarray(template, float)
    if points.shape != (5, 2) or not np.isfinite(points).all():
        raise ValueError(f'template: found shape {points.shape}, expected five finite points (5, 2) in pixels')
    if not points.var(0).sum() > 1e-9:
        raise ValueError('template: found five points on one spot, expected those of a face')
    return points


def _shrunk_warp(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    scale = np.sqrt(np.linalg.det(matrix[:, :2]))
    if scale < 1:
        # only the part that the crop shows, shrunk to whole pixels by means over areas
        corners = np.array([[-1.0, -1.0], [size, -1.0], [size, size], [-1.0, size]])
        corners = np.linalg.solve(matrix[:, :2], (corners - matrix[:, 2]).T).T
        sides = np.array(image.shape[1::-1])
        low = np.clip(np.floor(corners.min(0)), 0, sides - 1).astype(int)
        high = np.clip(np.ceil(corners.max(0)) + 1, low + 1, sides).astype(int)
        part = image[low[1] : high[1], low[0] : high[0]]
        small = np.maximum(1, np.round((high - low) * scale)).astype(int)
        factors = small / (high - low)
        image = cv2.resize(part, small.tolist(), interpolation=cv2.INTER_AREA)
        # pixels of the shrunk part -> of the part -> of the image -> of the crop
        linear = matrix[:, :2] / factors
        shift = matrix[:, :2] @ (low + 0.5 / factors - 0.5) + matrix[:, 2]
        matrix = np.column_stack([linear, shift])
    return warp(image, matrix, (size, size))
