"""One image, from a file, its bytes, an array or a picture of Pillow."""

import io
import re
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np

from .jpeg import damage
from .optional import load
from .pages import count_pages, is_animated_png, warn_of_frames
from .unfinished import write_finished

Image = str | Path | bytes | BinaryIO | np.ndarray | Any
DARKEST = 2**12  # of 16 bit: pictures that reach no more are mostly those of a camera with fewer bits
LONGEST = 2**15 - 2  # side that OpenCV samples crops of
ZEROS = 64  # more at the end of compressed pixels are none of them
LOSS = 0.02  # of the compression of floats
URL = re.compile('[a-z][a-z0-9+.-]+:/|data:', re.IGNORECASE)  # a path has but one of two slashes
KINDS = 'a file name, the bytes of a file, a file opened in binary mode, an array or a picture of Pillow'


def read_image(image: Image) -> np.ndarray:
    """An image as all else here takes it.

    >>> read_image(np.zeros((4, 6), np.uint16)).shape  # grey, 16 bit
    (4, 6, 3)

    Args:
        image (str | Path | bytes | BinaryIO | ndarray | PIL.Image): File, its content, or what is open to read this
            from, wherever it stands, of an animation its first frame, with a warning; array (H, W) grey, (H, W, 1),
            (H, W, 3) BGR or (H, W, 4) BGRA of 8 or 16 bit; or picture of Pillow. What says how a camera was held (EXIF)
            is followed. Of 16 bit the upper 8 are taken, whatever values a picture reaches: 14 bit that were not scaled
            are dark, which ``mmfld doctor`` finds, and of 12 or less are refused.

    Returns:
        ndarray: (H, W, 3) uint8 in BGR.

    Raises:
        FileNotFoundError: If the file does not exist.
        ImportError: If a package is not installed that reads AVIF or HEIC.
        ValueError: If a file is no complete image that OpenCV or Pillow reads, is a folder, or has several pages, it is
            a URL, an array has another shape or type, or a side is longer than 32,766 pixels.
        TypeError: For anything else.
    """
    check_kind(image)
    if isinstance(image, (str, Path)):
        return decode_image(existing_file(image, 'image').read_bytes(), str(image))
    if isinstance(image, (bytes, bytearray, memoryview)):
        return decode_image(bytes(image), 'image')
    if isinstance(image, np.ndarray):
        return _to_bgr(image)
    if hasattr(image, 'read'):
        return decode_image(_content(image), 'image')
    return _from_pillow(image)


def check_kind(image: Any, name: str = 'image') -> None:
    """Raise a TypeError if :func:`read_image` takes nothing of this type; it calls it ``name``."""
    if isinstance(image, (str, Path, bytes, bytearray, memoryview, np.ndarray)):
        return
    if hasattr(image, 'convert') and hasattr(image, 'getexif'):
        return
    expected = f'expected {KINDS}'
    if hasattr(image, 'read') and not isinstance(image, type):
        if isinstance(image, io.TextIOBase):
            raise TypeError(f"{name}: found a file opened as text, {expected}: open(..., 'rb')")
        return
    if type(image).__module__.partition('.')[0] == 'torch':
        raise TypeError(
            f'{name}: found a {type(image).__name__} of torch, whose order of axes and colours is not known, {expected}'
        )
    raise TypeError(f'{name}: found {type(image).__name__}, {expected}')


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


def existing_file(path: str | Path, name: str) -> Path:
    """A file that is there; errors call it ``name``.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is a URL or a folder.
    """
    file = Path(path)
    if file.is_file():
        return file
    if not file.exists() and URL.match(str(path)):
        shown = str(path) if len(str(path)) <= 200 else f'{str(path)[:197]}...'
        raise ValueError(f'{name}: found the URL {shown}, expected a file: nothing is downloaded')
    if not file.exists():
        raise FileNotFoundError(f'{name} {path} does not exist')
    raise ValueError(f'{name} {path}: found {"a folder" if file.is_dir() else "no regular file"}, expected a file')


def _content(stream: BinaryIO) -> bytes:
    if hasattr(stream, 'seekable') and stream.seekable():
        stream.seek(0)
    content = stream.read()
    if not isinstance(content, (bytes, bytearray)):
        raise TypeError(f'image: found {type(stream).__name__}, read as {type(content).__name__}, expected {KINDS}')
    return bytes(content)


def decode_image(content: bytes, name: str, ignore_orientation: bool = False) -> np.ndarray:
    """The bytes of an image file as :func:`read_image` returns it; errors call it ``name``.

    With ``ignore_orientation`` pixels stay as they are stored, however the camera was held, but those of a TIFF.

    Raises:
        ValueError: If they are no complete image that OpenCV reads, or several pages.
    """
    try:
        pages = count_pages(content)
        if pages > 1:
            raise ValueError(
                f'found a TIFF of {pages} pages, expected one picture: save each as a file, or give one '
                'as a picture of Pillow'
            )
        if is_animated_png(content):
            warn_of_frames(name)
        reason = damage(content) if content[:2] == b'\xff\xd8' else None
        if reason is not None:
            raise ValueError(f'found {len(content)} bytes of a JPEG that {reason}')
        _check_end(content)
        if content[:4] == b'GIF8' or content[8:12] == b'WEBP' or content[4:8] == b'ftyp':
            return _decode_with_pillow(name, content, ignore_orientation)
        return _decode_with_opencv(content, ignore_orientation)
    except ValueError as error:
        raise ValueError(f'{name}: {error}') from error


