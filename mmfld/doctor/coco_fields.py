"""Fields of a COCO-style file that nothing here reads, but that tell that the file means something else."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ..counts import how_many
from ..datasets.datasets.annotation_file import is_number
from ..repository import runnable
from .finding import BROWSE, Finding, shortened, warning
from .official import read_coco
from .parts import Part

# the area of COCO is that of what is inside the box
LEAST_AREA, MOST_AREA = 0.2, 1.02


def look_at_coco_fields(part: Part) -> Iterator[Finding]:
    """Findings about the annotation file of a data set that could be loaded."""
    if part.dataset is None:
        return
    try:
        content = read_coco(part.ann_file)
    except ValueError:
        return
    annotations = list({face['id']: face['raw_ann_info'] for face in part.faces() if 'raw_ann_info' in face}.values())
    for field, wrong, meaning in (
        (
            'num_keypoints',
            lambda ann: ann['num_keypoints'] != sum(flag > 0 for flag in ann['keypoints'][2::3]),
            'is not the number of landmarks with v > 0: the file may say in another way which landmarks are there',
        ),
        (
            'area',
            lambda ann: not _fits(ann['area'], ann.get('bbox')),
            'is not that of something in the "bbox": one of them may be of another image size or in other units',
        ),
        (
            'bbox',
            lambda ann: not _holds_half(ann['bbox'], ann['keypoints']),
            "as [x, y, w, h] holds less than half of the landmarks (MMPose's own data sets crop by it): it may be "
            '[x1, y1, x2, y2], or the landmarks are shifted',
        ),
    ):
        found = [ann['id'] for ann in annotations if field in ann and wrong(ann)]
        if found:
            yield _doubt(part, f'field "{field}" {meaning}', found, annotations)
    repeated = _repeated([(ann['image_id'], *ann['keypoints']) for ann in annotations], annotations)
    if repeated:
        yield _doubt(
            part, 'the same landmarks in the same image stand in another annotation as well', repeated, annotations
        )
    yield from _of_categories(part, content, annotations)
    yield from _of_licenses(part, content)


def _of_categories(part: Part, content: dict, annotations: Sequence[dict]) -> Iterator[Finding]:
    categories = [one for one in _entries(content, 'categories') if isinstance(one.get('keypoints'), list)]
    for category in categories:
        names = category['keypoints']
        where = f'{part.ann_file}: category {category.get("id")}, field "keypoints": found'
        advice = f'see whether the points are numbered as the layout numbers them: {runnable(BROWSE)}'
        if part.layout is not None and names and len(names) != part.layout.num_keypoints:
            yield warning(
                part.name,
                f'{where} {how_many(len(names), "name")}, expected {part.layout.num_keypoints} of layout '
                f'{part.layout.name}, or none',
                advice,
            )
        numbers = [re.search(r'([0-9]+)\D*$', str(name)) for name in names]
        if (
            len(names) > 1
            and all(numbers)
            and (values := [int(number[1]) for number in numbers]) != list(range(values[0], values[0] + len(values)))
            and len(set(values)) == len(values)
        ):
            yield warning(part.name, f'{where} names whose numbers are not in order: {shortened(names)}', advice)
    known = {one.get('id') for one in _entries(content, 'categories')}
    unknown = [ann['id'] for ann in annotations if known and ann['category_id'] not in known]
    if unknown:
        yield _doubt(part, 'field "category_id" is of no entry of "categories"', unknown, annotations)


def _of_licenses(part: Part, content: dict) -> Iterator[Finding]:
    ids = [one.get('id') for one in _entries(content, 'licenses')]
    repeated = [id_ for id_, count in Counter(map(repr, ids)).items() if count > 1]
    if repeated:
        yield warning(
            part.name,
            f'{part.ann_file}: field "licenses": found ids several times: {shortened(repeated)}',
            'files may have been put together; see whether their images and categories still fit',
        )
    unknown = [
        image.get('id') for image in content['images'] if ids and 'license' in image and image['license'] not in ids
    ]
    if unknown:
        yield warning(
            part.name,
            f'{part.ann_file}: field "license" is of no entry of "licenses" in {len(unknown)} of '
            f'{how_many(len(content["images"]), "image")}: {shortened(unknown)}',
            'correct the annotation file',
            unknown,
        )


def _doubt(part: Part, what: str, ids: Sequence, annotations: Sequence[dict]) -> Finding:
    return warning(
        part.name,
        f'{part.ann_file}: {what}, in {len(ids)} of {how_many(len(annotations), "annotation")}: {shortened(ids)}',
        'nothing here reads it; see what the file was made for, and correct it',
        ids,
    )


def _entries(content: dict, name: str) -> list[dict]:
    section = content.get(name)
    return [one for one in section if isinstance(one, dict)] if isinstance(section, list) else []


def _is_box(box: Any) -> bool:
    return isinstance(box, list) and len(box) == 4 and all(map(is_number, box)) and box[2] > 0 and box[3] > 0


def _fits(area: Any, box: Any) -> bool:
    return not _is_box(box) or is_number(area) and LEAST_AREA <= area / (box[2] * box[3]) <= MOST_AREA


def _holds_half(box: Any, keypoints: Sequence[float]) -> bool:
    if not _is_box(box):
        return False
    x, y, width, height = box
    shown = [(left, top) for left, top, flag in zip(*[iter(keypoints)] * 3) if flag > 0]
    return 2 * sum(0 <= left - x <= width and 0 <= top - y <= height for left, top in shown) >= len(shown)


def _repeated(keys: Sequence[tuple], annotations: Sequence[dict]) -> list:
    counts = Counter(keys)
    return [ann['id'] for key, ann in zip(keys, annotations) if counts[key] > 1]
