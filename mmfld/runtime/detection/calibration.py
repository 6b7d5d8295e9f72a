"""What a detector calls the box of a face, and the tight box of its landmarks."""

from dataclasses import dataclass, replace

import numpy as np

from ..boxes import middle_and_size, tight_box
from ..crops import turn


@dataclass(frozen=True)
class BoxCalibration:
    """Detector's box to landmark box: a shift of the middle and a scale, relative to the detector's width and height.

    Args:
        shift (tuple): (x, y) from the middle of the detector's box to that of the landmark box.
        scale (tuple): (width, height) of the landmark box.
        whole_height (float): Least height of the detector's box, as a part of its width, of faces of which nothing is
            covered. Defaults to 0, which says nothing.
    """

    shift: tuple[float, float] = (0.0, 0.0)
    scale: tuple[float, float] = (1.0, 1.0)
    whole_height: float = 0.0

    def __call__(self, boxes: np.ndarray, covered: bool = False) -> np.ndarray:
        """Detector's boxes (N, 4) as x1, y1, x2, y2 -> estimated landmark boxes (N, 4).

        With ``covered``, boxes below ``whole_height`` are taken to end where a mask or a hand covers the face.
        """
        boxes = np.array(boxes[:, :4], np.float64)
        if covered:
            x1, y1, x2, y2 = boxes.T
            boxes[:, 3] = np.maximum(y2, y1 + self.whole_height * (x2 - x1))
        middle, size = middle_and_size(boxes)
        middle = middle + size * self.shift
        half = size * self.scale / 2
        return np.concatenate([middle - half, middle + half], axis=1)

    def wider(self, factor: float) -> 'BoxCalibration':
        """Boxes of ``factor`` times the size around the same middle."""
        width, height = self.scale
        return replace(self, scale=(width * factor, height * factor))

    @classmethod
    def fit(cls, boxes: np.ndarray, landmark_boxes: np.ndarray) -> 'BoxCalibration':
        """Median shift and scale over (N, 4) boxes of a detector and the landmark boxes of the same faces."""
        middle, size = middle_and_size(boxes)
        true_middle, true_size = middle_and_size(landmark_boxes)
        return cls(
            shift=tuple(np.median((true_middle - middle) / size, axis=0).tolist()),
            scale=tuple(np.median(true_size / size, axis=0).tolist()),
        )


@dataclass(frozen=True)
class PointCalibration:
    """Detector's box and points of a face to the landmark box, with the face turned upright by its eyes.

    More exact than :class:`BoxCalibration` where the points are good, and it knows the angle.

    Args:
        weights (tuple): Four rows, of the middle of the points (x and y, from the middle of the box), of the points'
            mean distance from it (root of the mean square) and of 1, for the four sides of the landmark box from the
            middle of the detector's; all in parts of the root of that box's area.
    """

    weights: tuple[tuple[float, float, float, float], ...]

    def __call__(self, boxes: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Boxes (N, 4) and points (N, P, 2), the eyes first -> landmark boxes (N, 4), in the image turned by the angles
        (N, ) around its first pixel, see :func:`mmfld.runtime.crops.turn`."""
        angle, middle, size, features = self._features(boxes, points)
        sides = features @ np.array(self.weights) * size[:, None]
        return np.concatenate([middle + sides[:, :2], middle + sides[:, 2:]], axis=1), angle

    @classmethod
    def fit(cls, boxes: np.ndarray, points: np.ndarray, landmarks: np.ndarray) -> 'PointCalibration':
        """Least squares over N faces with landmarks (N, K, 2); an image and its mirror image are told alike."""
        angle, middle, size, features = cls._features(boxes, points)
        target = tight_box(turn(landmarks, angle)) - np.tile(middle, 2)
        target /= size[:, None]
        mirrored = features * [-1, 1, 1, 1], target[:, [2, 1, 0, 3]] * [-1, 1, -1, 1]
        features, target = (np.concatenate(pair) for pair in zip((features, target), mirrored))
        weights = np.linalg.lstsq(features, target, rcond=None)[0]
        return cls(tuple(map(tuple, weights.tolist())))

    @staticmethod
    def _features(boxes: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, ...]:
        step = points[:, 1] - points[:, 0]
        angle = np.rad2deg(np.arctan2(step[:, 1], step[:, 0]))
        middle, sides = middle_and_size(boxes)
        points, middle = turn(points, angle), turn(middle[:, None], angle)[:, 0]
        size = np.sqrt(np.maximum(sides.prod(axis=1), 1.0))
        mean = points.mean(axis=1)
        radius = np.sqrt(((points - mean[:, None]) ** 2).sum(axis=2).mean(axis=1))
        features = np.column_stack([(mean - middle) / size[:, None], radius / size, np.ones(len(size))])
        return angle, middle, size, features
