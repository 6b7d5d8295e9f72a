"""A parametric 3-D face: a smooth surface with feature curves drawn on it.

Frame of the head: x to the right of the image (the subject's left), y down, z towards the viewer; the unit is the
distance of the outer eye corners of the mean face, whose eye line is y = 0.

The surface is a horizontal section per height y, an ellipse with the half width ``w(y)`` between the jaw depth
``z0(y)`` and the facial profile ``zf(y)``, plus smooth bumps (nose, eye sockets, lips, ...) that act on z alone::

    x = w(y) sin(theta),   z = z0(y) + (zf(y) - z0(y)) cos(theta) + sum_k A_k(theta) B_k(y)

Hence a point of the frontal view has the closed-form surface coordinates ``(theta, y)`` with theta = asin(x / w(y)):
features are designed in the plane and put on the surface without any fitting. Bumps are separable, so that evaluating
the surface on a grid is one matrix product.
"""

from dataclasses import dataclass, fields
from functools import cache

import numpy as np
from scipy.interpolate import CubicSpline

SIDES = (('right', -1), ('left', 1))  # the subject's right is at negative x
# azimuth of the face contour; behind it are ears and hair
CONTOUR_THETA = 1.33
# Intervals of a densely sampled curve. Divisible by 2, 3, 4 and 6, so that the landmarks of all layouts are samples.
CURVE_STEPS = 48
CONTOUR_STEPS = 128

# Control points of the mean face, subject's left half, from the inner to the outer end of a curve.
_EYE_UPPER = np.array([(0.186, 0.012), (0.265, -0.045), (0.343, -0.064), (0.422, -0.047), (0.500, 0.000)])
_EYE_LOWER = np.array([(0.186, 0.012), (0.265, 0.042), (0.343, 0.050), (0.422, 0.038), (0.500, 0.000)])
_BROW_UPPER = np.array([(0.150, -0.195), (0.265, -0.225), (0.382, -0.240), (0.497, -0.220), (0.610, -0.140)])
_BROW_LOWER = np.array([(0.150, -0.130), (0.265, -0.153), (0.382, -0.170), (0.497, -0.160), (0.610, -0.140)])
_NOSE_WING = np.array([(0.105, 0.350), (0.168, 0.395), (0.185, 0.440), (0.169, 0.489)])
_NOSE_BASE = np.array([(0.0, 0.529), (0.084, 0.514), (0.169, 0.489)])
_LIP_UPPER_OUTER = np.array([(0.0, 0.666), (0.069, 0.655), (0.195, 0.677), (0.306, 0.708)])
_LIP_UPPER_INNER = np.array([(0.0, 0.714), (0.144, 0.713), (0.283, 0.710)])
_LIP_LOWER_INNER = np.array([(0.0, 0.718), (0.144, 0.717), (0.283, 0.710)])
_LIP_LOWER_OUTER = np.array([(0.0, 0.845), (0.124, 0.832), (0.225, 0.785), (0.306, 0.708)])
_BRIDGE_Y = np.array([-0.005, 0.145, 0.291, 0.436])
_MOUTH_Y = 0.712


@dataclass
class Identity:
    """Shape coefficients in standard deviations; the default is the mean face."""

    face_width: float = 0.0
    face_length: float = 0.0
    jaw_width: float = 0.0
    forehead: float = 0.0
    depth: float = 0.0
    eye_size: float = 0.0
    eye_opening: float = 0.0
    eye_spacing: float = 0.0
    eye_tilt: float = 0.0
    brow_height: float = 0.0
    brow_thickness: float = 0.0
    brow_arch: float = 0.0
    brow_tilt: float = 0.0
    nose_length: float = 0.0
    nose_width: float = 0.0
    nose_depth: float = 0.0
    mouth_height: float = 0.0
    mouth_width: float = 0.0
    upper_lip: float = 0.0
    lower_lip: float = 0.0
    chin_depth: float = 0.0
    cheekbones: float = 0.0

    @classmethod
    def sample(cls, rng: np.random.Generator) -> 'Identity':
        values = np.clip(rng.standard_normal(len(fields(cls))), -2.2, 2.2)
        return cls(*values.tolist())


