"""Images, folders, videos and cameras as one stream of frames, and results saved frame by frame.

Nothing is kept, so memory does not grow with the length of a video.
"""
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, List, Optional, Sequence, TextIO, Tuple, Union

import cv2
import numpy as np

from .images import read_image

VIDEO_SUFFIXES = ('.avi', '.flv', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.webm', '.wmv')
IMAGE_SUFFIXES = ('.bmp', '.jp2', '.jpeg', '.jpg', '.pgm', '.png', '.ppm', '.tif', '.tiff', '.webp')

Input = Union[str, Path, np.ndarray]


@dataclass
class Frame:
    """One image.

    Args:
        image (ndarray): (H, W, 3) uint8, BGR.
        path (str): Of its file, or of the video; a made-up file name for an array.
        index (int): Its place in the input.
    """
    image: np.ndarray
    path: str
    index: int


class ImageSource:
    """A list of image files and arrays.

    Args:
        inputs (Sequence[str | Path | ndarray | PIL.Image]): As :func:`~mmfld.runtime.images.read_image` takes them.
        strict (bool): Whether an image that cannot be read is an error; if not, it is left out and noted in ``broken``,
            a list of names and reasons. Defaults to True.

    Raises:
        FileNotFoundError: If a file does not exist.
    """
    is_video = False
    is_live = False

    def __init__(self, inputs: Sequence[Input], strict: bool = True) -> None:
        self.inputs = [Path(item) if isinstance(item, (str, Path)) else item for item in inputs]
        self.strict = strict
        self.broken: List[Tuple[str, str]] = []
        for item in self.inputs:
            if isinstance(item, Path) and not item.is_file():
                raise FileNotFoundError(f'image {item} does not exist')

    @property
    def length(self) -> int:
        return len(self.inputs)

    @property
    def names(self) -> Tuple[str, ...]:
        """File names without folder, under which results are saved."""
        return tuple(item.name if isinstance(item, Path) else f'{index:010d}.jpg'
                     for index, item in enumerate(self.inputs))

    def __iter__(self) -> Iterator[Frame]:
        """Read the images one by one.

        Raises:
            ValueError: If one cannot be read, unless they are not ``strict``.
        """
        self.broken.clear()
        for index, (item, name) in enumerate(zip(self.inputs, self.names)):
            path = str(item) if isinstance(item, Path) else name
            try:
                image = read_image(item)
            except (OSError, ValueError) as error:
                reason = str(error) if isinstance(item, Path) else f'image {index}: {error}'
                if self.strict:
                    raise ValueError(reason) from error
                self.broken.append((path, reason))
                continue
            yield Frame(image, path, index)


class VideoSource:
    """A video file or a camera.

    Args:
        source (Path | int): File, or the number of a camera.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If OpenCV can open neither.
    """
    is_video = True
    length = None  # what a file says about its number of frames is often wrong

    def __init__(self, source: Union[Path, int]) -> None:
        is_camera = isinstance(source, int)
        if not is_camera and not source.is_file():
            raise FileNotFoundError(f'video {source} does not exist')
        self.is_live = is_camera
        self.path = f'webcam:{source}' if is_camera else str(source)
        self.name = f'webcam_{source}' if is_camera else source.stem
        self._capture = cv2.VideoCapture(source if is_camera else str(source))
        if not self._capture.isOpened():
            raise ValueError(f'{self.path}: OpenCV cannot open this {"camera" if is_camera else "video"}')
        # cameras may report 0
        self.fps = self._capture.get(cv2.CAP_PROP_FPS) or 25.

    def __iter__(self) -> Iterator[Frame]:
        """Read frames until the video ends, then close it.

        Raises:
            ValueError: If there is not one frame.
        """
        index = 0
        try:
            while True:
                read, image = self._capture.read()
                if not read:
                    break
                yield Frame(image, self.path, index)
                index += 1
        finally:
            self._capture.release()
        if not index:
            raise ValueError(f'{self.path}: opened, but OpenCV can read no frame of it')


Source = Union[ImageSource, VideoSource]


def open_source(inputs: Union[Input, Sequence[Input]], strict: bool = True) -> Source:
    """What to read for an inferencer's ``inputs``.

    Args:
        inputs: Path of an image, a video or a folder of images (not its subfolders; in the order of their names);
            ``'webcam'`` or ``'webcam:1'``; an image (H, W, 3) uint8 in BGR; or a sequence of images and paths of
            images.
        strict (bool): See :class:`ImageSource`.

    Raises:
        FileNotFoundError: If a path does not exist.
        ValueError: For a folder without images, a file that is neither image nor video by its suffix, a camera that is
            not given as ``webcam:NUMBER``, an empty sequence, or a video or camera that cannot be opened.
    """
    if isinstance(inputs, np.ndarray):
        return ImageSource([inputs], strict)
    if not isinstance(inputs, (str, Path)):
        if not len(inputs):
            raise ValueError('inputs: found an empty sequence, expected at least one image')
        return ImageSource(inputs, strict)
    if str(inputs).lower().split(':')[0] == 'webcam':
        number = str(inputs)[len('webcam:'):] or '0'
        if not number.isdigit():
            raise ValueError(f"inputs: found {inputs!r}, expected 'webcam' or 'webcam:NUMBER'")
        return VideoSource(int(number))

    path = Path(inputs)
    if path.is_dir():
        images = sorted(file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file()
                        and not file.name.startswith('.'))  # such as the ._* that macOS leaves
        if not images:
            raise ValueError(f'folder {path}: found no image, expected files ending in {", ".join(IMAGE_SUFFIXES)}')
        return ImageSource(images, strict)
    if not path.exists():
        raise FileNotFoundError(f'input {path} does not exist')
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return VideoSource(path)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return ImageSource([path], strict)
    raise ValueError(f'input {path}: found suffix {path.suffix!r}, expected an image ({", ".join(IMAGE_SUFFIXES)}), a '
                     f'video ({", ".join(VIDEO_SUFFIXES)}) or a folder of images')


class ResultWriter:
    """Saves drawn pictures and predictions under the names of their source.

    Images keep their file name; each gets its own json file with the list of its faces. A video becomes NAME.mp4 and
    one NAME.json, [{"frame_id": 0, "instances": [...]}, ...]. Both formats are MMPose's.

    Args:
        source (ImageSource | VideoSource): What is predicted on.
        vis_out_dir (str): Folder for pictures, or the name of a video file; none if empty.
        pred_out_dir (str): Folder for json files; none if empty.

    Raises:
        ValueError: If two inputs would be saved under one name, an input would be overwritten, or ``vis_out_dir`` is a
            file name for images.
    """

    def __init__(self, source: Source, vis_out_dir: str = '', pred_out_dir: str = '') -> None:
        self.source = source
        self._vis_dir = Path(vis_out_dir) if vis_out_dir else None
        self._pred_dir = Path(pred_out_dir) if pred_out_dir else None
        self._video_path = None
        if self._vis_dir is not None:
            names_file = self._vis_dir.suffix.lower() in IMAGE_SUFFIXES + VIDEO_SUFFIXES
            if source.is_video:
                self._video_path = self._vis_dir if names_file else self._vis_dir / f'{source.name}.mp4'
            elif names_file:
                raise ValueError(f'vis_out_dir: found {vis_out_dir}, expected a folder for pictures')
            self._check_pictures()
        if self._pred_dir is not None and not source.is_video:
            _check_unique([Path(name).stem for name in source.names], self._pred_dir)
        self._video: Optional[cv2.VideoWriter] = None
        self._json: Optional[TextIO] = None

    def write_picture(self, frame: Frame, picture: np.ndarray) -> None:
        """Save a picture (H, W, 3) uint8 in BGR.

        Raises:
            ValueError: If OpenCV cannot write it.
        """
        if self._vis_dir is None:
            return
        if not self.source.is_video:
            path = self._vis_dir / self.source.names[frame.index]
            path.parent.mkdir(parents=True, exist_ok=True)
            if not cv2.imwrite(str(path), picture):
                raise ValueError(f'{path}: OpenCV cannot write this image')
            return
        size = picture.shape[1::-1]
        if self._video is None:
            self._video_path.parent.mkdir(parents=True, exist_ok=True)
            self._video_size = size
            self._video = cv2.VideoWriter(
                str(self._video_path), cv2.VideoWriter_fourcc(*'mp4v'), self.source.fps, size)
            if not self._video.isOpened():
                raise ValueError(f'{self._video_path}: OpenCV cannot write this video of {size[0]} x {size[1]} pixels '
                                 f'and {self.source.fps:g} frames a second')
        if size != self._video_size:  # OpenCV would leave it out
            raise ValueError(f'{self.source.path}: found a frame of {size} pixels, expected {self._video_size} as '
                             'before')
        self._video.write(picture)

    def write_instances(self, frame: Frame, instances: List[dict]) -> None:
        """Save the faces of an image, as a list of plain data; NumPy's scalars and arrays are turned into it."""
        if self._pred_dir is None:
            return
        if not self.source.is_video:
            path = self._pred_dir / f'{Path(self.source.names[frame.index]).stem}.json'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(instances, default=_plain, indent='  '), encoding='utf-8')
            return
        # item by item, so that the predictions on a long video need no memory either
        separator = ',\n'
        if self._json is None:
            self._pred_dir.mkdir(parents=True, exist_ok=True)
            self._json = open(self._pred_dir / f'{self.source.name}.json', 'w', encoding='utf-8')
            separator = '[\n'
        item = dict(frame_id=frame.index, instances=instances)
        self._json.write(separator + json.dumps(item, default=_plain))

    def close(self) -> None:
        """Complete the files of a video."""
        if self._video is not None:
            self._video.release()
        if self._json is not None:
            self._json.write('\n]\n')
            self._json.close()

    def _check_pictures(self) -> None:
        if self.source.is_video:
            written, read = [self._video_path], [Path(self.source.path)]
        else:
            _check_unique(self.source.names, self._vis_dir)
            written = [self._vis_dir / name for name in self.source.names]
            read = [item for item in self.source.inputs if isinstance(item, Path)]
        overwritten = {path.resolve() for path in written} & {path.resolve() for path in read}
        if overwritten:
            raise ValueError(f'vis_out_dir {self._vis_dir}: the input {min(overwritten)} would be overwritten')


def _plain(value: Any) -> Any:
    """NumPy's arrays and scalars for json."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f'{type(value).__name__} cannot be written as json')


def _check_unique(names: Sequence[str], folder: Path) -> None:
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise ValueError(f'{folder}: {count} inputs would be saved under the one name {name}')
