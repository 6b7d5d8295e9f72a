"""What the converters of annotated face sets share: checked faces, and the json.

A converter reads an official folder into :class:`Face` s, lets :func:`check_faces` compare them with their images, and
hands them to :func:`write_splits`. Everything that is wrong goes through :class:`~problems.Problems`, which stops in
strict mode and otherwise counts what was left out.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml
from tqdm import tqdm

import mmfld

from ..counts import how_many
from .image_files import Size, check_image
from .problems import ConversionError, Problem, Problems

OFFICIAL = Path(mmfld.__file__).with_name('doctor') / 'official.yml'
MIN_FACE_SIDE = 2  # pixels, of the larger side; smaller "faces" are points in other units


@dataclass
class Face:
    """One annotated face.

    Args:
        image (str): File name relative to the image root, with forward slashes.
        points (ndarray): (K, 2) float64 in pixels, pixel centres at integers from 0.
        part (str): The part of the data set that the face comes from.
        file (Path): The annotation file.
        line (int | str, optional): The line or place that holds the face; None if the file holds only this face.
        point_lines (Sequence[int | str | None]): The line or place of each landmark; None if the file has no lines.
        attributes (dict): Name -> 0 or 1.
        visible (ndarray, optional): (K,) int, 0 not annotated, 1 occluded, 2 visible, as in COCO. None: occlusion is
            not told, all landmarks get 1.
        fields (dict): Further fields of the annotation in the json; they replace those of :func:`to_coco`.
    """

    image: str
    points: np.ndarray
    part: str
    file: Path
    line: int | str | None
    point_lines: Sequence[int | str | None]
    attributes: dict[str, int] = field(default_factory=dict)
    visible: np.ndarray | None = None
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def coco_visibility(self) -> np.ndarray:
        """(K,) int, ``visible`` or, as in MMPose's files for 300W and WFLW, all 1."""
        return np.ones(len(self.points), int) if self.visible is None else self.visible

    def problem(self, kind: str, message: str) -> Problem:
        return Problem(kind, message, self.file, self.line)


@dataclass(frozen=True)
class Split:
    """One json file: its name, which faces are in it, and how many there are officially (None: no such number)."""

    file_name: str
    selects: Callable[[Face], bool]
    count: int | None


def official_count(file_name: str) -> int:
    """Official number of faces of an annotation file; what checks data before a training knows the same."""
    return _official_counts()[file_name]


@cache
def _official_counts() -> dict[str, int]:
    # not by mmfld.doctor.official, which needs torch and OpenMMLab
    content = yaml.safe_load(OFFICIAL.read_text(encoding='utf-8'))
    return {
        Path(path).name: facts['faces']
        for data_set in content.values()
        for path, facts in data_set['files'].items()
        if 'faces' in facts
    }


AnyFace = TypeVar('AnyFace', bound=Face)


def check_faces(faces: Sequence[AnyFace], root: Path, problems: Problems) -> list[tuple[AnyFace, Size]]:
    """Decode all images and keep the faces that pass every check.

    A face is a duplicate if an earlier one has the same points in an image of the same content.

    Args:
        faces (list[Face]): In the order in which they are to be written.
        root (Path): ``Face.image`` is relative to it.
        problems (Problems): Takes the faces that do not pass.

    Returns:
        list: Pairs of a face and the (width, height) of its image.
    """
    names = list(dict.fromkeys(face.image for face in faces))
    of_image: dict[str, list[AnyFace]] = {name: [] for name in names}
    for face in faces:
        of_image[face.image].append(face)

    sizes: dict[str, Size] = {}
    first_seen: dict[tuple, AnyFace] = {}
    passed = set()
    # decoding and hashing release the interpreter lock, so threads use all cores
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            contents = pool.map(check_image, (root / name for name in names))
            for name, (size, digest, unreadable) in zip(names, tqdm(contents, 'images', len(names), unit='image')):
                for face in of_image[name]:
                    try:
                        if unreadable:
                            raise face.problem(*unreadable)
                        sizes[name] = size
                        check_geometry(face, size)
                        twin = first_seen.setdefault((digest, face.points.tobytes()), face)
                        if twin is not face:
                            raise face.problem(
                                'duplicate face',
                                f'found the same points and image content as in '
                                f'{twin.file}{"" if twin.line is None else f":{twin.line}"}',
                            )
                    except Problem as problem:
                        problems.leave_out(problem)
                    else:
                        passed.add(id(face))
        finally:
            pool.shutdown(cancel_futures=True)
    return [(face, sizes[face.image]) for face in faces if id(face) in passed]


