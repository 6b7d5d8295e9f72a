"""What is drawn around the wrapped head: hair that hangs down, neck, shoulders, ears and glasses.

Flat shapes, whose outlines are projected from points of the head's frame.
"""

import cv2
import numpy as np

from . import tiles
from .appearance import Appearance
from .camera import Camera
from .face_model import FaceShape


def draw_body(image: np.ndarray, shape: FaceShape, camera: Camera, look: Appearance) -> None:
    """Draw hair that hangs down, neck and shoulders, and the shadow of the jaw on the neck."""
    size = image.shape[0]
    exposure = look.ambient + 0.6 * look.diffuse
    skin, hair = (np.clip(colour * exposure, 0, 255) for colour in (look.skin, look.hair))
    tone = np.random.default_rng(look.hair_seed)
    cloth = np.clip(tone.uniform(15, 220, 3) * exposure, 0, 255)
    unit = camera.scale

    def project(*points) -> np.ndarray:
        return camera.project(np.array(points, float))

    head = project((0, 0.3, -0.2))[0]
    base = np.array([0.5 * head[0] + 0.5 * size / 2, head[1] + (shape.chin_y + 0.12) * unit])
    strands = tiles.crop('hair', size, size, look.tiles[5])
    if look.long_hair:
        t = np.linspace(np.pi, 2 * np.pi, 15)
        reach = shape.half_width + look.hair_volume + 0.06
        crown = [(reach * np.cos(a), -0.2 + 1.1 * np.sin(a), -0.25) for a in t]
        length = tone.uniform(1.1, 2.2)
        outline = project(*crown, (reach * 1.12, length, -0.25), (-reach * 1.12, length, -0.25))
        _comb(image, outline, hair * 0.6, strands)
    neck_width = 0.49 * shape.half_width / 0.785
    left, right = project((-neck_width, 0.55, -0.30), (neck_width, 0.55, -0.30))
    neck = np.array([left, right, base + [0.58 * unit, 0.8 * unit], base + [-0.58 * unit, 0.8 * unit]])
    fill(image, neck, skin * 0.9)
    shadow = np.zeros((size, size), np.uint8)
    fill(shadow, camera.project(shape.lift(shape.curves['contour'][16:113:6])) + [0, 0.14 * unit], 150)
    for side, end in ((left, neck[3]), (right, neck[2])):
        cv2.line(shadow, *(np.rint(p).astype(int).tolist() for p in (side, end)), 110, int(0.16 * unit))
    shadow = cv2.blur(shadow, (int(0.24 * unit) | 1, int(0.24 * unit) | 1))
    on_neck = np.zeros_like(shadow)
    fill(on_neck, neck, 255)
    shadow = cv2.multiply(shadow, on_neck, scale=1 / 255)
    cv2.multiply(image, cv2.merge([255 - shadow] * 3), dst=image, scale=1 / 255)
    drop = tone.uniform(0.30, 0.5) * unit
    out = tone.uniform(1.5, 1.9) * unit
    dip = tone.uniform(0.1, 0.6) * unit
    shoulders = np.array(
        [
            base + [-0.52 * unit, -0.05 * unit],
            base + [-0.25 * unit, dip * 0.8],
            base + [0, dip],
            base + [0.25 * unit, dip * 0.8],
            base + [0.52 * unit, -0.05 * unit],
            base + [out * 0.75, drop * 0.55],
            base + [out, drop * 1.6],
            base + [out * 1.1, size],
            base + [-out * 1.1, size],
            base + [-out, drop * 1.6],
            base + [-out * 0.75, drop * 0.55],
        ]
    )
    fill(image, shoulders, cloth)
    if look.long_hair:  # in front of the shoulders
        for side in (-1, 1):
            lock = project(
                *(
                    (side * reach * a, b, c)
                    for a, b, c in (
                        (0.80, 0.3, -0.55),
                        (0.92, -0.3, -0.55),
                        (0.92, -0.3, -0.15),
                        (0.84, 0.5, -0.15),
                        (1.02, 0.5, -0.3),
                        (1.15, length, -0.6),
                        (0.72, length, -0.5),
                        (1.12, length, 0.0),
                        (0.70, length, 0.05),
                    )
                )
            )
            _comb(image, cv2.convexHull(lock.astype(np.float32))[:, 0], hair * 0.8, strands)


def _comb(image: np.ndarray, polygon: np.ndarray, colour: np.ndarray, strands: np.ndarray) -> None:
    """Fill a polygon with strands of hair."""
    mask = np.zeros(image.shape[:2], np.uint8)
    fill(mask, polygon, 255)
    left, top, width, height = cv2.boundingRect(mask)
    part = slice(top, top + height), slice(left, left + width)
    opacity = mask[part].astype(np.float32)[..., None] / 255
    hair = np.clip(1 + 0.22 * strands[part], 0.3, 1.8)[..., None] * np.float32(colour)
    image[part] = np.clip(image[part] + (hair - image[part]) * opacity, 0, 255).astype(np.uint8)


