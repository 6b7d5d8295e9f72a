"""Paints the unrolled skin of a head: a texture over azimuth and height, later wrapped around the surface.

Masks are drawn four times finer than the texture and averaged, so that edges lie where the curves are, to a few
hundredths of a texel.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from . import tiles
from .appearance import Appearance
from .face_model import SIDES, FaceShape

_FINE = 4  # sub-texels per texel and direction
_THETA_MAX = 2.65
_STRETCH = 1.5  # of sinh; the front of the face gets more columns than its sides


class Unrolled:
    """The grid of the texture: columns over azimuth, rows over height, denser at the crown and under the chin."""

    def __init__(self, shape: FaceShape, image_size: int):
        self.width = int(image_size * 1.25)
        crown, face, chin = (int(image_size * f) for f in (0.34, 0.66, 0.04))
        self.height = crown + face + chin + 1
        self.theta = _THETA_MAX * np.sinh(_STRETCH * np.linspace(-1, 1, self.width)) / np.sinh(_STRETCH)
        forehead, low = -0.62, shape.chin_y - 0.04
        self.y = np.concatenate(
            [
                shape.top_y + (forehead - shape.top_y) * np.linspace(0, 1, crown, endpoint=False) ** 1.6,
                np.linspace(forehead, low, face, endpoint=False),
                shape.chin_y - 0.04 * np.linspace(1, 0, chin + 1) ** 2,
            ]
        )
        self.rows_per_unit = face / (low - forehead)
        self._half_width = shape.half_width_at(self.y)

    def texels(self, theta, y) -> np.ndarray:
        """Azimuths and heights -> (N, 2) float texels (column, row), centres at integers."""
        u = np.arcsinh(np.asarray(theta) / _THETA_MAX * np.sinh(_STRETCH)) / _STRETCH
        return np.stack([(u + 1) / 2 * (self.width - 1), np.interp(y, self.y, np.arange(self.height))], axis=-1)

    def from_frontal(self, xy: np.ndarray) -> np.ndarray:
        """Points (N, 2) of the frontal view -> (N, 2) texels."""
        width = np.interp(xy[:, 1], self.y, self._half_width)
        return self.texels(np.arcsin(np.clip(xy[:, 0] / np.maximum(width, 1e-9), -1, 1)), xy[:, 1])


class Box(NamedTuple):
    """A part of the texture."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def size(self) -> tuple[int, int]:
        return self.right - self.left, self.bottom - self.top


