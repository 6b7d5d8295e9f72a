"""What annotations tell without their images: what a training refuses, places, official numbers, left and right."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..codecs.outside import lies_inside
from ..counts import how_many
from ..repository import runnable
from ..structures import FaceLayout
from .finding import BROWSE, Finding, error, note, shortened, warning
from .official import AnnFile, compare_counts, compare_version, how_to_get, load_data, read_coco
from .parts import Part

CONVERT = 'correct the annotation file, or convert the official files again: tools/dataset_converters'


def look_at_faces(part: Part) -> Iterator[Finding]:
    """Findings about one data set, from its annotations."""
    official = _known(part.ann_file)
    missing = official is not None and not part.ann_file.exists()
    for reason, ids in alike(part.refused):
        yield error(part.name, reason, how_to_get(part.ann_file.parent.parent, official) if missing else CONVERT, ids)
    if part.dataset is None:
        return
    faces = list(part.faces())
    yield note(part.name, f'{how_many(len(faces), "face")} in {part.ann_file}')
    for doubt in getattr(part.dataset, 'doubts', ()):
        yield warning(part.name, doubt)
    yield from _outside(part, faces)
    if official is not None:
        yield from _compare(part, official)
    if part.layout is not None and faces:
        yield from look_at_sides(part.name, *part.points(), part.layout)


def alike(reasons: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Sentences, of those that differ in the annotation only one, and the ids of their annotations."""
    ids: dict[tuple[str, str], list[int]] = {}
    for reason in reasons:
        parts = re.match('(.*?: annotation)( -?[0-9]+)(, .*)', reason, re.DOTALL)
        found = ids.setdefault((parts[1], parts[3]) if parts else (reason, ''), [])
        found += [int(parts[2])] if parts else []
    named = {0: '', 1: ' {}'}
    return [
        (before + named.get(len(found), 's {} ({} of them)').format(shortened(found), len(found)) + after, found)
        for (before, after), found in ids.items()
    ]


def _outside(part: Part, faces: Sequence[dict]) -> Iterator[Finding]:
    found = []
    for face in faces:
        if 'image_size' in face:
            points, seen = face['keypoints'][0], face['keypoints_visible'][0] > 0
            out = np.flatnonzero(seen & ~lies_inside(points, face['image_size']))
            if len(out):
                x, y = points[out[0]]
                width, height = face['image_size']
                found.append((face['id'], len(out), f'landmark {out[0]} at ({x:.1f}, {y:.1f}) in {width} x {height}'))
    if found:
        ids, counts, places = zip(*found)
        yield note(
            part.name,
            f'{how_many(sum(counts), "landmark")} of {how_many(len(found), "face")} outside of the image '
            f'(annotations {shortened(ids)}; the first: {places[0]})',
            'fine for faces at the edge of a picture, whose landmarks were guessed; else correct them, or say v = 0',
        )


def _known(path: Path) -> AnnFile | None:
    """What is known of an official annotation file, by its name, in whatever folder it lies."""
    return next((facts for name, facts in load_data().items() if Path(name).name == path.name), None)


def _compare(part: Part, official: AnnFile) -> Iterator[Finding]:
    path = part.ann_file
    try:
        annotations = read_coco(path)['annotations']
    except ValueError:
        return  # it was refused
    for found, expected in (*compare_counts(annotations, official), *compare_version(annotations, official)):
        yield warning(
            part.name, f'{path}: found {found}; expected {expected}', how_to_get(path.parent.parent, official)
        )


def look_at_sides(
    name: str, points: np.ndarray, seen: np.ndarray, ids: Sequence, layout: FaceLayout
) -> Iterator[Finding]:
    """Whether left and right are where the layout has them.

    Args:
        name (str): Of the data set.
        points (ndarray): (F, K, 2) landmarks in pixels.
        seen (ndarray): (F, K) bool, whether they are annotated.
        ids (Sequence): Of the faces.
        layout (FaceLayout): Of the landmarks.
    """
    turn = sense(points, seen, layout)
    wrong = np.flatnonzero(turn < 0)
    judged = np.isfinite(turn).sum()
    advice = 'exchange the landmarks of the flip pairs of these faces, or mirror their images back'
    if len(wrong) and len(wrong) > judged / 2:
        yield error(
            name,
            f'left and right are exchanged in {len(wrong)} of {how_many(judged, "face")}: seen upright, the right '
            'eye of the subject has the larger x (images mirrored and points not, or y counted upwards)',
            advice,
        )
        return
    if len(wrong):
        exchanged = [ids[index] for index in wrong]
        yield warning(
            name,
            f'left and right are exchanged in {len(wrong)} of {how_many(judged, "face")}: '
            f'annotations {shortened(exchanged)}',
            advice,
            exchanged,
        )
    if layout.eye_corners is None or not layout.flip_pairs:
        return
    pairs = np.array(layout.flip_pairs)
    right, left = layout.eye_corners
    axis = points[:, left] - points[:, right]
    along = ((points[:, pairs[:, 1]] - points[:, pairs[:, 0]]) * axis[:, None]).sum(-1)
    along[~(seen[:, pairs].all(-1) & seen[:, [right, left]].all(-1, keepdims=True))] = np.nan
    counted = np.isfinite(along).sum(0)
    reversed_ = np.flatnonzero((along < 0).sum(0) > counted / 2)
    if len(reversed_):
        listed = shortened([f'{i}-{j}' for i, j in pairs[reversed_]])
        yield warning(
            name,
            f'the flip pairs {listed} of layout {layout.name} lie the other way round than the eyes in most faces',
            f'see whether the points are numbered as the layout numbers them: {runnable(BROWSE)} draws them',
        )


def sense(points: np.ndarray, seen: np.ndarray, layout: FaceLayout) -> np.ndarray:
    """Whether faces are mirrored, however they are turned; arguments as of :func:`look_at_sides`.

    Returns:
        ndarray: (F, ) square pixels, above 0 where the mouth lies on the side of the eye corners on which it does in a
        face, below 0 in a mirrored one; NaN where one of them is not annotated.
    """
    mouth = list(layout.areas.get('mouth', ()))
    if not mouth or layout.eye_corners is None:
        return np.full(len(points), np.nan)
    right, left = layout.eye_corners
    across = points[:, left] - points[:, right]
    weights = seen[:, mouth, None]
    with np.errstate(invalid='ignore', divide='ignore'):
        down = (points[:, mouth] * weights).sum(1) / weights.sum(1) - (points[:, left] + points[:, right]) / 2
    turn = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]
    return np.where(seen[:, [right, left]].all(1), turn, np.nan)
