"""Puts a painted head into a picture: lights it, wraps it around the surface, and adds what is around it.

The texture is wrapped by splatting its texels: each texel is projected, the texels nearest to the camera win their
pixels, and the position of every pixel within its texel is then found to first order from the projection's Jacobian. So
the picture is exact to a few hundredths of a pixel and hides what the nose or the cheek hides, at the cost of a few
array operations. Texels in painting order, from far to near, need no depth buffer: the surface is star-shaped, hence
columns and rows far from the viewing direction are far from the camera.
"""
from typing import Tuple

import cv2
import numpy as np

from . import tiles
from .appearance import Appearance
from .camera import Camera
from .face_model import FaceShape
from .painter import Painter, Unrolled


def render_face(shape: FaceShape, camera: Camera, look: Appearance, image: np.ndarray) -> np.ndarray:
    """Render a head with neck, shoulders and hair over a background.

    Args:
        shape (FaceShape): Its geometry.
        camera (Camera): Its pose.
        look (Appearance): Its looks and the light.
        image (ndarray): Background, (S, S, 3) uint8 BGR, drawn into.

    Returns:
        ndarray: The picture, (S, S, 3) uint8 BGR.
    """
    size = image.shape[0]
    painter = Painter(shape, look, size)
    painter.paint()
    grid = painter.grid
    x, y, z, bumps = shape.surface_grid(grid.theta, grid.y, painter.thickness)
    surface = camera.to_camera(x, y, z)
    lit = _light(painter.texture, surface, bumps, look)
    head, alpha = wrap(lit, grid, camera, *camera.to_pixels(*surface), size)
    _draw_body(image, shape, camera, look)
    return cv2.blendLinear(head, image, alpha, 1 - alpha)


