"""Boxes (N, 4) as x1, y1, x2, y2 in pixels, any further columns ignored."""
import numpy as np


def tight_box(points: np.ndarray) -> np.ndarray:
    """Landmarks (..., K, 2) -> their boxes (..., 4)."""
    return np.concatenate([points.min(axis=-2), points.max(axis=-2)], axis=-1)


def middle_and_size(boxes: np.ndarray):
    """Boxes (..., 4) -> middles (..., 2), widths and heights (..., 2)."""
    return (boxes[..., :2] + boxes[..., 2:4]) / 2, boxes[..., 2:4] - boxes[..., :2]


def overlaps(boxes: np.ndarray, others: np.ndarray, mode: str = 'iou') -> np.ndarray:
    """(N, 4), (M, 4) -> (N, M) float64.

    Args:
        mode (str): ``'iou'``, intersection over union; ``'iof'``, the part of ``boxes`` that lies in ``others``; or
            ``'smaller'``, the part of the smaller box that lies in the other.
    """
    boxes, others = (np.asarray(array, np.float64).reshape(-1, np.shape(array)[-1])[:, :4] for array in (boxes, others))
    low = np.maximum(boxes[:, None, :2], others[:, :2])
    high = np.minimum(boxes[:, None, 2:], others[:, 2:])
    shared = (high - low).clip(min=0).prod(axis=2)
    area, other_area = ((array[:, 2:] - array[:, :2]).clip(min=0).prod(axis=1) for array in (boxes, others))
    whole = dict(iou=area[:, None] + other_area - shared, iof=area[:, None] + 0 * shared,
                 smaller=np.minimum(area[:, None], other_area))[mode]
    return shared / np.maximum(whole, 1e-12)


def non_maximum_suppression(boxes: np.ndarray, iou_threshold: float) -> np.ndarray:
    """Indices of the boxes (N, 5), with scores, that stay: the best, and each that overlaps no better one by more."""
    order = np.argsort(-boxes[:, 4], kind='stable')
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        order = order[overlaps(boxes[best][None], boxes[order])[0] <= iou_threshold]
    return np.array(kept, int)


def given_boxes(boxes: np.ndarray, name: str) -> np.ndarray:
    """Boxes (N, 4) that somebody gives, also none, as (N, 5) float64 with a score of 1; errors call them ``name``.

    Raises:
        ValueError: If one is no box.
    """
    boxes = np.asarray(boxes, np.float64)
    if not boxes.size:
        return np.zeros((0, 5))
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all() or (boxes[:, 2:] <= boxes[:, :2]).any():
        raise ValueError(f'{name}: found {boxes.tolist()}, expected x1, y1, x2, y2 with x1 < x2 and y1 < y2 of each '
                         'face')
    return np.column_stack([boxes, np.ones(len(boxes))])
