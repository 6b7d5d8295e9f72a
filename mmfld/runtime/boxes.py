"""Boxes (N, 4) as x1, y1, x2, y2 in pixels, any further columns ignored."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..counts import how_many

LARGEST = 20  # sides of the image, of a box that may be meant
SMALLEST = 2  # pixels
THINNEST = 0.01  # of a box, its shorter side against the longer one
INSIDE = 0.02  # of a box, at least


def tight_box(points: np.ndarray) -> np.ndarray:
    """Landmarks (..., K, 2) -> their boxes (..., 4).

    >>> tight_box(np.array([[3.0, 8.0], [5.0, 1.0]])).tolist()
    [3.0, 1.0, 5.0, 8.0]
    """
    return np.concatenate([points.min(axis=-2), points.max(axis=-2)], axis=-1)


def middle_and_size(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (..., 4) -> middles (..., 2), widths and heights (..., 2)."""
    return (boxes[..., :2] + boxes[..., 2:4]) / 2, boxes[..., 2:4] - boxes[..., :2]


def overlaps(boxes: np.ndarray, others: np.ndarray, mode: str = 'iou') -> np.ndarray:
    """(N, 4), (M, 4) -> (N, M) float64.

    >>> overlaps(np.array([[0, 0, 10, 10]]), np.array([[0, 0, 10, 5], [20, 0, 30, 10]])).tolist()
    [[0.5, 0.0]]

    Args:
        mode (str): ``'iou'``, intersection over union; ``'iof'``, the part of ``boxes`` that lies in ``others``; or
            ``'smaller'``, the part of the smaller box that lies in the other.
    """
    boxes, others = (np.asarray(array, np.float64).reshape(-1, np.shape(array)[-1])[:, :4] for array in (boxes, others))
    low = np.maximum(boxes[:, None, :2], others[:, :2])
    high = np.minimum(boxes[:, None, 2:], others[:, 2:])
    shared = (high - low).clip(min=0).prod(axis=2)
    area, other_area = ((array[:, 2:] - array[:, :2]).clip(min=0).prod(axis=1) for array in (boxes, others))
    whole = dict(
        iou=area[:, None] + other_area - shared,
        iof=area[:, None] + 0 * shared,
        smaller=np.minimum(area[:, None], other_area),
    )[mode]
    return shared / np.maximum(whole, 1e-12)


def non_maximum_suppression(boxes: np.ndarray, iou_threshold: float) -> np.ndarray:
    """Indices of the boxes (N, 5), with scores, that stay: the best, and each that overlaps no better one by more.

    >>> boxes = np.array([[0, 0, 10, 10, 0.6], [1, 0, 11, 10, 0.9], [50, 50, 60, 60, 0.7]])
    >>> non_maximum_suppression(boxes, 0.5).tolist()
    [1, 2]
    """
    order = np.argsort(-boxes[:, 4], kind='stable')
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        order = order[overlaps(boxes[best][None], boxes[order])[0] <= iou_threshold]
    return np.array(kept, int)


def given_boxes(boxes: Any, size: Sequence[int], name: str) -> np.ndarray:
    """Boxes (N, 4) that somebody gives, also none, as (N, 5) float64 with a score of 1; errors call them ``name``.

    Args:
        boxes (ndarray | Sequence): x1, y1, x2, y2 of each face, in pixels.
        size (Sequence[int]): (width, height) of the image.
        name (str): Of the boxes.

    Raises:
        ValueError: If one is no box, or lies outside the image.
    """
    given = boxes
    try:
        boxes = _numbers(boxes)
    except (TypeError, ValueError) as error:
        raise ValueError(f'{name}: found {_short(given)}, expected N lists of x1, y1, x2, y2') from error
    if not boxes.size:
        return np.zeros((0, 5))
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(
            f'{name}: found {_short(given)} of shape {boxes.shape}, expected (N, 4): a list of x1, y1, '
            'x2, y2 for each face'
        )
    wrong = np.flatnonzero(~np.isfinite(boxes).all(axis=1) | (boxes[:, 2:] <= boxes[:, :2]).any(axis=1))
    if len(wrong):
        raise ValueError(f'{name}: found {boxes[wrong[0]].tolist()}, expected x1, y1, x2, y2 with x1 < x2 and y1 < y2')
    width, height = size
    sides = boxes[:, 2:] - boxes[:, :2]
    parts = np.flatnonzero(_are_parts(boxes, size) | (sides.max(axis=1) < min(SMALLEST, max(size))))
    if len(parts):
        raise ValueError(
            f'{name}: found {boxes[parts[0]].tolist()} in an image of {width} x {height}, expected '
            'pixels, not parts of the image'
        )
    thin = np.flatnonzero(sides.min(axis=1) < THINNEST * sides.max(axis=1))
    if len(thin):
        raise ValueError(
            f'{name}: found {boxes[thin[0]].tolist()}, {sides[thin[0]].min():g} pixels thin, expected a face'
        )
    huge = np.flatnonzero(sides.max(axis=1) > LARGEST * max(width, height))
    if len(huge):
        raise ValueError(f'{name}: found {boxes[huge[0]].tolist()} in an image of {width} x {height}, expected pixels')
    inside = overlaps(boxes, np.array([[0, 0, width, height]]), 'iof')[:, 0]
    outside = np.flatnonzero(inside < INSIDE)
    if len(outside):
        raise ValueError(
            f'{name}: {boxes[outside[0]].tolist()} lies outside of the image, whose size is {width} x '
            f'{height}, wholly or nearly so'
        )
    return np.column_stack([boxes, np.ones(len(boxes))])


