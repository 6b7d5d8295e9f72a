"""Single faces whose landmarks do not lie on the face in their picture.

What is around the landmarks of the faces of a data set is told from what is around landmarks that were moved aside, by
a linear discriminant of histograms of gradients. Each half of the faces is judged by what was learnt from the other.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from tqdm import tqdm

from ..repository import runnable
from ..runtime.images import decode_image
from .finding import BROWSE, Finding, note, shortened, warning
from .machine import cores
from .parts import Part
from .pictures import ignores_orientation
from .shapes import LEAST_LANDMARKS, fit, usual_shape

FEWEST, MOST = 200, 10000  # faces; their memory grows with their number
SIDE = 64  # pixels of what is looked at
REACH, ASIDE = 2.2, 0.5  # to its border, and of the moving; in mean distances of landmarks from their middle
RIDGE = 0.01
# A score is 1 for the mean of the faces and -1 for that of moved ones. On 2,566 faces of 300W it is at least -0.49, and
# none is named. Of 31 among 1,812 that were changed, 28 are named if they are shifted by 0.3 of the inter-ocular
# distance or turned by 30 degrees, 31 upside down, 23 if all is multiplied by 1.5, and 14 if mirrored with
# their numbers. The second limit is for data whose faces are less alike.
LIMIT, DEVIATIONS = -0.6, 4.5


def look_at_placement(part: Part, readable: Callable[[str], bool]) -> Iterator[Finding]:
    """Findings about the faces of a data set; of images whose path is ``readable``."""
    faces = [
        face
        for face in part.faces()
        if readable(face['img_path']) and (face['keypoints_visible'] > 0).sum() >= LEAST_LANDMARKS
    ]
    if part.layout is None or len(faces) < FEWEST:
        yield note(part.name, f'not looked for: faces whose landmarks lie beside the face, which needs {FEWEST} faces')
        return
    if len(faces) > MOST:
        yield note(part.name, f'looked at: the first {MOST} of {len(faces)} faces, for landmarks beside the face')
        faces = faces[:MOST]
    score = scores(faces, ignores_orientation(part.config))
    spread = 1.4826 * np.median(np.abs(score - np.median(score)))
    low = np.flatnonzero(score < min(LIMIT, np.median(score) - DEVIATIONS * spread))
    if len(low):
        worst = [faces[index] for index in low[np.argsort(score[low])]]
        ids = [face['id'] for face in worst]
        yield warning(
            part.name,
            f'the landmarks seem to lie beside the face in {len(low)} of {len(faces)} faces: '
            f'annotations {shortened(ids)} (the first: {worst[0]["img_path"]})',
            f'draw them: {runnable(BROWSE)}; the landmarks may be shifted, turned or '
            'mirrored against the image, or of another one',
            ids,
        )
    else:
        yield note(part.name, f'the landmarks seem to lie beside the face in none of {len(faces)} faces')


def scores(faces: Sequence[dict], ignore_orientation: bool = False) -> np.ndarray:
    """(F, ) how much each face looks like the others at its landmarks: about 1, and -1 where they lie elsewhere.

    Args:
        faces (Sequence[dict]): Samples before the pipeline, at least two.
        ignore_orientation (bool): Of images, as of the pipeline. Defaults to False.
    """
    points = np.concatenate([face['keypoints'] for face in faces]).astype(float) @ (1, 1j)
    seen = np.concatenate([face['keypoints_visible'] for face in faces]) > 0
    found = fit(points, seen, usual_shape(points, seen))
    direction = np.exp(2j * np.pi * np.random.default_rng(0).random(len(faces)))
    aside = ASIDE * np.abs(found.scale) * direction

    def look(index: int) -> np.ndarray:
        with open(faces[index]['img_path'], 'rb') as file:
            image = decode_image(file.read(), faces[index]['img_path'], ignore_orientation)
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        return np.stack(
            [
                _gradients(grey, found.center[index] + moved, found.scale[index])
                for moved in (0, aside[index], -aside[index])
            ]
        )

    with ThreadPoolExecutor(cores()) as pool:
        features = np.stack(
            list(tqdm(pool.map(look, range(len(faces))), 'places', len(faces), unit='face', leave=False, disable=None)),
            axis=1,
        )
    score = np.empty(len(faces))
    for half in range(2):
        score[half::2] = _discriminant(
            features[0, 1 - half :: 2], features[1:, 1 - half :: 2].reshape(-1, features.shape[-1])
        )(features[0, half::2])
    return score


def _gradients(grey: np.ndarray, center: complex, scale: complex) -> np.ndarray:
    """(N, ) float32 histograms of the gradients around a face, upright."""
    step = 2 * REACH / SIDE * scale  # pixels of the image for one of what is looked at
    shrink = max(1, int(abs(step)))
    if shrink > 1:
        grey = cv2.resize(grey, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
    step, start = step / shrink, (center - step * (SIDE - 1) / 2 * (1 + 1j)) / shrink
    matrix = np.array([[step.real, -step.imag, start.real], [step.imag, step.real, start.imag]])
    seen = cv2.warpAffine(
        grey, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    return cv2.HOGDescriptor((SIDE, SIDE), (16, 16), (8, 8), (8, 8), 9).compute(seen).ravel()


def _discriminant(one: np.ndarray, other: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Tells two kinds (N, D) apart: 1 for the mean of one and -1 for that of the other."""
    first, second = one.mean(0), other.mean(0)
    spread = np.cov(np.concatenate([one - first, other - second]).T) + RIDGE * np.eye(len(first))
    direction = np.linalg.solve(spread, first - second)
    return lambda features: (features - (first + second) / 2) @ direction / ((first - second) @ direction / 2)
