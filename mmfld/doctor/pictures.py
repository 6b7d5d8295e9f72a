"""Whether every image opens in full, has the size that the annotations say, and shows something."""

import io
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
from tqdm import tqdm

from ..counts import how_many
from ..datasets.transforms import LoadFaceImage, LoadVideoFrame
from ..runtime.images import decode_image
from ..runtime.media import VIDEO_SUFFIXES
from .finding import Finding, error, note, shortened, warning
from .machine import cores
from .parts import Part
from .picture_cache import THUMBNAIL, Key, Picture, PictureCache, key_of

ORIENTATION = 0x0112  # in EXIF
QUARTER_TURNED = 5  # from which value on width and height change places
MEND = 'copy the file again from its source'
KEPT_AT_ONCE = 1000
CONTRAST = 4  # grey levels between the darkest and the brightest pixel of a thumbnail; at least 78 on 300W


def look_at_pictures(parts: Sequence[Part], cache: PictureCache, pictures: dict[str, Picture]) -> Iterator[Finding]:
    """Findings about the images of data sets; what opens is put into ``pictures``, by its path."""
    wanted: dict[str, bool] = {}
    for part in parts:
        for path in dict.fromkeys(face['img_path'] for face in part.faces()):
            wanted.setdefault(path, ignores_orientation(part.config))
    videos = {path for path in wanted if Path(path).suffix.lower() in VIDEO_SUFFIXES}
    found = read_all([(path, ignore) for path, ignore in wanted.items() if path not in videos], cache)
    pictures.update({path: picture for path, picture in found.items() if isinstance(picture, Picture)})
    for part in parts:
        yield from _of_part(part, found)
        yield from _of_light(part, pictures)
        yield from _of_orientation(part, pictures)
        yield from _of_videos(part, videos)
    if found:
        yield note('images', f'{len(pictures)} of {how_many(len(found), "image")} open in full')


def read_all(images: Sequence[tuple[str, bool]], cache: PictureCache) -> dict[str, Picture | Exception]:
    """Open images on all cores, but for those that are known.

    Args:
        images (Sequence[tuple]): Paths, and whether the orientation in a file is ignored.
        cache (PictureCache): Of earlier looks; learns the new ones.

    Returns:
        dict: By path, the picture or why it does not open.
    """
    known, found, fresh = cache.known(), {}, []
    unknown: list[Key] = []
    for path, ignore in images:
        try:
            key = key_of(path, ignore)
        except OSError as fault:
            found[path] = fault
            continue
        if key in known:
            found[path] = known[key]
        else:
            unknown.append(key._replace(path=path))
    # decoding releases the interpreter lock
    with ThreadPoolExecutor(cores()) as pool:
        try:
            for key, picture in zip(
                unknown, tqdm(pool.map(_read, unknown), 'images', len(unknown), unit='image', leave=False, disable=None)
            ):
                found[key.path] = picture
                if isinstance(picture, Picture):
                    fresh.append((key_of(key.path, key.ignore_orientation), picture))
                if len(fresh) >= KEPT_AT_ONCE:  # so that an interrupted look goes on
                    cache.keep(fresh)
                    fresh.clear()
        finally:
            pool.shutdown(cancel_futures=True)
            cache.keep(fresh)
    return found


def ignores_orientation(config: dict) -> bool:
    """Whether the pipeline of a data set takes pixels as they are stored."""
    return any(step.get('ignore_orientation', False) for step in config.get('pipeline', ()) if isinstance(step, dict))


