"""Which way a face looks, from its landmarks and the mean face in three dimensions.

The angles are those of the head against the line of sight to it, so that they depend neither on where the face lies in
the picture nor on how that was cut. Seen in the picture:

* **yaw** is positive if the face turns to the right of the picture, to its own left;
* **pitch** is positive if it looks down;
* **roll** is positive if it is turned clockwise.

A head is yawed first, then pitched, then rolled. The camera is taken to be as far away as 10 times the distance of the
outer eye corners, about a metre; from half or double that, a face turned by 30 degrees reads 1 to 2 degrees otherwise.
"""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ..structures import FaceLayout, get_layout

DISTANCE = 10.0  # of the camera, in units of the shape
ORIGIN = (0.0, 0.35, 0.0)  # of the shape, about which it turns: between eyes and mouth
ROUNDS = 15
TAIL = 5.0  # degrees of freedom of the errors where none are told
LINE = 0.05  # of the longer extent of points; of faces of any pose the shorter is more than 0.15 of it
MOST = 1e6  # pixels, of their standard deviation
PLAIN = 0.03  # their standard deviation where none is told, in units of the shape
AXES = (('x', (0, 0, 255)), ('y', (0, 255, 0)), ('z', (255, 0, 0)))  # and their colours in BGR


class HeadPose(NamedTuple):
    """Of one face.

    Attributes:
        yaw, pitch, roll (float): Degrees, see the module.
        rotation (ndarray): (3, 3) from the head (x to the left of the subject, y down, z to the front) to the picture
            (x right, y down, z towards the viewer).
        center (ndarray): (2, ) pixels, where the middle of the head's front is seen.
        scale (float): Pixels for the distance of the outer eye corners of the mean face, facing the camera.
        residual (float): Root mean square error of the landmarks that were fitted, in units of ``scale``. Above 0.25
            they are hardly those of a face, see ``docs/howto/pose_and_crops.md``.
    """

    yaw: float
    pitch: float
    roll: float
    rotation: np.ndarray
    center: np.ndarray
    scale: float
    residual: float

    def translation(self, camera: np.ndarray) -> np.ndarray:
        """(3, ) where the head is, x right, y down, z away from the camera, in distances of the outer eye corners.

        Args:
            camera (ndarray): (3, 3) intrinsic matrix, focal length and principal point in pixels.
        """
        depth = np.mean([camera[0][0], camera[1][1]]) / self.scale
        return depth * np.linalg.solve(np.asarray(camera, float), np.append(self.center, 1.0))


