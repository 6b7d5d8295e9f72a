"""What is behind a face, what is before it, and what the camera adds."""

import cv2
import numpy as np

from . import tiles
from .appearance import Appearance
from .camera import Camera
from .face_model import FaceShape
from .figure import draw_glasses, fill
from .landmarks import ProjectedFace

HELD = ('bar', 'thing', 'hand')


def make_background(rng: np.random.Generator, size: int) -> np.ndarray:
    """A blurred scene of colour fields, edges and lights; (size, size, 3) uint8."""
    coarse = rng.integers(2, 9)
    base, spread = rng.uniform(30, 200) + 22 * rng.standard_normal(3), rng.uniform(8, 50)

    def colours(*size: int) -> np.ndarray:  # more grey than colourful
        return np.clip(
            base + spread * (rng.standard_normal((*size, 1)) + 0.4 * rng.standard_normal((*size, 3))), 0, 255
        )

    field = colours(coarse, coarse).astype(np.uint8)
    small = cv2.resize(field, (size // 2, size // 2), interpolation=cv2.INTER_CUBIC)
    for _ in range(rng.integers(0, 9)):
        colour = colours().tolist()
        x, y, w, h = (rng.uniform(-0.2, 1, 4) * size / 2).astype(int).tolist()
        if rng.random() < 0.5:
            cv2.rectangle(small, (x, y), (x + abs(w), y + 2 * abs(h)), colour, -1)
        else:
            cv2.circle(small, (x, y), abs(w) // 4 + 2, colour, -1, cv2.LINE_AA)
    width = int(rng.integers(0, 7)) * 2 + 1
    return cv2.resize(cv2.blur(small, (width, width)), (size, size))


def occlude(
    image: np.ndarray, shape: FaceShape, camera: Camera, look: Appearance, face: ProjectedFace, rng: np.random.Generator
) -> None:
    """Cover a part of the face with a hand, a bar, a thing, strands of hair, a mask or sunglasses."""
    kind = rng.integers(6)
    if kind == 0:
        draw_glasses(image, shape, camera, rng.uniform(5, 40, 3), lens=0.93)
    elif kind == 1:
        _mask(image, face, rng)
    elif kind == 2:
        _strands(image, camera, face, look, rng)
    else:
        hold_before(image, HELD[kind - 3], camera.scale, look, face, rng)


def hold_before(
    image: np.ndarray, kind: str, unit: float, look: Appearance, face: ProjectedFace, rng: np.random.Generator
) -> None:
    """Cover a landmark of the face, and what is around it, with something that is not on the face.

    Args:
        image (ndarray): (S, S, 3) uint8 BGR, drawn into.
        kind (str): One of ``HELD``.
        unit (float): Pixels per unit of the head, which the size of the thing follows.
        look (Appearance): For the colour and the light of a hand.
        face (ProjectedFace): The face.
        rng (Generator): Draws the landmark and what the thing looks like.
    """
    if kind == 'bar':
        _bar(image, unit, face, rng)
    elif kind == 'thing':
        _thing(image, unit, face, rng)
    else:
        _hand(image, unit, face, look, rng)


def _somewhere(face: ProjectedFace, rng: np.random.Generator) -> np.ndarray:
    """A landmark that gets covered."""
    points = face.keypoints['300w68']
    return points[rng.integers(len(points))].astype(float)


def _mask(image: np.ndarray, face: ProjectedFace, rng: np.random.Generator) -> None:
    """A medical mask from the nose to under the chin."""
    contour, centre = face.curves['contour'], face.curves['nose_bridge'][8 + rng.integers(20)]
    colour = np.array([(205, 190, 150), (40, 36, 34), (225, 225, 225), (120, 60, 50)][rng.integers(4)], float)
    first, chin = 12 + int(rng.integers(8)), contour[64]
    outline = np.concatenate([contour[first : 129 - first : 3], centre[None]])
    fill(image, outline, colour * 0.8)
    fill(image, chin + (outline - chin) * [0.95, 0.98], colour)
    for f in (0.3, 0.5, 0.7):  # pleats
        at = first + int(f * (64 - first))
        line = np.stack([contour[at], centre + f * (chin - centre), contour[128 - at]])
        cv2.polylines(
            image, [np.rint(line * 16).astype(np.int32)], False, (colour * 0.82).tolist(), 1, cv2.LINE_AA, shift=4
        )


def _strands(
    image: np.ndarray, camera: Camera, face: ProjectedFace, look: Appearance, rng: np.random.Generator
) -> None:
    unit, t = camera.scale, np.linspace(0, 1, 12)[:, None]
    eyes = (face.keypoints['cofw29'][8:10] / 2).sum(0)
    root = eyes + unit * np.array([rng.uniform(-0.6, 0.6), -0.95])
    end = eyes + unit * np.array([rng.uniform(-0.75, 0.75), rng.uniform(0.3, 1.1)])
    bend = unit * np.array([rng.uniform(-0.5, 0.5), -0.1])
    hair = look.hair * (look.ambient + 0.6 * look.diffuse)
    for _ in range(int(rng.integers(14, 40))):
        a, b = root + 0.16 * unit * rng.standard_normal(2), end + 0.16 * unit * rng.standard_normal(2)
        line = a + (b - a) * t + 4 * t * (1 - t) * bend
        cv2.polylines(
            image,
            [np.rint(line * 16).astype(np.int32)],
            False,
            np.clip(hair * rng.uniform(0.6, 1.25), 0, 255).tolist(),
            int(rng.integers(1, 4)),
            cv2.LINE_AA,
            shift=4,
        )


def _bar(image: np.ndarray, unit: float, face: ProjectedFace, rng: np.random.Generator) -> None:
    angle, half = rng.uniform(0, np.pi), unit * rng.uniform(0.08, 0.22)
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    centre, far = _somewhere(face, rng), 2.0 * image.shape[0]
    colour = rng.uniform(20, 220, 3)
    for offset in np.linspace(-1, 1, 9):  # round, lit from one side
        shade = 0.55 + 0.45 * np.sqrt(max(1 - (offset - 0.3) ** 2 / 1.8, 0))
        middle, width = centre + across * half * offset, across * half / 7
        fill(
            image,
            np.array(
                [
                    middle - far * along - width,
                    middle + far * along - width,
                    middle + far * along + width,
                    middle - far * along + width,
                ]
            ),
            colour * shade,
        )


def _thing(image: np.ndarray, unit: float, face: ProjectedFace, rng: np.random.Generator) -> None:
    """A cup or a telephone."""
    centre = _somewhere(face, rng)
    colour = rng.uniform(20, 230, 3)
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    power = 1.0 if rng.random() < 0.5 else 0.3
    c, s = np.cos(t), np.sin(t)
    shape = np.stack(
        [
            rng.uniform(0.25, 0.45) * np.sign(c) * np.abs(c) ** power,
            rng.uniform(0.25, 0.6) * np.sign(s) * np.abs(s) ** power,
        ],
        axis=1,
    )
    angle = rng.uniform(-0.6, 0.6)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    for size, shade in ((1.0, 0.55), (0.93, 1.0), (0.55, 1.08)):
        fill(image, centre + unit * (size * shape) @ turn, np.clip(colour * shade, 0, 255))


def _hand(image: np.ndarray, unit: float, face: ProjectedFace, look: Appearance, rng: np.random.Generator) -> None:
    """A hand that comes from outside the face and touches it with its fingers."""
    target = _somewhere(face, rng)
    centre = face.keypoints['300w68'].mean(axis=0)
    # from below or from the side, not out of the forehead
    direction = np.arctan2(abs(target[1] - centre[1]) + 0.4 * unit, target[0] - centre[0]) + 0.3 * rng.standard_normal()
    out = np.array([np.cos(direction), np.sin(direction)])
    aside = np.array([-out[1], out[0]])
    skin = np.clip(look.skin * (look.ambient + 0.65 * look.diffuse), 0, 255)
    palm = target + 0.55 * unit * out
    parts = [(palm, palm + 3 * unit * out, 0.42)]  # wrist and arm
    parts += [(palm - 0.05 * unit * aside, palm + 0.15 * unit * out, 0.52)]
    for finger, length in zip(range(4), (0.50, 0.60, 0.57, 0.44)):
        spread = (finger - 1.5) * 0.135 * unit * aside
        tip = palm + 1.12 * spread - (length + 0.1) * unit * out
        parts.append((palm + spread, tip, 0.135))
    thumb = 1 if rng.random() < 0.5 else -1
    parts.append(
        (palm + unit * (0.18 * aside * thumb + 0.10 * out), palm + unit * (0.40 * aside * thumb - 0.30 * out), 0.15)
    )
    for margin, shade in ((1.12, 0.72), (1.0, 1.0)):
        for k, (start, end, width) in enumerate(parts):
            thickness = max(1, round(width * unit * margin))
            ends = [tuple(np.rint(p * 16).astype(int).tolist()) for p in (start, end)]
            # every finger has its own dark outline
            if k >= 2 and margin == 1.0:
                cv2.line(image, *ends, (skin * 0.78).tolist(), max(1, round(width * unit * 1.04)), cv2.LINE_AA, 4)
                thickness = max(1, round(width * unit * 0.92))
            cv2.line(image, *ends, (skin * shade).tolist(), thickness, cv2.LINE_AA, 4)


def photograph(image: np.ndarray, look: Appearance, blur: float, rng: np.random.Generator, grain: float) -> np.ndarray:
    """Focus, exposure and noise of the camera.

    Args:
        image (ndarray): (S, S, 3) uint8.
        look (Appearance): Gives gain, gamma and noise.
        blur (float): 0 for a sharp picture, 1 for one out of focus, moved, or of low resolution, beyond what landmarks
            are easily seen in, 2 for twice as much.
        rng (Generator): For the kind of blur.
        grain (float): In [0, 1), chooses the noise.

    Returns:
        ndarray: (S, S, 3) uint8.
    """
    size = image.shape[0]
    unit = size / 256
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.45, 0.8) * unit)
    kind, strength, angle = rng.random(3)
    if blur and kind < 0.4:
        image = cv2.GaussianBlur(image, (0, 0), (1.8 + 2.2 * strength) * blur * unit)
    elif blur and kind < 0.75:
        reach = int((4 + 5 * strength) * blur * unit)
        kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.uint8)
        x, y = (round(16 * reach * f(np.pi * angle)) for f in (np.cos, np.sin))
        middle = 16 * reach
        cv2.line(kernel, (middle - x, middle - y), (middle + x, middle + y), 255, 1, cv2.LINE_AA, 4)
        image = cv2.filter2D(image, -1, kernel / kernel.sum(dtype=float))
    elif blur:
        low = int(size / ((4 + 3 * strength) * blur))
        image = cv2.resize(
            cv2.resize(image, (low, low), interpolation=cv2.INTER_AREA), (size, size), interpolation=cv2.INTER_LINEAR
        )
    tone = 255 * np.clip(look.gain * np.linspace(0, 1, 256), 0, 1) ** look.gamma
    image = cv2.LUT(image, np.rint(tone).astype(np.uint8))
    noise = tiles.crop('grain', size, size, grain)
    amount = look.noise / 32
    return cv2.addWeighted(image, 1, noise, amount, -128 * amount)