def _read(key: Key) -> Picture | Exception:
    try:
        content = Path(key.path).read_bytes()
        image = decode_image(content, key.path, key.ignore_orientation)
    except (OSError, ValueError, ImportError, cv2.error, MemoryError) as fault:
        return fault
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    thumbnail = cv2.resize(grey, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    return Picture(image.shape[1::-1], thumbnail, _peak(content), _orientation(content))


def _orientation(content: bytes) -> int:
    try:
        found = PIL.Image.open(io.BytesIO(content)).getexif().get(ORIENTATION, 1)
    except Exception:  # what Pillow does not read, or EXIF that is damaged: then nothing was turned by it
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _peak(content: bytes) -> int:
    """See :class:`Picture`; formats that always have 8 bit are not decoded again."""
    is_png = content[:4] == b'\x89PNG'
    if not (content[24:25] == b'\x10' if is_png else content[:2] in (b'II', b'MM', b'P5', b'P6')):
        return 0
    stored = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
    return int(stored.max()) if stored.dtype == np.uint16 else 0


def _of_light(part: Part, pictures: dict[str, Picture]) -> Iterator[Finding]:
    """Images of one colour, and those of a camera of 10 to 15 bits in files of 16."""
    shown = {face['img_path']: pictures[face['img_path']] for face in part.faces() if face['img_path'] in pictures}
    uniform = [path for path, picture in shown.items() if np.ptp(picture.thumbnail) < CONTRAST]
    if uniform:
        yield warning(
            part.name,
            f'{len(uniform)} of {how_many(len(shown), "image")} are of one colour: {shortened(uniform)}',
            MEND,
            uniform,
        )
    peaks = [picture.peak for picture in shown.values() if picture.peak]
    if peaks and max(peaks) < 2**15:
        bits = max(peaks).bit_length()
        yield warning(
            part.name,
            f'the {how_many(len(peaks), "image")} of 16 bit reach {max(peaks)} of 65535, as those of {bits} '
            f'bits do: they are loaded at 1/{2 ** (16 - bits)} of their brightness',
            f'multiply the pixels by {2 ** (16 - bits)} where they are of {bits} bits, or write 8 bit',
        )


def _of_orientation(part: Part, pictures: dict[str, Picture]) -> Iterator[Finding]:
    """Images that are turned as they are loaded, so that their size does not tell whether their points were, too."""
    if ignores_orientation(part.config):
        return
    turned = {}
    for face in part.faces():
        picture = pictures.get(face['img_path'])
        if picture is None or picture.orientation == 1:
            continue
        keeps_size = picture.orientation < QUARTER_TURNED or picture.size[0] == picture.size[1]
        if keeps_size or face.get('image_size') is None:
            turned[face['img_path']] = picture
    if turned:
        yield warning(
            part.name,
            f'{how_many(len(turned), "image is", "images are")} turned or mirrored as EXIF says, and the size does not '
            f'tell whether the points were annotated so: {shortened(list(turned))}',
            'look at some by tools/misc/browse_dataset.py; if the points are those of the pixels as they are stored, '
            "take dict(type='LoadFaceImage', ignore_orientation=True)",
            list(turned),
        )


def _of_part(part: Part, found: dict[str, Picture | Exception]) -> Iterator[Finding]:
    sizes = {}
    for face in part.faces():
        sizes.setdefault(face['img_path'], face.get('image_size'))
    missing = [path for path in sizes if isinstance(found.get(path), FileNotFoundError)]
    if len(missing) > 1 and len(missing) == len(sizes):  # a wrong folder, and not so many lost files
        yield error(
            part.name,
            f'none of the {how_many(len(missing), "image")} is there, such as {missing[0]}',
            f'correct data_root or data_prefix: --cfg-options {part.name.split(",")[0]}_dataset.data_root=...'
            if part.config.get('data_root')
            else 'put them into ../images of the annotation file, or beside it',
        )
        return
    for path, size in sizes.items():
        picture = found.get(path)
        if isinstance(picture, FileNotFoundError):
            yield error(part.name, f'image {path} does not exist', MEND)
        elif isinstance(picture, Exception):
            reason = str(picture) if path in str(picture) else f'{path}: {picture}'
            yield error(part.name, reason, MEND)
        elif picture is not None and size is not None and picture.size != tuple(size):
            yield error(
                part.name,
                _why_not(path, size, ignores_orientation(part.config)),
                'convert the data set again, or copy the image from where it was annotated',
            )


def _why_not(path: str, size: tuple[int, int], ignore_orientation: bool) -> str:
    """What a training would say of an image of another size."""
    try:
        LoadFaceImage(ignore_orientation=ignore_orientation)(dict(img_path=path, image_size=size))
    except ValueError as fault:
        return str(fault)
    return f'{path}: changed while it was looked at'


def _of_videos(part: Part, videos: Iterable[str]) -> Iterator[Finding]:
    """Videos are opened at the first and the last annotated frame."""
    frames: dict[str, list[int]] = {path: [] for path in videos}
    for face in part.faces():
        if face['img_path'] in frames:
            frames[face['img_path']].append(face.get('frame', 0))
    seen = 0
    for path, numbers in frames.items():
        for frame in dict.fromkeys((min(numbers), max(numbers)) if numbers else ()):
            reason = _frame_fault(path, frame)
            if reason:
                yield error(part.name, reason, MEND)
        seen += bool(numbers)
    if seen:
        yield note(
            part.name,
            f'of {how_many(seen, "video")} only the first and the last annotated frame were decoded, and '
            'they were not compared with others',
        )


def _frame_fault(path: str, frame: int) -> str | None:
    try:
        LoadVideoFrame()(dict(img_path=path, frame=frame))
    except (OSError, ValueError, IndexError) as fault:
        return str(fault)