def found_boxes(found: Any, size: Sequence[int], columns: int = 5) -> np.ndarray:
    """What a detector returns, as (N, columns) float64; None, an empty list and a box without an area are no face.

    Args:
        found (ndarray | None): x1, y1, x2, y2, a score and perhaps points of each face, in pixels.
        size (Sequence[int]): (width, height) of the image that it was shown.
        columns (int): How many numbers a face has.

    Raises:
        ValueError: If it is of another shape, not finite, in parts of the image, or of a box that ends before it begins
            or lies outside of the image.
    """
    try:
        boxes = np.zeros((0, columns)) if found is None or not np.size(found) else _numbers(found)
    except (TypeError, ValueError) as error:
        raise ValueError(f'the detector returns {_short(found)}, expected (N, {columns}) numbers') from error
    if boxes.ndim != 2 or boxes.shape[1] < columns or not np.isfinite(boxes).all():
        raise ValueError(
            f'the detector returns {_short(found)} of shape {boxes.shape}, expected (N, {columns}): x1, '
            f'y1, x2, y2, a score{"" if columns == 5 else " and points"} of each face, all finite'
        )
    wrong = np.flatnonzero((boxes[:, 2:4] < boxes[:, :2]).any(axis=1))
    if len(wrong):
        raise ValueError(
            f'the detector returns {boxes[wrong[0]].tolist()}, expected x1, y1, x2, y2 with x1 < x2 and y1 < y2'
        )
    boxes = boxes[(boxes[:, 2:4] > boxes[:, :2]).all(axis=1), :columns]
    width, height = size
    parts = np.flatnonzero(_are_parts(boxes[:, :4], size))
    if len(parts):
        raise ValueError(
            f'the detector returns {boxes[parts[0], :4].tolist()} of an image of {width} x {height}, expected pixels, '
            'not parts of the image'
        )
    outside = np.flatnonzero(overlaps(boxes, np.array([[0, 0, width, height]]), 'iof')[:, 0] == 0)
    if len(outside):
        raise ValueError(
            f'the detector returns {boxes[outside[0], :4].tolist()}, which lies outside of the image of {width} x '
            f'{height}, expected x1, y1, x2, y2 of a face in it'
        )
    return boxes


def warn_of_no_faces(scores: np.ndarray, least: float | None, name: str) -> None:
    """Warn if landmarks in given boxes score lower than those of faces do.

    Args:
        scores (ndarray): (N, K) of the landmarks.
        least (float, optional): Mean score that a face has at least; None if nobody knows.
        name (str): Of the boxes.
    """
    means = scores.mean(axis=1)
    low = np.flatnonzero(means < (-np.inf if least is None else least))
    if len(low):
        warnings.warn(
            f'{name}: {how_many(len(low), "box")} of {len(means)} may show no face: the landmarks in number {low[0]} '
            f'have a mean score of {means[low[0]]:.3g}, those of faces {least:g} or more; expected x1, y1, x2, y2',
            stacklevel=3,
        )


def _numbers(values: Any) -> np.ndarray:
    """As float64; a TypeError if they are none."""
    if np.iscomplexobj(values):
        raise TypeError('complex numbers')
    return np.asarray(values, np.float64)


def _are_parts(boxes: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """(N, ) bool, whether boxes (N, 4) are meant in parts of the image."""
    return (boxes >= 0).all(axis=1) & (boxes <= 1).all(axis=1) & (max(size) > 2)


def _short(value: Any) -> str:
    text = ' '.join(repr(value).split())
    return text if len(text) <= 80 else f'{text[:77]}...'
