"""What is found in an upload, as files and to look at; written as ``mmfld predict`` writes it."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..counts import how_many
from ..runtime import Face, FaceLandmarker, FaceTracker
from ..runtime.boxes import tight_box
from ..runtime.drawing import draw_faces
from ..runtime.media import ImageSource, ResultWriter
from ..runtime.tables import TableWriter, to_dict
from ..runtime.video import VideoSource
from ..structures.layout_conversion import LayoutConversion, get_conversion
from .limits import Limits, existing_upload


@dataclass(frozen=True)
class Answer:
    """Of one upload.

    Args:
        landmarker (FaceLandmarker): That has found the faces.
        image (ndarray): (H, W, 3) uint8 in BGR; the last frame of a video.
        found (list): Faces of this image, in the layout of the model.
        faces (list): Faces in the layout that was asked for.
        picture (Path): The drawn picture or video.
        files (list[Path]): To download: json and csv.
        told (str): How many faces, in which time, and what of a video could not be read.
    """

    landmarker: FaceLandmarker
    image: np.ndarray
    found: list[Face]
    faces: list[Face]
    picture: Path
    files: list[Path]
    told: str


def annotate(
    upload: Path,
    is_video: bool,
    landmarker: FaceLandmarker,
    folder: Path,
    limits: Limits,
    layout: str | None = None,
    ellipses: bool = False,
) -> Answer:
    """Find the faces of a picture, or follow those of a video.

    Args:
        upload (Path): File.
        is_video (bool): Which of both it is.
        landmarker (FaceLandmarker): To use.
        folder (Path): For the results, empty.
        limits (Limits): Of the upload.
        layout (str, optional): Of the landmarks in pictures and files. Defaults to the model's.
        ellipses (bool): Draw how far off each landmark may be. Only calibrated models tell.

    Raises:
        ImportError: If a package is not installed that reads the upload.
        KeyError: If the landmarks cannot be converted.
        ValueError: If the upload is damaged, too large or not there, by its name without the folder.
    """
    try:
        if is_video:
            limits.check_video(upload)
        else:
            limits.check_picture(existing_upload(upload).read_bytes(), upload.name)
        return _annotate(upload, is_video, landmarker, folder, limits, layout, ellipses)
    except (ImportError, OSError, ValueError) as error:
        reason = str(error).replace(f'{upload.parent}{os.sep}', '')
        raise (ImportError if isinstance(error, ImportError) else ValueError)(reason) from error


def _annotate(
    upload: Path,
    is_video: bool,
    landmarker: FaceLandmarker,
    folder: Path,
    limits: Limits,
    layout: str | None,
    ellipses: bool,
) -> Answer:
    model = landmarker.model
    conversion = get_conversion(model.layout, model.layout if layout is None else layout)
    degrees = model.degrees_of_freedom if ellipses else None
    source = VideoSource(upload, strict=False) if is_video else ImageSource([upload])
    find = FaceTracker(landmarker) if is_video else landmarker
    spent, frames, number = 0.0, 0, 0
    with (
        TableWriter(folder / 'faces.csv', conversion.target.num_keypoints) as table,
        ResultWriter(source, str(folder), str(folder)) as writer,
    ):
        for frame in source:
            limits.check_time(frame.time or 0, upload.name)
            frame = replace(frame, path=upload.name)
            start = time.perf_counter()
            found = find(frame.image, frame.time) if is_video else find(frame.image)
            spent += time.perf_counter() - start
            faces = [convert(face, conversion) for face in found]
            frames, number = frames + 1, number + len(faces)
            writer.write_instances(frame, [to_dict(face) for face in faces])
            table.write(frame, faces)
            writer.write_picture(frame, draw_faces(frame.image, faces, degrees_of_freedom=degrees))
    if not frames:
        raise ValueError(source.broken[0][1])
    tables = [folder / f'{upload.stem}.json', folder / 'faces.csv']
    (picture,) = set(folder.iterdir()) - set(tables)
    height, width = frame.image.shape[:2]
    parts = [
        f'{how_many(number, "face")} in {how_many(frames, "frame")}' if is_video else how_many(number, 'face'),
        f'{width} x {height} pixels',
        f'{spent:.2f} s with {Path(model.path).name}',
        *(reason for _, reason in source.broken),
    ]
    return Answer(landmarker, frame.image, found, faces, picture, tables, ', '.join(parts))


def convert(face: Face, conversion: LayoutConversion) -> Face:
    """A face in another layout."""
    if conversion.source == conversion.target:
        return face
    landmarks, covariances = conversion.keypoints(face.landmarks, face.angle), face.covariances
    if covariances is not None:
        covariances = conversion.covariances(covariances, face.angle)
    return replace(
        face,
        landmarks=landmarks,
        scores=conversion.scores(face.scores),
        box=tight_box(landmarks),
        covariances=covariances,
        visible=None if face.visible is None else conversion.scores(face.visible),
    )


def table_of(faces: Sequence[Face]) -> list[list[float]]:
    """Rows of face, landmark, x, y and score."""
    return [
        [n, k, *(round(float(value), 2) for value in (x, y)), round(float(score), 3)]
        for n, face in enumerate(faces)
        for k, ((x, y), score) in enumerate(zip(face.landmarks, face.scores))
    ]


def nearest(faces: Sequence[Face], x: float, y: float) -> tuple[int, int]:
    """Face and landmark next to a point of the picture.

    Raises:
        ValueError: If there is no face.
    """
    if not faces:
        raise ValueError('found no face, expected at least one')
    far = np.array([np.hypot(*(face.landmarks - (x, y)).T) for face in faces])
    face, landmark = np.unravel_index(far.argmin(), far.shape)
    return int(face), int(landmark)
