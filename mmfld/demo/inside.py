"""What a network sees in a face: heatmaps by landmark, and attention maps."""

from dataclasses import dataclass

import cv2
import numpy as np

from ..runtime.boxes import tight_box
from ..runtime.crops import sample, turn
from ..runtime.orientation import Crops
from ..structures import FaceLayout, pixels_to_cells
from .answers import Answer

SIDE = 384  # pixels of a drawn crop, at least
POINT = (0, 255, 0)


@dataclass(frozen=True)
class Inside:
    """Of one face.

    Args:
        crop (ndarray): (S, S, 3) uint8 in BGR, as the network sees it.
        points (ndarray): (K, 2) landmarks in pixels of the crop.
        heatmaps (ndarray): (K, h, w), which cover the crop.
        boundaries (ndarray, optional): (E, h, w) attention to each facial boundary.
        grid (str): Where the cells of these lie, see :mod:`mmfld.structures.coordinates`.
        layout (FaceLayout): Of the model.
    """

    crop: np.ndarray
    points: np.ndarray
    heatmaps: np.ndarray
    boundaries: np.ndarray | None
    grid: str
    layout: FaceLayout


def look_inside(answer: Answer, number: int) -> Inside:
    """Of a face by its number.

    Raises:
        ValueError: If there is no such face, or the model has no maps to look at.
    """
    model = answer.landmarker.model
    if not 0 <= number < len(answer.found):
        raise ValueError(f'found no face {number}, expected one of {len(answer.found)}')
    maps = model.look if hasattr(model, 'look') else None
    if maps is None:
        raise ValueError(f'{model.path.name} has no heatmaps to look at: choose a checkpoint')
    face = answer.found[number]
    angle = 0.0 if answer.landmarker.orientation == 'upright' else face.angle
    box = tight_box(turn(face.landmarks, angle)).astype(np.float64)
    matrices = answer.landmarker.matrices(Crops(np.zeros(1, int), box[None], np.array([angle])))
    crops = sample(answer.image, matrices, model.input_size)
    found = maps(crops)
    if found is None:
        raise ValueError(f'{model.path.name} has no heatmaps to look at: its head has none of two dimensions')
    points = face.landmarks @ matrices[0, :, :2].T + matrices[0, :, 2]
    boundaries = None if found.boundaries is None else found.boundaries[0]
    return Inside(crops[0], points, found.heatmaps[0], boundaries, found.grid, model.layout)


def views(inside: Inside, landmark: int) -> list[tuple[np.ndarray, str]]:
    """Pictures (S, S, 3) uint8 in BGR with their captions: of one landmark, of all, and of its boundaries.

    Raises:
        ValueError: If there is no such landmark.
    """
    if not 0 <= landmark < len(inside.points):
        raise ValueError(f'found landmark {landmark}, expected 0 to {len(inside.points) - 1}')
    peaks = np.array([normalised(one) for one in inside.heatmaps])
    point = inside.points[landmark]
    shown = [
        (peaks[landmark], point, f'heatmap of landmark {landmark}'),
        (peaks.max(axis=0), None, 'heatmaps of all landmarks'),
    ]
    if inside.boundaries is not None:
        on = np.flatnonzero(inside.layout.boundary_of_keypoint[landmark])
        shown += [
            (inside.boundaries[n].clip(0, 1), point, f'attention: {inside.layout.boundaries[n].name}') for n in on
        ]
        shown.append((inside.boundaries.max(axis=0).clip(0, 1), None, 'attention: all boundaries'))
    return [(cover(inside.crop, heatmap, inside.grid, point), caption) for heatmap, point, caption in shown]


def normalised(heatmap: np.ndarray) -> np.ndarray:
    """A map (h, w) from 0, also of what is below it, to 1, its maximum; all 0 where nothing is above 0."""
    heatmap = heatmap.clip(min=0)
    return heatmap / max(float(heatmap.max()), 1e-12)


def cover(crop: np.ndarray, heatmap: np.ndarray, grid: str, point: np.ndarray | None = None) -> np.ndarray:
    """A crop under a map, brighter where that is higher.

    Args:
        crop (ndarray): (H, W, 3) uint8 in BGR.
        heatmap (ndarray): (h, w) in [0, 1].
        grid (str): Where its cells lie in the crop.
        point (ndarray, optional): (2, ) a landmark in pixels of the crop, to be marked.

    Returns:
        ndarray: (H, W, 3) uint8 in BGR, several times as large if the crop is small.
    """
    factor = max(1, -(-SIDE // crop.shape[1]))
    picture = cv2.resize(crop, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    size = picture.shape[1::-1]
    # from pixels of the picture to cells, which is affine along each axis
    first, second = pixels_to_cells(np.array([[0.0, 0.0], [1.0, 1.0]]), heatmap.shape[::-1], size, grid)
    matrix = np.column_stack([np.diag(second - first), first])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    heat = cv2.warpAffine(heatmap.astype(np.float32), matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    colours = cv2.applyColorMap((255 * heat.clip(0, 1)).astype(np.uint8), cv2.COLORMAP_INFERNO)
    heat = heat[..., None]
    picture = (picture * (0.6 - 0.4 * heat) + colours * (0.2 + 0.8 * heat)).clip(0, 255).astype(np.uint8)
    if point is not None and np.isfinite(point).all():
        x, y = (round(float(value)) for value in (np.clip(point, -size[0], size[0]) + 0.5) * factor - 0.5)
        cv2.drawMarker(picture, (x, y), POINT, cv2.MARKER_CROSS, 10 * factor, factor)
    return picture
