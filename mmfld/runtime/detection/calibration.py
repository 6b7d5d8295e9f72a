"""What a detector calls the box of a face, and the tight box of its landmarks."""

from dataclasses import dataclass, replace

import numpy as np

from ..boxes import middle_and_size, tight_box
from ..crops import turn

MIRRORED = np.array([1, 1, 1, -1, 1, -1, 1, -1, 1, 1])  # lengths of a face in a mirror image, see PointCalibration


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

    More exact than :class:`BoxCalibration` where the eyes are found, and it knows the angle. The sides are linear in
    lengths that it measures from the middle of the eyes: where a mask or a hand covers the face, a detector's box ends
    early and its mouth is somewhere else, but the eyes and the width of the box still tell the size.

    Args:
        weights (tuple): A row for each of the distance of the eyes, the width and the height of the box, its middle (x
            and y), the nose, the middle of the mouth, and the distance of its corners, for the four sides of the
            landmark box; all from the middle of the eyes.
    """

    weights: tuple[tuple[float, float, float, float], ...]

    def __call__(self, boxes: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Boxes (N, 4) and points (N, 5, 2) as eyes, nose and corners of the mouth -> landmark boxes (N, 4), in the
        image turned by the angles (N, ) around its first pixel, see :func:`mmfld.runtime.crops.turn`."""
        angle, eyes, lengths = self._lengths(boxes, points)
        return np.tile(eyes, 2) + lengths @ np.array(self.weights), angle

    @classmethod
    def fit(cls, boxes: np.ndarray, points: np.ndarray, landmarks: np.ndarray) -> 'PointCalibration':
        """Least squares over N faces with landmarks (N, K, 2), in parts of the root of the areas of their boxes; an
        image and its mirror image are told alike."""
        angle, eyes, lengths = cls._lengths(boxes, points)
        target = tight_box(turn(landmarks, angle))
        size = np.sqrt(middle_and_size(target)[1].prod(axis=1))[:, None]
        target, lengths = (target - np.tile(eyes, 2)) / size, lengths / size
        mirrored = lengths * MIRRORED, target[:, [2, 1, 0, 3]] * [-1, 1, -1, 1]
        lengths, target = (np.concatenate(pair) for pair in zip((lengths, target), mirrored))
        return cls(tuple(map(tuple, np.linalg.lstsq(lengths, target, rcond=None)[0].tolist())))

    @staticmethod
    def _lengths(boxes: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Angles (N, ), and middles of the eyes (N, 2) and lengths (N, 10) when faces are turned upright by them."""
        step = points[:, 1] - points[:, 0]
        angle = np.rad2deg(np.arctan2(step[:, 1], step[:, 0]))
        middle, sides = middle_and_size(boxes)
        points, middle = turn(points, angle), turn(middle[:, None], angle)[:, 0]
        left_eye, right_eye, nose, left_corner, right_corner = points.transpose(1, 0, 2)
        eyes, mouth = (left_eye + right_eye) / 2, (left_corner + right_corner) / 2
        apart = (right_eye - left_eye)[:, :1], sides, middle - eyes, nose - eyes, mouth - eyes
        return angle, eyes, np.column_stack([*apart, (right_corner - left_corner)[:, 0]])
