"""Images of a data set: whether they can be used, and ``<out>/images``, where the training looks for them."""

import hashlib
import io
import os
import shutil
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from PIL import Image

from mmfld.runtime.images import decode_image

from .problems import ConversionError, Problem
from .text_files import check_image_name

MIN_SIDE = 16  # pixels; a smaller image holds no face that could be annotated
MAX_SIDE = 2**15 - 1  # pixels; OpenCV does not warp larger ones
SUFFIXES = (
    '.avif',
    '.bmp',
    '.gif',
    '.jfif',
    '.jp2',
    '.jpe',
    '.jpeg',
    '.jpg',
    '.pgm',
    '.png',
    '.ppm',
    '.tif',
    '.tiff',
    '.webp',
)
# told by their content, whatever the name; MPO is a JPEG that holds more than one
PLAIN_FORMATS = ('BMP', 'JPEG', 'JPEG2000', 'MPO', 'PNG', 'PPM', 'TIFF', 'WEBP')
COPY_MARK = 'copied_from.txt'  # in a copy of the images: what it is a copy of
_EXIF_ORIENTATION = 0x0112

Size = tuple[int, int]


class ImageContent(NamedTuple):
    """(width, height) the right way up and a hash of the bytes; ``problem`` is (kind, message) if it cannot be used."""

    size: Size | None = None
    digest: str = ''
    problem: tuple[str, str] | None = None


def is_image(path: Path) -> bool:
    """Whether a file is an image by its suffix."""
    return path.suffix.lower() in SUFFIXES


def check_image(path: Path) -> ImageContent:
    """Decode an image, as training does and more strictly."""
    try:
        if not path.is_file():  # a pipe would be waited for
            return ImageContent(problem=('missing image', f'{path} does not exist or is no file'))
        content = path.read_bytes()
        image = Image.open(io.BytesIO(content))
        width, height = image.size
        if max(width, height) > MAX_SIDE:
            return ImageContent(
                problem=('image too large', f'{path} has {width} x {height} pixels, expected {MAX_SIDE} or less a side')
            )
        if min(width, height) < MIN_SIDE:
            return ImageContent(
                problem=('image too small', f'{path} has {width} x {height} pixels, expected {MIN_SIDE} or more a side')
            )
        expected = Image.registered_extensions().get(path.suffix.lower())
        if image.format not in (*PLAIN_FORMATS, expected):
            return ImageContent(
                problem=('wrong image format', f'{path} is a {image.format}, expected a {expected}, as its name says')
            )
        image.load()  # unlike OpenCV, Pillow refuses damaged data
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
        height, width = decode_image(content, str(path)).shape[:2]  # as in training, so it is to be the same there
    except Exception as error:  # decoders of many formats raise what they like
        return ImageContent(problem=('unreadable image', f'{path} does not decode ({error or type(error).__name__})'))
    if not isinstance(orientation, int):
        return ImageContent(
            problem=(
                'bad orientation',
                f'{path} has {orientation!r} as EXIF orientation, expected a number from 1 to 8',
            )
        )
    return ImageContent((width, height), hashlib.sha256(content).hexdigest())


def find_image(name: str, root: Path, file: Path, line: int | str | None, is_alone: bool = False) -> str:
    """The name within a folder of images of one that an annotation file names.

    It is looked for from that folder, from its ``images``, from beside the file, and from where the command runs; with
    the separators of any system.

    Args:
        name (str): As it stands in the file.
        root (Path): The folder of images.
        file (Path): The annotation file.
        line (int | str, optional): Where the name stands.
        is_alone (bool): Whether the file is of this image alone, so that one of this name beside it is the image where
            none is in the folder that it names, as after both were moved. Defaults to False.

    Returns:
        str: Relative to ``root``, with forward slashes. Of an image that is nowhere, the name as it is.

    Raises:
        Problem: If it is no name, or that of an image outside of the folder.
    """
    starts = (root, root / 'images', file.parent, Path())
    places = [start / text for text in dict.fromkeys((name, name.replace('\\', '/'))) for start in starts if text]
    if is_alone:
        places.append(file.parent / PureWindowsPath(name).name)
    for place in places:
        path = Path(os.path.abspath(place))
        if path.is_file():
            try:
                return path.relative_to(os.path.abspath(root)).as_posix()
            except ValueError:
                message = f'found {path}, expected an image in {root}: --images tells another folder'
                raise Problem('image elsewhere', message, file, line) from None
    return check_image_name(name.replace('\\', '/'), file, line)


def path_from(file: Path, image: Path) -> str:
    """How an annotation file names an image: from its own folder, with forward slashes."""
    return Path(os.path.relpath(image, file.parent)).as_posix()


def link_images(out: Path, root: Path) -> None:
    """Make ``out/images`` a link to the image root, or a copy of it where the file system has no links.

    Raises:
        ConversionError: If ``out/images`` exists and is something else.
    """
    link, root = out / 'images', root.resolve()
    mark = link / COPY_MARK
    if mark.is_file() and mark.read_text(encoding='utf-8') == str(root):
        return _copy_images(link, root)
    if link.is_symlink() or link.exists():
        if link.resolve() != root:
            raise ConversionError(
                f'{link}: found {link.resolve()}, expected a link to {root}; remove it or choose another --out'
            )
        return
    out.mkdir(parents=True, exist_ok=True)
    try:
        link.symlink_to(root, target_is_directory=True)
    except OSError as error:
        print(f'{link}: cannot be a link ({error}), so {root} is copied')
        link.mkdir()
        mark.write_text(str(root), encoding='utf-8')
        _copy_images(link, root)


def own_images(out: Path) -> Path:
    """``out/images`` as a folder for images that a converter itself writes.

    Raises:
        ConversionError: If it is a link, so that the images would end in another data set.
    """
    images = out / 'images'
    if images.is_symlink():
        raise ConversionError(
            f'{images}: found a link to {images.resolve()}, expected a folder or nothing, for the '
            'images; remove it or choose another --out'
        )
    return images


def _copy_images(folder: Path, root: Path) -> None:
    """Copy what is not there yet, but no copy into itself."""

    def copy(source: str, target: str) -> None:
        new, old = os.stat(source), os.stat(target) if os.path.isfile(target) else None
        # FAT counts time in steps of two seconds
        if old is None or old.st_size != new.st_size or abs(old.st_mtime - new.st_mtime) > 2:
            shutil.copy2(source, target)

    shutil.copytree(
        root,
        folder,
        dirs_exist_ok=True,
        copy_function=copy,
        ignore=lambda parent, names: [name for name in names if (Path(parent) / name).resolve() == folder.resolve()],
    )
