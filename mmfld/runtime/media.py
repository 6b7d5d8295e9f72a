"""Images, folders, videos and cameras as one stream of frames, and results saved frame by frame.

Nothing is kept, so memory does not grow with the length of a video.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import compress
from pathlib import Path
from typing import IO, Any, Literal

import cv2
import numpy as np

from ..counts import how_many
from .frame import Frame
from .images import Image, check_kind, existing_file, is_animated, read_image, write_image
from .stream import StreamSource, is_address
from .unfinished import finish, naming, unfinished, write_finished
from .video import VideoSource, VideoWriter

VIDEO_SUFFIXES = ('.avi', '.flv', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.webm', '.wmv')
WRITABLE_SUFFIXES = ('.bmp', '.jp2', '.jpe', '.jpeg', '.jpg', '.pgm', '.png', '.ppm', '.tif', '.tiff', '.webp')
IMAGE_SUFFIXES = ('.avif', '.gif', '.heic', '.heif', '.jfif') + WRITABLE_SUFFIXES


class ImageSource:
    """A list of image files and arrays.

    Args:
        inputs (Sequence[str | Path | bytes | BinaryIO | ndarray | PIL.Image]): As
            :func:`~mmfld.runtime.images.read_image` takes them.
        strict (bool): Whether an image that cannot be read is an error; if not, it is left out and noted in ``broken``,
            a list of names and reasons. Defaults to True.

    Raises:
        FileNotFoundError: If a file does not exist.
        TypeError: If one is no image of any kind.
        ValueError: If one is a folder or a URL.
    """

    is_video: Literal[False] = False
    is_live = False
    summary = ''

    def __init__(self, inputs: Sequence[Image], strict: bool = True) -> None:
        for index, item in enumerate(inputs):
            check_kind(item, f'image {index}')
        self.inputs = [existing_file(item, 'image') if isinstance(item, (str, Path)) else item for item in inputs]
        self.strict = strict
        self.broken: list[tuple[str, str]] = []
        self.left_out: Sequence[Path] = ()  # of a folder, files of other kinds
        self.folders: Sequence[Path] = ()  # within it

    @property
    def length(self) -> int:
        return len(self.inputs)

    @property
    def notice(self) -> str:
        """About files of other kinds and further folders in a folder, empty if there are none."""
        told = []
        if self.left_out:
            kinds = ', '.join(sorted({path.suffix or path.name for path in self.left_out}))
            told.append(
                f'left out, as the suffix is of no picture: {how_many(len(self.left_out), "file")} of '
                f'{self.left_out[0].parent} ({kinds})'
            )
        if self.folders:
            names = ', '.join(path.name for path in self.folders[:3]) + ', ...' * (len(self.folders) > 3)
            told.append(
                f'not looked into: {how_many(len(self.folders), "folder")} in {self.folders[0].parent} ({names})'
            )
        return '; '.join(told)

    @property
    def names(self) -> tuple[str, ...]:
        """File names without folder, under which results are saved."""
        return tuple(map(self.name_of, range(len(self.inputs))))

    def name_of(self, index: int) -> str:
        item = self.inputs[index]
        return item.name if isinstance(item, Path) else f'{index:010d}.jpg'

    def __iter__(self) -> Iterator[Frame]:
        """Read the images one by one.

        Raises:
            ValueError: If one cannot be read, unless they are not ``strict``.
            ImportError: If a package is not installed that reads it, likewise.
        """
        self.broken.clear()
        for index, (item, name) in enumerate(zip(self.inputs, self.names)):
            path = str(item) if isinstance(item, Path) else name
            try:
                image = read_image(item)
            except (ImportError, OSError, ValueError) as error:
                reason = str(error) if isinstance(item, Path) else f'image {index}: {error}'
                if self.strict:
                    raise (ImportError if isinstance(error, ImportError) else ValueError)(reason) from error
                self.broken.append((path, reason))
                continue
            yield Frame(image, path, index)


class CameraSource:
    """A camera, through OpenCV.

    Args:
        number (int): Its number.

    Raises:
        ValueError: If OpenCV cannot open it.
    """

    is_video: Literal[True] = True
    is_live = True
    length = None
    notice = ''
    summary = ''
    time_base = Fraction(1, 90000)  # fine enough for the times at which pictures come

    def __init__(self, number: int) -> None:
        self.path = f'webcam:{number}'
        self.name = f'webcam_{number}'
        self.broken: list[tuple[str, str]] = []
        self._capture = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            raise ValueError(f'{self.path}: OpenCV cannot open this camera')
        self.fps = self._capture.get(cv2.CAP_PROP_FPS) or 25.0  # cameras may report 0

    def __iter__(self) -> Iterator[Frame]:
        """Read pictures, with the times at which they come, until there are no more, then close the camera.

        Raises:
            ValueError: If there is not one.
        """
        index, start = 0, None
        try:
            while True:
                read, image = self._capture.read()
                if not read:
                    break
                now = time.monotonic()
                start = now if start is None else start
                yield Frame(image, self.path, index, now - start, 1 / self.fps)
                index += 1
        finally:
            self._capture.release()
        if not index:
            raise ValueError(f'{self.path}: opened, but OpenCV can read no frame of it')


Source = ImageSource | VideoSource | CameraSource | StreamSource
Inputs = Image | Sequence[Image] | Source


def open_source(inputs: Inputs, strict: bool = True, reconnects: int = 5, drop_late: bool = False) -> Source:
    """What to read for an inferencer's ``inputs``.

    Args:
        inputs: Path of an image, a video or a folder of images (not its subfolders; in the order of their names);
            ``'webcam'`` or ``'webcam:1'``; the ``rtsp://`` or ``http(s)://`` address of a video; an image as
            :func:`~mmfld.runtime.images.read_image` takes it; or a list of images and paths of images. An animated GIF
            is a video; of one in a folder or a list, and of other animations, the first frame is taken, with a warning.
            What this function returned is returned again.
        strict (bool): See :class:`ImageSource` and :class:`~mmfld.runtime.video.VideoSource`.
        reconnects, drop_late: See :class:`~mmfld.runtime.stream.StreamSource`.

    Raises:
        FileNotFoundError: If a path does not exist.
        ImportError: If PyAV is not installed, for a video.
        TypeError: For what is none of these.
        ValueError: For a folder without images, the URL of an image, a file that is neither image nor video by its
            suffix, a camera that is not given as ``webcam:NUMBER``, an empty sequence, or a video, camera or stream
            that cannot be opened.
    """
    if isinstance(inputs, Source):
        return inputs
    if isinstance(inputs, Sequence) and not isinstance(inputs, (str, bytes, bytearray)):
        if not len(inputs):
            raise ValueError('inputs: found an empty sequence, expected at least one image')
        return ImageSource(inputs, strict)
    if isinstance(inputs, Iterator) and not hasattr(inputs, 'read'):
        raise TypeError(
            f'inputs: found {type(inputs).__name__}, expected a path, an image or a list of them: '
            'list(...) makes one of it'
        )
    if not isinstance(inputs, (str, Path)):
        return ImageSource([inputs], strict)
    if not str(inputs).strip():
        raise ValueError("inputs: found an empty name, expected a path; '.' is this folder")
    if str(inputs).lower().split(':')[0] == 'webcam':
        number = str(inputs)[len('webcam:') :] or '0'
        if not number.isdigit():
            raise ValueError(f"inputs: found {inputs!r}, expected 'webcam' or 'webcam:NUMBER'")
        return CameraSource(int(number))

    if is_address(str(inputs)) and Path(str(inputs).partition('?')[0]).suffix.lower() not in IMAGE_SUFFIXES:
        return StreamSource(str(inputs), strict, reconnects, drop_late)
    path = Path(inputs)
    if path.is_dir():
        with os.scandir(path) as entries:
            seen = sorted(
                (entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith('.')
            )  # such as the ._* that macOS leaves
        names = [name for name, is_folder in seen if not is_folder]  # with links to what is not there
        is_image = [os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES for name in names]
        if not any(is_image):
            raise ValueError(f'folder {path}: found no image, expected files ending in {", ".join(IMAGE_SUFFIXES)}')
        source = ImageSource([], strict)
        source.inputs = [path / name for name in compress(names, is_image)]  # which were there a moment ago
        source.left_out = [path / name for name, image in zip(names, is_image) if not image]
        source.folders = [path / name for name, is_folder in seen if is_folder]
        return source
    existing_file(inputs, 'input')
    if path.suffix.lower() in VIDEO_SUFFIXES or path.suffix.lower() == '.gif' and is_animated(path):
        return VideoSource(path, strict)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return ImageSource([path], strict)
    raise ValueError(
        f'input {path}: found suffix {path.suffix!r}, expected an image ({", ".join(IMAGE_SUFFIXES)}), a '
        f'video ({", ".join(VIDEO_SUFFIXES)}) or a folder of images'
    )


def check_names(sources: Sequence[Source], folder: Path) -> None:
    """Raise a ValueError if results of two inputs would be saved in a folder under one name."""
    names = ([source.name] if source.is_video else [Path(name).stem for name in source.names] for source in sources)
    _check_unique([name for of_source in names for name in of_source], folder)


class ResultWriter:
    """Saves drawn pictures and predictions under the names of their source.

    Images keep their file name (as PNG where OpenCV does not write their format); each gets its own json file with the
    list of its faces. A video becomes NAME.mp4, see :class:`~mmfld.runtime.video.VideoWriter`, and one NAME.json,
    [{"frame_id": 0, "time": 0.0, "instances": [...]}, ...], with the time in seconds, and of a stream what happened
    before a frame (``Frame.since``). Both formats are MMPose's, but for these.

    In a ``with`` statement the files of a video end in .part until it is left without an error; to stop a camera or to
    read no further is none.

    Args:
        source (Source): What is predicted on.
        vis_out_dir (str): Folder for pictures, or the name of an mp4 file; none if empty.
        pred_out_dir (str): Folder for json files; none if empty.

    Raises:
        ValueError: If two inputs would be saved under one name, an input would be overwritten, or ``vis_out_dir`` is a
            file name for images or of another kind of video.
    """

    def __init__(self, source: Source, vis_out_dir: str = '', pred_out_dir: str = '') -> None:
        self.source = source
        self._vis_dir = Path(vis_out_dir) if vis_out_dir else None
        self._pred_dir = Path(pred_out_dir) if pred_out_dir else None
        if self._vis_dir is not None:
            suffix = self._vis_dir.suffix.lower()
            if suffix in IMAGE_SUFFIXES + VIDEO_SUFFIXES and not (source.is_video and suffix == '.mp4'):
                raise ValueError(
                    f'vis_out_dir: found {vis_out_dir}, expected a folder for pictures or, of a video, a '
                    'name that ends in .mp4'
                )
            _check_pictures(source, self._vis_dir)
        if self._pred_dir is not None and not source.is_video:
            _check_unique([Path(name).stem for name in source.names], self._pred_dir)
            _check_predictions(source, self._pred_dir)
        self._video: VideoWriter | None = None
        self._json: IO[str] | None = None
        self._json_path = Path()
        self._unfinished: list[Path] = []

    def __enter__(self) -> 'ResultWriter':
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        is_end = error is None or error is GeneratorExit or error is KeyboardInterrupt and self.source.is_live
        self.close(is_end)

    def write_picture(self, frame: Frame, picture: np.ndarray) -> None:
        """Save a picture (H, W, 3) uint8 in BGR.

        Raises:
            ImportError: If PyAV is not installed, for a video.
            ValueError: If OpenCV cannot write it.
        """
        if self._vis_dir is None:
            return
        if not self.source.is_video:
            path = self._vis_dir / _picture_name(self.source.name_of(frame.index))
            write_image(path, picture)
            return
        size = picture.shape[1], picture.shape[0]
        if self._video is None:
            self._video = VideoWriter(self._begin(_film(self.source, self._vis_dir)), *size, self.source)
            self._video_size = size
        if size != self._video_size:  # a film has one size
            picture = cv2.resize(picture, self._video_size, interpolation=cv2.INTER_AREA)
        assert frame.time is not None and frame.duration is not None  # of a video
        self._video.write(picture, frame.time, frame.duration)

    def write_instances(self, frame: Frame, instances: list[dict]) -> None:
        """Save the faces of an image, as a list of plain data; NumPy's scalars and arrays are turned into it."""
        if self._pred_dir is None:
            return
        if not self.source.is_video:
            path = self._pred_dir / f'{Path(self.source.name_of(frame.index)).stem}.json'
            write_finished(path, json.dumps(instances, default=_plain, indent='  ').encode())
            return
        # item by item, so that the predictions on a long video need no memory either
        separator = ',\n'
        if self._json is None:
            self._json_path = self._pred_dir / f'{self.source.name}.json'
            self._json = open(self._begin(self._json_path), 'w', encoding='utf-8')
            separator = '[\n'
        assert frame.time is not None  # of a video
        item = dict(frame_id=frame.index, time=round(frame.time, 6), **frame.since, instances=instances)
        with naming(self._json_path):
            self._json.write(separator + json.dumps(item, default=_plain))

    def close(self, is_complete: bool = True) -> None:
        """End the files of a video; they get their names if it ``is_complete``."""
        if self._video is not None:
            self._video.close()
        if self._json is not None:
            with naming(self._json_path):
                self._json.write('\n]\n')
                self._json.close()
        for path in self._unfinished if is_complete else []:
            finish(path)
        self._unfinished.clear()

    def _begin(self, path: Path) -> Path:
        self._unfinished.append(path)
        return unfinished(path)