class HeadPoseEstimator:
    """Head pose by :func:`cv2.solvePnP`, refined to the most likely one by the landmarks' own uncertainty.

    >>> estimate = HeadPoseEstimator()
    >>> facing = mean_faces()['300w68'][:, :2] * 80  # towards the camera, its eyes 80 pixels apart
    >>> round(estimate(facing[:, ::-1] * (-1, 1)).roll)  # turned clockwise by a quarter
    90

    Args:
        layout (str | FaceLayout): Of the landmarks. Defaults to ``'300w68'``.
        shape (ndarray, optional): (K, 3) landmarks of the mean face, in distances of the outer eye corners, x to the
            left of the subject, y down, z to the front. Defaults to that of this package's rendered faces, for the
            schemes that they are drawn in.
        left_out (Sequence[int], optional): Landmarks that do not count. Defaults to those of the face contour, which is
            no line on the head but the outline that is seen, if there are others.

    Raises:
        ValueError: If there is no shape for the layout, or fewer than six landmarks count.
    """

    def __init__(
        self,
        layout: str | FaceLayout = '300w68',
        shape: np.ndarray | None = None,
        left_out: Sequence[int] | None = None,
    ) -> None:
        self.layout = get_layout(layout)
        if shape is None:
            if self.layout.name not in mean_faces():
                raise ValueError(
                    f'layout {self.layout.name!r}: found no mean face, expected shape=(K, 3) or one of '
                    f'{", ".join(mean_faces())}'
                )
            shape = mean_faces()[self.layout.name]
        shape = np.asarray(shape, float)
        if shape.shape != (self.layout.num_keypoints, 3) or not np.isfinite(shape).all():
            raise ValueError(
                f'shape: found {shape.shape}, expected finite ({self.layout.num_keypoints}, 3) for layout '
                f'{self.layout.name!r}'
            )
        self.shape = shape - ORIGIN
        if left_out is None:
            left_out = next((boundary.indices for boundary in self.layout.boundaries if boundary.name == 'contour'), ())
        self.counted = np.setdiff1d(np.arange(len(shape)), np.asarray(left_out, int))
        if len(self.counted) < 6:
            raise ValueError(f'found {len(self.counted)} landmarks that count, expected at least 6')
        _check_extent(self.shape[self.counted], 'shape')

    def _checked(self, covariances: np.ndarray) -> np.ndarray:
        spread = np.asarray(covariances, float)
        expected = f'finite ({self.layout.num_keypoints}, 2, 2) with variances'
        if spread.shape != (self.layout.num_keypoints, 2, 2) or not np.isfinite(spread).all():
            raise ValueError(f'covariances: found shape {spread.shape}, expected {expected}')
        if np.linalg.eigvalsh(spread).min() < -1e-6 * np.abs(spread).max():
            raise ValueError(f'covariances: found negative variances, expected {expected}')
        return spread

    def __call__(self, landmarks: np.ndarray, covariances: np.ndarray | None = None) -> HeadPose:
        """The pose of one face.

        Args:
            landmarks (ndarray): (K, 2) in pixels.
            covariances (ndarray, optional): (K, 2, 2) of their errors, of a calibrated model, squared pixels: landmarks
                count the less, the further off they may be. Defaults to the same for all.

        Raises:
            ValueError: If a shape is another, a number is not finite, a variance negative, or the points that count lie
                on one spot or on a line, which say nothing of a pose.
        """
        points = np.asarray(landmarks, float)
        if points.shape != (self.layout.num_keypoints, 2) or not np.isfinite(points).all():
            raise ValueError(
                f'landmarks: found shape {points.shape}, expected finite ({self.layout.num_keypoints}, 2) '
                f'for layout {self.layout.name!r}'
            )
        points, shape = points[self.counted], self.shape[self.counted]
        scale = _check_extent(points, 'landmarks') / np.sqrt(shape[:, :2].var(0).sum())
        if covariances is None:
            spread = np.tile(np.eye(2) * (PLAIN * scale) ** 2, (len(points), 1, 1))
        else:
            spread = self._checked(covariances)[self.counted] + np.eye(2) * (PLAIN * scale / 3) ** 2
        rotation, center, scale = _start(shape, points, scale)
        for _ in range(ROUNDS):
            rotation, center, scale, step = _improved(shape, points, spread, rotation, center, scale)
            if step < 1e-5:
                break
        residual = np.sqrt(((_project(shape, rotation, center, scale)[0] - points) ** 2).sum(-1).mean())
        yaw = np.arctan2(-rotation[2, 0], rotation[2, 2])
        pitch = np.arcsin(np.clip(-rotation[2, 1], -1, 1))
        roll = np.arctan2(-rotation[0, 1], rotation[1, 1])
        yaw, pitch, roll = np.rad2deg([yaw, pitch, roll]).tolist()
        return HeadPose(yaw, pitch, roll, rotation, center, float(scale), float(residual / scale))


@cache
def mean_faces() -> dict[str, np.ndarray]:
    """Layout -> (K, 3), as ``tools/misc/make_mean_faces.py`` writes them."""
    content = json.loads(Path(__file__).with_name('mean_faces.json').read_text(encoding='utf-8'))
    return {name: np.array(points) for name, points in content.items()}


def draw_axes(image: np.ndarray, pose: HeadPose, length: float = 0.8) -> np.ndarray:
    """A copy of an image (H, W, 3) uint8 in BGR with the axes of a head: red to its left, green down, blue to the
    front.

    Args:
        length (float): In distances of the outer eye corners.
    """
    image = image.copy()
    ends = _project(length * np.vstack([np.zeros(3), np.eye(3)]), pose.rotation, pose.center, pose.scale)[0]
    ends = np.round(ends.clip(-(2**14), 2**14) * 16).astype(int)
    depth = pose.rotation[2]
    for axis in np.argsort(depth):  # what is nearer is drawn over the rest
        cv2.line(
            image,
            ends[0].tolist(),
            ends[1 + axis].tolist(),
            AXES[axis][1],
            max(1, round(pose.scale / 40)),
            cv2.LINE_AA,
            4,
        )
    return image