def wrap(texture: np.ndarray, grid: Unrolled, camera: Camera, x: np.ndarray, y: np.ndarray,
         size: int) -> Tuple[np.ndarray, np.ndarray]:
    """Wrap a texture around the projected surface.

    Args:
        texture (ndarray): (H, W, 3) uint8.
        grid (Unrolled): Azimuths and heights of its columns and rows.
        camera (Camera): For the order in which texels hide each other.
        x, y (ndarray): (H, W) float32 pixels of the texels.
        size (int): S, side of the picture.

    Returns:
        tuple: (S, S, 3) uint8 picture and (S, S) float32 opacity of the head.
    """
    height, width = x.shape
    xu, yu, xv, yv = (np.zeros_like(x) for _ in range(4))
    for full, along_u, along_v in ((x, xu, xv), (y, yu, yv)):
        np.subtract(full[:, 2:], full[:, :-2], out=along_u[:, 1:-1])
        np.subtract(full[2:], full[:-2], out=along_v[1:-1])
    area = xu * yv - xv * yu  # of a texel in the picture, times 4; negative seen from behind
    column, row = np.rint(x).astype(np.int32), np.rint(y).astype(np.int32)
    seen = (area > 1e-3) & (column >= 0) & (column < size) & (row >= 0) & (row < size)
    pixel = np.where(seen, row * size + column, size * size)

    view = camera.view
    columns = np.argsort(-np.abs(grid.theta - np.arctan2(view[0], view[2])))
    rows = np.argsort(-np.abs(grid.y - (.1 + 1.2 * np.arctan2(view[1], np.hypot(view[0], view[2])))))
    texel = np.full(size * size + 1, -1, np.float32)
    texel[pixel.take(rows, axis=0).take(columns, axis=1)] = rows[:, None] * width + columns  # the last one stays
    texel = texel[:-1].reshape(size, size)

    # a stretched surface leaves single pixels out; they and the rim continue a neighbour's texel
    solid = cv2.morphologyEx((texel >= 0).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    texel = np.where(texel >= 0, texel, cv2.dilate(texel, np.ones((3, 3), np.uint8)))
    at = np.flatnonzero(texel >= 0)
    index = texel.ravel()[at].astype(np.int32)
    dx = (at % size).astype(np.float32) - x.ravel()[index]
    dy = (at // size).astype(np.float32) - y.ravel()[index]
    xu, yu, xv, yv, area = (a.ravel()[index] for a in (xu, yu, xv, yv, area))
    scale = 2 / np.maximum(area, .05)
    u, v = np.full((2, size * size), -2, np.float32)
    u[at] = index % width + np.clip((yv * dx - xv * dy) * scale, -2, 2)
    v[at] = index // width + np.clip((xu * dy - yu * dx) * scale, -2, 2)
    picture = cv2.remap(texture, u.reshape(size, size), v.reshape(size, size), cv2.INTER_LINEAR,
                        borderMode=cv2.BORDER_REPLICATE)
    # a pixel belongs to the head once the head reaches into it, half a pixel too early on average
    alpha = cv2.GaussianBlur(solid.astype(np.float32), (3, 3), .8)
    return picture, np.clip(2 * alpha - 1, 0, 1)


def _light(texture: np.ndarray, surface: Tuple[np.ndarray, ...], bumps: np.ndarray, look: Appearance) -> np.ndarray:
    """Diffuse and specular light at half the resolution of the texture; returns uint8."""
    x, y, z = (a[::2, ::2] for a in surface)
    (xu, yu, zu), (xv, yv, zv) = (
        [cv2.Sobel(np.ascontiguousarray(a), cv2.CV_32F, du, dv, ksize=3) for a in (x, y, z)]
        for du, dv in ((1, 0), (0, 1)))
    # towards the camera on the visible side
    normal = [yu * zv - zu * yv, zu * xv - xu * zv, xu * yv - yu * xv]
    length = np.sqrt(normal[0]**2 + normal[1]**2 + normal[2]**2) + 1e-9
    towards = sum(n * float(d) for n, d in zip(normal, look.light)) / length
    # light wraps around a little, as it does on skin
    diffuse = np.maximum((towards + .25) / 1.25, 0)
    half = look.light + [0, 0, 1]
    half = half / np.linalg.norm(half)
    glance = np.maximum(sum(n * float(d) for n, d in zip(normal, half)) / length, 0)
    gloss = 22 * glance**18 * float(look.diffuse.mean())
    # hollows receive less of the sky
    depth = np.ascontiguousarray(bumps[::2, ::2])
    hollow = np.clip(1 + 3.2 * (depth - cv2.blur(depth, (21, 21))), .55, 1.12)
    size = texture.shape[1::-1]
    shade = cv2.merge([(float(a) * hollow + float(d) * diffuse) for a, d in zip(look.ambient, look.diffuse)])
    shade, gloss = cv2.resize(shade, size), cv2.resize(gloss, size)
    cv2.multiply(texture, shade, dst=texture)
    texture += gloss[..., None]
    return cv2.convertScaleAbs(np.maximum(texture, 0, out=texture))


def _draw_body(image: np.ndarray, shape: FaceShape, camera: Camera, look: Appearance) -> None:
    """Hair behind the head, neck, shoulders and the shadow of the chin; flat shapes in the picture."""
    size = image.shape[0]
    exposure = look.ambient + .6 * look.diffuse
    skin, hair = (np.clip(colour * exposure, 0, 255) for colour in (look.skin, look.hair))
    tone = np.random.default_rng(look.hair_seed)
    cloth = np.clip(tone.uniform(15, 220, 3) * exposure, 0, 255)
    unit = camera.scale

    def project(*points) -> np.ndarray:
        return camera.project(np.array(points, float))

    head = project((0, .3, -.2))[0]
    base = np.array([.45 * head[0] + .55 * size / 2, head[1] + 1.75 * unit])
    if look.hair_style.startswith('long'):
        t = np.linspace(np.pi, 2 * np.pi, 15)
        reach = shape.half_width + look.hair_volume + .06
        crown = [(reach * np.cos(a), -.2 + 1.1 * np.sin(a), -.25) for a in t]
        length = tone.uniform(1.2, 2.2)
        outline = project(*crown, (reach * 1.12, length, -.25), (-reach * 1.12, length, -.25))
        _fill(image, outline, hair * .62)
    neck_width = .50 * shape.half_width / .785
    left, right = project((-neck_width, .55, -.30), (neck_width, .55, -.30))
    neck = np.array([left, right, base + [.60 * unit, .12 * unit], base + [-.60 * unit, .12 * unit]])
    _fill(image, neck, skin * .86)
    drop = tone.uniform(.30, .5) * unit
    out = tone.uniform(1.5, 1.9) * unit
    dip = tone.uniform(.1, .6) * unit
    shoulders = np.array([base + [-.52 * unit, -.05 * unit], base + [-.25 * unit, dip * .8], base + [0, dip],
                          base + [.25 * unit, dip * .8], base + [.52 * unit, -.05 * unit],
                          base + [out * .75, drop * .55], base + [out, drop * 1.6], base + [out * 1.1, size],
                          base + [-out * 1.1, size], base + [-out, drop * 1.6], base + [-out * .75, drop * .55]])
    _fill(image, shoulders, cloth)
    # shadow under the jaw
    jaw = camera.project(shape.lift(shape.curves['contour'][16:113:6])) + [0, .16 * unit]
    top, bottom = max(int(jaw[:, 1].min()), 0), min(int(jaw[:, 1].max() + .3 * unit), size)
    if top < bottom:
        shadow = np.zeros((bottom - top, size), np.uint8)
        _fill(shadow, jaw - [0, top], 150)
        shadow = cv2.blur(shadow, (int(.24 * unit) | 1, int(.24 * unit) | 1))
        image[top:bottom] = cv2.multiply(image[top:bottom], cv2.merge([255 - shadow] * 3), scale=1 / 255)


def _fill(image: np.ndarray, polygon: np.ndarray, colour) -> None:
    colour = tuple(np.atleast_1d(colour).astype(float).tolist())
    cv2.fillPoly(image, [np.rint(polygon * 16).astype(np.int32)], colour, cv2.LINE_AA, shift=4)


__all__ = ['render_face', 'tiles', 'wrap']
