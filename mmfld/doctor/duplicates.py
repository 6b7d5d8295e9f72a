"""Images of the test among those of the training, also encoded anew, of another size or mirrored."""

import os
from collections.abc import Iterator, Sequence

import numpy as np

from ..counts import how_many
from .finding import Finding, note, shortened, warning
from .parts import Part
from .picture_cache import Picture

# Correlation of the differences between neighbours in thumbnails of 16 x 16 pixels. On 300W: 0.997 and more of images
# that were stored anew in half the size and quality 40; at most 0.71 between training and test, but for three pairs of
# at least 0.97 that show the same photograph.
SAME = 0.9
CHUNK = 4096


def look_for_duplicates(parts: Sequence[Part], pictures: dict[str, Picture]) -> Iterator[Finding]:
    """Findings about pictures, by path, that the first data set (all those of the training) shares with the others."""
    training = [part for part in parts if part.name == parts[0].name]
    paths = _paths(training, pictures)
    for part in parts[len(training) :]:
        others = _paths([part], pictures)
        if not paths or not others:
            continue
        pairs = same(paths, others, pictures)
        if pairs:
            listed = shortened([f'{_below(other, part)} = {_below(path, parts[0])}' for path, other in pairs])
            yield warning(
                part.name,
                f'{len({other for _, other in pairs})} of {how_many(len(others), "image")} are in '
                f'{parts[0].name} as well: {listed}',
                'leave them out of one of the two, as results on them are better than on new images; or, '
                'where the division is official, say so beside the result',
            )
        else:
            yield note(
                part.name, f'none of {how_many(len(others), "image")} is among the {len(paths)} of {parts[0].name}'
            )


def same(paths: Sequence[str], others: Sequence[str], pictures: dict[str, Picture]) -> list[tuple[str, str]]:
    """Pairs that look alike, of two lists of images, as they are or one of them mirrored."""
    of_others = _differences([pictures[path].thumbnail for path in others])
    mirrored = _differences([pictures[path].thumbnail[:, ::-1] for path in others])
    pairs = []
    for start in range(0, len(paths), CHUNK):
        chunk = paths[start : start + CHUNK]
        of_chunk = _differences([pictures[path].thumbnail for path in chunk])
        alike = (of_chunk @ of_others.T > SAME) | (of_chunk @ mirrored.T > SAME)
        pairs += [(chunk[i], others[j]) for i, j in np.argwhere(alike)]
    return pairs


def _paths(parts: Sequence[Part], pictures: dict[str, Picture]) -> list[str]:
    paths = dict.fromkeys(face['img_path'] for part in parts for face in part.faces())
    return [path for path in paths if path in pictures]


def _below(path: str, part: Part) -> str:
    """A path from the folder of the images, if it lies there."""
    folder = part.dataset.data_prefix.get('img', '')
    return os.path.relpath(path, folder) if folder and path.startswith(folder) else path


def _differences(thumbnails: Sequence[np.ndarray]) -> np.ndarray:
    """(N, 480) of length 1: differences to the right and downwards; 0 for one colour, which is like no picture."""
    grey = np.array(thumbnails, np.float32)
    steps = np.concatenate([np.diff(grey, axis=axis).reshape(len(grey), -1) for axis in (1, 2)], axis=1)
    return steps / np.maximum(np.linalg.norm(steps, axis=1, keepdims=True), 1e-6)
