"""Landmarks of the four annotation schemes as points of the same curves of one face.

Where a head is turned, the contour follows annotators, not anatomy: a contour point that the cheek or the chin hides
moves along its horizontal section to the visible outline. All other landmarks keep their true position, seen or not.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy.special import softmax

from mmfld.structures import get_layout

from .camera import Camera
from .face_model import CONTOUR_STEPS, CONTOUR_THETA, CURVE_STEPS, FaceShape

# the contour never moves nearer to the middle of the face than this azimuth: there begins the mouth
_INNERMOST_THETA = 0.36
# In units of the head. Azimuths that are seen this much less far out than the outermost have 1 / e of its weight: the
# sections of the chin are so short that a mere argmax would jump from end to end as the head turns.
_OUTLINE_SOFTNESS = 0.001


def _at(curve: str, *fractions: float) -> list[tuple[str, int]]:
    steps = CONTOUR_STEPS if curve == 'contour' else CURVE_STEPS
    return [(curve, round(f * steps)) for f in fractions]


def _along(curve: str, count: int, first: int = 0, last: int = None, reverse: bool = False) -> list[tuple[str, int]]:
    """Points first ... last of ``count`` evenly spaced ones."""
    chosen = range(first, count if last is None else last + 1)
    return _at(curve, *(n / (count - 1) for n in (reversed(chosen) if reverse else chosen)))


def _lids(side: str, count: int) -> list[tuple[str, int]]:
    """An eye clockwise from its left end, with ``count`` points on each lid including the corners."""
    return [
        (f'{side}_eye_axis', 0),
        *_along(f'{side}_upper_lid', count, 1, count - 2),
        (f'{side}_eye_axis', 2),
        *_along(f'{side}_lower_lid', count, 1, count - 2, reverse=True),
    ]


_NOSE = [*_along('nose_bridge', 4), *_along('nose_base', 5)]
_MOUTH = [
    ('mouth_axis', 0),
    *_along('upper_lip_outer', 7, 1, 5),
    ('mouth_axis', 2),
    *_along('lower_lip_outer', 7, 1, 5, reverse=True),
    ('inner_mouth_axis', 0),
    *_along('upper_lip_inner', 5, 1, 3),
    ('inner_mouth_axis', 2),
    *_along('lower_lip_inner', 5, 1, 3, reverse=True),
]
_WINGS = [*_at('right_nose_wing', 2 / 3), *_at('left_nose_wing', 2 / 3)]

# Layout -> (curve, sample) of each landmark. The ends of eyes, mouth and brows are taken from the axes, whose
# direction is the only sensible tangent where two arcs meet.
_POINTS: dict[str, list[tuple[str, int]]] = {
    'wflw98': [
        *_along('contour', 33),
        ('right_brow_axis', 0),
        *_along('right_brow_upper', 5, 1),
        *_along('right_brow_lower', 5, 1, reverse=True),
        *_along('left_brow_upper', 5, 0, 3),
        ('left_brow_axis', 2),
        *_along('left_brow_lower', 5, 0, 3, reverse=True),
        *_NOSE,
        *_lids('right', 5),
        *_lids('left', 5),
        *_MOUTH,
        ('pupils', 0),
        ('pupils', 1),
    ],
    '300w68': [
        *_along('contour', 17),
        ('right_brow_axis', 0),
        *_along('right_brow_upper', 5, 1),
        *_along('left_brow_upper', 5, 0, 3),
        ('left_brow_axis', 2),
        *_NOSE,
        *_lids('right', 4),
        *_lids('left', 4),
        *_MOUTH,
    ],
    'cofw29': [
        ('right_brow_axis', 0),
        ('left_brow_axis', 2),
        ('right_brow_axis', 2),
        ('left_brow_axis', 0),
        *_at('right_brow_upper', 0.5),
        *_at('right_brow_lower', 0.5),
        *_at('left_brow_upper', 0.5),
        *_at('left_brow_lower', 0.5),
        ('right_eye_axis', 0),
        ('left_eye_axis', 2),
        ('right_eye_axis', 2),
        ('left_eye_axis', 0),
        *_at('right_upper_lid', 0.5),
        *_at('right_lower_lid', 0.5),
        *_at('left_upper_lid', 0.5),
        *_at('left_lower_lid', 0.5),
        ('pupils', 0),
        ('pupils', 1),
        *_WINGS,
        *_at('nose_bridge', 1),
        *_at('nose_base', 0.5),
        ('mouth_axis', 0),
        ('mouth_axis', 2),
        *_at('upper_lip_outer', 0.5),
        *_at('upper_lip_inner', 0.5),
        *_at('lower_lip_inner', 0.5),
        *_at('lower_lip_outer', 0.5),
        *_at('contour', 0.5),
    ],
    'aflw19': [
        *[('right_brow_axis', n) for n in range(3)],
        *[('left_brow_axis', n) for n in range(3)],
        *[('right_eye_axis', n) for n in range(3)],
        *[('left_eye_axis', n) for n in range(3)],
        _WINGS[0],
        *_at('nose_bridge', 1),
        _WINGS[1],
        *[('mouth_axis', n) for n in range(3)],
        *_at('contour', 0.5),
    ],
}

LAYOUTS = tuple(_POINTS)
"""Names of the layouts whose landmarks are on the face model."""


@dataclass(frozen=True)
class ProjectedFace:
    """Landmarks of one face in the image.

    Attributes:
        curves (dict[str, ndarray]): Dense curves, (n, 2) float64 pixels.
        keypoints (dict[str, ndarray]): Layout -> (K, 2) float32 pixels.
        tangents (dict[str, ndarray]): Layout -> (K, 2) float32 unit vectors along the curve that carries the landmark;
            (0, 0) for a landmark on no boundary of its layout (pupils, the single chin point).
    """

    curves: dict[str, np.ndarray]
    keypoints: dict[str, np.ndarray]
    tangents: dict[str, np.ndarray]

    def moved(self, scale: float, offset: np.ndarray) -> 'ProjectedFace':
        """The face at ``scale * point + offset``."""
        curves, keypoints = (
            {name: (scale * points + offset).astype(points.dtype) for name, points in group.items()}
            for group in (self.curves, self.keypoints)
        )
        return ProjectedFace(curves, keypoints, self.tangents)


def project_face(shape: FaceShape, camera: Camera) -> ProjectedFace:
    """Project the curves of a face and read the landmarks of :data:`LAYOUTS` off them."""
    curves = {**shape.curves, 'pupils': shape.pupils}
    names, sizes = tuple(curves), tuple(len(points) for points in curves.values())
    points = camera.project(shape.lift(np.concatenate(list(curves.values()))))
    ends = np.cumsum(sizes)
    contour = names.index('contour')
    points[ends[contour] - sizes[contour] : ends[contour]] = _visible_contour(shape, camera)
    keypoints, tangents = {}, {}
    for layout in LAYOUTS:
        at, before, after, on_boundary = _indices(layout, names, sizes)
        direction = points[after] - points[before]
        keypoints[layout] = points[at].astype(np.float32)
        tangents[layout] = (direction / np.hypot(*direction.T)[:, None] * on_boundary[:, None]).astype(np.float32)
    return ProjectedFace(dict(zip(names, np.split(points, ends[:-1]))), keypoints, tangents)


@cache
def _indices(layout: str, names: tuple[str, ...], sizes: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Where the landmarks, and the samples before and after them, stand among all curves one after the other."""
    starts = dict(zip(names, np.cumsum((0, *sizes)).tolist()))
    lasts = dict(zip(names, (size - 1 for size in sizes)))
    at = np.array([starts[name] + sample for name, sample in _POINTS[layout]])
    before = np.array([starts[name] + max(sample - 1, 0) for name, sample in _POINTS[layout]])
    after = np.array([starts[name] + min(sample + 1, lasts[name]) for name, sample in _POINTS[layout]])
    return at, before, after, get_layout(layout).boundary_of_keypoint.any(axis=1)


def _visible_contour(shape: FaceShape, camera: Camera) -> np.ndarray:
    """(129, 2) pixels; points behind the cheek or the chin are moved to its outline, on the section of their height."""
    frontal = shape.curves['contour']
    y = frontal[:, 1]
    azimuth = np.linspace(CONTOUR_THETA, _INNERMOST_THETA, 25)
    x, height, z, _ = shape.surface_grid(np.concatenate([-azimuth, azimuth]), y)
    # how far out of the face, across its contour, a point is seen: this does not depend on the roll
    upright = replace(camera, roll=0.0, scale=1.0)
    seen_x, seen_y = upright.to_pixels(*upright.to_camera(x, height, z))
    along = np.gradient(frontal, axis=0)
    along /= np.hypot(*along.T)[:, None]
    right = np.arange(len(y))[:, None] < len(y) // 2
    outward = along[:, :1] * seen_y - along[:, 1:] * seen_x
    outward = np.where(right, outward[:, :25], outward[:, 25:])
    theta = softmax(outward / _OUTLINE_SOFTNESS, axis=1) @ azimuth
    return camera.project(shape.surface(np.where(right[:, 0], -theta, theta), y))
