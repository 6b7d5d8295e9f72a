"""Draws where the model of the package fails: rendered faces that are turned away, covered or dark, and their errors.

    python tools/misc/draw_limits.py docs/_static/limits.jpg [--model NAME] [--faces 40]

Nobody's picture is in it. Each column is a difficulty: the mean NME of all faces, in percent of the inter-ocular
distance at a yaw of 0, and the shares of them above 8 and above 20 %, are printed; drawn are the face of the median
error, and the worst. Landmarks are green as rendered and red as found, from the tight box of the rendered ones. The
same faces stand in all columns, but for what is difficult in it.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from mmfld.runtime import FaceLandmarker
from mmfld.runtime.boxes import tight_box
from mmfld.synthetic import Camera, FaceShape, SyntheticFaceGenerator, project_face
from mmfld.synthetic.picture import hold_before, photograph
from mmfld.synthetic.renderer import render_face

SIDE = 256  # pixels of a picture
GREEN, RED = (0, 200, 0), (40, 40, 255)
LINE = 24  # pixels of a caption
QUALITY = 85
WRONG, LOST = 8.0, 20.0  # percent


class Rendered(NamedTuple):
    """A picture (S, S, 3), uint8 in BGR, its landmarks (K, 2), and the inter-ocular distance at a yaw of 0, in
    pixels."""

    image: np.ndarray
    landmarks: np.ndarray
    unit: float


def render(
    faces: SyntheticFaceGenerator,
    index: int,
    yaw: float = 0.0,
    pitch: float = 0.0,
    held: str | None = None,
    look: dict[str, float] = {},
    expression: dict[str, float] = {},
) -> Rendered:
    """Face ``index`` in another pose, in degrees, and perhaps with something held before it or other looks."""
    scene = faces.scene(index)
    shape = FaceShape(scene.shape.identity, replace(scene.shape.expression, **expression))
    camera = Camera(np.deg2rad(yaw), np.deg2rad(pitch), 0.0, distance=scene.camera.distance)
    face = project_face(shape, camera)
    low, high = (getattr(face.keypoints['wflw98'], side)(axis=0) for side in ('min', 'max'))
    scale = 0.55 * SIDE / float((high - low).max())
    offset = (SIDE - 1) / 2 - scale * (low + high) / 2
    camera, face = replace(camera, scale=scale, center=tuple(offset.tolist())), face.moved(scale, offset)
    seen = replace(scene.look, **look)
    image = render_face(shape, camera, seen, scene.background.copy())
    if held:
        hold_before(image, held, 1.6 * scale, seen, face, faces.stream(index, 'occlusion'))
    image = photograph(image, seen, 0.0, faces.stream(index, 'camera'), seen.tiles[6])
    return Rendered(image, face.keypoints['300w68'].astype(float), scale)


COLUMNS: dict[str, Callable[[SyntheticFaceGenerator, int], Rendered]] = {
    'frontal': render,
    **{f'yaw {yaw}': partial(render, yaw=yaw) for yaw in (30, 45, 60, 75, 90)},
    'looking down, 40': partial(render, pitch=40),
    'looking up, 40': partial(render, pitch=-40),
    'mouth wide open': partial(render, expression=dict(mouth_open=1.0)),
    'eyes closed': partial(render, expression=dict(eye_closure=1.0)),
    'full beard': partial(render, look=dict(beard=1.0, moustache=1.0)),
    'hand': partial(render, held='hand'),
    'thing': partial(render, held='thing'),
    'dark': partial(render, look=dict(gain=0.1, noise=6.0)),
}


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', type=Path, metavar='FILE')
    parser.add_argument('--model', help='of mmfld export, or the name of one of the package; default: its model')
    parser.add_argument('--faces', type=int, default=40, help='of a column; default: %(default)s')
    args = parser.parse_args(argv)
    if args.faces < 2:
        parser.error(f'--faces: found {args.faces}, expected 2 or more')
    landmarker = FaceLandmarker(args.model, 'whole_image')
    if landmarker.model.layout.name != '300w68':
        parser.error(f'--model {args.model}: found {landmarker.model.layout.name}, expected 68 landmarks, 300w68')
    faces = SyntheticFaceGenerator(0, SIDE, flags='none')
    print('column | NME | above 8 | above 20')
    tiles = []
    for name, column in COLUMNS.items():
        rendered = [column(faces, index) for index in range(args.faces)]
        found = find(landmarker, rendered)
        errors = np.array([error(one, points) for one, points in zip(rendered, found)])
        told = ' | '.join(
            f'{value:.2f}' for value in (errors.mean(), *((errors > most).mean() * 100 for most in (WRONG, LOST)))
        )
        print(f'{name} | {told}', flush=True)
        order = errors.argsort()
        shown = [drawn(rendered[n], found[n], errors[n]) for n in (order[len(order) // 2], order[-1])]
        tiles.append(cv2.vconcat([caption(f'{name}: {errors.mean():.1f} %'), *shown]))
    half = (len(tiles) + 1) // 2
    tiles += [np.full_like(tiles[0], 255)] * (2 * half - len(tiles))
    picture = cv2.vconcat([cv2.hconcat(tiles[:half]), cv2.hconcat(tiles[half:])])
    args.out.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(args.out), picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY]):
        raise SystemExit(f'{args.out}: OpenCV cannot write this image')


def find(landmarker: FaceLandmarker, rendered: list[Rendered]) -> list[np.ndarray]:
    """Landmarks (K, 2) of each picture, from the box of the true ones."""
    boxes = [tight_box(one.landmarks)[None] for one in rendered]
    return [face.landmarks for (face,) in landmarker.batch([one.image for one in rendered], boxes)]


def error(rendered: Rendered, found: np.ndarray) -> float:
    """Percent of the inter-ocular distance at a yaw of 0."""
    return float(np.linalg.norm(found - rendered.landmarks, axis=1).mean() / rendered.unit * 100)


def drawn(rendered: Rendered, found: np.ndarray, percent: float) -> np.ndarray:
    """A picture with both landmarks, at three quarters of its size, and its error in a corner."""
    image = rendered.image.copy()
    for points, colour in ((rendered.landmarks, GREEN), (found, RED)):
        for point in np.round(points * 16).astype(int).tolist():
            cv2.circle(image, point, 28, colour, cv2.FILLED, cv2.LINE_AA, 4)
    text = f'{percent:.1f}'
    for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(image, text, (6, SIDE - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, width, cv2.LINE_AA)
    return cv2.resize(image, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)


def caption(text: str) -> np.ndarray:
    image = np.full((LINE, SIDE * 3 // 4, 3), 255, np.uint8)
    cv2.putText(image, text, (4, LINE - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (30, 30, 30), 1, cv2.LINE_AA)
    return image


if __name__ == '__main__':
    main()
