"""The xml files of dlib's imglab, on which its shape predictors are trained.

``<image file= width= height=>`` holds a ``<box top= left= width= height=>`` for each face, and that a ``<part name= x=
y=>`` for each landmark. Names of images are relative to the file. dlib reads whole pixels only, and orders landmarks by
their names as texts, so that numbers are written with zeros before them. A box is kept as ``face_box``; its other
attributes are not. Boxes to be ignored are no faces.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from ..counts import how_many
from .annotations import NamedFace, unique_names
from .image_files import Size, find_image, path_from
from .problems import ConversionError, Problem, Problems, shown
from .text_files import parse_number, write_text
from .xml_files import Element, attribute, image_size, read_xml

ROOT = 'dataset'
IN_XML = re.compile('[ -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*')  # in one line


def read_imglab(path: Path, images: Path, problems: Problems) -> Iterator[NamedFace]:
    """The faces of a file; one that cannot be used is reported.

    Args:
        path (Path): The file.
        images (Path): Folder that names of images are to be relative to.
        problems (Problems): Takes what is left out.

    Raises:
        Problem: If it is no such file.
    """
    root = read_xml(path)
    if root.tag != ROOT:
        raise Problem('bad xml', f'found <{root.tag}>, expected <{ROOT}> as dlib writes it', path, root.line)
    for image in root.iterfind('./images/image'):
        boxes = image.findall('box')
        faces = [box for box in boxes if box.get('ignore', '0') in ('0', 'false')]
        if len(faces) < len(boxes):
            problems.note(Problem('box to be ignored', f'found {len(boxes) - len(faces)}', path, image.line))
        if not boxes:
            problems.note(Problem('image without faces', f'found no box in {image.get("file")}', path, image.line))
        for box in faces:
            try:
                yield _face(image, box, path, images)
            except Problem as problem:
                problems.leave_out(problem)


def _face(image: Element, box: Element, path: Path, images: Path) -> NamedFace:
    name = find_image(attribute(image, 'file', path), images, path, image.line)
    parts = box.findall('part')
    if not parts:
        raise Problem('face without points', 'found a box without parts', path, box.line)
    names = unique_names([attribute(part, 'name', path) for part in parts], path, box.line)
    points = [
        [parse_number(attribute(part, axis, path), 'coordinate', path, part.line) for axis in 'xy'] for part in parts
    ]
    left, top, width, height = (
        parse_number(attribute(box, side, path), 'box', path, box.line) for side in ('left', 'top', 'width', 'height')
    )
    if min(width, height) < 2:
        raise Problem('bad box', f'found {width:g} x {height:g} pixels, expected those of a face', path, box.line)
    return NamedFace(
        name,
        np.array(points),
        path.name,
        path,
        box.line,
        [part.line for part in parts],
        # from the middle of the first pixel to that of the last
        fields=dict(face_box=[left, top, width - 1, height - 1]),
        names=names,
        size=image_size(image, path) if {'width', 'height'} <= image.attrib.keys() else None,
    )


def write_imglab(
    path: Path, faces: Sequence[tuple[NamedFace, Size | None]], images: Path, overwrite: bool, problems: Problems
) -> None:
    """Write faces, in whole pixels; landmarks that are not annotated are left out, as dlib's tools do.

    A face without ``face_box`` gets the box of its landmarks.

    Raises:
        ConversionError: If it cannot be written, or a name cannot stand in XML.
    """
    of_image: dict[str, list[tuple[NamedFace, Size | None]]] = {}
    for face, size in faces:
        of_image.setdefault(face.image, []).append((face, size))
    lines = ["<?xml version='1.0' encoding='UTF-8'?>", '<dataset>', '<name>faces</name>', '<images>']
    for image, members in of_image.items():
        size = members[0][1]
        told = '' if size is None else f" width='{size[0]}' height='{size[1]}'"
        lines.append(f'  <image file={_quoted(path_from(path, images / image))}{told}>')
        for face, _ in members:
            lines += _box(face)
        lines.append('  </image>')
    write_text(path, '\n'.join([*lines, '</images>', '</dataset>', '']), overwrite)
    off = max(np.abs(face.points - face.points.round())[face.coco_visibility > 0].max() for face, _ in faces)
    rounded = f', rounded to whole pixels, by up to {off:.2f}' if off else ''
    print(f'{path}: {how_many(len(faces), "face")}{rounded}')


def _box(face: NamedFace) -> list[str]:
    annotated = face.coco_visibility > 0
    points = face.points.round().astype(int)
    low, high = points[annotated].min(0), points[annotated].max(0)
    x, y, width, height = face.fields.get('face_box', [*low, *(high - low)])
    sides = dict(top=y, left=x, width=width + 1, height=height + 1)
    digits = len(str(len(points) - 1))
    names = face.names or [f'{k:0{digits}}' for k in range(len(points))]
    told = ' '.join(f"{side}='{round(value)}'" for side, value in sides.items())
    return [
        f'    <box {told}>',
        *(
            f"      <part name={_quoted(name)} x='{x}' y='{y}'/>"
            for name, (x, y), is_there in zip(names, points.tolist(), annotated)
            if is_there
        ),
        '    </box>',
    ]


def _quoted(text: str) -> str:
    if not IN_XML.fullmatch(text):
        raise ConversionError(f'found the name {shown(text)}, expected one that XML can hold')
    return quoteattr(text)