class Painter:
    """Paints one head.

    Attributes:
        texture (ndarray): (H, W, 3) float32 BGR, unlit.
        thickness (ndarray): (H, W) float32, of the hair on the skin, in units of the head.
    """

    def __init__(self, shape: FaceShape, look: Appearance, image_size: int):
        self.shape, self.look = shape, look
        self.grid = Unrolled(shape, image_size)
        self.unit = self.grid.rows_per_unit
        points = np.concatenate(list(shape.curves.values()))
        sizes = [len(curve) for curve in shape.curves.values()]
        texels = np.split(self.grid.from_frontal(points), np.cumsum(sizes)[:-1])
        self.curves: dict[str, np.ndarray] = dict(zip(shape.curves, texels))
        self.texture = np.empty((self.grid.height, self.grid.width, 3), np.float32)
        self.thickness = np.zeros(self.texture.shape[:2], np.float32)

    def paint(self) -> None:
        self._skin()
        self._folds()
        self._nose()
        if self.look.beard or self.look.stubble or self.look.moustache:
            self._beard()
        for index, (name, side) in enumerate(SIDES):
            self._eye(name, side, self.shape.pupils[index])
            self._brow(name)
        self._mouth()
        self._hair()

    # drawing

    def box(self, points: np.ndarray, margin: float) -> Box:
        """The texels within ``margin`` of points, as far as the texture goes."""
        low, high = np.floor(points.min(axis=0) - margin), np.ceil(points.max(axis=0) + margin) + 1
        return Box(
            *np.maximum(low, 0).astype(int).tolist(),
            *np.minimum(high, (self.grid.width, self.grid.height)).astype(int).tolist(),
        )

    def mask(self, box: Box, polygon: np.ndarray, blur: float = 0.0, stroke: float = 0.0) -> np.ndarray:
        """Coverage of a filled polygon, or of a line of width ``stroke`` texels; (h, w) float32 in [0, 1]."""
        fine, line = (1, cv2.LINE_AA) if blur >= 0.8 else (_FINE, cv2.LINE_8)
        width, height = box.size
        canvas = np.zeros((height * fine, width * fine), np.uint8)
        at = (polygon - (box.left, box.top) + 0.5) * fine - 0.5
        at = np.rint(at * 16).astype(np.int32)[None]
        if stroke:
            cv2.polylines(canvas, at, False, 255, max(1, round(stroke * fine)), line, 4)
        else:
            cv2.fillPoly(canvas, at, 255, line, 4)
        if fine > 1:
            canvas = cv2.resize(canvas, box.size, interpolation=cv2.INTER_AREA)
        if blur:
            canvas = cv2.GaussianBlur(canvas, (0, 0), blur)
        return canvas.astype(np.float32) * np.float32(1 / 255)

    def blend(self, box: Box, mask: np.ndarray, colour: Sequence[float], alpha: float = 1.0) -> None:
        """Mix a colour, (3, ) or (h, w, 3), into the texture where the mask is."""
        part = self.texture[box.slices]
        opacity = mask * np.float32(alpha)
        part += (np.asarray(colour, np.float32) - part) * opacity[..., None]

    def darken(
        self,
        points: np.ndarray,
        alpha: float,
        blur: float,
        stroke: float = 0.0,
        tone: Sequence[float] = (0.42, 0.42, 0.55),
    ) -> None:
        """A soft shadow on the skin, along a line or inside a polygon; ``blur`` and ``stroke`` in units of the head."""
        blur, stroke = blur * self.unit, stroke * self.unit
        box = self.box(points, 2.5 * blur + stroke + 1)
        mask = self.mask(box, points, blur, stroke)
        self.texture[box.slices] *= 1 - (mask * np.float32(alpha))[..., None] * (1 - np.float32(tone))

    def frontal(self, *points: tuple[float, float]) -> np.ndarray:
        return self.grid.from_frontal(np.array(points, float))

    def _ellipse(self, centre, radii, angle: float = 0.0, count: int = 24) -> np.ndarray:
        """Texels of an ellipse given in the frontal view."""
        t = np.linspace(0, 2 * np.pi, count, endpoint=False)
        x, y = radii[0] * np.cos(t), radii[1] * np.sin(t)
        c, s = np.cos(angle), np.sin(angle)
        return self.grid.from_frontal(np.stack([centre[0] + c * x - s * y, centre[1] + s * x + c * y], axis=1))

    # parts of the face

    def _skin(self) -> None:
        height, width = self.texture.shape[:2]
        noise = tiles.crop('skin', height, width, self.look.tiles[0])
        redness = self._redness()
        for channel, (base, flush) in enumerate(zip(self.look.skin, (0.16, 0.17, 0.02))):
            np.multiply(noise, 0.022 * base, out=self.texture[..., channel])
            self.texture[..., channel] += base * (1 - flush * redness)
        if self.look.freckles:
            spots = np.clip(tiles.crop('skin', height, width, self.look.tiles[1]) - 1.0, 0, 1)
            around = np.exp(-0.5 * ((self.grid.y[:, None] - 0.22) / 0.2) ** 2 - 0.5 * (self.grid.theta / 0.6) ** 2)
            self.texture *= 1 - (0.28 * self.look.freckles * spots * around).astype(np.float32)[..., None]

    def _redness(self) -> np.ndarray:
        """Rosy cheeks, nose and chin, (H, W) float32."""
        theta, y = self.grid.theta, self.grid.y
        cheek = 1 + 2.2 * self.look.blush
        spots = np.array(
            [
                (cheek, -0.62, 0.26, 0.33, 0.16),
                (cheek, 0.62, 0.26, 0.33, 0.16),
                (0.8, 0.0, 0.16, 0.42, 0.12),
                (0.5, 0.0, 0.3, self.shape.chin_y - 0.15, 0.1),
            ]
        )
        amplitude, centre, spread, height, extent = spots.T[..., None]
        along_theta = np.exp(-0.5 * ((theta - centre) / spread) ** 2)
        along_y = amplitude * np.exp(-0.5 * ((y - height) / extent) ** 2)
        return along_y.T.astype(np.float32) @ along_theta.astype(np.float32)

    def _folds(self) -> None:
        e, age = self.shape.expression, self.look.age
        corner = self.shape.curves['mouth_axis']
        for name, side in SIDES:
            x, y = corner[2 if side > 0 else 0]
            depth = 0.12 + 0.45 * age + 0.35 * max(e.smile, 0)
            fold = self.frontal(
                (side * 0.21, 0.43), (side * 0.30, 0.53), (x + side * 0.06, y - 0.10), (x + side * 0.07, y + 0.01)
            )
            self.darken(fold, min(depth, 0.8) * 0.6, 0.022, 0.018)
            lid = self.shape.curves[f'{name}_lower_lid']
            below = np.stack([lid[:, 0], lid[:, 1] + 0.055 + 0.035 * np.sin(np.linspace(0, np.pi, len(lid)))], axis=1)
            self.darken(self.grid.from_frontal(below[4:44:3]), 0.18 + 0.35 * age, 0.016, 0.012)
        if age > 0.45 or e.brow_raise > 0.6:
            for height in (-0.40, -0.48, -0.56):
                line = [(x, height - 0.025 * np.cos(2.5 * x)) for x in np.linspace(-0.34, 0.34, 9)]
                self.darken(self.frontal(*line), 0.30 * age + 0.25 * max(e.brow_raise, 0), 0.010, 0.008)
        if e.brow_raise < -0.4:
            for side in (-1, 1):
                self.darken(self.frontal((side * 0.05, -0.22), (side * 0.04, -0.10)), 0.5, 0.012, 0.012)

    def _nose(self) -> None:
        base, bridge = self.shape.curves['nose_base'], self.shape.curves['nose_bridge']
        width = base[-1, 0]
        # the underside, between the tip and the base line
        under = np.concatenate([base[6:43:6], base[42:5:-6] - [0, 0.045]])
        self.darken(self.grid.from_frontal(under), 0.50, 0.018)
        self.darken(self.curves['nose_base'][2:47:4], 0.55, 0.010, 0.014)
        for name, side in SIDES:
            self.darken(self.curves[f'{name}_nose_wing'][6::6], 0.42, 0.012, 0.014)
            nostril = self._ellipse((side * 0.50 * width, base[36, 1] - 0.026), (0.036, 0.019), side * 0.35)
            self.darken(nostril, 0.92, 0.008, tone=(0.16, 0.14, 0.20))
            wall = self.frontal((side * 0.07, 0.05), (side * 0.085, 0.2), (side * 0.10, bridge[-1, 1] - 0.1))
            self.darken(wall, 0.16, 0.03, 0.03)

    def _beard(self) -> None:
        look, mouth = self.look, self.shape.curves['mouth_axis']
        chin, lips = self.shape.chin_y, mouth[:, 1].mean()
        noise = tiles.crop('short_hair', *self.texture.shape[:2], look.tiles[2])
        hair = look.hair * 0.9

        def grow(polygon: np.ndarray, alpha: float, blur: float) -> None:
            box = self.box(polygon, 2.5 * blur * self.unit)
            mask = self.mask(box, polygon, blur * self.unit) * np.clip(0.85 + 0.35 * noise[box.slices], 0, 1)
            self.blend(box, mask, hair, alpha)

        if look.beard or look.stubble:
            theta = np.linspace(-1.36, 1.36, 25)
            rise = np.abs(theta) / 1.36
            upper = (lips + 0.22) + (0.10 - lips - 0.22) * rise**2.2
            around = (np.abs(theta) > 0.32) & (np.abs(theta) < 0.62)
            upper = np.where(around, np.minimum(upper, lips - 0.06), upper)
            outline = np.concatenate(
                [self.grid.texels(theta, upper), self.grid.texels(theta[::-1], np.full(25, chin - 1e-3))]
            )
            grow(outline, max(look.beard, 0.45 * look.stubble), 0.05)
        if look.moustache or look.stubble:
            outer = self.shape.curves['upper_lip_outer']
            lower = outer[::6] + [0, -0.012]
            upper = np.stack(
                [lower[::-1, 0] * 0.85, lower[::-1, 1] - 0.10 + 0.10 * np.abs(np.linspace(-1, 1, 9))], axis=1
            )
            grow(self.grid.from_frontal(np.concatenate([lower, upper])), max(look.moustache, 0.4 * look.stubble), 0.018)

    def _eye(self, name: str, side: int, pupil: np.ndarray) -> None:
        look, curves = self.look, self.curves
        upper, lower = curves[f'{name}_upper_lid'], curves[f'{name}_lower_lid']
        lid = self.shape.curves[f'{name}_upper_lid']
        t = np.sin(np.linspace(0, np.pi, len(lid)))[:, None]
        brow = self.shape.curves[f'{name}_brow_lower']
        # hollow between lid and brow, and the crease of the lid
        hollow = np.concatenate([lid[::6], (lid + (brow - lid) * 0.75)[::-6]])
        self.darken(self.grid.from_frontal(hollow), 0.34, 0.035)
        if look.eye_shadow is not None:
            polygon = self.grid.from_frontal(np.concatenate([lid[::6], (lid + (brow - lid) * 0.62)[::-6]]))
            box = self.box(polygon, 8)
            self.blend(box, self.mask(box, polygon, 0.022 * self.unit), look.eye_shadow, 0.72)
        crease = lid - [0, 0.012] - t * [0, 0.032]
        self.darken(self.grid.from_frontal(crease[2:47:3]), 0.55, 0.006, 0.012)

        outline = np.concatenate([upper, lower[::-1]])
        box = self.box(outline, 5)
        opening = self.mask(box, outline)
        white = np.array([216.0, 220, 226]) * (0.88 + 0.12 * look.skin.mean() / 255)
        self.blend(box, opening, white)
        inner = upper[0 if side > 0 else -1]
        caruncle = self.mask(box, inner + [[-2.4, -2], [2.4, -2], [2.4, 2], [-2.4, 2]], 0.8)
        self.blend(box, caruncle * opening, (120, 120, 190), 0.6)
        self.blend(box, self.mask(box, self._ellipse(pupil, (0.066, 0.066))) * opening, look.iris * 0.55)
        self.blend(box, self.mask(box, self._ellipse(pupil, (0.054, 0.054)), 0.7) * opening, look.iris)
        self.blend(box, self.mask(box, self._ellipse(pupil, (0.027, 0.027))) * opening, (12, 10, 10))
        # the upper lid throws a shadow on the eye ball
        shade = self.mask(box, upper, 0.020 * self.unit, 0.045 * self.unit) * opening
        self.blend(box, shade, (60, 55, 60), 0.75)
        glint = self._ellipse(pupil + [0.018 * np.sign(look.light[0]), -0.02], (0.012, 0.012))
        self.blend(box, self.mask(box, glint) * opening, (255, 255, 255), 0.9)

        lash = self.mask(box, upper, 0.4, (0.010 + 0.012 * look.eyeliner) * self.unit)
        self.blend(box, lash, (28, 24, 26), 0.55 + 0.4 * look.eyeliner)
        lash = self.mask(box, lower, 0.5, 0.009 * self.unit)
        self.blend(box, lash, look.skin * 0.35, 0.35 + 0.35 * look.eyeliner)

    def _brow(self, name: str) -> None:
        outline = np.concatenate([self.curves[f'{name}_brow_upper'], self.curves[f'{name}_brow_lower'][::-1]])
        box = self.box(outline, 4)
        noise = tiles.crop('short_hair', *self.texture.shape[:2], self.look.tiles[3])[box.slices]
        mask = self.mask(box, outline, 0.5) * np.clip(0.88 + 0.12 * noise, 0.3, 1)
        self.blend(box, mask, np.minimum(self.look.hair * 0.75, self.look.skin * 0.55), 0.88)

    def _mouth(self) -> None:
        look, curves, e = self.look, self.curves, self.shape.expression
        colour = look.lips if look.lipstick is None else look.lipstick
        strength = 0.85 if look.lipstick is None else 0.95
        upper, lower = curves['upper_lip_inner'], curves['lower_lip_inner']
        upper_lip = np.concatenate([curves['upper_lip_outer'], upper[::-1]])
        lower_lip = np.concatenate([lower, curves['lower_lip_outer'][::-1]])
        self.darken(self._ellipse((0, self.shape.curves['lower_lip_outer'][24, 1] + 0.05), (0.15, 0.03)), 0.28, 0.025)
        box = self.box(np.concatenate([upper_lip, lower_lip]), 6)
        self.blend(box, self.mask(box, upper_lip, 0.5), colour * 0.86, strength)
        self.blend(box, self.mask(box, lower_lip, 0.5), colour, strength)
        inner = np.concatenate([upper, lower[::-1]])
        frontal = self.shape.curves['upper_lip_inner'], self.shape.curves['lower_lip_inner']
        gap = (frontal[1] - frontal[0])[:, 1].max()
        if gap > 0.02:
            cavity = self.mask(box, inner)
            self.blend(box, cavity, (26, 18, 48))
            tongue = self._ellipse((0, frontal[1][24, 1] - 0.1 * gap), (0.17, 0.42 * gap))
            self.blend(box, self.mask(box, tongue, 2) * cavity, (86, 76, 160), 0.8)
            if gap > 0.04 or e.smile > 0.3:
                height = min(0.075, 0.85 * gap)
                drop = height * np.sin(np.linspace(0.35, np.pi - 0.35, 37))
                edge = frontal[0][6:43] + np.stack([np.zeros(37), drop], axis=1)
                teeth = np.concatenate([upper[6:43], self.grid.from_frontal(edge)[::-1]])
                self.blend(box, self.mask(box, teeth, 0.5) * cavity, (206, 216, 222), 0.95)
                for x in np.linspace(-0.15, 0.15, 6):
                    gumline = self.frontal((x, frontal[0][24, 1]), (x, frontal[0][24, 1] + height * 0.8))
                    self.blend(box, self.mask(box, gumline, 0.5, 0.7) * cavity, (120, 130, 145), 0.35)
            self.blend(box, self.mask(box, upper, 1.2, 2.0) * cavity, (20, 14, 30), 0.6)
        else:
            self.blend(box, self.mask(box, (upper + lower) / 2, 0.5, 0.012 * self.unit), colour * 0.28, 0.8)
        for end in (0, -1):
            corner = curves['mouth_axis'][end]
            self.blend(
                box, self.mask(box, corner + [[-1.5, -1], [1.5, -1], [1.5, 1], [-1.5, 1]], 1.0), colour * 0.4, 0.5
            )

    def _hair(self) -> None:
        grid, look = self.grid, self.look
        if look.hair_style == 'bald':
            return
        polygon = self._hairline()
        box = Box(0, 0, grid.width, grid.height)
        mask = self.mask(box, polygon, 1.2)
        strands = tiles.crop('hair', grid.height, grid.width, look.tiles[4])
        shade = mask * np.clip(1 + 0.20 * strands, 0.3, 1.8)
        bare = 1 - mask
        for channel, colour in enumerate(look.hair.tolist()):  # twice as fast as all channels at once
            part = self.texture[..., channel]
            part *= bare
            part += shade * colour
        # the hair rises from nothing at its edge
        volume = np.maximum(2 * cv2.blur(mask, (15, 15)) - 1, 0)
        np.multiply(volume, look.hair_volume, out=self.thickness)

    def _hairline(self) -> np.ndarray:
        """Outline of the hair in texels; everything above it is hair."""
        look, grid = self.look, self.grid
        rng = np.random.default_rng(look.hair_seed)
        theta = np.concatenate(
            [np.linspace(-_THETA_MAX, -1.9, 4), np.linspace(-1.75, 1.75, 71), np.linspace(1.9, _THETA_MAX, 4)]
        )
        away = np.abs(theta)
        fronts = {
            'short': -0.74,
            'receding': -0.98,
            'fringe': -0.36,
            'parted': -0.72,
            'long': -0.76,
            'long_fringe': -0.38,
        }
        y = fronts[look.hair_style] + 0.16 * (away / 1.05) ** 3
        if look.hair_style in ('parted', 'long'):
            y = y + 0.26 * np.clip(np.abs(theta - 0.5 * look.parting), 0, 1) ** 1.5
        if look.long_hair:  # falls behind the jaw
            y = np.where(
                away > 1.16, np.maximum(y, np.interp(away, (1.16, 1.24, 1.36, 1.5), (-0.6, -0.2, 0.25, 0.55))), y
            )
        else:  # down the temples to the sideburns and around the ears to the nape
            y = y + (0.05 - y) / (1 + np.exp(-(away - 1.36) / 0.035))
            y = y + (0.45 - y) / (1 + np.exp(-(away - 1.95) / 0.05))
            over_ear = np.exp(-0.5 * ((away - 1.68) / 0.17) ** 4)
            y = y - (y + 0.12) * over_ear * (y > -0.12)
        ragged = 0.035 if 'fringe' in look.hair_style else 0.014
        y = np.minimum(y + ragged * rng.standard_normal(len(theta)), self.shape.chin_y)
        line = grid.texels(theta, y)
        return np.concatenate([line, [[grid.width + 3, -3], [-3, -3]]])
