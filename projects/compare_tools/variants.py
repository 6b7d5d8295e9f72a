"""What is done to an image to make its face harder to find, and where the landmarks are then."""
from functools import partial
from typing import Callable, Dict, Tuple

import cv2
import numpy as np

from mmfld.runtime.boxes import middle_and_size, tight_box

Varied = Tuple[np.ndarray, np.ndarray]
CANVAS = (480, 360)  # width and height that small faces stand in
GREY = (127, 127, 127)  # where there is no image
COVERED_MARGIN = 0.1  # by which a cover is larger than the landmark box, parts of its size
BLUR = 0.03  # sigma, parts of the face's longer side


def _small(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator, side: int) -> Varied:
    """The longer side of the landmark box shrunk to ``side`` pixels, anywhere in the canvas."""
    _, size = middle_and_size(tight_box(landmarks))
    height, width = image.shape[:2]
    shrunk = [max(1, round(length * side / size.max())) for length in (width, height)]
    image = cv2.resize(image, shrunk, interpolation=cv2.INTER_AREA)
    landmarks = (landmarks + 0.5) * np.array(shrunk) / (width, height) - 0.5
    middle, _ = middle_and_size(tight_box(landmarks))
    shift = np.round(rng.uniform((side, side), np.array(CANVAS) - side) - middle)
    matrix = np.column_stack([np.eye(2), shift])
    return cv2.warpAffine(image, matrix, CANVAS, borderValue=GREY), landmarks + shift


def _tilted(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator, angle: float) -> Varied:
    """Turned clockwise by degrees, on a canvas that holds all of it."""
    height, width = image.shape[:2]
    middle = np.array([width - 1, height - 1]) / 2
    matrix = cv2.getRotationMatrix2D(middle.tolist(), -angle, 1)
    size = np.ceil(np.round(np.abs(matrix[:, :2]) @ (width, height), 3)).astype(int)
    matrix[:, 2] += (size - 1) / 2 - middle
    image = cv2.warpAffine(image, matrix, size.tolist(), borderValue=GREY)
    return image, landmarks @ matrix[:, :2].T + matrix[:, 2]


def _dark(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator, brightness: float) -> Varied:
    return np.round(image * brightness).astype(np.uint8), landmarks


def _covered(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> Varied:
    """Grey over all below the middle of the landmark box."""
    middle, size = middle_and_size(tight_box(landmarks))
    half = (0.5 + COVERED_MARGIN) * size
    x1, y1 = np.round((middle[0] - half[0], middle[1])).astype(int).tolist()
    x2, y2 = np.round(middle + half).astype(int).tolist()
    return cv2.rectangle(image.copy(), (x1, y1), (x2, y2), GREY, cv2.FILLED), landmarks


def _blurred(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> Varied:
    _, size = middle_and_size(tight_box(landmarks))
    return cv2.GaussianBlur(image, (0, 0), float(BLUR * size.max())), landmarks


def _compressed(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator, quality: int) -> Varied:
    _, content = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(content, cv2.IMREAD_COLOR), landmarks


VARIANTS: Dict[str, Callable] = {
    'common': lambda image, landmarks, rng: (image, landmarks),
    'small_48': partial(_small, side=48),
    'small_24': partial(_small, side=24),
    'tilted_30': partial(_tilted, angle=30),
    'tilted_90': partial(_tilted, angle=90),
    'tilted_180': partial(_tilted, angle=180),
    'dark': partial(_dark, brightness=0.12),
    'covered': _covered,
    'blurred': _blurred,
    'compressed': partial(_compressed, quality=10),
}


def vary(variant: str, image: np.ndarray, landmarks: np.ndarray, seed: int) -> Varied:
    """An image (H, W, 3) uint8 in BGR and the landmarks (K, 2) of its face in pixels, in one of :data:`VARIANTS`; the
    same for the same seed."""
    return VARIANTS[variant](image, landmarks, np.random.default_rng(seed))
