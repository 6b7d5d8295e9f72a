"""Pictures of faces made harder, with the landmarks where they are then, and which of them can still be seen."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np

from ..runtime.boxes import middle_and_size, tight_box

CANVAS = (480, 360)  # width and height that small faces stand in
GREY = (127, 127, 127)  # where there is no image
COVERED_MARGIN = 0.1  # by which a cover is larger than the landmark box, parts of its size
BLUR = 0.03  # sigma, parts of the face's longer side
MOTION = 0.08  # how far it moves, parts of the face's longer side
CAST = (0.5, 1.0, 1.6)  # factors of the channels, in any order


class Varied(NamedTuple):
    """A picture of a face.

    Attributes:
        image (ndarray): (H, W, 3) uint8 in BGR.
        landmarks (ndarray): (K, 2) in its pixels.
        visible (ndarray): (K, ) bool, not under a cover.
    """

    image: np.ndarray
    landmarks: np.ndarray
    visible: np.ndarray


def _same(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> Varied:
    return Varied(image, landmarks, np.full(len(landmarks), True))


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
    return _same(cv2.warpAffine(image, matrix, CANVAS, borderValue=GREY), landmarks + shift, rng)


def tilted(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator, angle: float) -> Varied:
    """Turned clockwise by degrees, on a canvas that holds all of it."""
    height, width = image.shape[:2]
    middle = np.array([width - 1, height - 1]) / 2
    matrix = cv2.getRotationMatrix2D(middle.tolist(), -angle, 1)
    size = np.ceil(np.round(np.abs(matrix[:, :2]) @ (width, height), 3)).astype(int)
    matrix[:, 2] += (size - 1) / 2 - middle
    image = cv2.warpAffine(image, matrix, size.tolist(), borderValue=GREY)
    return _same(image, landmarks @ matrix[:, :2].T + matrix[:, 2], rng)


def _dark(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator, brightness: float) -> Varied:
    return _same(np.round(image * brightness).astype(np.uint8), landmarks, rng)


def _blurred(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> Varied:
    _, size = middle_and_size(tight_box(landmarks))
    return _same(cv2.GaussianBlur(image, (0, 0), float(BLUR * size.max())), landmarks, rng)


def motion_kernel(length: float, angle: float) -> np.ndarray:
    """(n, n) float32, of sum 1, that smears a picture along a line of so many pixels, by an angle in radians."""
    reach = int(length) // 2 + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    end = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    first, last = (np.round((reach + sign * end) * 16).astype(int).tolist() for sign in (-1, 1))
    cv2.line(kernel, first, last, 1.0, 1, cv2.LINE_AA, 4)
    return kernel / kernel.sum()


def _moved(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> Varied:
    """Smeared along a line of any direction, as by a hand that moves the camera."""
    _, size = middle_and_size(tight_box(landmarks))
    kernel = motion_kernel(max(3, round(MOTION * size.max())), rng.uniform(0, np.pi))
    return _same(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE), landmarks, rng)


def _compressed(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator, quality: int) -> Varied:
    _, content = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return _same(cv2.imdecode(content, cv2.IMREAD_COLOR), landmarks, rng)


def _grey(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> Varied:
    return _same(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), landmarks, rng)


def _cast(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> Varied:
    """As under coloured light."""
    return _same(np.clip(np.round(image * rng.permutation(CAST)), 0, 255).astype(np.uint8), landmarks, rng)


def under(image: np.ndarray, landmarks: np.ndarray, cover: np.ndarray, colours: np.ndarray) -> Varied:
    """Colours (H, W, 3), or one (3, ), where ``cover`` (H, W) is set."""
    rows, columns = (np.round(landmarks[:, axis]).astype(int).clip(0, image.shape[1 - axis] - 1) for axis in (1, 0))
    varied = np.where(cover[..., None] > 0, np.asarray(colours, np.uint8), image)
    return Varied(varied, landmarks, cover[rows, columns] == 0)


def _covered_below(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> Varied:
    """Grey over all below the middle of the landmark box."""
    middle, size = middle_and_size(tight_box(landmarks))
    half = (0.5 + COVERED_MARGIN) * size
    x1, y1 = np.round((middle[0] - half[0], middle[1])).astype(int).tolist()
    x2, y2 = np.round(middle + half).astype(int).tolist()
    cover = cv2.rectangle(np.zeros(image.shape[:2], np.uint8), (x1, y1), (x2, y2), 1, cv2.FILLED)
    return under(image, landmarks, cover, GREY)


def _bar(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> Varied:
    """A black bar right across the face, as of glasses or a microphone."""
    middle, size = middle_and_size(tight_box(landmarks))
    at = middle + rng.uniform(-0.35, 0.35, 2) * size
    angle = rng.uniform(0, np.pi)
    along = np.array([np.cos(angle), np.sin(angle)]) * 2 * size.max()
    first, last = (np.round(at + sign * along).astype(int).tolist() for sign in (-1, 1))
    cover = cv2.line(np.zeros(image.shape[:2], np.uint8), first, last, 1, max(1, round(0.2 * size.max())))
    return under(image, landmarks, cover, (10, 10, 10))


def _hand(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> Varied:
    """An ellipse of the face's own colour that reaches in from its side."""
    middle, size = middle_and_size(tight_box(landmarks))
    angle = rng.uniform(0, 2 * np.pi)
    at = middle + np.array([np.cos(angle), np.sin(angle)]) * 0.4 * size
    axes = np.round(rng.uniform(0.25, 0.4, 2) * size.max()).astype(int)
    cover = cv2.ellipse(
        np.zeros(image.shape[:2], np.uint8),
        np.round(at).astype(int).tolist(),
        axes.tolist(),
        float(np.rad2deg(angle)),
        0,
        360,
        1,
        cv2.FILLED,
    )
    x1, y1, x2, y2 = np.round(np.concatenate([middle - size / 4, middle + size / 4])).astype(int).clip(0)
    return under(image, landmarks, cover, np.round(image[y1 : y2 + 1, x1 : x2 + 1].mean((0, 1))))