def _check_extent(points: np.ndarray, name: str) -> float:
    """The root of the summed variances of points (N, 2) or (N, 3).

    Raises:
        ValueError: If they lie on one spot or on a line, or are no places in a picture.
    """
    with np.errstate(over='ignore', invalid='ignore'):
        size = float(np.sqrt(points.var(0).sum()))
    if not size > 1e-6:
        raise ValueError(f'{name}: found those that count on one spot, expected those of a face')
    if not size < MOST:
        raise ValueError(f'{name}: found coordinates up to {np.abs(points).max():g}, expected those of a face')
    along, across = np.linalg.svd(points - points.mean(0), compute_uv=False)[:2]
    if across < LINE * along:
        raise ValueError(f'{name}: found those that count on a line, expected those of a face')
    return size


def _project(
    shape: np.ndarray, rotation: np.ndarray, center: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N, 2) pixels of points (N, 3) of the head, the turned points (N, 3), and pixels a unit at their depths (N, )."""
    turned = shape @ rotation.T
    factor = scale * DISTANCE / (DISTANCE - turned[:, 2])
    return turned[:, :2] * factor[:, None] + center, turned, factor


def _start(shape: np.ndarray, points: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Rotation, centre and scale by OpenCV, whose camera looks along z."""
    mirror = np.diag([1.0, 1.0, -1.0])
    middle = points.mean(0)
    camera = np.array([[DISTANCE * scale, 0, middle[0]], [0, DISTANCE * scale, middle[1]], [0, 0, 1]])
    _, vector, shift = cv2.solvePnP(shape @ mirror, points, camera, np.zeros(0), flags=cv2.SOLVEPNP_SQPNP)
    rotation = mirror @ cv2.Rodrigues(vector)[0] @ mirror
    seen = camera @ shift[:, 0]
    return rotation, seen[:2] / seen[2], scale * DISTANCE / max(float(shift[2, 0]), 1e-3)


def _inverse(matrices: np.ndarray) -> np.ndarray:
    """Of (N, 2, 2). LAPACK, through np.linalg.inv, may take threads for each call that other processes are using."""
    (a, b), (c, d) = matrices.transpose(1, 2, 0)
    return np.array([[d, -b], [-c, a]]).transpose(2, 0, 1) / (a * d - b * c)[:, None, None]


def _improved(
    shape: np.ndarray, points: np.ndarray, spread: np.ndarray, rotation: np.ndarray, center: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """A step of Gauss and Newton towards the most likely pose, errors being of a t distribution."""
    seen, turned, factor = _project(shape, rotation, center, scale)
    errors = points - seen
    inverse = _inverse(spread)
    distance = np.einsum('ni,nij,nj->n', errors, inverse, errors)
    weights = inverse * ((TAIL + 2) / (TAIL + distance))[:, None, None]
    # derivatives by the turned points, and by a small turn w of them, d = w x point
    by_point = np.zeros((len(shape), 2, 3))
    by_point[:, [0, 1], [0, 1]] = factor[:, None]
    by_point[:, :, 2] = turned[:, :2] * (factor / (DISTANCE - turned[:, 2]))[:, None]
    x, y, z = turned.T
    zero = np.zeros_like(x)
    by_turn = by_point @ np.stack(
        [np.stack([zero, z, -y], -1), np.stack([-z, zero, x], -1), np.stack([y, -x, zero], -1)], 1
    )
    jacobian = np.concatenate([by_turn, (seen - center)[..., None], np.tile(np.eye(2), (len(shape), 1, 1))], axis=2)
    normal = np.einsum('nia,nij,njb->ab', jacobian, weights, jacobian)
    gradient = np.einsum('nia,nij,nj->a', jacobian, weights, errors)
    step = np.linalg.solve(normal + 1e-9 * np.trace(normal) * np.eye(6), gradient)
    step[:3] *= min(1.0, 0.5 / max(float(np.linalg.norm(step[:3])), 1e-12))
    step[3] = np.clip(step[3], -0.3, 0.3)
    rotation = cv2.Rodrigues(step[:3])[0] @ rotation
    return rotation, center + step[4:], scale * np.exp(step[3]), np.abs(step[:4]).max()
