"""From the landmark box of a face to a square crop of it, upright by whatever angle the face is turned.

Angles are degrees in MMPose's sense: a crop of angle a shows the image turned anti-clockwise by a. Points are (x, y) in
pixels whose centres are at integers.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from ..structures import FaceLayout

Crop = tuple[np.ndarray, np.ndarray, np.ndarray]  # x and y of centres, and sides


def _landmark_height(x1: np.ndarray, y1: np.ndarray, x2: np.ndarray, y2: np.ndarray) -> Crop:
    return (x1 + x2) / 2, (y1 + y2) / 2, y2 - y1


def _longer_side(x1: np.ndarray, y1: np.ndarray, x2: np.ndarray, y2: np.ndarray) -> Crop:
    return (x1 + x2) / 2, (y1 + y2) / 2, np.maximum(x2 - x1, y2 - y1)


def _face_220(x1: np.ndarray, y1: np.ndarray, x2: np.ndarray, y2: np.ndarray) -> Crop:
    return (x1 + x2) / 2, (y1 + y2) / 2, np.maximum(x2 - x1, y2 - y1) * 256 / 220


def _hrnet(x1: np.ndarray, y1: np.ndarray, x2: np.ndarray, y2: np.ndarray) -> Crop:
    x1, y1, x2, y2 = np.floor(x1), np.floor(y1), np.ceil(x2), np.ceil(y2)
    return (x1 + x2) / 2, (y1 + y2) / 2, np.maximum(x2 - x1, y2 - y1) * 1.25


def _fan(x1: np.ndarray, y1: np.ndarray, x2: np.ndarray, y2: np.ndarray) -> Crop:
    return (x1 + x2) / 2, (y1 + y2) / 2 - 0.12 * (y2 - y1), 200 * ((x2 - x1) + (y2 - y1)) / 195


LONGEST_SIDE = 32766  # pixels of an image that OpenCV warps

CROP_RULES: dict[str, Callable[..., Crop]] = {
    'longer_side': _longer_side,
    'landmark_height': _landmark_height,
    'face_220': _face_220,
    'hrnet_1.25': _hrnet,
    'fan': _fan,
}
# Rules that start from the box of the face. Landmarks with a contour span it. Those without do not: where no face box
# is annotated, as in inference, it is larger by a factor and higher by a part of the height: means over the two faces
# of AFLW (1.23 and 1.32; 0.07) and the two of COFW (1.12 and 1.16; 0.00) among the samples in MMPose's tests.
FACE_RULES = ('face_220',)
FACE_BY_LANDMARKS = dict(aflw19=(1.28, 0.07), cofw29=(1.14, 0.0))


def needs_face(rule: str, layout: FaceLayout) -> bool:
    """Whether a rule starts from the box of the face, and the landmarks do not span it."""
    return rule in FACE_RULES and not layout.has_contour


def crop_of_box(
    box: np.ndarray, rule: str, padding: float, layout: FaceLayout, face_box: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The square crop of a face by a rule.

    Args:
        box (ndarray): (..., 4) tight box of the landmarks, x1, y1, x2, y2.
        rule (str): Of :data:`CROP_RULES`; ``docs/concepts/crops_and_metrics.md`` explains them.
        padding (float): Factor on the side.
        layout (FaceLayout): Tells whether the landmarks span the face.
        face_box (ndarray, optional): (..., 4) of the face, for landmarks that do not span it.

    Returns:
        tuple: Centres (..., 2) and sides (..., ) in pixels.
    """
    is_larger = needs_face(rule, layout)
    if is_larger and face_box is not None:
        box, is_larger = face_box, False
    x1, y1, x2, y2 = np.moveaxis(np.asarray(box, np.float64), -1, 0)
    if is_larger:
        factor, rise = FACE_BY_LANDMARKS.get(layout.name, (1.0, 0.0))
        x, y = (x1 + x2) / 2, (y1 + y2) / 2 - rise * (y2 - y1)
        half_x, half_y = factor * (x2 - x1) / 2, factor * (y2 - y1) / 2
        x1, y1, x2, y2 = x - half_x, y - half_y, x + half_x, y + half_y
    x, y, side = CROP_RULES[rule](x1, y1, x2, y2)
    return np.stack([x, y], axis=-1), side * padding


def crop_matrix(
    center: np.ndarray, scale: Sequence[float] | np.ndarray, rotation: float, size: tuple[int, int]
) -> np.ndarray:
    """Image pixels to crop pixels, with the crop's centre on the middle *pixel* position (W - 1) / 2.

    Args:
        center (ndarray): (2, ) of the crop, in image pixels.
        scale (Sequence[float]): (2, ) width and height of the crop, in image pixels.
        rotation (float): Degrees, in MMPose's sense.
        size (tuple): (W, H) of the crop in its own pixels.

    Returns:
        ndarray: (2, 3) float64. MMPose's own matrix puts the centre half a pixel further, at W / 2.
    """
    magnification = size[0] / float(scale[0])
    cos, sin = np.cos(np.deg2rad(rotation)), np.sin(np.deg2rad(rotation))
    linear = magnification * np.array([[cos, sin], [-sin, cos]])
    middle = (np.array(size) - 1) / 2
    return np.concatenate([linear, (middle - linear @ np.asarray(center, np.float64))[:, None]], axis=1)


