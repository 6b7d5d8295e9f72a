"""Tables of faces, with comma, semicolon or tabulator.

Wide: a row a face, with the columns ``x0, y0, x1, y1, ...``, as ``mmfld predict`` writes them, or ``NAME_x, NAME_y``,
and perhaps ``v0`` or ``NAME_v``: 0 not annotated, 1 occluded, 2 visible. Long: a row a landmark, with its name, ``x``
and ``y``, and a column ``face`` where images have several. Empty cells are landmarks that are not annotated.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..counts import how_many
from .annotations import NamedFace, unique_names
from .image_files import Size, find_image, path_from
from .problems import Problem, Problems, shown
from .text_files import parse_number, read_text, write_text

IMAGE = ('file', 'file_name', 'filename', 'image', 'image_name', 'image_path', 'path')
LANDMARK = ('landmark', 'name', 'point', 'label', 'keypoint', 'part')
NUMBERED, NAMED = re.compile(r'([xyv])([0-9]+)'), re.compile(r'(.+)_([xyv])')

Row = tuple[int, dict[str, str]]  # its line, and its cells by column


def read_csv(path: Path, images: Path, problems: Problems) -> Iterator[NamedFace]:
    """The faces of a file; one that cannot be used is reported. See :func:`.imglab_files.read_imglab`."""
    text = read_text(path)
    delimiter = max(',;\t', key=text.partition('\n')[0].count)
    reader = csv.reader(io.StringIO(text, newline=''), delimiter=delimiter)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise Problem('bad csv', f'found no header ({error})', path, 1) from error
    columns = {name.lower(): name for name in header}
    image = next((columns[name] for name in IMAGE if name in columns), None)
    if image is None or len(set(header)) < len(header):
        message = f'found the columns {shown(", ".join(header))}, expected each once, and one of {", ".join(IMAGE)}'
        raise Problem('bad header', message, path, 1)
    rows = _rows(reader, header, path, problems)
    if {'x', 'y'} <= columns.keys():
        yield from _long(rows, columns, image, path, images, problems)
    else:
        yield from _wide(rows, header, image, path, images, problems)


def _rows(reader: Any, header: Sequence[str], path: Path, problems: Problems) -> Iterator[Row]:
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise Problem('bad csv', f'cannot be read on ({error})', path, reader.line_num) from error
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            message = f'found {len(cells)} cells, expected {len(header)}, as there are columns'
            problems.leave_out(Problem('wrong number of cells', message, path, reader.line_num))
        else:
            yield reader.line_num, dict(zip(header, (cell.strip() for cell in cells)))


def _wide(
    rows: Iterator[Row], header: Sequence[str], image: str, path: Path, images: Path, problems: Problems
) -> Iterator[NamedFace]:
    of_landmark: dict[str, dict[str, str]] = {}  # name -> axis -> column
    numbered = True
    for column in header:
        if match := NUMBERED.fullmatch(column):
            of_landmark.setdefault(match[2], {})[match[1]] = column
    if not of_landmark:
        numbered = False
        for column in header:
            if match := NAMED.fullmatch(column):
                of_landmark.setdefault(match[1], {})[match[2]] = column
    if not of_landmark:
        message = f'found the columns {shown(", ".join(header))}, expected x0, y0, ..., NAME_x, NAME_y, ... or x, y'
        raise Problem('bad header', message, path, 1)
    for name, axes in of_landmark.items():
        if not {'x', 'y'} <= axes.keys():
            raise Problem('bad header', f'landmark {shown(name)}: found {", ".join(axes)}, expected x and y', path, 1)
    if numbered:
        of_landmark = dict(sorted(of_landmark.items(), key=lambda item: int(item[0])))
    unread = [name for name in header if name != image and not any(name in a.values() for a in of_landmark.values())]
    if unread:
        print(f'{path}: columns that are not read: {", ".join(unread)}')
    told = any('v' in axes for axes in of_landmark.values())
    for line, cells in rows:
        try:
            if cells.get('frame'):
                raise Problem('frame of a video', f'found frame {cells["frame"]}, expected images', path, line)
            found = [_point([cells[axes[a]] for a in 'xy'], path, line) for axes in of_landmark.values()]
            given = [cells[axes['v']] if 'v' in axes else '' for axes in of_landmark.values()]
            visible = [_visible(text, point, told, path, line) for text, point in zip(given, found)]
            yield _face(cells[image], found, visible, None if numbered else tuple(of_landmark), path, line, images)
        except Problem as problem:
            problems.leave_out(problem)


def _long(
    rows: Iterator[Row], columns: dict[str, str], image: str, path: Path, images: Path, problems: Problems
) -> Iterator[NamedFace]:
    name = next((columns[name] for name in LANDMARK if name in columns), None)
    if name is None:
        message = f'found x and y without a name, expected one of the columns {", ".join(LANDMARK)}'
        raise Problem('bad header', message, path, 1)
    faces: dict[tuple[str, str], list[Row]] = {}
    for line, cells in rows:
        faces.setdefault((cells[image], cells.get(columns.get('face', ''), '')), []).append((line, cells))
    for (file, _), members in faces.items():
        line = members[0][0]
        try:
            names = unique_names(
                [cells[name] for _, cells in members], path, line, '; several faces of an image need a column face'
            )
            found = [_point([cells[columns[a]] for a in 'xy'], path, line) for line, cells in members]
            visible = [int(point is not None) for point in found]
            lines = [line for line, _ in members]
            yield _face(file, found, visible, names, path, line, images, lines)
        except Problem as problem:
            problems.leave_out(problem)


def _point(cells: Sequence[str], path: Path, line: int) -> list[float] | None:
    """None if both cells are empty."""
    return [parse_number(cell, 'coordinate', path, line) for cell in cells] if any(cells) else None


def _visible(text: str, point: list[float] | None, told: bool, path: Path, line: int) -> int:
    if point is None:
        return 0
    if text in ('', '0', '1', '2'):
        return int(text) if text else 2 if told else 1
    raise Problem('bad visibility', f'found {shown(text)}, expected 0, 1 or 2', path, line)


def _face(
    file: str,
    found: Sequence[list[float] | None],
    visible: Sequence[int],
    names: tuple[str, ...] | None,
    path: Path,
    line: int,
    images: Path,
    lines: Sequence[int] | None = None,
) -> NamedFace:
    points = np.array([(0, 0) if not v else point for point, v in zip(found, visible)], float)
    return NamedFace(
        find_image(file, images, path, line),
        points,
        path.name,
        path,
        line,
        lines or [line] * len(points),
        visible=None if all(v == 1 for v in visible) else np.array(visible),
        names=names,
    )


def write_csv(
    path: Path, faces: Sequence[tuple[NamedFace, Size | None]], images: Path, overwrite: bool, problems: Problems
) -> None:
    """Write a row a face; v is told if some landmark is told to be visible or covered."""
    first = faces[0][0]
    told = any((face.coco_visibility == 2).any() for face, _ in faces)
    axes = 'xyv' if told else 'xy'
    columns = (
        [f'{n}_{axis}' for n in first.names for axis in axes]
        if first.names
        else [f'{axis}{k}' for k in range(len(first.points)) for axis in axes]
    )
    text = io.StringIO(newline='')
    writer = csv.writer(text)
    writer.writerow(['file', *columns])
    for face, _ in faces:
        cells = [path_from(path, images / face.image)]
        for (x, y), v in zip(face.points.round(6).tolist(), face.coco_visibility.tolist()):
            cells += [x, y] if v else ['', '']
            cells += [v] if told else []
        writer.writerow(cells)
    write_text(path, text.getvalue(), overwrite)
    print(f'{path}: {how_many(len(faces), "face")}')
