"""How large an upload may be. Sizes are read before anything is decoded."""

import io
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..runtime.optional import load

KEPT = 600  # seconds for which uploads, and what was found in them, are kept at most


@dataclass(frozen=True)
class Limits:
    """The largest upload.

    Args:
        megabytes (float): Of a file.
        megapixels (float): Of a picture, or of a frame of a video.
        seconds (float): Of a video.
    """

    megabytes: float = 50
    megapixels: float = 25
    seconds: float = 30

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f'found {name}={value!r}, expected a number above 0')

    def check_picture(self, content: bytes, name: str) -> None:
        """Raise a ValueError if the file of a picture is larger, or none whose size is known."""
        self._check_bytes(len(content), name)
        self._check_pixels(_picture_size(content, name), name)

    def check_video(self, path: Path) -> None:
        """Raise a ValueError if a video is larger, or none that PyAV opens."""
        self._check_bytes(existing_upload(path).stat().st_size, path.name)
        av = load('av', 'av', f'{path.name}: a video')
        try:
            with av.open(str(path)) as container:
                stream = container.streams.best('video')
                size = (stream.width, stream.height) if stream and stream.codec_context else None
                self.check_time(container.duration / 10**6 if container.duration else 0, path.name)
        except av.FFmpegError as error:
            raise ValueError(f'{path.name}: PyAV cannot open this video ({error.strerror})') from error
        if size is None:
            raise ValueError(f'{path.name}: found no pictures that PyAV can decode, expected a video')
        self._check_pixels(size, path.name)

    def check_time(self, seconds: float, name: str) -> None:
        """Raise a ValueError if a video is longer, or has come further than that."""
        if seconds > self.seconds:
            raise ValueError(f'{name}: found a video of {seconds:.1f} s, expected at most {self.seconds:g}: cut it')

    def _check_bytes(self, number: int, name: str) -> None:
        if number > self.megabytes * 10**6:
            raise ValueError(f'{name}: found {number / 1e6:.1f} MB, expected at most {self.megabytes:g}')

    def _check_pixels(self, size: tuple[int, int], name: str) -> None:
        width, height = size
        if width * height > self.megapixels * 10**6:
            raise ValueError(
                f'{name}: found {width} x {height} pixels, expected at most {self.megapixels:g} million: '
                'make it smaller'
            )


def existing_upload(path: Path) -> Path:
    """Raise a FileNotFoundError if it has been deleted, which is nothing that the visitor has done."""
    if not path.is_file():
        raise FileNotFoundError(f'{path.name}: uploads are deleted after {KEPT // 60} minutes: choose it again')
    return path


def _picture_size(content: bytes, name: str) -> tuple[int, int]:
    """(width, height) as the file says."""
    pillow = load('PIL.Image', 'pillow', name)
    with suppress(ImportError):  # without it, Pillow does not know HEIC
        import pillow_heif

        if pillow_heif.is_supported(content):
            return pillow_heif.open_heif(content).size
    try:
        with pillow.open(io.BytesIO(content)) as picture:
            return picture.size
    except pillow.DecompressionBombError as error:
        raise ValueError(f'{name}: {error}') from error
    except Exception as error:  # plugins of many formats raise what they like
        raise ValueError(f'{name}: found {len(content)} bytes of no picture that Pillow knows, expected one') from error