def _patch(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> Varied:
    """A square of another place of the same picture, upside down."""
    middle, size = middle_and_size(tight_box(landmarks))
    side = max(1, min(round(0.45 * size.max()), *image.shape[:2]))
    x, y = (int(rng.integers(0, length - side + 1)) for length in image.shape[1::-1])
    left, top = np.round(middle + rng.uniform(-0.4, 0.4, 2) * size - side / 2).astype(int)
    left, top = (int(np.clip(low, 0, length - side)) for low, length in zip((left, top), image.shape[1::-1]))
    cover, colours = np.zeros(image.shape[:2], np.uint8), image.copy()
    cover[top : top + side, left : left + side] = 1
    colours[top : top + side, left : left + side] = image[y : y + side, x : x + side][::-1]
    return under(image, landmarks, cover, colours)


VARIANTS: dict[str, Callable[[np.ndarray, np.ndarray, np.random.Generator], Varied]] = {
    'common': _same,
    'small_48': partial(_small, side=48),
    'small_24': partial(_small, side=24),
    'tilted_30': partial(tilted, angle=30),
    'tilted_45': partial(tilted, angle=45),
    'tilted_90': partial(tilted, angle=90),
    'tilted_180': partial(tilted, angle=180),
    'dark': partial(_dark, brightness=0.12),
    'covered': _covered_below,
    'covered_bar': _bar,
    'covered_hand': _hand,
    'covered_patch': _patch,
    'blurred': _blurred,
    'moved': _moved,
    'compressed': partial(_compressed, quality=10),
    'grey': _grey,
    'cast': _cast,
}


def vary(variant: str, image: np.ndarray, landmarks: np.ndarray, seed: int) -> Varied:
    """A picture of a face, in one of :data:`VARIANTS`, the same for the same seed.

    Args:
        variant (str): Of :data:`VARIANTS`.
        image (ndarray): (H, W, 3) uint8 in BGR.
        landmarks (ndarray): (K, 2) of its face, in pixels.
        seed (int): Of what is random.
    """
    return VARIANTS[variant](image, landmarks, np.random.default_rng(seed))


def jittered(box: np.ndarray, size: float, shift: float, seed: int) -> np.ndarray:
    """A box (4, ) as a rough detector finds it: its sides times 1 + U(-size, size), moved along each axis by
    U(-shift, shift) of the side."""
    rng = np.random.default_rng(seed)
    middle, sides = middle_and_size(box)
    middle = middle + rng.uniform(-shift, shift, 2) * sides
    half = sides * (1 + rng.uniform(-size, size)) / 2
    return np.concatenate([middle - half, middle + half])
