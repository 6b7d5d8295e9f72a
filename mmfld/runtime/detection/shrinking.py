"""Smaller images, in which faces are searched."""

import cv2
import numpy as np


def shrunk(image: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """An image of another size, made smaller without aliasing.

    Whole pixels are averaged as far as that goes, which is several times as fast as parts of pixels; what is left, a
    factor of less than two, is bilinear.

    Args:
        image (ndarray): (H, W) or (H, W, C).
        size (tuple): (w, h), at most those of the image.

    Returns:
        tuple: The image, and (2, ) how many pixels of the given one a pixel of it is wide and high.
    """
    width, height = size
    whole = min(image.shape[1] // width, image.shape[0] // height)
    if whole > 1:
        sides = image.shape[1] // whole, image.shape[0] // whole
        image = cv2.resize(image[: sides[1] * whole, : sides[0] * whole], sides, interpolation=cv2.INTER_AREA)
    scale = whole * np.array(image.shape[1::-1]) / size
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), scale