def _check_end(content: bytes) -> None:
    """Raise a ValueError for an image of which decoders take the beginning, and make up the rest."""
    zeros = len(content) - len(content.rstrip(b'\0'))
    if (content[8:12] == b'WEBP' or content[4:8] == b'ftyp') and zeros > ZEROS:
        raise ValueError(
            f'found {zeros} zeros at the end of {len(content)} bytes: it was not copied or downloaded whole'
        )
    is_jpeg_2000 = content[4:8] == b'jP  ' or content[:4] == b'\xff\x4f\xff\x51'
    if is_jpeg_2000 and b'\xff\xd9' not in content:  # which stands nowhere else
        raise ValueError(f'found {len(content)} bytes of a JPEG 2000 that has no end: it is cut off')


def _decode_with_opencv(content: bytes, ignore_orientation: bool) -> np.ndarray:
    # not as OpenCV would make 8 bit of it: floats in 0..255 would be white
    flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH | (cv2.IMREAD_IGNORE_ORIENTATION if ignore_orientation else 0)
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags) if content else None
    except cv2.error as error:  # such as more than 2^30 pixels
        raise ValueError(f'OpenCV cannot read this image ({error.err})') from error
    if image is None:
        raise ValueError('not an image that OpenCV can read')
    return _to_bgr(_from_floats(image))


def _from_floats(image: np.ndarray) -> np.ndarray:
    """Those of a file, which are in 0..1 as OpenCV and others write them, as 8 bit."""
    if image.dtype not in (np.float32, np.float64):
        return image
    if not (image.min() >= -LOSS and image.max() <= 1 + LOSS):
        raise ValueError(
            f'found floats from {image.min():g} to {image.max():g}, expected 0 to 1, or 8 or 16 bit: write it as uint8'
        )
    return (image * 255).round().clip(0, 255).astype(np.uint8)


def _decode_with_pillow(name: str, content: bytes, ignore_orientation: bool) -> np.ndarray:
    """What OpenCV does not read, or not the right way up: GIF, WebP, AVIF and HEIC."""
    kind = 'WebP' if content[8:12] == b'WEBP' else 'GIF' if content[:3] == b'GIF' else 'HEIC or AVIF'
    pillow = load('PIL.Image', 'pillow', f'{name}: {kind}')
    brands = content[8 : int.from_bytes(content[:4], 'big')] if content[4:8] == b'ftyp' else b''
    is_avif = b'avif' in brands or b'avis' in brands
    if is_avif and '.avif' not in pillow.registered_extensions():
        raise ImportError(
            f'{name}: AVIF needs Pillow 11.3 or newer, found {pillow.__version__}: run `pip install -U pillow`'
        )
    try:
        if brands and not is_avif:
            picture = load('pillow_heif', 'pillow-heif', f'{name}: HEIC').open_heif(io.BytesIO(content)).to_pillow()
        else:
            picture = pillow.open(io.BytesIO(content))
        picture.load()
    except ImportError:
        raise
    except Exception as error:  # decoders of many formats raise what they like, also for too many pixels
        reason = f'{type(error).__name__}: {error}'
        raise ValueError(f'not a complete image that Pillow can read ({reason})') from error
    if kind != 'HEIC or AVIF' or is_avif:  # HEIC says which of several is its picture
        frames = getattr(picture, 'n_frames', 1)
        if frames > 1:
            warn_of_frames(name, frames)
    return _from_pillow(picture, ignore_orientation)


def _from_pillow(picture: Any, ignore_orientation: bool = False) -> np.ndarray:
    from PIL import ImageOps

    if not ignore_orientation:
        picture = ImageOps.exif_transpose(picture)
    if picture.mode == 'F':
        raise ValueError('found a picture of floats, whose range is not known, expected one of 8 or 16 bit')
    if picture.mode.startswith('I'):  # of 16 bit, which Pillow would cut off at 255
        return _to_bgr(np.asarray(picture).clip(0, 2**16 - 1).astype(np.uint16))
    return _to_bgr(np.ascontiguousarray(np.asarray(picture.convert('RGB'))[..., ::-1]))


def _to_bgr(array: np.ndarray) -> np.ndarray:
    channels = 1 if array.ndim == 2 else array.shape[-1] if array.ndim == 3 else 0
    array = array.astype(array.dtype.newbyteorder('='), copy=False)  # of either order of bytes
    if channels not in (1, 3, 4) or array.dtype not in (np.uint8, np.uint16) or not array.size:
        raise ValueError(
            f'found an array of shape {array.shape} and type {array.dtype}, expected (H, W), '
            '(H, W, 1), (H, W, 3) in BGR or (H, W, 4) in BGRA, of uint8 or uint16'
        )
    if max(array.shape[:2]) > LONGEST:
        raise ValueError(
            f'found {array.shape[1]} x {array.shape[0]} pixels, expected sides of at most {LONGEST}: cut or shrink it'
        )
    if array.dtype == np.uint16:
        if 0 < array.max() < DARKEST:
            raise ValueError(
                f'found 16-bit values up to {array.max()}, expected up to 65535: if they are of '
                f'{int(array.max()).bit_length()} bit, scale them, or convert them to uint8'
            )
        array = (array >> 8).astype(np.uint8)
    if channels == 1:
        return cv2.cvtColor(array.reshape(array.shape[:2]), cv2.COLOR_GRAY2BGR)
    return np.ascontiguousarray(array[..., :3])


def write_image(path: Path, image: np.ndarray) -> None:
    """Write an image (H, W, 3) uint8 in BGR, as a whole or not at all, in the format of the name.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If OpenCV knows no such format, or cannot write this image in it.
    """
    try:
        is_encoded, content = cv2.imencode(path.suffix, image)
    except cv2.error:
        is_encoded = False
    if not is_encoded:
        raise ValueError(f'{path}: OpenCV cannot write this image')
    write_finished(path, content.tobytes())
