"""Single faces whose landmarks are unlike those of all others, from annotations alone.

Points are complex numbers, x + i y in pixels, so that a similarity is z -> a z + b.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..repository import runnable
from .finding import BROWSE, Finding, note, shortened, warning

FEWEST = 8  # faces, to say what is usual
LEAST_LANDMARKS = 3  # of a face, for a shape
# Residuals are at most 0.37 on 300W and 0.60 on WFLW's test, of faces in profile; at least 0.9 with points in reversed
# order, and 0.95 in a random one. Faces are turned by up to 34 and 48 degrees there.
LEAST_RESIDUAL, MOST_RESIDUAL = 0.3, 0.75
LEAST_TURN = 45.0
DEVIATIONS = 8  # of the median absolute deviation as that of a normal distribution
ROUNDS = 5


class Fit(NamedTuple):
    """How faces fit to a shape.

    Attributes:
        aligned (ndarray): (F, K) complex, moved, scaled and turned onto the shape.
        residual (ndarray): (F, ) 0 to 1, the root of the share of a face's squared extent that is left; NaN of a face
            with too few landmarks, whose other values mean nothing.
        turn (ndarray): (F, ) degrees by which the face is turned clockwise against the shape.
        center (ndarray): (F, ) complex, and ``scale`` (F, ) complex: ``center + scale * shape`` lies on the face.
    """

    aligned: np.ndarray
    residual: np.ndarray
    turn: np.ndarray
    center: np.ndarray
    scale: np.ndarray


def fit(points: np.ndarray, seen: np.ndarray, shape: np.ndarray) -> Fit:
    """Fit faces, (F, K) complex with (F, K) bool of what is annotated, to a shape (K, ) by similarities."""
    count = np.maximum(seen.sum(1, keepdims=True), 1)
    middle, of_shape = ((where * seen).sum(1, keepdims=True) / count for where in (points, shape))
    centred, target = (points - middle) * seen, (shape - of_shape) * seen
    product = (centred.conj() * target).sum(1, keepdims=True)
    own, its = ((np.abs(each) ** 2).sum(1, keepdims=True) for each in (centred, target))
    with np.errstate(invalid='ignore', divide='ignore'):
        aligned = product / own * (points - middle) + of_shape
        residual = np.sqrt(np.clip(1 - np.abs(product) ** 2 / (own * its), 0, 1))[:, 0]
        scale = product.conj() / its
    residual[seen.sum(1) < LEAST_LANDMARKS] = np.nan
    return Fit(aligned, residual, -np.degrees(np.angle(product[:, 0])), (middle - scale * of_shape)[:, 0], scale[:, 0])


def usual_shape(points: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(K, ) complex, the median of faces, centred, with a mean distance of 1; arguments as of :func:`fit`."""
    usable = seen.sum(1) >= LEAST_LANDMARKS
    points, seen = points[usable], seen[usable]
    shape = np.nan_to_num(
        _median(points - np.where(seen, points, 0).sum(1, keepdims=True) / seen.sum(1, keepdims=True), seen)
    )
    for _ in range(ROUNDS):
        shape = np.nan_to_num(_median(fit(points, seen, shape).aligned, seen))
        shape = shape - shape.mean()
        shape /= np.abs(shape).mean()
    return shape


def limit(values: np.ndarray) -> float:
    """Above which a value is far from the others."""
    middle = np.nanmedian(values)
    return middle + DEVIATIONS * 1.4826 * np.nanmedian(np.abs(values - middle))


def look_at_shapes(name: str, points: np.ndarray, seen: np.ndarray, ids: Sequence) -> Iterator[Finding]:
    """Findings about single faces; arguments as of :func:`mmfld.doctor.faces.look_at_sides`."""
    if (seen.sum(1) >= LEAST_LANDMARKS).sum() < FEWEST:
        yield note(
            name,
            f'not looked for: faces whose landmarks are unlike the others, which needs {FEWEST} faces of '
            f'at least {LEAST_LANDMARKS} landmarks',
        )
        return
    points = points[..., 0] + 1j * points[..., 1]
    shape = usual_shape(points, seen)
    found = fit(points, seen, shape)
    odd = found.residual > np.clip(limit(found.residual), LEAST_RESIDUAL, MOST_RESIDUAL)
    is_reversed, is_mirrored = (
        odd & (fit(points, seen, other).residual < found.residual / 2) for other in (shape[::-1], shape.conj())
    )

    def named(what: str, chosen: np.ndarray, strength: np.ndarray, advice: str) -> Iterator[Finding]:
        worst = [ids[index] for index in np.argsort(-strength, kind='stable') if chosen[index]]
        if worst:
            yield warning(
                name, f'{what} in {len(worst)} of {len(points)} faces: annotations {shortened(worst)}', advice, worst
            )

    yield from named(
        'the landmarks are in reversed order', is_reversed, found.residual, 'turn the order of their landmarks round'
    )
    unlike = odd & ~is_reversed & ~is_mirrored  # look_at_sides lists those
    yield from named(
        'the landmarks lie unlike those of all others',
        unlike,
        found.residual,
        f'draw them: {runnable(BROWSE)}; landmarks may be in another order, or of another face',
    )
    turn = np.abs((found.turn - np.median(found.turn) + 180) % 360 - 180)
    turned = (turn > max(LEAST_TURN, limit(turn))) & (found.residual < 1) & ~odd
    least = turn[turned].min(initial=180)
    yield from named(
        f'landmarks are turned against the others, by {least:.0f} degrees or more,',
        turned,
        turn,
        f'see whether their images are turned as well: {runnable(BROWSE)} draws them',
    )


def _median(points: np.ndarray, seen: np.ndarray) -> np.ndarray:
    with np.errstate(all='ignore'):
        shown = np.ma.masked_array(points, ~seen)
        return (np.ma.median(shown.real, axis=0) + 1j * np.ma.median(shown.imag, axis=0)).filled(np.nan)
