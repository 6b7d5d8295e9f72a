"""Faces as annotation tools keep them: with landmarks that have names, or only an order, which may differ from face to
face until :func:`in_one_order` has seen them all."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..counts import how_many
from .face_sets import Face
from .image_files import Size
from .problems import ConversionError, Problem, Problems, shown

# fields of an annotation that have a place, and which of their numbers tell it: [x, y], [x, y, w, h], [x1, y1, x2, y2]
PLACES = dict(center=(1, 1), face_box=(1, 1, 0, 0), landmark_box=(1, 1, 1, 1))


@dataclass
class NamedFace(Face):
    """A face with the names of its landmarks.

    Args:
        names (tuple[str], optional): K, each once; None if they have only their order.
        size (tuple[int, int], optional): Width and height of the image, if the file tells them.
    """

    names: tuple[str, ...] | None = None
    size: Size | None = None

    def moved(self, shift: float) -> 'NamedFace':
        """A copy whose annotated points, and all else with a place, lie further to the right and down, in pixels."""
        fields = dict(self.fields)
        for name in PLACES.keys() & fields.keys():
            fields[name] = [value + shift * moves for value, moves in zip(fields[name], PLACES[name])]
        annotated = self.coco_visibility[:, None] > 0
        return replace(self, points=self.points + shift * annotated, fields=fields)


def in_one_order(faces: Sequence[NamedFace], names: Sequence[str] | None, problems: Problems) -> list[NamedFace]:
    """Faces that all have the same landmarks in the same order.

    Where landmarks have names, those that a face lacks are not annotated there. The order is that of ``names``; else
    that of the numbers, if all names are whole numbers; else that in which they first come. Names that count from 0
    are none afterwards. Without names, as many landmarks are expected as most faces have.

    Args:
        faces (list[NamedFace]): At least one.
        names (Sequence[str], optional): Of the landmarks that are expected; names for those that have none.
        problems (Problems): Takes faces with other landmarks.

    Raises:
        ConversionError: If some faces have names and others none, or one stands twice in ``names``.
    """
    if names is not None and len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise ConversionError(f'names: found {shown(twice)} twice, expected each landmark once')
    named, unnamed = [face for face in faces if face.names], [face for face in faces if not face.names]
    if named and unnamed:
        raise ConversionError(
            f'found {how_many(len(named), "face")} whose landmarks have names, the first in {named[0].file}, '
            f'and {len(unnamed)} without, the first in {unnamed[0].file}, expected one kind'
        )
    if unnamed:
        counts = Counter(len(face.points) for face in unnamed)
        count = counts.most_common(1)[0][0] if names is None else len(names)
        expected = 'as most faces have' if names is None else 'as there are names'
        names = None if names is None else tuple(names)
        kept = []
        for face in unnamed:
            if len(face.points) == count:
                kept.append(replace(face, names=names))
            else:
                problems.leave_out(
                    face.problem(
                        'wrong point count',
                        f'found {how_many(len(face.points), "point")}, expected {count}, {expected}',
                    )
                )
        return kept
    order = _order(named) if names is None else tuple(names)
    place = {name: k for k, name in enumerate(order)}
    kept = []
    for face in named:
        unknown = [name for name in face.names or () if name not in place]
        if unknown:
            expected = ', '.join(order)
            problems.leave_out(
                face.problem('unknown landmark', f'found {shown(unknown[0])}, expected one of {expected}')
            )
        else:
            kept.append(_arranged(face, order, place))
    if names is None and [name.lstrip('0') or '0' for name in order] == [str(k) for k in range(len(order))]:
        return [replace(face, names=None) for face in kept]
    return kept


def _order(faces: Sequence[NamedFace]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name for face in faces for name in face.names or ()))
    if all(name.isascii() and name.isdigit() for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return names


def _arranged(face: NamedFace, order: tuple[str, ...], place: dict[str, int]) -> NamedFace:
    if face.names == order:
        return face
    where = [place[name] for name in face.names or ()]
    points, visible = np.zeros((len(order), 2)), np.zeros(len(order), int)
    points[where], visible[where] = face.points, face.coco_visibility
    lines = [face.line] * len(order)
    for k, line in zip(where, face.point_lines):
        lines[k] = line
    # what is not told stays so where nothing is missing
    told = None if face.visible is None and len(where) == len(order) else visible
    return replace(face, points=points, visible=told, point_lines=lines, names=order)


def unique_names(names: Sequence[str], file: Path, line: int | str | None, hint: str = '') -> tuple[str, ...]:
    """The names of the landmarks of one face.

    Raises:
        Problem: If one is empty or stands there twice.
    """
    if '' in names:
        raise Problem('landmark without name', 'found an empty name, expected that of a landmark', file, line)
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise Problem(
            'landmark twice', f'found {shown(name)} {count} times in one face, expected once{hint}', file, line
        )
    return tuple(names)
