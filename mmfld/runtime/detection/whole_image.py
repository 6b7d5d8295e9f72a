"""For pictures that show one face and nothing else."""

import numpy as np


class WholeImage:
    """No detection: the image is the landmark box of its only face, as with MMPose's ``det_model='whole_image'``."""

    def __call__(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        return np.array([[0, 0, width, height, 1]], np.float64)
