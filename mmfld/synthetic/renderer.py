"""Puts a painted head into a picture: lights it, wraps it around the surface, and adds what is around it.

The texture is wrapped by splatting its texels: each texel is projected, the texels nearest to the camera win their
pixels, and the position of every pixel within its texel is then found to first order from the projection's Jacobian. So
the picture is exact to a few hundredths of a pixel and hides what the nose or the cheek hides, at the cost of a few
array operations.
"""

import cv2
import numpy as np

from .appearance import Appearance
from .camera import Camera
from .face_model import FaceShape
from .figure import draw_body, draw_ear, draw_glasses
from .painter import Painter


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
    head, alpha = wrap(lit, camera, surface, size)
    draw_body(image, shape, camera, look)
    # the ear on the far side is behind the head
    near = 1 if camera.view[0] > 0 else -1
    if not look.long_hair:
        draw_ear(image, shape, camera, look, -near)
    image = cv2.blendLinear(head, image, alpha, 1 - alpha)
    if not look.long_hair:
        draw_ear(image, shape, camera, look, near)
    if look.glasses:
        draw_glasses(image, shape, camera, look.glasses_colour)
    return image


def wrap(
    texture: np.ndarray, camera: Camera, surface: tuple[np.ndarray, ...], size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Wrap a texture around the projected surface.

    Args:
        texture (ndarray): (H, W, 3), uint8 or float32.
        camera (Camera): Projects the texels.
        surface (tuple): x, y, z of the texels in the camera's frame, each (H, W) float32.
        size (int): S, side of the picture.

    Returns:
        tuple: (S, S, 3) picture of the texture's type and (S, S) float32 opacity of the head.
    """
    x, y = camera.to_pixels(*surface)
    width = x.shape[1]
    xu, yu, xv, yv = (np.zeros_like(x) for _ in range(4))
    for full, along_u, along_v in ((x, xu, xv), (y, yu, yv)):
        np.subtract(full[:, 2:], full[:, :-2], out=along_u[:, 1:-1])
        np.subtract(full[2:], full[:-2], out=along_v[1:-1])
    area = xu * yv - xv * yu  # of a texel in the picture, times 4; negative seen from behind
    column, row = np.rint(x).astype(np.int32), np.rint(y).astype(np.int32)
    seen = (area > 1e-3) & (column >= 0) & (column < size) & (row >= 0) & (row < size)
    pixel = np.where(seen, row * size + column, size * size)

    texel = np.full(size * size + 1, -1, np.float32)
    # from far to near, so that the nearest stays; 16 bits of depth can be sorted in linear time
    near = surface[2].ravel()
    order = np.argsort(((near - near.min()) * (65535 / np.ptp(near))).astype(np.uint16), kind='stable')
    texel[pixel.ravel()[order]] = order
    texel = texel[:-1].reshape(size, size)

    # A stretched surface leaves pixels out, or lets what is behind it through. They, and the rim, continue a
    # neighbour's texel.
    square = np.ones((3, 3), np.uint8)
    solid = cv2.morphologyEx((texel >= 0).astype(np.uint8), cv2.MORPH_CLOSE, square, iterations=2)
    depth = np.where(texel >= 0, near[texel.astype(np.int32)], near.min())
    texel[cv2.morphologyEx(depth, cv2.MORPH_CLOSE, square) > depth + 0.08] = -1
    for _ in range(2):
        texel = np.where(texel >= 0, texel, cv2.dilate(texel, square))
    at = np.flatnonzero(texel >= 0)
    index = texel.ravel()[at].astype(np.int32)
    dx = (at % size).astype(np.float32) - x.ravel()[index]
    dy = (at // size).astype(np.float32) - y.ravel()[index]
    xu, yu, xv, yv, area = (a.ravel()[index] for a in (xu, yu, xv, yv, area))
    scale = 2 / np.maximum(area, 0.05)
    u, v = np.full((2, size * size), -2, np.float32)
    u[at] = index % width + np.clip((yv * dx - xv * dy) * scale, -2, 2)
    v[at] = index // width + np.clip((xu * dy - yu * dx) * scale, -2, 2)
    picture = cv2.remap(
        texture, u.reshape(size, size), v.reshape(size, size), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    # a pixel belongs to the head once the head reaches into it, half a pixel too early on average
    alpha = cv2.GaussianBlur(solid.astype(np.float32), (3, 3), 0.8)
    return picture, np.clip(2 * alpha - 1, 0, 1)


def _light(texture: np.ndarray, surface: tuple[np.ndarray, ...], bumps: np.ndarray, look: Appearance) -> np.ndarray:
    """Diffuse and specular light at half the resolution of the texture; returns uint8."""
    x, y, z = (a[::2, ::2] for a in surface)
    (xu, yu, zu), (xv, yv, zv) = (
        [cv2.Sobel(np.ascontiguousarray(a), cv2.CV_32F, du, dv, ksize=3) for a in (x, y, z)]
        for du, dv in ((1, 0), (0, 1))
    )
    # towards the camera on the visible side
    normal = [yu * zv - zu * yv, zu * xv - xu * zv, xu * yv - yu * xv]
    length = np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2) + 1e-9
    towards = sum(n * float(d) for n, d in zip(normal, look.light)) / length
    # light wraps around a little, as it does on skin
    diffuse = np.maximum((towards + 0.25) / 1.25, 0)
    half = look.light + [0, 0, 1]
    half = half / np.linalg.norm(half)
    glance = np.maximum(sum(n * float(d) for n, d in zip(normal, half)) / length, 0)
    gloss = 22 * glance**18 * float(look.diffuse.mean())
    # hollows receive less of the sky
    depth = np.ascontiguousarray(bumps[::2, ::2])
    hollow = np.clip(1 + 3.2 * (depth - cv2.blur(depth, (21, 21))), 0.55, 1.12)
    size = texture.shape[1::-1]
    shade = cv2.merge([(float(a) * hollow + float(d) * diffuse) for a, d in zip(look.ambient, look.diffuse)])
    shade, gloss = cv2.resize(shade, size), cv2.resize(gloss, size)
    cv2.multiply(texture, shade, dst=texture)
    texture += gloss[..., None]
    return cv2.convertScaleAbs(np.maximum(texture, 0, out=texture))