@dataclass
class Expression:
    """Neutral by default. ``*_asymmetry`` adds to the subject's left and subtracts from the right."""

    mouth_open: float = 0.0  # 0 ... 1
    smile: float = 0.0  # -0.6 (sad) ... 1
    smile_asymmetry: float = 0.0
    pucker: float = 0.0  # 0 ... 1
    brow_raise: float = 0.0  # -1 (frown) ... 1
    brow_asymmetry: float = 0.0
    eye_closure: float = 0.0  # -0.4 (wide) ... 1 (closed)
    closure_asymmetry: float = 0.0
    gaze_x: float = 0.0  # -1 ... 1
    gaze_y: float = 0.0

    @classmethod
    def sample(cls, rng: np.random.Generator, exaggerated: bool) -> 'Expression':
        """Everyday expressions, or an exaggerated one such as a laugh, a shout, closed eyes or a frown."""
        u = rng.random(12)
        n = np.clip(rng.standard_normal(6), -2, 2)
        face = cls(
            mouth_open=max(0.0, 0.5 * u[0] - 0.35) if u[1] < 0.7 else 0.25 * u[0],
            smile=0.25 + 0.25 * n[0],
            smile_asymmetry=0.06 * n[1],
            brow_raise=0.25 * n[2],
            brow_asymmetry=0.1 * n[3],
            eye_closure=0.1 * n[4] + 0.05,
            closure_asymmetry=0.04 * n[5],
            gaze_x=2 * u[2] - 1 if u[3] < 0.4 else 0.3 * (u[2] - 0.5),
            gaze_y=0.6 * (u[4] - 0.5),
        )
        if exaggerated:
            kind = int(u[5] * 6)
            if kind == 0:  # laugh
                face.mouth_open, face.smile, face.eye_closure = 0.25 + 0.45 * u[6], 0.8 + 0.3 * u[7], 0.35 + 0.3 * u[8]
            elif kind == 1:  # shout, surprise
                face.mouth_open, face.brow_raise, face.eye_closure = 0.6 + 0.4 * u[6], 0.7 + 0.4 * u[7], -0.35
            elif kind == 2:  # closed eyes
                face.eye_closure, face.closure_asymmetry, face.brow_raise = 1.0, 0.0, -0.5 + u[7]
            elif kind == 3:  # angry, with teeth
                face.brow_raise, face.mouth_open, face.smile = -1.0, 0.35 * u[6], -0.5 + 0.8 * u[7]
            elif kind == 4:  # kiss
                face.pucker, face.smile, face.eye_closure = 0.8 + 0.2 * u[6], -0.1, 0.6 * u[7]
            else:  # wink with a crooked smile
                side = 1 if u[9] < 0.5 else -1
                face.eye_closure, face.closure_asymmetry = 0.5, 0.5 * side
                face.smile, face.smile_asymmetry, face.brow_asymmetry = 0.6, 0.4 * side, -0.5 * side
        return face


