"""COCO-style json, which trainings read."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..counts import how_many
from .annotations import PLACES, NamedFace, unique_names
from .face_sets import to_coco, write_json
from .image_files import Size, find_image
from .problems import Problem, Problems, shown
from .text_files import check_free, is_number

KEPT = ('attributes', 'box_size', 'face_box', 'landmark_box')  # fields of an annotation


def read_coco(path: Path, images: Path, problems: Problems) -> Iterator[NamedFace]:
    """The faces of a file; one that cannot be used is reported. See :func:`.imglab_files.read_imglab`."""
    from mmfld.datasets.datasets.annotation_file import read_annotation_file  # which needs MMEngine

    try:
        sections = read_annotation_file(str(path))
    except ValueError as error:
        raise Problem('bad json', str(error).removeprefix(f'{path}: '), path) from error
    named = [category for category in sections['categories'] if category.get('keypoints')]
    if len(named) > 1:
        found = ', '.join(shown(category.get('name')) for category in named)
        raise Problem('several categories', f'found landmarks of {found}, expected those of one', path, 'categories')
    listed = named[0]['keypoints'] if named else None
    is_named = isinstance(listed, list) and listed and all(isinstance(name, str) for name in listed)
    names = unique_names(listed or [], path, 'categories[0]') if is_named else None
    of_id = {image['id']: image for image in sections['images']}
    for image in of_id.keys() - {annotation['image_id'] for annotation in sections['annotations']}:
        name = shown(of_id[image]['file_name'])
        problems.note(Problem('image without faces', f'found no annotation of {name}', path, f'image {image}'))
    for annotation in sections['annotations']:
        try:
            yield _face(annotation, of_id[annotation['image_id']], names, path, images)
        except Problem as problem:
            problems.leave_out(problem)


def _face(annotation: dict, image: dict, names: tuple[str, ...] | None, path: Path, images: Path) -> NamedFace:
    place = f'annotation {annotation["id"]}'
    values = annotation.get('keypoints')
    if not isinstance(values, list) or not values or len(values) % 3 or not all(map(is_number, values)):
        raise Problem('bad keypoints', f'found {shown(values)}, expected [x, y, v] of each landmark', path, place)
    keypoints = np.array(values, float).reshape(-1, 3)
    if not np.isin(keypoints[:, 2], (0, 1, 2)).all():
        raise Problem('bad keypoints', f'found v={shown(keypoints[:, 2].tolist())}, expected 0, 1 or 2', path, place)
    if names is not None and len(names) != len(keypoints):
        message = f'found {how_many(len(keypoints), "landmark")}, expected {len(names)}, as the category has'
        raise Problem('wrong point count', message, path, place)
    fields = {name: annotation[name] for name in KEPT if name in annotation}
    if 'box_size' in fields and 'center' in annotation:  # else of the landmarks, which is written anew
        fields['center'] = annotation['center']
    for name in PLACES.keys() & fields.keys():
        values, count = fields[name], len(PLACES[name])
        if not isinstance(values, list) or len(values) != count or not all(map(is_number, values)):
            message = f'{name}: found {shown(values)}, expected {count} finite numbers'
            raise Problem('bad box', message, path, place)
    visible = keypoints[:, 2].astype(int)
    size = (image['width'], image['height']) if {'width', 'height'} <= image.keys() else None
    return NamedFace(
        find_image(image['file_name'], images, path, place),
        keypoints[:, :2] * (visible > 0)[:, None],
        path.name,
        path,
        place,
        [place] * len(keypoints),
        visible=None if (visible == 1).all() else visible,
        fields=fields,
        names=names,
        size=size,
    )


def write_coco(
    path: Path, faces: Sequence[tuple[NamedFace, Size | None]], images: Path, overwrite: bool, problems: Problems
) -> None:
    """Write faces and the names of their landmarks; names of images are relative to their folder."""
    check_free(path, overwrite)
    write_json(path, to_coco(faces, faces[0][0].names))