def check_geometry(face: Face, size: Size) -> None:
    """Raise if the face has no extent, is outside of the image, or a landmark is far outside.

    That is more than the side of its box, or of the image, which tells a face in other units.
    """
    annotated = np.flatnonzero(face.coco_visibility)
    if not len(annotated):
        raise face.problem('face without extent', 'found no annotated landmark')
    points = face.points[annotated]
    outside = np.maximum(-points, points - (np.array(size) - 1)).max(axis=1)
    limit = max(size)
    if outside.max() <= limit:
        # of the middle 90 %, since a stray landmark would widen the very box by which it is judged
        low, high = np.percentile(points, (5, 95), axis=0)
        limit = min(limit, (high - low).max())
    if outside.max() > limit:
        worst = int(annotated[outside.argmax()])
        x, y = face.points[worst]
        raise Problem(
            'landmark far outside',
            f'found landmark {worst} at ({x:g}, {y:g}) in an image of {size[0]} x '
            f'{size[1]} pixels, expected less than {limit:g} outside, the side of the box or image',
            face.file,
            face.point_lines[worst],
        )
    width, height = np.ptp(points, axis=0)
    if min(width, height) <= 0 or max(width, height) < MIN_FACE_SIDE:
        raise face.problem('face without extent', f'found all landmarks within {width:g} x {height:g} pixels')
    if outside.min() > 0.5:
        raise face.problem(
            'face outside of the image', f'found no landmark in the image of {size[0]} x {size[1]} pixels'
        )


def write_splits(
    out: Path, splits: Iterable[Split], faces: Sequence[tuple[Face, Size]], source: Path, problems: Problems
) -> None:
    """Compare the counts with the official ones and write ``out/annotations/<file_name>`` for each split with faces.

    In strict mode nothing is written if one count is wrong.

    Raises:
        ConversionError: If there is no face at all, or none for a split whose file is there from an earlier run.
    """
    chosen = [(split, [(face, size) for face, size in faces if split.selects(face)]) for split in splits]
    if not faces:
        raise ConversionError(f'{source}: none of the faces can be used, nothing is written')
    for split, members in chosen:
        if members and split.count not in (None, len(members)):
            counts = Counter(face.part for face, _ in members)
            parts = ', '.join(f'{count} from {part}' for part, count in counts.items())
            problems.note(
                Problem(
                    'count',
                    f'{split.file_name}: found {how_many(len(members), "face")} ({parts}), '
                    f'expected {split.count} of the official split',
                    source,
                )
            )
    write_files(
        {out / 'annotations' / split.file_name: to_coco(members) if members else None for split, members in chosen},
        source,
    )


def write_files(contents: dict[Path, dict | None], source: Path) -> None:
    """Write what :func:`to_coco` returns to the files that have faces; the others have None.

    Raises:
        ConversionError: If a file without faces is there from an earlier run, before anything is written.
    """
    old = [path for path, content in contents.items() if content is None and path.exists()]
    if old:
        raise ConversionError(
            f'{old[0]}: is of an earlier run, and {source} has no face for it now, so nothing is '
            'written; remove it or choose another --out'
        )
    for path, content in contents.items():
        if content is None:
            print(f'{path.name}: no face in {source}, not written')
        else:
            write_json(path, content)


def write_json(path: Path, content: dict) -> None:
    """Write what :func:`to_coco` returns.

    Raises:
        ConversionError: If it cannot be written; an older file is then untouched.
    """
    part = path.with_name(f'{path.name}.part')  # an interrupted run leaves no half of a json
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(content), encoding='utf-8')
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise ConversionError(f'{path}: cannot be written ({error})') from error
    print(f'{path}: {how_many(len(content["annotations"]), "face")}')


def to_coco(members: Sequence[tuple[Face, Size | None]], names: Sequence[str] | None = None) -> dict:
    """MMPose's COCO-style content; several faces of an image share its entry. Ids count from 1.

    Args:
        members (list): Faces, and the sizes of their images, where they are known.
        names (Sequence[str], optional): Of the landmarks.
    """
    images: dict[str, dict] = {}
    annotations: list[dict] = []
    for face, size in members:
        sides = {} if size is None else dict(zip(('width', 'height'), size))
        image = images.setdefault(face.image, dict(id=len(images) + 1, file_name=face.image, **sides))
        visible = face.coco_visibility
        annotated = face.points[visible > 0]
        low, high = annotated.min(axis=0), annotated.max(axis=0)
        # box of whole pixels around the landmarks, in units of 200 pixels: HRNet's and MMPose's convention
        outer_low, outer_high = np.floor(low), np.ceil(high)
        annotation = dict(
            id=len(annotations) + 1,
            image_id=image['id'],
            category_id=1,
            # 6 decimals are what the official lists have
            keypoints=[
                value
                for (x, y), v in zip(face.points.tolist(), visible.tolist())
                for value in (round(x, 6), round(y, 6), v)
            ],
            num_keypoints=len(annotated),
            bbox=np.concatenate([low, high - low]).round(6).tolist(),
            center=((outer_low + outer_high) / 2).tolist(),
            scale=float((outer_high - outer_low).max() / 200),
            area=float((high - low).prod().round(6)),
            iscrowd=0,
        )
        if face.attributes:
            annotation['attributes'] = face.attributes
        annotation.update(face.fields)
        annotations.append(annotation)
    return dict(
        categories=[dict(supercategory='person', id=1, name='face', keypoints=list(names or ()), skeleton=[])],
        images=list(images.values()),
        annotations=annotations,
    )
