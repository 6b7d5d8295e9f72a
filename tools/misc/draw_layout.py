"""Draws the landmarks of a layout with their numbers and boundaries on a rendered head.

    python tools/misc/draw_layout.py 300w68 docs/_static/300w68.jpg

Nobody's picture is in it; the landmarks are the exact ones of what is rendered.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rendered_head import rendered_head

from mmfld.structures import FaceLayout, get_layout
from mmfld.structures.face_layout import Boundary
from mmfld.synthetic import LAYOUTS, Expression

SIDE, UNIT, MIDDLE = 800, 410, 0.39  # pixels of the picture, and of the outer eye corners' distance
OPEN = Expression(mouth_open=0.4, eye_closure=-0.4, smile=0.2)  # so that there is room between the lids and the lips
AWAY = 12  # points from a landmark to its number
DPI, QUALITY = 100, 82


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('layout', choices=LAYOUTS)
    parser.add_argument('out', type=Path, metavar='FILE')
    args = parser.parse_args(argv)
    image, keypoints = rendered_head((0, 0, 0), SIDE, UNIT, MIDDLE, OPEN)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    draw(image, keypoints[args.layout], get_layout(args.layout)).savefig(args.out, pil_kwargs=dict(quality=QUALITY))


def draw(image: np.ndarray, points: np.ndarray, layout: FaceLayout) -> Figure:
    """Landmarks (K, 2) with their numbers, and the boundaries through them, on an image (S, S, 3) in BGR."""
    figure = Figure(figsize=(SIDE / DPI, SIDE / DPI), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(image[..., ::-1] // 2 + 128)  # pale, so that numbers are seen
    sides = dict.fromkeys(range(layout.num_keypoints), np.array([1.0, 0.0]))
    for boundary in layout.boundaries:
        indices = list(boundary.indices)
        axes.plot(*points[indices + indices[: boundary.closed]].T, color='tab:blue', linewidth=0.8)
        sides.update(zip(indices, outwards(points, boundary)))
    axes.plot(*points.T, 'o', color='tab:red', markersize=3.5)
    for k, (right, down) in sides.items():
        away = dict(xytext=(AWAY * right, -AWAY * down), textcoords='offset points')
        axes.annotate(str(k), points[k], **away, ha='center', va='center', fontsize=9.5)
    axes.set(xlim=(-0.5, SIDE - 0.5), ylim=(SIDE - 0.5, -0.5))
    axes.set_axis_off()
    return figure


def outwards(points: np.ndarray, boundary: Boundary) -> np.ndarray:
    """(N, 2) unit vectors across a boundary at its N landmarks: out of a closed one, but into the mouth from the inner
    edges of the lips; else away from the middle of the face."""
    curve = points[list(boundary.indices)].astype(float)
    if boundary.closed:
        ring = np.vstack([curve[-1:], curve, curve[:1]])
        along = ring[2:] - ring[:-2]
    else:
        along = np.gradient(curve, axis=0)
    across = along[:, ::-1] * (1, -1) / np.linalg.norm(along, axis=1, keepdims=True)
    is_out = (across * (curve - (curve if boundary.closed else points).mean(0))).sum(1, keepdims=True)
    across *= np.where((is_out.sum() if boundary.closed else is_out) < 0, -1, 1)
    return -across if boundary.name == 'inner_lip' else across


if __name__ == '__main__':
    main()
