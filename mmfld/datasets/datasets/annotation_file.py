"""COCO-style json files, and those of detected boxes: read whole, and their structure checked.

What cannot be used is a ValueError that names the file, the entry, the field, what was found and what was expected.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from mmengine import fileio

LONGEST = 120  # characters of a value in a message


def read_annotation_file(path: str) -> dict[str, list[dict]]:
    """The sections ``images``, ``annotations`` and ``categories`` of a COCO-style file.

    Returns:
        dict: Of each section its entries, none where there are no categories. Ids are ints and unique; an image has a
        ``file_name``, and positive ints as ``width`` and ``height`` if it has them; an annotation has a
        ``category_id`` and the ``image_id`` of one of the images.

    Raises:
        ValueError: See the module; also if a field stands twice in an entry, of which json would take the last.
    """
    content = _read_json(path)
    if not isinstance(content, dict):
        raise ValueError(
            f'{path}: found {_kind(content)}, expected an object with the fields "images" and "annotations"'
        )
    sections = {name: _section(path, content, name) for name in ('images', 'annotations')}
    sections['categories'] = _section(path, content, 'categories') if 'categories' in content else []
    for image in sections['images']:
        _check_image(path, image)
    ids = {image['id'] for image in sections['images']}
    for ann in sections['annotations']:
        where = f'annotation {ann["id"]}'
        for field in ('image_id', 'category_id'):
            _require(path, where, ann, field, lambda value: type(value) is int, 'an int')
        _require(path, where, ann, 'image_id', ids.__contains__, 'the id of one of the images')
    return sections


def read_box_file(path: str, images: Sequence[int]) -> list[dict]:
    """Detected boxes: dicts of ``image_id``, ``category_id``, ``bbox`` [x, y, w, h] and ``score``.

    Args:
        path (str): A json file with a list of them.
        images (Sequence[int]): The ids of the images.

    Raises:
        ValueError: See the module.
    """
    boxes = _read_json(path)
    if not isinstance(boxes, list):
        raise ValueError(f'{path}: found {_kind(boxes)}, expected a list of boxes')
    images = set(images)
    for number, box in enumerate(boxes):
        where = f'box number {number}'
        if not isinstance(box, dict):
            raise ValueError(f'{path}: {where}: found {shown(box)}, expected an object')
        for field, is_right, expected in (
            ('category_id', lambda value: type(value) is int, 'an int'),
            ('image_id', lambda value: type(value) is int and value in images, 'the id of one of the images'),
            ('score', is_number, 'a finite number'),
            (
                'bbox',
                lambda value: (
                    isinstance(value, list) and len(value) >= 4 and all(map(is_number, value)) and min(value[2:4]) > 0
                ),
                '4 finite numbers, [x, y, w, h] with a positive w and h',
            ),
        ):
            _require(path, where, box, field, is_right, expected)
    return boxes


def is_number(value: Any) -> bool:
    """Whether a value of a json file is a finite number that single precision can hold."""
    return type(value) in (int, float) and -3e38 < value < 3e38


def shown(value: Any) -> str:
    """A value for a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST else f'{text[:LONGEST]} ...'


def _read_json(path: str) -> Any:
    try:
        return json.loads(fileio.get(path), object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:  # also bytes that are no text, and numbers of too many digits
        raise ValueError(f'{path}: found no valid json ({error}), expected a COCO-style file') from error


def _without_repetition(pairs: Sequence[tuple]) -> dict:
    entry = dict(pairs)
    if len(entry) < len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f'the field {shown(name)} stands twice in one entry')
    return entry


def _section(path: str, content: dict, name: str) -> list[dict]:
    if not isinstance(content.get(name), list):
        found = _kind(content[name]) if name in content else 'none'
        raise ValueError(f'{path}: field "{name}": found {found}, expected a list')
    entry_name = {'images': 'image', 'annotations': 'annotation', 'categories': 'category'}[name]
    for number, entry in enumerate(content[name]):
        where = f'{entry_name} number {number}'
        if not isinstance(entry, dict):
            raise ValueError(f'{path}: {where}: found {shown(entry)}, expected an object')
        _require(path, where, entry, 'id', lambda value: type(value) is int, 'an int')
    counts = Counter(entry['id'] for entry in content[name])
    repeated = [id_ for id_, count in counts.items() if count > 1]
    if repeated:
        raise ValueError(
            f'{path}: field "{name}": found id {repeated[0]} {counts[repeated[0]]} times, expected unique ids'
        )
    return content[name]


def _check_image(path: str, image: dict) -> None:
    where = f'image {image["id"]}'
    _require(path, where, image, 'file_name', _is_file_name, 'the name of a file')
    for field in ('width', 'height'):
        if field in image:
            _require(
                path,
                where,
                image,
                field,
                lambda value: is_number(value) and value > 0 and value == int(value),
                'a positive whole number of pixels',
            )
            image[field] = int(image[field])
    if ('width' in image) != ('height' in image):
        found, missing = ('width', 'height') if 'width' in image else ('height', 'width')
        raise ValueError(f'{path}: {where}, field "{missing}": found none beside "{found}", expected both or neither')


def _is_file_name(value: Any) -> bool:
    if not isinstance(value, str) or not value or '\0' in value:
        return False
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        return False
    return True


def _require(path: str, where: str, entry: dict, field: str, is_right: Callable[[Any], bool], expected: str) -> None:
    if field not in entry:
        raise ValueError(f'{path}: {where} lacks the field "{field}", expected {expected}')
    if not is_right(entry[field]):
        raise ValueError(f'{path}: {where}, field "{field}": found {shown(entry[field])}, expected {expected}')


def _kind(value: Any) -> str:
    """What a value of a json file is, where all of it would be too much to show."""
    return {dict: 'an object', list: 'a list'}.get(type(value), shown(value))
