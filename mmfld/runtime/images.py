"""One image, from a file, an array or a picture of Pillow."""
import io
from pathlib import Path
from typing import Any, Union

import cv2
import numpy as np

from .optional import load

Image = Union[str, Path, np.ndarray, Any]


def read_image(image: Image) -> np.ndarray:
    """An image as all else here takes it.

    Args:
        image (str | Path | ndarray | PIL.Image): File, of an animation its first frame; array (H, W) grey, (H, W, 1),
            (H, W, 3) BGR or (H, W, 4) BGRA of 8 or 16 bit; or picture of Pillow. What says how a camera was held (EXIF)
            is followed.

    Returns:
        ndarray: (H, W, 3) uint8 in BGR.

    Raises:
        FileNotFoundError: If the file does not exist.
        ImportError: If a package is not installed that reads AVIF or HEIC.
        ValueError: If a file is no complete image that OpenCV or Pillow reads, or an array has another shape or type.
        TypeError: For anything else.
    """
    if isinstance(image, (str, Path)):
        return _read_file(Path(image))
    if isinstance(image, np.ndarray):
        return _to_bgr(image)
    if hasattr(image, 'convert') and hasattr(image, 'getexif'):
        return _from_pillow(image)
    raise TypeError(f'image: found {type(image).__name__}, expected a file name, an array or a picture of Pillow')


def is_animated(path: Path) -> bool:
    """Whether a GIF has several frames.

    Raises:
        ValueError: If it is cut off.
    """
    pillow = load('PIL.Image', 'pillow', f'{path}: GIF')
    try:
        with pillow.open(path) as picture:
            animated = getattr(picture, 'is_animated', False)
    except OSError:
        return False  # whoever reads it will say so
    if animated and path.read_bytes().rstrip(b'\0')[-1:] != b';':
        raise ValueError(f'{path}: found a GIF that has no end: it is cut off')
    return animated


def _read_file(path: Path) -> np.ndarray:
    if not path.is_file():
        raise FileNotFoundError(f'image {path} does not exist')
    return decode_image(path.read_bytes(), str(path))


def decode_image(content: bytes, name: str, ignore_orientation: bool = False) -> np.ndarray:
    """The bytes of an image file as :func:`read_image` returns it; errors call it ``name``.

    With ``ignore_orientation`` pixels stay as they are stored, however the camera was held, but those of a TIFF.

    Raises:
        ValueError: If they are no complete image that OpenCV reads.
    """
    if content[:2] == b'\xff\xd8' and not _is_complete_jpeg(content):
        raise ValueError(f'{name}: found {len(content)} bytes of a JPEG that has no end: it is cut off')
    if content[:4] == b'GIF8' or content[8:12] == b'WEBP' or content[4:8] == b'ftyp':
        return _decode_with_pillow(name, content, ignore_orientation)
    flags = cv2.IMREAD_COLOR | (cv2.IMREAD_IGNORE_ORIENTATION if ignore_orientation else 0)
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags) if content else None
    except cv2.error as error:  # such as more than 2^30 pixels
        raise ValueError(f'{name}: OpenCV cannot read this image ({error.err})') from error
    if image is None:
        raise ValueError(f'{name}: not an image that OpenCV can read')
    return image


def _decode_with_pillow(name: str, content: bytes, ignore_orientation: bool) -> np.ndarray:
    """What OpenCV does not read, or not the right way up: GIF, WebP, AVIF and HEIC."""
    kind = 'WebP' if content[8:12] == b'WEBP' else 'GIF' if content[:3] == b'GIF' else 'HEIC or AVIF'
    pillow = load('PIL.Image', 'pillow', f'{name}: {kind}')
    brands = content[8:int.from_bytes(content[:4], 'big')] if content[4:8] == b'ftyp' else b''
    is_avif = b'avif' in brands or b'avis' in brands
    if is_avif and '.avif' not in pillow.registered_extensions():
        raise ImportError(f'{name}: AVIF needs Pillow 11.3 or newer, found {pillow.__version__}: run '
                          '`pip install -U pillow`')
    try:
        if brands and not is_avif:
            picture = load('pillow_heif', 'pillow-heif', f'{name}: HEIC').open_heif(io.BytesIO(content)).to_pillow()
        else:
            picture = pillow.open(io.BytesIO(content))
        return _from_pillow(picture, ignore_orientation)
    except ImportError:
        raise
    except Exception as error:  # decoders of many formats raise what they like, also for too many pixels
        reason = f'{type(error).__name__}: {error}'
        raise ValueError(f'{name}: not a complete image that Pillow can read ({reason})') from error


def _from_pillow(picture: Any, ignore_orientation: bool = False) -> np.ndarray:
    from PIL import ImageOps
    if not ignore_orientation:
        picture = ImageOps.exif_transpose(picture)
    if picture.mode == 'F':
        raise ValueError('found a picture of floats, whose range is not known, expected one of 8 or 16 bit')
    if picture.mode.startswith('I'):  # of 16 bit, which Pillow would cut off at 255
        return _to_bgr(np.asarray(picture).clip(0, 2**16 - 1).astype(np.uint16))
    return np.ascontiguousarray(np.asarray(picture.convert('RGB'))[..., ::-1])


def _to_bgr(array: np.ndarray) -> np.ndarray:
    channels = 1 if array.ndim == 2 else array.shape[-1] if array.ndim == 3 else 0
    if channels not in (1, 3, 4) or array.dtype not in (np.uint8, np.uint16) or not array.size:
        raise ValueError(f'found an array of shape {array.shape} and type {array.dtype}, expected (H, W), '
                         '(H, W, 1), (H, W, 3) in BGR or (H, W, 4) in BGRA, of uint8 or uint16')
    if array.dtype == np.uint16:
        if 0 < array.max() < 256:
            raise ValueError(f'found 16-bit values up to {array.max()}, expected up to 65535: if they are of 8 bit, '
                             'convert them to uint8')
        array = (array >> 8).astype(np.uint8)
    if channels == 1:
        return cv2.cvtColor(array.reshape(array.shape[:2]), cv2.COLOR_GRAY2BGR)
    return np.ascontiguousarray(array[..., :3])


def _is_complete_jpeg(content: bytes) -> bool:
    """Whether the end marker comes after the image data, where no other FF D9 can be.

    OpenCV fills up what is missing with grey, without a word.
    """
    at = 2
    while 0 <= at and at + 4 <= len(content):
        marker, length = content[at + 1], int.from_bytes(content[at + 2:at + 4], 'big')
        if content[at] != 0xff:  # what stands between two parts is skipped, as decoders do
            at = content.find(b'\xff', at)
        elif marker in (0xff, 0):  # padding
            at += 1
        elif marker == 0xda:
            return content.find(b'\xff\xd9', at + 2 + length) >= 0
        else:
            at += 2 + length
    return False