def turn(points: np.ndarray, angle: np.ndarray | float) -> np.ndarray:
    """Points (..., K, 2) as a crop of this angle (...) shows them: turned anti-clockwise on the screen."""
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    x, y = points[..., 0], points[..., 1]
    cos, sin = (np.asarray(value)[..., None] for value in (cos, sin))
    return np.stack([cos * x + sin * y, cos * y - sin * x], axis=-1)


def eye_angle(landmarks: np.ndarray, layout: FaceLayout) -> np.ndarray:
    """The angle (...) of a crop in which the outer corners of the eyes of a face (..., K, 2) lie side by side; 0 where
    none are annotated.

    >>> from mmfld.structures import get_layout
    >>> eyes = get_layout(dict(name='eyes', num_keypoints=2, eye_corners=[0, 1]))
    >>> float(eye_angle(np.array([[50.0, 10.0], [50.0, 90.0]]), eyes))  # a face that is turned clockwise by a quarter
    90.0
    """
    if layout.eye_corners is None:
        return np.zeros(landmarks.shape[:-2])
    one, other = layout.eye_corners
    step = landmarks[..., other, :] - landmarks[..., one, :]
    return np.rad2deg(np.arctan2(step[..., 1], step[..., 0]))


def warp(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], out: np.ndarray | None = None) -> np.ndarray:
    """A crop of an image (H, W) or (H, W, C) by one bilinear warp, zero outside.

    Args:
        image (ndarray): Its sides may be longer than OpenCV's warps take, if the crop's are not.
        matrix (ndarray): Of :func:`crop_matrix`.
        size (tuple): (W, H) of the crop in its own pixels.
        out (ndarray, optional): Where the crop is put.

    Raises:
        ValueError: If the image and the crop are longer than OpenCV's warps take.
    """
    if max(image.shape[:2]) > LONGEST_SIDE:
        image, matrix = _part_within(image, np.asarray(matrix, np.float64), size)
    return cv2.warpAffine(image, matrix, size, dst=out, flags=cv2.INTER_LINEAR)


def _part_within(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The part of an image that a crop shows, and the matrix from it to the crop."""
    corners = np.array([[x, y] for x in (-1, size[0]) for y in (-1, size[1])])
    corners = np.linalg.solve(matrix[:, :2], (corners - matrix[:, 2]).T).T
    sides = np.array(image.shape[1::-1])
    low = np.clip(np.floor(corners.min(axis=0)) - 1, 0, sides - 1).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 2, low + 1, sides).astype(int)
    width, height = high - low
    if max(width, height) > LONGEST_SIDE:
        raise ValueError(
            f'found a crop of {width} x {height} pixels of an image of {sides[0]} x {sides[1]}, expected '
            f'at most {LONGEST_SIDE} a side, as far as OpenCV goes: make the image smaller'
        )
    moved = np.concatenate([matrix[:, :2], (matrix[:, :2] @ low + matrix[:, 2])[:, None]], axis=1)
    return image[low[1] : high[1], low[0] : high[0]], moved


def sample(image: np.ndarray, matrices: Sequence[np.ndarray] | np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(N, H, W, 3) crops of an image, each by one bilinear warp, zero outside."""
    crops = np.empty((len(matrices), size[1], size[0], 3), np.uint8)
    for crop, matrix in zip(crops, matrices):
        warp(image, matrix, size, out=crop)
    return crops


def to_image(points: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """Points (N, K, 2) in crops -> in the image, by the matrices (N, 2, 3) of :func:`crop_matrix`."""
    return np.linalg.solve(matrices[:, None, :, :2], (points - matrices[:, None, :, 2])[..., None])[..., 0]


def covariances_to_image(covariances: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """Covariances (N, K, 2, 2) in squared pixels of crops -> of the image, by the same matrices (N, 2, 3)."""
    back = np.linalg.inv(matrices[:, None, :, :2])
    return back @ covariances @ back.swapaxes(-1, -2)


def visible_in_image(visible: np.ndarray, landmarks: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Probabilities (..., K) that landmarks can be seen, 0 for those outside of the picture.

    >>> visible_in_image(np.array([0.9, 0.8]), np.array([[3.0, 2.0], [10.0, 2.0]]), np.array([10, 8])).tolist()
    [0.9, 0.0]

    Args:
        visible (ndarray): (..., K) by what the crop shows.
        landmarks (ndarray): (..., K, 2) in pixels of the picture, the middle of the first one being (0, 0).
        sides (ndarray): (..., 2) width and height of the picture.
    """
    inside = ((landmarks >= -0.5) & (landmarks < sides[..., None, :] - 0.5)).all(-1)
    return np.where(inside, visible, 0).astype(visible.dtype)