def fill(image: np.ndarray, polygon: np.ndarray, colour) -> None:
    """Fill a polygon (N, 2), float pixels, with a colour or grey level."""
    colour = tuple(np.atleast_1d(colour).astype(float).tolist())
    cv2.fillPoly(image, [np.rint(polygon * 16).astype(np.int32)], colour, cv2.LINE_AA, shift=4)


def draw_ear(image: np.ndarray, shape: FaceShape, camera: Camera, look: Appearance, side: int) -> None:
    """Draw the subject's right (-1) or left (1) ear: a leaf that stands off the head."""
    outline, bowl, rim = (_ear(shape, camera, side, part) for part in (_EAR_OUTLINE, _EAR_BOWL, _EAR_RIM))
    normal = camera.rotation @ [0.9 * side, 0, 0.44]
    facing = float(np.clip(normal @ look.light + 0.25, 0, 1.25) / 1.25)
    light = np.clip(look.ambient * 0.95 + look.diffuse * facing, 0, 2)
    colour = np.clip(look.skin * light * [0.90, 0.90, 1.0], 0, 255)
    fill(image, outline, colour)
    fill(image, bowl, colour * 0.72)
    cv2.polylines(
        image,
        [np.rint(rim * 16).astype(np.int32)],
        False,
        (colour * 0.80).tolist(),
        max(1, round(0.018 * camera.scale)),
        cv2.LINE_AA,
        shift=4,
    )


# (backwards, down) from where the ear meets the face
_EAR_OUTLINE = np.array(
    [
        (-0.01, 0.36),
        (-0.01, 0.02),
        (0.02, -0.12),
        (0.10, -0.19),
        (0.19, -0.18),
        (0.25, -0.10),
        (0.26, 0.03),
        (0.22, 0.16),
        (0.15, 0.28),
        (0.10, 0.38),
        (0.04, 0.41),
    ]
)
_EAR_BOWL = np.array([(0.04, 0.22), (0.03, 0.04), (0.08, -0.05), (0.14, -0.02), (0.15, 0.10), (0.11, 0.22)])
_EAR_RIM = np.array([(0.05, -0.09), (0.11, -0.13), (0.18, -0.11), (0.21, -0.03), (0.20, 0.08), (0.16, 0.18)])


def _ear(shape: FaceShape, camera: Camera, side: int, leaf: np.ndarray) -> np.ndarray:
    back, down = leaf.T
    x = side * (0.985 * shape.half_width + 0.42 * back)
    return camera.project(np.stack([x, down + 0.12, -0.06 - 0.9 * back + 0.10 * (down - 0.1)], axis=1))


def draw_glasses(image: np.ndarray, shape: FaceShape, camera: Camera, colour: np.ndarray, lens: float = 0.06) -> None:
    """Draw glasses.

    Args:
        image (ndarray): Drawn into.
        shape (FaceShape): Carries them.
        camera (Camera): Its pose.
        colour (ndarray): Of the frame, and of lenses that are darker than clear ones.
        lens (float): Opacity of the lenses.
    """
    thickness = max(1, round(0.022 * camera.scale))
    nasion = shape.lift(np.array([[0.0, 0.05]]))[0, 2] + 0.02
    t = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    c, s = np.cos(t), np.sin(t)
    roundness = 0.625 if colour.mean() < 60 else 1.0  # dark frames are squarish, bright ones round
    x, y = 0.205 * np.sign(c) * np.abs(c) ** roundness, 0.155 * np.sign(s) * np.abs(s) ** roundness
    canvas = image.copy()
    lines = []
    for side in (-1, 1):
        centre = 0.345 * side
        depth = nasion - 0.35 * (np.abs(x + centre) - 0.14) ** 2
        rim = camera.project(np.stack([x + centre, y + 0.03, depth], axis=1))
        fill(canvas, rim, colour if lens > 0.5 else (255, 250, 240))
        lines.append((rim, True))
        if side * camera.view[0] > 0.08:
            temple = np.array([(0.55 * side, -0.03, nasion - 0.06), (1.02 * shape.half_width * side, -0.02, -0.08)])
            lines.append((camera.project(temple), False))
    bridge = np.array([(-0.14, 0.0, nasion), (0, -0.03, nasion + 0.02), (0.14, 0.0, nasion)])
    lines.append((camera.project(bridge), False))
    cv2.addWeighted(canvas, lens, image, 1 - lens, 0, dst=image)
    for line, closed in lines:
        cv2.polylines(
            image, [np.rint(line * 16).astype(np.int32)], closed, colour.tolist(), thickness, cv2.LINE_AA, shift=4
        )