class FaceShape:
    """The surface and the curves of one face.

    Args:
        identity (Identity): Who it is.
        expression (Expression): What the face does.

    Attributes:
        curves (dict[str, ndarray]): Name -> (n, 2) float64 points (x, y) in the frontal view, densely sampled and
            ordered from the left to the right of the image. n is 49 for features, 129 for ``contour`` and 3 for the
            ``*_axis`` curves (both corners of an eye, a brow or the mouth and what lies between).
        pupils (ndarray): (2, 2) pupil centres, right then left.
        chin_y, top_y (float): Lowest and highest point of the head.
    """

    def __init__(self, identity: Identity, expression: Expression):
        self.identity, self.expression = identity, expression
        i, e = identity, expression
        self.half_width = 0.785 * (1 + 0.035 * i.face_width)
        self.chin_y = 1.234 * (1 + 0.045 * i.face_length) + 0.30 * e.mouth_open
        self.top_y = -1.28 * (1 + 0.04 * i.forehead)
        self.jaw_exponent = 2.4 * (1 + 0.065 * i.jaw_width)
        self.depth = 0.95 * (1 + 0.04 * i.depth)
        self._nose_scale = 1 + 0.05 * i.nose_length + 0.02 * i.face_length
        self._mouth_y = _MOUTH_Y * (1 + 0.03 * i.face_length) + 0.025 * i.mouth_height + 0.02 * i.nose_length
        self.curves = {}
        self.pupils = np.empty((2, 2))
        for index, (name, side) in enumerate(SIDES):
            self._add_eye(index, name, side)
            self._add_brow(name, side)
        self._add_nose()
        self._add_mouth()
        self._add_contour()
        self._bumps = self._make_bumps()

    def half_width_at(self, y):
        """w(y), half the width of the head at height y."""
        below = np.clip(y / self.chin_y, 0, 1)
        above = np.clip(y / self.top_y, 0, 1)
        jaw = (1 - below**self.jaw_exponent) ** (1 / self.jaw_exponent)
        return self.half_width * np.where(y > 0, jaw, np.sqrt(1 - above**2.5))

    def theta(self, xy: np.ndarray) -> np.ndarray:
        """Azimuth (N, ) of points (N, 2) of the frontal view."""
        width = np.maximum(self.half_width_at(xy[:, 1]), 1e-9)
        return np.arcsin(np.clip(xy[:, 0] / width, -1, 1))

    def lift(self, xy: np.ndarray) -> np.ndarray:
        """Points (N, 2) of the frontal view on the face -> (N, 3) on the surface."""
        return self.surface(self.theta(xy), xy[:, 1])

    def surface(self, theta: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Points (N, 3) at azimuths (N, ) and heights (N, )."""
        along_theta, along_y = self._bump_factors(theta, y)
        bumps = (along_theta * along_y).sum(0)
        width, back, front, _ = self._sections(y)
        return np.stack([width * np.sin(theta), y, back + (front - back) * np.cos(theta) + bumps], axis=-1)

    def surface_grid(self, theta: np.ndarray, y: np.ndarray, thickness: np.ndarray = np.float32(0)):
        """The surface on a grid, with something of a varying thickness (hair) on it.

        Args:
            theta (ndarray): (W, ) azimuths.
            y (ndarray): (H, ) heights.
            thickness (ndarray): (H, W) float32.

        Returns:
            tuple: x, y, z and the bumps, float32 of a shape that broadcasts to (H, W).
        """
        along_theta, along_y = self._bump_factors(theta, y)
        bumps = along_y.T.astype(np.float32) @ along_theta.astype(np.float32)
        width, back, front, rear = (v.astype(np.float32)[:, None] for v in self._sections(y))
        sine, cosine = np.sin(theta).astype(np.float32), np.cos(theta).astype(np.float32)
        x = (width + thickness) * sine
        z = back + (front - back) * np.maximum(cosine, 0) + rear * np.minimum(cosine, 0) + thickness * cosine + bumps
        up = (np.clip(y / self.top_y, 0, 1) ** 3).astype(np.float32)[:, None]
        return x, y.astype(np.float32)[:, None] - thickness * up, z, bumps

    def _sections(self, y):
        """w(y), z0(y), zf(y) and the depth behind the ears, each shaped as y."""
        below = np.clip((y - 0.4) / (self.chin_y - 0.4), 0, 1)
        above = np.clip(y / self.top_y, 0, 1)
        profile = np.where(y > 0, 1 - 0.07 * np.clip(y / self.chin_y, 0, 1) ** 2, (1 - above**2.8) ** 0.5)
        back = 0.85 * self.depth * below**2.6
        skull = np.clip((0.75 - y) / 0.5, 0, 1)
        skull = skull * skull * (3 - 2 * skull)
        return self.half_width_at(y), back, self.depth * profile, 0.04 + 1.05 * skull * np.sqrt(1 - above**2.5)

    def _add_eye(self, index: int, name: str, side: int) -> None:
        i, e = self.identity, self.expression
        centre = np.array([0.343, 0.006])
        size = 1 + 0.06 * i.eye_size
        closure = np.clip(e.eye_closure + side * e.closure_asymmetry + 0.12 * max(e.smile - 0.4, 0), -0.5, 1)
        upper, lower = (_EYE_UPPER - centre) * size, (_EYE_LOWER - centre) * size
        axis = np.linspace(upper[0], upper[-1], len(upper))
        up = (upper - axis) * (1 + 0.13 * i.eye_opening)
        low = (lower - axis) * (1 + 0.10 * i.eye_opening)
        lift = 0.25 * max(e.smile, 0) + 0.1 * closure
        low = low * (1 - lift)
        # a closing upper lid meets the lower one, a hair's breadth above it
        up = up + closure * (low * 0.92 - up) if closure > 0 else up * (1 - 0.5 * closure)
        tilt = np.array([0, -0.035 * i.eye_tilt])
        axis = axis + tilt * (axis[:, :1] / 0.157)
        place = centre + [0.014 * i.eye_spacing, 0]
        self._add_side(f'{name}_upper_lid', axis + up + place, side)
        self._add_side(f'{name}_lower_lid', axis + low + place, side)
        self._add_axis(f'{name}_eye_axis', *self._middle(axis[[0, 2, 4]] + place, side))
        gaze = np.array([0.038 * e.gaze_x * side, 0.018 * e.gaze_y + 0.02 * max(closure, 0)])
        self.pupils[index] = (place + [0, -0.014] + gaze) * [side, 1]

    def _add_brow(self, name: str, side: int) -> None:
        i, e = self.identity, self.expression
        middle, half = (_BROW_UPPER + _BROW_LOWER) / 2, (_BROW_LOWER - _BROW_UPPER) / 2
        half = half * (1 + 0.22 * i.brow_thickness)
        raised = e.brow_raise + side * e.brow_asymmetry
        along = np.linspace(0, 1, len(middle))[:, None]  # 0 inner, 1 outer
        offset = (
            -0.018 * i.brow_height
            - 0.010 * i.brow_arch * np.sin(np.pi * along)
            - 0.012 * i.brow_tilt * (along - 0.5)
            - raised * (0.075 if raised > 0 else 0.060 * (1 - 0.8 * along))
        )
        middle = middle + np.hstack([0.010 * i.eye_spacing - 0.025 * max(-raised, 0) * (1 - along), offset])
        self._add_side(f'{name}_brow_upper', middle - half, side)
        self._add_side(f'{name}_brow_lower', middle + half, side)
        self._add_axis(f'{name}_brow_axis', *self._middle(middle[[0, 2, 4]], side))

    def _add_nose(self) -> None:
        i, e = self.identity, self.expression
        scale = np.array([1 + 0.09 * i.nose_width + 0.06 * max(e.smile, 0), self._nose_scale])
        bridge = np.stack([np.zeros(4), _BRIDGE_Y * self._nose_scale], axis=1)
        self.curves['nose_bridge'] = _spline(4) @ bridge
        self._add_both('nose_base', *[_NOSE_BASE * scale] * 2)
        for name, side in SIDES:
            # runs from the side of the nose to its base, not from left to right
            self.curves[f'{name}_nose_wing'] = _spline(4) @ (_NOSE_WING * scale * [side, 1])

    def _add_mouth(self) -> None:
        i, e = self.identity, self.expression
        opening = 0.34 * e.mouth_open + 0.012 * max(e.smile, 0)
        width = 1 + 0.065 * i.mouth_width

        def half(template: np.ndarray, side: int, drop: float, thickness: float) -> np.ndarray:
            smile = e.smile + side * e.smile_asymmetry
            x = template[:, 0]
            to_corner = (x / 0.306) ** 2
            y = template[:, 1] - _MOUTH_Y
            y = y * thickness * (1 - 0.15 * max(e.smile, 0))
            y = y + drop * opening * np.sqrt(np.clip(1 - to_corner, 0, 1)) + 0.30 * opening * to_corner
            y = y - 0.075 * smile * to_corner + (0.018 * max(smile, 0)) * (1 - to_corner)
            x = x * width * (1 + 0.20 * smile - 0.38 * e.pucker - 0.18 * opening / 0.34)
            return np.stack([x, y + self._mouth_y], axis=1)

        plump = 1 + 0.35 * e.pucker
        for name, template, drop, thickness in (
            ('upper_lip_outer', _LIP_UPPER_OUTER, -0.10, plump * (1 + 0.18 * i.upper_lip)),
            ('upper_lip_inner', _LIP_UPPER_INNER, -0.06, 1.0),
            ('lower_lip_inner', _LIP_LOWER_INNER, 1.0, 1.0),
            ('lower_lip_outer', _LIP_LOWER_OUTER, 1.0, plump * (1 + 0.16 * i.lower_lip)),
        ):
            right, left = (half(template, side, drop, thickness) for _, side in SIDES)
            self._add_both(name, right, left)
        upper, lower = self.curves['upper_lip_inner'], self.curves['lower_lip_inner']
        centre = (upper[CURVE_STEPS // 2] + lower[CURVE_STEPS // 2]) / 2
        for name, ends in (('mouth_axis', self.curves['upper_lip_outer']), ('inner_mouth_axis', upper)):
            self._add_axis(name, ends[0], centre, ends[-1])

    def _add_contour(self) -> None:
        start = -0.03
        y = np.sin(np.linspace(np.arcsin(start / self.chin_y), np.pi / 2, 1000)) * self.chin_y
        side = np.stack([self.half_width_at(y) * np.sin(CONTOUR_THETA), y], axis=1)
        line = np.concatenate([side * [-1, 1], side[-2::-1]])
        length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
        at = np.linspace(0, length[-1], CONTOUR_STEPS + 1)
        self.curves['contour'] = np.stack([np.interp(at, length, line[:, axis]) for axis in (0, 1)], axis=1)

    def _add_side(self, name: str, points: np.ndarray, side: int) -> None:
        """Inner-to-outer control points of the left half -> a dense curve of one side, left to right."""
        curve = _spline(len(points)) @ (points * [side, 1])
        self.curves[name] = curve if side > 0 else curve[::-1]

    def _add_both(self, name: str, right: np.ndarray, left: np.ndarray) -> None:
        """Middle-to-outer control points of both halves -> a dense curve, left to right."""
        points = np.concatenate([right[:0:-1] * [-1, 1], left])
        self.curves[name] = _spline(len(points)) @ points

    def _add_axis(self, name: str, first: np.ndarray, middle: np.ndarray, last: np.ndarray) -> None:
        self.curves[name] = np.stack([first, middle, last])

    @staticmethod
    def _middle(points: np.ndarray, side: int) -> np.ndarray:
        points = points * [side, 1]
        return points if side > 0 else points[::-1]

    def _make_bumps(self) -> tuple:
        """(amplitude, azimuth, its width, height, its width) of the Gaussian bumps, as an array (n, 5)."""
        i, e = self.identity, self.expression
        eye = np.arcsin(0.343 / self.half_width)
        nose_y = 0.44 * self._nose_scale
        lip = self._mouth_y
        low = lip + 0.34 * e.mouth_open
        wing = 0.17 * (1 + 0.09 * i.nose_width)
        smile = max(e.smile, 0)
        both = [
            (-0.085, eye, 0.20, -0.02, 0.085),  # eye sockets
            (0.055, eye, 0.10, 0.000, 0.055),  # eye balls
            (0.035, 0.35, 0.28, -0.20, 0.06),  # brow ridge
            (0.055 + 0.015 * i.cheekbones + 0.03 * smile, 0.72, 0.24, 0.30 - 0.03 * smile, 0.17),  # cheekbones
            (0.085, wing, 0.065, nose_y + 0.01, 0.055),  # nose wings
            (-0.025, 0.52, 0.10, lip, 0.10),  # beside the mouth
        ]
        middle = [
            (0.045, 0, 0.15, nose_y - 0.01, 0.055),  # nose tip
            (-0.05, 0, 0.12, -0.03, 0.08),  # root of the nose
            (0.045 + 0.01 * i.upper_lip + 0.05 * e.pucker, 0, 0.26, lip - 0.03, 0.035),  # lips
            (0.055 + 0.01 * i.lower_lip + 0.05 * e.pucker, 0, 0.24, low + 0.07, 0.045),
            (-0.022, 0, 0.26, (lip + low) / 2, 0.014 + 0.15 * e.mouth_open),
            (-0.05, 0, 0.26, low + 0.19, 0.05),
            (0.07 + 0.025 * i.chin_depth, 0, 0.26, self.chin_y - 0.13, 0.09),
        ]
        rows = both + [(a, -t, *rest) for a, t, *rest in both] + middle
        return np.array(rows).T

    def _bump_factors(self, theta: np.ndarray, y: np.ndarray):
        """A_k (n, len(theta)) and B_k (n, len(y)) of the bumps."""
        amplitude, centre, width, height, extent = self._bumps[..., None]
        along_theta = np.exp(-0.5 * ((theta - centre) / width) ** 2)
        along_y = amplitude * np.exp(-0.5 * ((y - height) / extent) ** 2)
        # the ridge of the nose rises from its root to the tip and falls off to the upper lip
        t = y / (0.44 * self._nose_scale)
        rise = np.clip((t + 0.35) / 1.35, 0, 1)
        fall = 1 / (1 + np.exp((t - 1.14) / 0.045))
        ridge = (0.215 + 0.024 * self.identity.nose_depth) * rise**1.5 * fall
        ridge_theta = np.exp(-0.5 * (theta / (0.125 * (1 + 0.06 * self.identity.nose_width))) ** 2)
        return np.vstack([along_theta, ridge_theta]), np.vstack([along_y, ridge])


@cache
def _spline(count: int) -> np.ndarray:
    """Matrix (49, count) that samples the cubic spline through ``count`` evenly spaced control points."""
    return CubicSpline(np.linspace(0, 1, count), np.eye(count))(np.linspace(0, 1, CURVE_STEPS + 1))
