"""Augmentation for pictures as they are outside of data sets: small, dark, compressed, moved, covered.

All act on the crop of a face, uint8 (H, W, 3) in place of the key ``img``, and draw from ``numpy.random``.
"""

import cv2
import numpy as np
from mmpose.registry import TRANSFORMS

from ...robustness.variants import motion_kernel
from .photometric import RandomImageTransform


@TRANSFORMS.register_module()
class RandomLowResolution(RandomImageTransform):
    """Shrinks the crop to a side that is log-uniform between two bounds, and enlarges it again.

    Args:
        prob (float): Defaults to 0.3.
        low, high (float): Bounds of the side, in parts of the crop's. Default to 1 / 12 and 1 / 2.
    """

    def __init__(self, prob: float = 0.3, low: float = 1 / 12, high: float = 1 / 2):
        super().__init__(prob)
        self.low = low
        self.high = high

    def augment(self, img: np.ndarray) -> np.ndarray:
        height, width = img.shape[:2]
        part = np.exp(np.random.uniform(np.log(self.low), np.log(self.high)))
        small = cv2.resize(
            img, (max(2, round(width * part)), max(2, round(height * part))), interpolation=cv2.INTER_AREA
        )
        enlarged_by = cv2.INTER_LINEAR if np.random.rand() < 0.7 else cv2.INTER_CUBIC
        return cv2.resize(small, (width, height), interpolation=enlarged_by)


@TRANSFORMS.register_module()
class RandomBrightness(RandomImageTransform):
    """Multiplies the crop by a factor that is log-uniform between two bounds, as a camera without enough light.

    Args:
        prob (float): Defaults to 0.2.
        low, high (float): Bounds of the factor. Default to 0.08 and 1.
    """

    def __init__(self, prob: float = 0.2, low: float = 0.08, high: float = 1.0):
        super().__init__(prob)
        self.low = low
        self.high = high

    def augment(self, img: np.ndarray) -> np.ndarray:
        return cv2.convertScaleAbs(img, alpha=np.exp(np.random.uniform(np.log(self.low), np.log(self.high))))


@TRANSFORMS.register_module()
class RandomJPEG(RandomImageTransform):
    """Compresses the crop as JPEG.

    Args:
        prob (float): Defaults to 0.2.
        low, high (int): Bounds of the quality, both included. Default to 5 and 60.
    """

    def __init__(self, prob: float = 0.2, low: int = 5, high: int = 60):
        super().__init__(prob)
        self.low = low
        self.high = high

    def augment(self, img: np.ndarray) -> np.ndarray:
        quality = np.random.randint(self.low, self.high + 1)
        _, content = cv2.imencode('.jpg', img, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return cv2.imdecode(content, cv2.IMREAD_COLOR)


@TRANSFORMS.register_module()
class RandomMotionBlur(RandomImageTransform):
    """Smears the crop along a line of any direction.

    Args:
        prob (float): Defaults to 0.15.
        max_length (float): Longest line, in parts of the crop's width. Defaults to 0.1.
    """

    def __init__(self, prob: float = 0.15, max_length: float = 0.1):
        super().__init__(prob)
        self.max_length = max_length

    def augment(self, img: np.ndarray) -> np.ndarray:
        length = np.random.uniform(2, max(3.0, self.max_length * img.shape[1]))
        kernel = motion_kernel(length, np.random.uniform(0, np.pi))
        return cv2.filter2D(img, -1, kernel, borderType=cv2.BORDER_REPLICATE)


@TRANSFORMS.register_module()
class RandomCover(RandomImageTransform):
    """Covers a part of the crop by a rectangle, an ellipse or a bar, equally often, and says which landmarks are under
    it:
    ``keypoints_covered`` (1, K) bool, where ``transformed_keypoints`` say where they are.

    What covers is, equally often, of one colour, of the crop's own colour at some place, or a piece of the crop from
    elsewhere, turned upside down.

    Args:
        prob (float): Defaults to 0.3.
        low, high (float): Bounds of the sides of rectangles and ellipses in parts of the crop's; a bar is as thick as
            half of that. Default to 0.15 and 0.5.
    """

    def __init__(self, prob: float = 0.3, low: float = 0.15, high: float = 0.5):
        super().__init__(prob)
        self.low = low
        self.high = high

    def transform(self, results: dict) -> dict | None:
        keypoints = results.get('transformed_keypoints')
        height, width = results['img'].shape[:2]
        cover = np.zeros((height, width), bool)
        if np.random.rand() < self.prob:
            cover = self._shape(height, width)
            results['img'] = self._fill(results['img'], cover[..., None])
        if keypoints is not None:
            columns, rows = np.round(keypoints[..., :2]).astype(int).clip(0, (width - 1, height - 1)).T
            results['keypoints_covered'] = cover[rows, columns].T
        return results

    def augment(self, img: np.ndarray) -> np.ndarray:
        return self._fill(img, self._shape(*img.shape[:2])[..., None])

    @staticmethod
    def _fill(img: np.ndarray, cover: np.ndarray) -> np.ndarray:
        filled = np.random.randint(3)
        if filled == 0:
            return np.where(cover, np.random.randint(0, 256, 3, np.uint8), img)
        if filled == 1:
            y, x = (np.random.randint(length) for length in img.shape[:2])
            return np.where(cover, img[y, x], img)
        shift = [np.random.randint(length) for length in img.shape[:2]]
        return np.where(cover, np.roll(img, shift, axis=(0, 1))[::-1], img)

    def _shape(self, height: int, width: int) -> np.ndarray:
        """(H, W) bool."""
        cover = np.zeros((height, width), np.uint8)
        sides = np.random.uniform(self.low, self.high, 2) * (width, height)
        middle = np.random.uniform(0, 1, 2) * (width, height)
        angle = np.random.uniform(0, 180)
        shape = np.random.randint(3)
        if shape == 0:
            box = cv2.boxPoints((middle.tolist(), sides.tolist(), angle))
            cv2.fillPoly(cover, [np.round(box).astype(np.int32)], 1)
        elif shape == 1:
            cv2.ellipse(cover, (middle.tolist(), sides.tolist(), angle), 1, cv2.FILLED)
        else:
            along = np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))]) * (width + height)
            first, last = (np.round(middle + sign * along).astype(int).tolist() for sign in (-1, 1))
            cv2.line(cover, first, last, 1, max(1, round(sides[0] / 2)))
        return cover.astype(bool)
