"""Clips of a photographed face, which is moved, and for some frames covered, blurred or dark."""

from typing import NamedTuple

import cv2
import numpy as np

from ..robustness.variants import vary
from ..runtime.boxes import middle_and_size, tight_box
from .clip import draw_bursts
from .motion import FRAME_RATE, Motion, smooth_processes

# what Burst.kind, one of the kinds of rendered clips, becomes in a photograph
VARIANT_OF = dict(bar='covered_bar', thing='covered_patch', hand='covered_hand', blur='moved', dark='dark')
FACE = (0.45, 0.65)  # the longer side of the landmarks' box at rest, parts of the picture's side
HEAD = 1.6  # the longer side of the landmarks' box in units of the head, of which Motion speaks
NOISE = 4.0  # of the camera: largest standard deviation, in steps of 255


class MovingFrame(NamedTuple):
    """A frame of a clip.

    Attributes:
        image (ndarray): (S, S, 3) uint8 in BGR.
        landmarks (ndarray): (K, 2) in its pixels, seen or not.
        visible (ndarray): (K, ) bool, not under a cover.
        burst (bool): Whether something is held before the face, or the picture is blurred or dark.
    """

    image: np.ndarray
    landmarks: np.ndarray
    visible: np.ndarray
    burst: bool


def moving_face(
    image: np.ndarray,
    landmarks: np.ndarray,
    num_frames: int = 16,
    image_size: int = 192,
    motion: Motion = Motion(),
    burst_share: float = 0.25,
    seed: int = 0,
) -> list[MovingFrame]:
    """A clip in which a photographed face moves as a rendered one does, but in the plane of the picture: it is shifted,
    turned and zoomed. What it shows and from where stays the same; the noise of the camera is new in each frame.

    Args:
        image (ndarray): (H, W, 3) uint8 in BGR. Beyond its borders it is mirrored.
        landmarks (ndarray): (K, 2) of its face, in pixels.
        num_frames (int): T, at 25 frames a second.
        image_size (int): S, side of the frames.
        motion (Motion): How much and how fast the face moves; of its pose only the roll.
        burst_share (float): Share of the frames of a long clip that are in bursts of 3 to 10 frames.
        seed (int): Of what is random.

    Returns:
        list[MovingFrame]: T frames.
    """
    rng = np.random.default_rng(seed)
    _, sides = middle_and_size(tight_box(landmarks))
    rest = float(rng.uniform(*FACE)) * image_size / sides.max()
    image, landmarks = _shrunk(image, landmarks, 2 * rest)  # so that a warp reads all pixels
    middle, sides_then = middle_and_size(tight_box(landmarks))
    rest *= sides.max() / sides_then.max()

    head = sides_then.max() * rest / HEAD
    moves = smooth_processes(rng, np.arange(num_frames) / FRAME_RATE, motion.head_band, 4)
    moves *= [motion.shift * head, motion.shift * head, motion.zoom, np.deg2rad(motion.roll)]
    bursts = draw_bursts(num_frames, burst_share, rng)
    noise = rng.uniform(0, NOISE)
    clip = []
    for frame, (x, y, zoom, roll) in enumerate(moves):
        turned = rest * np.exp(zoom) * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
        shift = (image_size - 1) / 2 + np.array([x, y]) - turned @ middle
        seen = cv2.warpAffine(
            image,
            np.column_stack([turned, shift]),
            (image_size, image_size),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        points = landmarks @ turned.T + shift
        burst = next((one for one in bursts if one.start <= frame < one.stop), None)
        varied = vary(VARIANT_OF[burst.kind] if burst else 'common', seen, points, burst.seed if burst else 0)
        grain = rng.normal(0, noise, varied.image.shape)
        seen = np.clip(np.round(varied.image + grain), 0, 255).astype(np.uint8)
        clip.append(MovingFrame(seen, varied.landmarks, varied.visible, burst is not None))
    return clip


def _shrunk(image: np.ndarray, landmarks: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """The picture and its landmarks at a scale, if that is below 1."""
    if scale >= 1:
        return image, landmarks
    size = [max(1, round(length * scale)) for length in image.shape[1::-1]]
    smaller = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return smaller, (landmarks + 0.5) * np.array(size) / image.shape[1::-1] - 0.5
