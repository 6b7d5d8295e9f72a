"""Point and edge maps, and LAB's boundary map, as plain NumPy functions.

Point and edge maps are the auxiliary targets of ADNet, STAR and the structured paper, drawn as in the STAR reference
code: on a canvas of 4 pixels a heatmap cell, then reduced to cells by bilinear sampling, which averages the middle
2 x 2 pixels of each cell. Cell c therefore lies at canvas pixel 4 c + 1.5, the ``half_pixel`` grid.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from scipy.interpolate import splev, splprep

from ..structures import FaceLayout, pixels_to_cells

CANVAS_PER_CELL = 4
# the curve is drawn still 4 times finer, so that its anti-aliasing is an average over pixels
FINE_PER_CELL = 4 * CANVAS_PER_CELL
CURVE_SAMPLES = 5  # per interval between two landmarks
THICKNESS = 4  # of the curve, in the finest pixels
MARKS_PER_CELL = 4  # along the lines of the boundary map
FAR = 10  # sizes of that map beside it, up to which they are followed
DISTANCE_SIGMA = 1.0  # of the boundary map, in cells; it ends at three of them (LAB, CVPR 2018)
INK = 192  # a multiple of the 8 x 8 fine pixels in half a cell, whose average is then exact in 8 bits


def point_maps(
    points: np.ndarray, input_size: Sequence[int], heatmap_size: Sequence[int], sigma: float = 1.5
) -> np.ndarray:
    """One Gaussian of peak 1 per landmark, around its rounded canvas pixel, cut to 10 x 10 pixels.

    Args:
        points (ndarray): (K, 2) in pixels of the network input; clamped to the image.
        input_size (tuple): (W, H) of the network input.
        heatmap_size (tuple): (w, h) of the maps.
        sigma (float): In canvas pixels. Defaults to 1.5.

    Returns:
        ndarray: (K, h, w) float32; at most 0.81, as a cell averages four pixels.
    """
    points = _to_canvas(points, input_size, heatmap_size)
    # truncation, not rounding, as in the reference: centres below 4.5 come out one pixel larger
    centres = (points - 4.5).astype(np.int64) + 5
    # a patch of 10 canvas pixels touches at most 4 cells an axis: only those are written
    first = ((centres - 5) // CANVAS_PER_CELL).clip(0, np.array(heatmap_size) - 4)
    cells = first[..., None] + np.arange(4)  # (K, 2, 4)
    # the middle two canvas pixels of each cell
    offsets = CANVAS_PER_CELL * cells[..., None] + [1, 2] - centres[..., None, None]
    values = np.exp(-0.5 * (offsets / sigma) ** 2) * ((offsets >= -5) & (offsets <= 4))
    columns, rows = values.mean(3).astype(np.float32).swapaxes(0, 1)
    maps = np.zeros((len(points), heatmap_size[1], heatmap_size[0]), np.float32)
    # a Gaussian is separable, and so is its reduction to cells
    maps[np.arange(len(points))[:, None, None], cells[:, 1, :, None], cells[:, 0, None, :]] = (
        rows[:, :, None] * columns[:, None, :]
    )
    return maps


def edge_maps(
    points: np.ndarray,
    layout: FaceLayout,
    input_size: Sequence[int],
    heatmap_size: Sequence[int],
    annotated: np.ndarray | None = None,
) -> np.ndarray:
    """One map per facial boundary: a smooth curve through its landmarks, drawn as a thin anti-aliased line.

    Args:
        points (ndarray): (K, 2) in pixels of the network input; the curve is clamped to the image.
        layout (FaceLayout): Says which landmarks lie on which boundary.
        input_size (tuple): (W, H) of the network input.
        heatmap_size (tuple): (w, h) of the maps.
        annotated (ndarray, optional): (K, ) bool. A curve goes through the annotated landmarks of its boundary alone,
            and its map stays empty with fewer than two. Defaults to all.

    Returns:
        ndarray: (E, h, w) float32 in [0, 1].
    """
    width, height = heatmap_size
    points = _to_canvas(points, input_size, heatmap_size, clamp=False)
    limit = np.array([width, height]) * CANVAS_PER_CELL - 1
    maps = np.zeros((layout.num_boundaries, height, width), np.float32)
    for target, boundary, curve in zip(maps, layout.boundaries, _curves(points, layout, annotated)):
        if curve is None:
            continue
        vertices = (curve.clip(0, limit) * (FINE_PER_CELL // CANVAS_PER_CELL) + 0.5).astype(np.int32)
        # only the cells that the curve can touch
        low = np.maximum(vertices.min(0) - THICKNESS, 0) // FINE_PER_CELL
        high = np.minimum((vertices.max(0) + THICKNESS) // FINE_PER_CELL + 1, (width, height))
        columns, rows = high - low
        canvas = np.zeros((rows * FINE_PER_CELL, columns * FINE_PER_CELL), np.uint8)
        cv2.polylines(canvas, [vertices - low * FINE_PER_CELL], boundary.closed, (INK,), THICKNESS)
        # The middle 2 x 2 canvas pixels of a cell are its middle half: cut off a quarter cell all round and average
        # blocks of half a cell, of which every second one is such a middle.
        quarter = FINE_PER_CELL // 4
        halves = cv2.resize(
            canvas[quarter:-quarter, quarter:-quarter],
            (int(2 * columns - 1), int(2 * rows - 1)),
            interpolation=cv2.INTER_AREA,
        )
        target[low[1] : high[1], low[0] : high[0]] = halves.reshape(2 * rows - 1, 2 * columns - 1)[::2, ::2]
    maps /= INK
    return maps


def distance_map(
    points: np.ndarray,
    layout: FaceLayout,
    input_size: Sequence[int],
    heatmap_size: Sequence[int],
    annotated: np.ndarray | None = None,
) -> np.ndarray:
    """All boundaries in one map of their distance d in cells: exp(-d^2 / 2) for d < 3 and else 0.

    The hand-designed procedure of LAB (CVPR 2018) and AWing (ICCV 2019): curves through the landmarks are drawn as
    lines one cell wide, and a Euclidean distance transform gives d. Cells lie on the ``half_pixel`` grid, as those of
    the edge maps. What lies outside the map is not drawn.

    Args:
        points, layout, input_size, heatmap_size, annotated: See :func:`edge_maps`.

    Returns:
        ndarray: (h, w) float32 in [0, 1]; 1 on the boundaries.
    """
    cells = pixels_to_cells(points, heatmap_size, input_size, 'half_pixel')
    lines = np.ones(tuple(heatmap_size)[::-1], np.uint8)
    for boundary, curve in zip(layout.boundaries, _curves(cells, layout, annotated)):
        if curve is not None:
            _mark(lines, curve, boundary.closed)
    if lines.all():
        return np.zeros(lines.shape, np.float32)
    distance = cv2.distanceTransform(lines, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.where(distance < 3 * DISTANCE_SIGMA, np.exp(-0.5 * (distance / DISTANCE_SIGMA) ** 2), 0)


def _mark(lines: np.ndarray, curve: np.ndarray, closed: bool) -> None:
    """Make the cells (h, w) zero through which a curve (m, 2) goes. OpenCV 4 and 5 draw differently between cells."""
    limit = FAR * max(lines.shape)  # no face reaches there
    vertices = np.concatenate([curve, curve[:1]] if closed else [curve]).clip(-limit, limit)
    start, step = vertices[:-1], np.diff(vertices, axis=0)
    parts = np.linspace(0, 1, int(np.ceil(MARKS_PER_CELL * np.abs(step).max())) + 1)[:, None, None]
    columns, rows = np.rint(start + parts * step).astype(int).reshape(-1, 2).T
    inside = (columns >= 0) & (columns < lines.shape[1]) & (rows >= 0) & (rows < lines.shape[0])
    lines[rows[inside], columns[inside]] = 0


def _curves(points: np.ndarray, layout: FaceLayout, annotated: np.ndarray | None) -> Iterator[np.ndarray | None]:
    """The curve of each boundary through its annotated landmarks, None with fewer than two of them."""
    for boundary in layout.boundaries:
        indices = np.array(boundary.indices)
        if annotated is not None:
            indices = indices[annotated[indices]]
        yield boundary_curve(points[indices], boundary.closed) if len(indices) > 1 else None


def boundary_curve(points: np.ndarray, closed: bool) -> np.ndarray:
    """Interpolating cubic spline through (n, 2) points, with 5 samples between neighbours.

    Returns:
        ndarray: (m, 2); the points themselves where no spline exists (two neighbours coincide, or fewer than 4 points).
    """
    if closed:
        points = np.concatenate([points, points[:1]])
    if len(points) < 4 or not np.diff(points, axis=0).any(axis=1).all():
        return points
    spline, knots = splprep(points.T, s=0, k=3, per=closed)
    samples = knots[:-1, None] + np.diff(knots)[:, None] * np.arange(CURVE_SAMPLES) / CURVE_SAMPLES
    samples = samples.ravel() if closed else np.append(samples, knots[-1])
    return np.stack(splev(samples, spline), axis=1)


def _to_canvas(
    points: np.ndarray, input_size: Sequence[int], heatmap_size: Sequence[int], clamp: bool = True
) -> np.ndarray:
    """Pixels of the network input -> pixels of the canvas; equal where the heatmap has a quarter of the input's
    size."""
    canvas = np.array(heatmap_size) * CANVAS_PER_CELL
    points = (np.asarray(points, np.float64) + 0.5) * canvas / np.array(input_size) - 0.5
    return points.clip(0, canvas - 1) if clamp else points
