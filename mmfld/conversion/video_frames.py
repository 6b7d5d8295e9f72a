"""What the converters of annotated videos share: the frames of a video, .pts files by frame, and the json.

A frame is an image file of its own or a position in a video file. The json of a video set is that of
:func:`conversion.to_coco` with an image for each frame, which also has ``video``, the name of the video, and ``frame``,
its number in it from 0: for a video file, the position to decode.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ..counts import how_many
from .face_sets import Face, to_coco
from .image_files import Size, check_image
from .problems import ConversionError, Problem, Problems
from .pts_files import is_hidden

JPEG_QUALITY = 95  # of frames that are made here


class Frame(NamedTuple):
    """Where a frame is: in ``file``, an image or a video.

    ``size`` is (width, height), None if it cannot be used; ``problem`` then says why as (kind, message).
    """

    file: Path
    size: Size | None
    problem: tuple[str, str] | None = None


@dataclass(kw_only=True)
class VideoFace(Face):
    """The face of a frame; ``image`` is the file that the frame is in.

    Args:
        video (str): Name of the video.
        frame (int): Number of the frame in the video, from 0.
    """

    video: str
    frame: int


def numbered_files(paths: Iterable[Path], name: str, first: int, problems: Problems) -> dict[int, Path]:
    """Files by the number in their name.

    Args:
        paths (Iterable[Path]): The files.
        name (str): Pattern of the names without suffix, with one group around the digits.
        first (int): The number of the frame that gets 0.
        problems (Problems): Takes the files with another name and those whose number another file has.

    Returns:
        dict: Number of the frame, from 0 -> file, in the order of the numbers.
    """
    files: dict[int, Path] = {}
    for path in sorted(path for path in paths if not is_hidden(path.name)):
        match = re.fullmatch(name, path.stem)
        if not match:
            problems.leave_out(Problem('bad file name', f'found {path.stem!r}, expected {name}', path))
        elif (number := int(match[1]) - first) in files:
            problems.leave_out(Problem('ambiguous frame', f'found also {files[number].name}, expected one file', path))
        else:
            files[number] = path
    return dict(sorted(files.items()))


def open_images(files: dict[int, Path]) -> dict[int, Frame]:
    """The frames of a folder with an image for each. The images are decoded."""
    frames = {}
    for index, path in files.items():
        content = check_image(path)
        frames[index] = Frame(path, content.size, content.problem)
    return frames


def open_video(path: Path, images: Path | None = None) -> dict[int, Frame]:
    """The frames of a video file, as many as decode: the number in its header need not be right.

    Args:
        path (Path): The video.
        images (Path, optional): Write the frames to this folder, ``000001.jpg`` and so on; it is then these images
            that are returned.

    Raises:
        Problem: If no frame can be decoded.
        ConversionError: If an image cannot be written.
    """
    capture = cv2.VideoCapture(str(path))
    frames: dict[int, Frame] = {}
    size = None
    while capture.grab():
        file = path
        if size is None or images is not None:
            decoded, image = capture.retrieve()
            if not decoded:
                break
            size = image.shape[1], image.shape[0]
        if images is not None:
            file = images / f'{len(frames) + 1:06d}.jpg'
            images.mkdir(parents=True, exist_ok=True)
            if not cv2.imwrite(str(file), image):
                raise ConversionError(f'{file}: the image cannot be written')
        frames[len(frames)] = Frame(file, size)
    capture.release()
    if not frames:
        raise Problem('unreadable video', 'found no frame that OpenCV can decode', path)
    return frames


def pair_with_points(
    points: dict[int, Path], frames: dict[int, Frame], source: Path, problems: Problems
) -> Iterator[tuple[int, Path, Frame]]:
    """The frames that have a ``.pts`` file, in their order.

    Reported are, each as a face left out, ``.pts`` files without a frame (as those beyond the end of a video) or with
    one that cannot be used, and, once for a video, that it has frames without a ``.pts`` file.

    Args:
        points (dict): Number of the frame -> ``.pts`` file.
        frames (dict): Number of the frame -> frame.
        source (Path): The video, or the folder with its images.
        problems (Problems): Takes the reports.

    Yields:
        tuple: Number of the frame from 0, ``.pts`` file, frame.
    """
    bare = [index for index in frames if index not in points]
    if bare:
        problems.note(
            Problem(
                'frames without points',
                f'found {how_many(len(frames), "frame")} and {len(points)} .pts files, '
                f'expected one for each frame; '
                f'{how_many(len(bare), "frame has", "frames have")} none, the first is number '
                f'{bare[0] + 1}',
                source,
            )
        )
    for index, path in points.items():
        if index not in frames:
            problems.leave_out(
                Problem(
                    'missing frame', f'found no frame number {index + 1} in {source}, which has {len(frames)}', path
                )
            )
            continue
        problem = frames[index].problem
        if problem is not None:
            kind, message = problem
            problems.leave_out(Problem(kind, message, path))
        else:
            yield index, path, frames[index]


def write_images(folder: Path, images: Sequence[np.ndarray]) -> list[Path]:
    """Write frames of a clip to ``folder``, which is made, ``000000.jpg`` and so on; returns the files."""
    folder.mkdir()
    paths = [folder / f'{frame:06d}.jpg' for frame in range(len(images))]
    for path, image in zip(paths, images):
        if not cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]):
            raise OSError(f'{path}: cannot be written')
    return paths


def video_to_coco(faces: Sequence[tuple[VideoFace, Size]]) -> dict:
    """The json of faces, each with the (width, height) of its frame."""
    # frames of a video share a file, so they are told apart by other names until each has its image
    content = to_coco([(replace(face, image=f'{face.video}/{face.frame}'), size) for face, size in faces])
    for image, (face, _) in zip(content['images'], faces):
        image.update(file_name=face.image, video=face.video, frame=face.frame)
    return content