def _picture_name(name: str) -> str:
    return name if Path(name).suffix.lower() in WRITABLE_SUFFIXES else f'{Path(name).stem}.png'


def _film(source: VideoSource | CameraSource | StreamSource, folder: Path) -> Path:
    return folder if folder.suffix.lower() == '.mp4' else folder / f'{source.name}.mp4'


def _check_predictions(source: ImageSource, folder: Path) -> None:
    """Whether something lies beside an image under the name of its results, which may be its annotations."""
    for item, name in zip(source.inputs, source.names):
        path = folder / f'{Path(name).stem}.json'
        if isinstance(item, Path) and path.is_file() and path.resolve().parent == item.resolve().parent:
            raise ValueError(
                f'pred_out_dir {folder}: {path} lies there beside its image and would be '
                'overwritten, expected another folder for results'
            )


def _check_pictures(source: Source, folder: Path) -> None:
    if source.is_video:
        written, read = [_film(source, folder)], [Path(source.path)]
    else:
        names = [_picture_name(name) for name in source.names]
        _check_unique(names, folder)
        written = [folder / name for name in names]
        read = [item for item in source.inputs if isinstance(item, Path)]
    overwritten = {path.resolve() for path in written} & {path.resolve() for path in read}
    if overwritten:
        raise ValueError(f'vis_out_dir {folder}: the input {min(overwritten)} would be overwritten')


def _plain(value: Any) -> Any:
    """NumPy's arrays and scalars for json."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f'{type(value).__name__} cannot be written as json')


def _check_unique(names: Sequence[str], folder: Path) -> None:
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise ValueError(
            f'{folder}: {how_many(count, "input")} would be saved under the one name {name}: rename all but one of '
            'them, or give them one at a time with a folder for each'
        )
