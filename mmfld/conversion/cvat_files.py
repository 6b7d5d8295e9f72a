"""``annotations.xml`` of CVAT's export "CVAT for images 1.1".

A face is a ``<skeleton>``, whose points have names; ``<points>`` with several points, which have an order only; or all
``<points>`` of an image with one point each, whose labels are the names, those of one ``group_id`` if they have one.
``outside`` is a landmark that is not annotated, ``occluded`` one that is covered.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .annotations import NamedFace, unique_names
from .image_files import find_image
from .problems import Problem, Problems, shown
from .text_files import parse_number
from .xml_files import Element, attribute, image_size, read_xml

ROOT = 'annotations'
NO_SHAPES = ('skeleton', 'points', 'tag')


def read_cvat(path: Path, images: Path, problems: Problems) -> Iterator[NamedFace]:
    """The faces of a file; one that cannot be used is reported. See :func:`.imglab_files.read_imglab`."""
    root = read_xml(path)
    if root.tag != ROOT:
        raise Problem('bad xml', f'found <{root.tag}>, expected <{ROOT}> as CVAT writes it', path, root.line)
    if root.find('track') is not None:
        raise Problem(
            'bad xml', 'found <track> of "CVAT for video", expected an export as "CVAT for images"', path, root.line
        )
    for image in root.iterfind('image'):
        others = {element.tag for element in image if element.tag not in NO_SHAPES}
        if others:
            problems.note(Problem('other shapes', f'found {", ".join(sorted(others))}, not read', path, image.line))
        groups = list(_groups(image))
        if not groups:
            problems.note(Problem('image without faces', f'found no points in {image.get("name")}', path, image.line))
        for elements, is_named in groups:
            try:
                yield _face(image, elements, is_named, path, images)
            except Problem as problem:
                problems.leave_out(problem)


def _groups(image: Element) -> Iterator[tuple[list[Element], bool]]:
    """The ``<points>`` of each face, and whether their labels are the names of landmarks."""
    single: dict[str, list[Element]] = {}
    for element in image:
        if element.tag == 'skeleton':
            yield element.findall('points') or [element], True
        elif element.tag == 'points':
            if ';' in element.get('points', ''):
                yield [element], False
            else:
                single.setdefault(element.get('group_id', '0'), []).append(element)
    for elements in single.values():
        yield elements, True


def _face(image: Element, elements: list[Element], is_named: bool, path: Path, images: Path) -> NamedFace:
    name = find_image(attribute(image, 'name', path), images, path, image.line)
    line = elements[0].line
    if elements[0].tag == 'skeleton':
        raise Problem('face without points', 'found a skeleton without points', path, line)
    points, visible, lines = [], [], []
    for element in elements:
        for pair in attribute(element, 'points', path).split(';'):
            values = pair.split(',')
            if len(values) != 2:
                raise Problem('bad point', f'found {shown(pair)}, expected x,y', path, element.line)
            points.append([parse_number(value.strip(), 'coordinate', path, element.line) for value in values])
            visible.append(0 if _is_set(element, 'outside') else 1 if _is_set(element, 'occluded') else 2)
            lines.append(element.line)
    if is_named and len(points) > len(elements):
        raise Problem('bad point', 'found several points in one of a skeleton, expected one', path, line)
    labels = [attribute(element, 'label', path) for element in elements] if is_named else None
    hint = '; faces of one image need a skeleton or a group each'
    visibility = np.array(visible)
    return NamedFace(
        name,
        np.array(points) * (visibility > 0)[:, None],
        path.name,
        path,
        line,
        lines,
        visible=visibility,
        names=None if labels is None else unique_names(labels, path, line, hint),
        size=image_size(image, path),
    )


def _is_set(element: Element, name: str) -> bool:
    return element.get(name, '0') in ('1', 'true')
