"""What a detector calls the box of a face, and the tight box of its landmarks."""
from dataclasses import dataclass, replace
from typing import Tuple

import numpy as np

from ..boxes import middle_and_size


@dataclass(frozen=True)
class BoxCalibration:
    """Detector's box to landmark box: a shift of the middle and a scale, relative to the detector's width and height.

    Args:
        shift (tuple): (x, y) from the middle of the detector's box to that of the landmark box.
        scale (tuple): (width, height) of the landmark box.
        whole_height (float): Least height of the detector's box, as a part of its width, of faces of which nothing is
            covered. Defaults to 0, which says nothing.
    """
    shift: Tuple[float, float] = (0., 0.)
    scale: Tuple[float, float] = (1., 1.)
    whole_height: float = 0.

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
            scale=tuple(np.median(true_size / size, axis=0).tolist()))
