"""Photometric augmentation of the STAR reference code, and of the subpixel paper, that neither MMPose nor mmcv has.

The rest of STAR's is MMPose's ``RandomFlip`` and mmcv's ``RandomGrayscale``. All act on uint8 images (H, W, 3) in place
of the key ``img`` and draw from ``numpy.random``.
"""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS


class RandomImageTransform(BaseTransform):
    """Applies :meth:`augment` to ``img`` with probability ``prob``."""

    def __init__(self, prob: float):
        self.prob = prob

    def transform(self, results: dict) -> dict | None:
        if np.random.rand() < self.prob:
            results['img'] = self.augment(results['img'])
        return results

    def augment(self, img: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def __repr__(self) -> str:
        arguments = ', '.join(f'{key}={value}' for key, value in vars(self).items())
        return f'{self.__class__.__name__}({arguments})'


@TRANSFORMS.register_module()
class RandomOcclusion(RandomImageTransform):
    """Blacks out one rectangle; its sides are at most half the image.

    Height and width are fractions r / 2 of the image with r ~ U(low, high), the width's r within 0.2 of the height's.

    Args:
        prob (float): Defaults to 0.4.
        low, high (float): Default to 0.2 and 0.8.
    """

    def __init__(self, prob: float = 0.4, low: float = 0.2, high: float = 0.8):
        super().__init__(prob)
        self.low = low
        self.high = high

    def augment(self, img: np.ndarray) -> np.ndarray:
        height, width = img.shape[:2]
        tall = np.random.uniform(self.low, self.high)
        wide = np.random.uniform(tall - 0.2, tall + 0.2)
        dy, dx = int(height / 2 * tall) // 2, int(width / 2 * wide) // 2
        y, x = int((height - 1) * np.random.rand()), int((width - 1) * np.random.rand())
        img[max(y - dy, 0) : y + dy + 1, max(x - dx, 0) : x + dx + 1] = 0
        return img


@TRANSFORMS.register_module()
class RandomBoxBlur(RandomImageTransform):
    """Box blur with a kernel of random size, odd or even.

    Args:
        prob (float): Defaults to 0.3.
        max_kernel (float): Largest kernel as a fraction of the image width. Defaults to 0.05.
    """

    def __init__(self, prob: float = 0.3, max_kernel: float = 0.05):
        super().__init__(prob)
        self.max_kernel = max_kernel

    def augment(self, img: np.ndarray) -> np.ndarray:
        kernel = int(img.shape[1] * self.max_kernel * np.random.rand())
        return cv2.blur(img, (kernel, kernel)) if kernel > 1 else img


@TRANSFORMS.register_module()
class RandomGamma(RandomImageTransform):
    """Gamma curve 255 (v / 255)^g, with g ~ U(1 / max_gamma, 1) or U(1, max_gamma), equally often.

    Args:
        prob (float): Defaults to 0.2.
        max_gamma (float): Defaults to 4.
    """

    def __init__(self, prob: float = 0.2, max_gamma: float = 4.0):
        super().__init__(prob)
        self.max_gamma = max_gamma

    def augment(self, img: np.ndarray) -> np.ndarray:
        brighten = np.random.rand() < 0.5
        gamma = np.random.uniform(1 / self.max_gamma, 1) if brighten else np.random.uniform(1, self.max_gamma)
        return cv2.LUT(img, (255 * (np.arange(256) / 255) ** gamma).astype(np.uint8))


@TRANSFORMS.register_module()
class RandomByteNoise(RandomImageTransform):
    """Blends the image with uniform random bytes, with weight ~ U(0, max_weight).

    Args:
        prob (float): Defaults to 0.2.
        max_weight (float): Defaults to 0.5.
    """

    def __init__(self, prob: float = 0.2, max_weight: float = 0.5):
        super().__init__(prob)
        self.max_weight = max_weight

    def augment(self, img: np.ndarray) -> np.ndarray:
        weight = np.random.uniform(0, self.max_weight)
        noise = np.frombuffer(np.random.bytes(img.size), np.uint8).reshape(img.shape)
        return cv2.addWeighted(img, 1 - weight, noise, weight, 0)


@TRANSFORMS.register_module()
class RandomChannelGain(RandomImageTransform):
    """Multiplies each colour channel by a factor of its own.

    The subpixel paper's colour jittering between 0.6 and 1.4 (section 4).

    Args:
        prob (float): Defaults to 1.
        low, high (float): Bounds of the uniform factors. Default to 0.6 and 1.4.
    """

    def __init__(self, prob: float = 1.0, low: float = 0.6, high: float = 1.4):
        super().__init__(prob)
        self.low = low
        self.high = high

    def augment(self, img: np.ndarray) -> np.ndarray:
        gains = np.random.uniform(self.low, self.high, img.shape[2])
        # a table of the 256 values for each channel; cv2.LUT applies it in one pass and OpenCV rounds and saturates it
        table = cv2.convertScaleAbs(np.arange(256)[:, None] * gains)
        return cv2.LUT(img, table[:, None])
