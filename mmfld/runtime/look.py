"""Whether two crops show the same person a moment apart, by a few pixels.

Not who somebody is: 16 x 16 pixels, correlated. From one frame of a video of a talking man to the next they never fell
below 0.93 in 1,600 frames, nor below 0.81 five frames on or 0.82 between 44 frames that are 25 apart, and he kept one
number through 4,800; of two of 60 people, less than 5 % were above 0.65, and 7 % of two of 60 others (26 % above 0.5).
"""

import cv2
import numpy as np

from .boxes import middle_and_size, tight_box
from .crops import crop_matrix, sample, turn

SAMPLED, SIDE = 64, 16  # pixels
FLAT = 2.0  # standard deviation of grey values below which there is nothing to see


def look(image: np.ndarray, landmarks: np.ndarray, angle: float) -> np.ndarray | None:
    """(16, 16, 3) of a face, upright, with mean 0 and norm 1; None where all has one colour.

    Args:
        image (ndarray): (H, W, 3) uint8.
        landmarks (ndarray): (K, 2) in pixels.
        angle (float): Degrees by which the face is turned.
    """
    middle, size = middle_and_size(tight_box(turn(landmarks, angle)))
    middle, side = turn(middle[None], -angle)[0], max(size.max(), 1.0)
    (crop,) = sample(image, [crop_matrix(middle, (side, side), angle, (SAMPLED, SAMPLED))], (SAMPLED, SAMPLED))
    small = cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float64)
    small -= small.mean(axis=(0, 1))
    return small / np.linalg.norm(small) if small.std() >= FLAT else None


def likeness(one: np.ndarray | None, other: np.ndarray | None) -> float:
    """Correlation of two looks; 1 where there is nothing to compare."""
    return 1.0 if one is None or other is None else float((one * other).sum())
