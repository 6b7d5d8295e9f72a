"""The json files of labelme, one an image.

Each landmark is a shape of the type ``point`` whose label is its name. Those with one ``group_id`` are a face, and
those without are one. An image that is not where the file says is looked for under its name beside the file.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..counts import how_many
from .annotations import NamedFace, unique_names
from .image_files import Size, find_image, path_from
from .problems import Problem, Problems, shown
from .pts_files import walk
from .text_files import check_free, is_number, read_content, write_text

HINT = '; faces of one image need a group_id each'


def read_labelme(path: Path, images: Path, problems: Problems) -> Iterator[NamedFace]:
    """The faces of a file, or of all in a folder and those below. See :func:`.imglab_files.read_imglab`."""
    if path.is_dir():
        files = [folder / name for folder, names in walk(path) for name in names if name.lower().endswith('.json')]
    else:
        files = [path]
    for file in files:
        try:
            yield from _faces(file, images, problems)
        except Problem as problem:
            problems.leave_out(problem)


def _faces(file: Path, images: Path, problems: Problems) -> Iterator[NamedFace]:
    try:
        content = json.loads(read_content(file))
    except (ValueError, RecursionError) as error:
        raise Problem('bad json', f'found no valid json ({error})', file) from error
    if not isinstance(content, dict) or not isinstance(content.get('shapes'), list):
        raise Problem('bad json', 'found no list "shapes", expected a file of labelme', file)
    if not isinstance(content.get('imagePath'), str):
        raise Problem('bad json', f'imagePath: found {shown(content.get("imagePath"))}, expected a file name', file)
    groups: dict[Any, list[tuple[str, dict]]] = {}
    others = set()
    for index, shape in enumerate(content['shapes']):
        place = f'shapes[{index}]'
        if not isinstance(shape, dict):
            raise Problem('bad json', f'found {shown(shape)}, expected an object', file, place)
        if shape.get('shape_type', 'point') == 'point':
            groups.setdefault(str(shape.get('group_id')), []).append((place, shape))
        else:
            others.add(str(shape['shape_type']))
    if others:
        problems.note(Problem('other shapes', f'found {", ".join(sorted(others))}, not read', file))
    if not groups:
        problems.note(Problem('image without faces', f'found no points in {shown(content["imagePath"])}', file))
    for shapes in groups.values():
        try:
            yield _face(content, shapes, file, images)
        except Problem as problem:
            problems.leave_out(problem)


def _face(content: dict, shapes: list[tuple[str, dict]], file: Path, images: Path) -> NamedFace:
    name = find_image(content['imagePath'], images, file, None, is_alone=True)
    points, names = [], []
    for place, shape in shapes:
        label, point = shape.get('label'), shape.get('points')
        names.append(label if isinstance(label, str) else '')
        is_point = isinstance(point, list) and len(point) == 1 and isinstance(point[0], list) and len(point[0]) == 2
        if not point or not is_point or not all(is_number(value) for value in point[0]):
            raise Problem('bad point', f'found {shown(point)}, expected [[x, y]], two finite numbers', file, place)
        points.append(point[0])
    first = shapes[0][0]
    return NamedFace(
        name,
        np.array(points, float),
        file.parent.name,
        file,
        first,
        [place for place, _ in shapes],
        names=unique_names(names, file, first, HINT),
        size=_size(content),
    )


def write_labelme(
    out: Path, faces: Sequence[tuple[NamedFace, Size | None]], images: Path, overwrite: bool, problems: Problems
) -> None:
    """Write a file for each image into a folder, which may be that of the images: there labelme finds them.

    Landmarks without names are called by their numbers, and those that are not annotated are left out. So are images
    whose name differs from another's in its suffix alone.

    Raises:
        ConversionError: If a file is there already, before anything is written, or cannot be written.
    """
    of_file: dict[Path, list[tuple[NamedFace, Size | None]]] = {}
    for face, size in faces:
        members = of_file.setdefault((out / face.image).with_suffix('.json'), [])
        if members and members[0][0].image != face.image:
            found = f'found {face.image} beside {members[0][0].image}, expected names that differ before the suffix'
            problems.leave_out(face.problem('two images of one name', found))
        else:
            members.append((face, size))
    for file in of_file:
        check_free(file, overwrite)
    for file, members in of_file.items():
        write_text(file, json.dumps(_content(file, members, images), indent=1), overwrite)
    print(f'{out}: {how_many(sum(map(len, of_file.values())), "face")} in {how_many(len(of_file), "file")}')


def _content(file: Path, members: Sequence[tuple[NamedFace, Size | None]], images: Path) -> dict:
    """What labelme reads and writes; it takes the picture from ``imagePath``."""
    face, size = members[0]
    width, height = size or (None, None)
    return dict(
        version='5.0.0',
        flags={},
        shapes=[
            dict(label=name, points=[point], group_id=group if len(members) > 1 else None, shape_type='point', flags={})
            for group, (face, _) in enumerate(members)
            for name, point, visible in zip(
                face.names or map(str, range(len(face.points))), face.points.round(6).tolist(), face.coco_visibility
            )
            if visible
        ],
        imagePath=path_from(file, images / face.image),
        imageData=None,
        imageHeight=height,
        imageWidth=width,
    )


def _size(content: dict) -> Size | None:
    width, height = content.get('imageWidth'), content.get('imageHeight')
    return (width, height) if type(width) is type(height) is int and min(width, height) > 0 else None
