"""Whether data sets on disk are the official ones, before training on them.

``official.yml`` tells what the annotation files of the papers' data sets hold. :func:`check` compares files with it and
returns what is wrong. Not everything shows: numbers of faces and landmarks, the position of two landmarks in a file and
three of its images are looked at.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ..counts import how_many
from ..engine.fields import COUNT, TEXT, Field, check_fields, is_mapping, is_number, is_text, shortened
from ..structures import get_layout, layout_names

DATA_FILE = Path(__file__).with_name('official.yml')
# In pixels, of x and of y. Rounding in official.yml is 0.005; counting pixels from 1 instead of 0 is 1.
TOLERANCE = 0.51
COCO = (
    'COCO-style json: a dict with the lists images, of dicts with file_name, and annotations, of dicts with '
    'keypoints [x, y, v, ...] in pixels'
)

Point = Sequence[float]  # x, y in pixels, pixel centres at integers from 0
Difference = tuple[str, str]  # what was found, what was expected


@dataclass(frozen=True)
class Finding:
    """Something wrong with the data.

    Args:
        file (Path): The annotation file.
        found (str): What was found; begins with ``'another version'`` if the landmarks are not those of the official
            images.
        expected (str): What was expected.
        how (str): Sentences that tell how to get it: official page and command of the converter.
    """

    file: Path
    found: str
    expected: str
    how: str

    def __str__(self) -> str:
        return f'{self.file}: found {self.found}; expected {self.expected}. {self.how}'


@dataclass(frozen=True)
class AnnFile:
    """What ``official.yml`` tells about an annotation file, its data set included; see there. None: not known."""

    page: str
    converter: str
    layout: str
    faces: int | None = None
    counted: int | None = None
    first: Point | None = None
    last: Point | None = None


def check(ann_files: Iterable[str | Path], data_root: Path) -> list[Finding]:
    """Compare annotation files with the official ones.

    Args:
        ann_files (Iterable[str | Path]): Relative to ``data_root``, e.g.
            ``'wflw/annotations/face_landmarks_wflw_train.json'``, or whole paths. Of those that ``official.yml`` does
            not tell about, nothing but the file itself is looked at.
        data_root (Path): Folder of the data sets.

    Returns:
        list[Finding]: In the order of the files, each of which is looked at once; empty if nothing is wrong.

    Raises:
        ValueError: If ``official.yml`` is not as it should be.
    """
    known = load_data()
    names = dict.fromkeys(Path(ann_file).as_posix() for ann_file in ann_files)
    paths = [Path(data_root) / name for name in names]
    return [finding for path in paths for finding in check_file(path, known.get('/'.join(path.parts[-3:])))]


def check_file(path: Path, official: AnnFile | None) -> Iterator[Finding]:
    """The findings about one file, ``<folder>/annotations/<name>`` with the images in ``<folder>/images``."""
    folder = path.parent.parent
    for found, expected in differences(path, folder / 'images', official):
        yield Finding(path, found, expected, how_to_get(folder, official))


def how_to_get(folder: Path, official: AnnFile | None) -> str:
    if official is None:
        return (
            f'{DATA_FILE.name} does not tell where it is from: make it, or correct data_root and ann_file of the '
            'config.'
        )
    command = official.converter.replace('OUT', str(folder))
    return f'The official page is {official.page}; what it offers is converted by `{command}` (see its --help).'


def differences(path: Path, images: Path, official: AnnFile | None) -> Iterator[Difference]:
    """What is wrong with a file; nothing is known about it if ``official`` is None."""
    if not path.is_file():
        yield 'a folder' if path.is_dir() else 'no such file', 'an annotation file'
        return
    try:
        content = read_coco(path)
    except ValueError as error:
        yield str(error), COCO
        return
    yield from faces_without_image(content)
    if official is not None:
        yield from compare_counts(content['annotations'], official)
        yield from compare_keypoints(content['annotations'], official)
        yield from compare_version(content['annotations'], official)
        yield from missing_images(content['images'], images)


def read_coco(path: Path) -> dict:
    """The content of a json with what the other functions look at.

    Raises:
        ValueError: If it is no such file; the message tells what was found.
    """
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:  # ValueError: no UTF-8, or no json
        raise ValueError(f'a file that cannot be read ({error})') from error
    if not isinstance(content, dict):
        raise ValueError(f'a {type(content).__name__}')
    for name, field, is_valid in (('images', 'file_name', is_text), ('annotations', 'keypoints', is_keypoints)):
        if not isinstance(content.get(name), list):
            raise ValueError(f'{type(content[name]).__name__ if name in content else "nothing"} as {name}')
        for index, item in enumerate(content[name]):
            if not (isinstance(item, dict) and is_valid(item.get(field))):
                raise ValueError(f'{shortened(item)} as {name}[{index}]')
    return content


def is_keypoints(value: Any) -> bool:
    """Whether it is a list with numbers for the first landmark; the others are not looked at."""
    return isinstance(value, list) and len(value) >= 3 and all(map(is_number, value[:2]))


def faces_without_image(content: dict) -> Iterator[Difference]:
    """Faces of images that the file does not name; a data set would leave them out."""
    known = {image.get('id') for image in content['images']}
    lost = [index for index, annotation in enumerate(content['annotations']) if annotation.get('image_id') not in known]
    if lost:
        image_id = content['annotations'][lost[0]].get('image_id')
        yield (
            f'image_id {image_id!r} in annotations[{lost[0]}], which no image has, and the same in {len(lost)} of '
            f'{how_many(len(content["annotations"]), "face")}',
            'an entry in images for each face',
        )


def compare_counts(annotations: list[dict], official: AnnFile) -> Iterator[Difference]:
    """Numbers of faces, and of those that an evaluation counts."""
    found = len(annotations)
    counted = sum(not annotation.get('excluded') for annotation in annotations)
    if official.faces not in (None, found):
        part = f', {100 * found / official.faces:.0f} % of the official ones' if found < official.faces else ''
        yield f'{how_many(found, "face")}{part}', f'{official.faces} faces, the official number'
    elif official.counted not in (None, counted):
        yield (
            f'{counted} of {how_many(found, "face")} without "excluded": 1',
            f'{official.counted}, the official number; without the others, whose annotations are known to be bad',
        )


def compare_keypoints(annotations: list[dict], official: AnnFile) -> Iterator[Difference]:
    """Number of keypoints of each face."""
    number = get_layout(official.layout).num_keypoints
    lengths = [len(annotation['keypoints']) for annotation in annotations]
    wrong = [index for index, length in enumerate(lengths) if length != 3 * number]
    if wrong:
        yield (
            f'{lengths[wrong[0]] / 3:g} keypoints in annotations[{wrong[0]}] and a wrong number in {len(wrong)} of '
            f'{how_many(len(annotations), "face")}',
            f'{number} keypoints [x, y, v] of layout {official.layout} in each face',
        )


def compare_version(annotations: list[dict], official: AnnFile) -> Iterator[Difference]:
    """Whether the first and last face of the official list are there, at the place in the image that they have in it.

    They may stand anywhere in the file. A part of the official faces is no other version, as long as one is there.
    """
    points = {which: point for which in ('first', 'last') if (point := getattr(official, which)) is not None}
    found = np.array([annotation['keypoints'][:2] for annotation in annotations], float).reshape(-1, 2)
    missing = {which: point for which, point in points.items() if not has_point(found, point)}
    if not len(found) or not missing or (len(found) < (official.faces or 0) and len(missing) < len(points)):
        return
    if all(has_point(found, (x + 1, y + 1)) for x, y in missing.values()):
        reason = 'its landmarks are 1 pixel further right and down, as in files that count pixels from 1'
    else:
        reason = (
            f'no first landmark of a face is there, the one of its first face is at {shown(found[0])}; the '
            'images may be crops, or of another size'
        )
    places = ' and '.join(f'{shown(point)} in the {which} face' for which, point in missing.items())
    yield f'another version of the data: {reason}', f'the first landmark at {places} of the official list, in pixels'


def has_point(points: np.ndarray, point: Point) -> bool:
    """Whether one of the points, (N, 2), is the point up to :data:`TOLERANCE`, all in pixels."""
    return bool((np.abs(points - point) <= TOLERANCE).all(axis=1).any())


def missing_images(images: list[dict], folder: Path) -> Iterator[Difference]:
    """The first, the middle and the last image; of videos, ``file_name`` may be that of a video."""
    indices = sorted({0, len(images) // 2, len(images) - 1}) if images else []
    names = list(dict.fromkeys(images[index]['file_name'] for index in indices))
    missing = [name for name in names if not (folder / name).is_file()]
    empty = [name for name in names if name not in missing and not (folder / name).stat().st_size]
    for what, bad in (('no image', missing), ('the empty image', empty)):
        if bad:
            yield (
                f'{what} {", ".join(bad)}, {len(bad)} of {len(names)} that were looked for',
                f'all images that the file names, in {folder}',
            )


def shown(point: Point) -> str:
    x, y = point
    return f'({x:.2f}, {y:.2f})'


# ---- official.yml --------------------------------------------------------------------------------------------------


def is_point(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(is_number, value))


SET_FIELDS: dict[str, Field] = dict(
    page=TEXT,
    converter=TEXT,
    layout=(lambda value: value in layout_names(), f'one of {", ".join(layout_names())}'),
    files=(is_mapping(is_text, lambda value: True), 'a mapping of annotation files'),
)
FILE_FIELDS: dict[str, Field] = dict(
    faces=COUNT, counted=COUNT, first=(is_point, '[x, y] in pixels'), last=(is_point, '[x, y] in pixels')
)


def load_data(path: Path | None = None) -> dict[str, AnnFile]:
    """Read ``official.yml``, or another file like it.

    Returns:
        dict: Annotation file relative to the data root -> what is known about it.

    Raises:
        ValueError: If something in it is not as described on its top; the message names the place.
    """
    path = DATA_FILE if path is None else path
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except yaml.YAMLError as error:
        raise ValueError(f'{path}: found no YAML ({error})') from error
    if not isinstance(content, dict):
        raise ValueError(f'{path}: found {shortened(content)}, expected a mapping of data sets')
    known: dict[str, AnnFile] = {}
    for name, data_set in content.items():
        place = f'{path}: {name}'
        check_fields(place, data_set, SET_FIELDS)
        common = {key: value for key, value in data_set.items() if key != 'files'}
        for file, facts in data_set['files'].items():
            if not is_text(file) or not file.endswith('.json') or file in known:
                raise ValueError(f'{place}.files: found {file!r}, expected names of .json files, each once')
            facts = {} if facts is None else facts
            check_fields(f'{place}.files.{file}', facts, FILE_FIELDS, FILE_FIELDS)
            known[file] = AnnFile(**common, **facts)
    return known
