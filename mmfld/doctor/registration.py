"""How far annotated points lie beside where they belong in the images.

To the right it is measured from the mirror symmetry of faces (``tools/analysis_tools/measure_registration.py``).
Downwards symmetry tells nothing; for layout 300w68 the model that comes with the package does, against how 300W is
annotated, on which it was trained.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from tqdm import tqdm

from ..counts import how_many
from ..repository import runnable
from ..runtime import FaceLandmarker
from ..runtime.images import read_image
from ..structures import FaceLayout
from .finding import BROWSE, Finding, note, warning
from .machine import cores
from .parts import Part

RADIUS = 20  # of the surroundings of a landmark, in pixels
FACES, FEWEST = 500, 50  # whose symmetry is averaged, at most and at least
MODEL_FACES, MODEL_FEWEST = 60, 8
MODEL_LAYOUT = '300w68'
# Median deviation from the model in percent of the inter-ocular distance: 0.7 to the right and -0.4 down on the common
# set of 300W, 0.0 and -1.0 on rendered faces. A pixel is 3.3 on a face whose eyes are 30 pixels apart.
MODEL_LIMIT = 3.0
Pair = tuple[np.ndarray, np.ndarray]


def surroundings(image: np.ndarray, points: np.ndarray, radius: int) -> np.ndarray:
    """(N, 2 r + 1, 2 r + 1) float32 patches around points (N, 2) in pixels, of mean 0 and variance 1."""
    side = 2 * radius + 1
    patches = np.stack([cv2.getRectSubPix(image, (side, side), point) for point in points.tolist()])
    patches -= patches.mean((1, 2), keepdims=True)
    return patches / (patches.std((1, 2), keepdims=True) + 1e-3)


def offset(left: np.ndarray, right: np.ndarray) -> float:
    """Pixels by which points of average patches (side, side) lie too far to the right; NaN if they do not match."""
    try:
        _, warp = cv2.findTransformECC(
            left, np.ascontiguousarray(right[:, ::-1]), np.eye(2, 3, dtype=np.float32), cv2.MOTION_TRANSLATION
        )
    except cv2.error:  # no convergence
        return np.nan
    return warp[0, 2] / 2


def shifts_to_right(
    faces: Sequence[dict],
    flip_indices: Sequence[int],
    radius: int = RADIUS,
    group_of: Callable[[dict], str] = lambda face: 'all',
) -> dict[str, tuple[int, np.ndarray]]:
    """By group, how many faces it has, and (P, ) pixels by which the points of each flip pair lie too far to the right.

    Args:
        faces (Sequence[dict]): Samples before the pipeline, with ``img_path``, ``keypoints`` and ``keypoints_visible``.
        flip_indices (Sequence[int]): Of the layout.
        radius (int): Of the surroundings that are compared, in pixels.
        group_of (callable): Of a sample. All of them are in ``'all'`` as well.
    """
    partners = np.array(flip_indices)
    left = np.flatnonzero(np.arange(len(partners)) < partners)
    pairs = np.stack([left, partners[left]], axis=1)

    def patches_of(face: dict) -> np.ndarray:
        image = cv2.cvtColor(read_image(face['img_path']), cv2.COLOR_BGR2GRAY).astype(np.float32)
        annotated = face['keypoints_visible'][0][pairs].min(1) > 0
        patches = surroundings(image, face['keypoints'][0][pairs.ravel()], radius)
        return patches.reshape(len(pairs), 2, *patches.shape[1:]) * annotated[:, None, None, None]

    sums, counts = defaultdict(float), defaultdict(int)
    with ThreadPoolExecutor(cores()) as pool:
        read = tqdm(pool.map(patches_of, faces), 'reading', len(faces), unit='face', leave=False, disable=None)
        for face, patches in zip(faces, read):
            for group in {group_of(face), 'all'}:
                sums[group] = sums[group] + patches
                counts[group] += 1
    return {
        group: (counts[group], np.array([offset(*pair) for pair in total.astype(np.float32)]))
        for group, total in sums.items()
    }


def look_at_registration(part: Part, readable: Callable[[str], bool]) -> Iterator[Finding]:
    """Findings about the points of a data set; of images whose path is ``readable``."""
    faces = [face for face in part.faces() if readable(face['img_path'])]
    layout = part.layout
    if layout is None or not faces:
        return
    yield from _by_symmetry(part.name, faces, layout, part.dataset.keypoint_offset)
    if layout.name == MODEL_LAYOUT:
        yield from _by_model(part.name, faces, layout)
    else:
        yield note(
            part.name,
            f'not measured: whether points lie too high or too low, which needs a model of layout {layout.name}',
        )


def _by_symmetry(name: str, faces: list[dict], layout: FaceLayout, before: np.ndarray) -> Iterator[Finding]:
    if len(faces) < FEWEST:
        yield note(
            name,
            f'not measured: whether points lie too far to the right or left, which needs {FEWEST} '
            f'faces and not {len(faces)}',
        )
        return
    chosen = _spread(faces, FACES)
    _, found = shifts_to_right(chosen, layout.flip_indices)['all']
    found = found[np.isfinite(found)]
    if not len(found):
        yield note(
            name,
            f'not measured: whether points lie too far to the right or left; '
            f'{how_many(len(chosen), "face is", "faces are")} not alike enough on both sides',
        )
        return
    low, middle, high = np.percentile(found, (25, 50, 75))
    text = (
        f'points lie {middle:.1f} pixels too far to the right (quartiles {low:.1f} and {high:.1f} of {len(found)} '
        f'flip pairs, by the symmetry of {how_many(len(chosen), "face")})'
    )
    if low > 0.25 or high < -0.25:
        x, y = before - (middle, 0)
        yield warning(
            name,
            text,
            f'--cfg-options "keypoint_offset=({x:.1f},{y:.1f})"; what a network that '
            'is trained with mirrored faces cannot learn is off on all of them',
        )
    else:
        yield note(name, text)


def _by_model(name: str, faces: list[dict], layout: FaceLayout) -> Iterator[Finding]:
    try:
        found = deviations(_spread(faces, MODEL_FACES), layout)
    except ImportError as fault:
        yield note(name, f'not measured: whether points lie too high or too low; {fault}')
        return
    if len(found) < MODEL_FEWEST:
        yield note(
            name,
            'not measured: whether points lie beside those of the model, which needs '
            f'{MODEL_FEWEST} faces with all landmarks and not {len(found)}',
        )
        return
    right, down = np.median(found, axis=0)
    text = (
        f'points lie {right:+.1f} % of the inter-ocular distance to the right and {down:+.1f} % down from where '
        f'the model of the package has them (median of {how_many(len(found), "face")}; a part of it is the model)'
    )
    if max(abs(right), abs(down)) > MODEL_LIMIT:
        yield warning(
            name,
            text,
            f'draw some of them: {runnable(BROWSE)}; a constant shift in pixels is '
            'corrected by keypoint_offset, cut or resized images by converting the data set again',
        )
    else:
        yield note(name, text)


def deviations(faces: Sequence[dict], layout: FaceLayout) -> np.ndarray:
    """(F, 2) mean of annotated - predicted, to the right and down, in percent of the inter-ocular distance.

    Raises:
        ImportError: If nothing is installed that runs the model.
    """
    landmarker = FaceLandmarker(detector='whole_image', orientation='upright', threads=cores())
    found = []
    for face in tqdm(faces, 'model', unit='face', leave=False, disable=None):
        difference = _difference(landmarker, face, layout)
        if difference is not None:
            found.append(difference)
    return np.array(found).reshape(-1, 2)


def _difference(landmarker: FaceLandmarker, face: dict, layout: FaceLayout) -> np.ndarray | None:
    points, seen = face['keypoints'][0], face['keypoints_visible'][0] > 0
    distance = np.linalg.norm(np.subtract(*points[list(layout.eye_corners)]))
    if not seen.all() or distance < 1:
        return None
    predicted = landmarker(read_image(face['img_path']), face['bbox'])
    if not len(predicted):
        return None
    return 100 * (points - predicted[0].landmarks).mean(0) / distance


def _spread(faces: list[dict], most: int) -> list[dict]:
    """At most so many, from everywhere in the list."""
    return [faces[index] for index in np.unique(np.linspace(0, len(faces) - 1, min(most, len(faces))).astype(int))]
