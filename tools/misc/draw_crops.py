"""Draws aligned crops of rendered heads, and the openings of eyes and mouth over a rendered clip.

    python tools/misc/draw_crops.py docs/_static/crops.jpg

Nobody's picture is in it. Crops and openings come from the exact landmarks, which are known of what is rendered; no
model is run.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rendered_head import rendered_head

from mmfld.applications import align, eye_opening, mouth_opening
from mmfld.applications.alignment import TEMPLATES, five_points
from mmfld.synthetic import FRAME_RATE, SyntheticClipGenerator

LAYOUT = '300w68'
SIDE, SIZE = 400, 224  # pixels of a picture, and of a crop
HEADS = (((0, 0, 30), 110), ((-30, 0, 0), 92), ((20, 10, -25), 74))  # yaw, pitch, roll; pixels between the eye corners
COLOURS = dict(arcface='tab:orange', ffhq='tab:blue')
EYES, MOUTH = 'tab:green', 'tab:red'
CLIP, FRAMES = 14, 75  # which clip, with two blinks, and how long
DPI, QUALITY = 110, 82


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', type=Path, metavar='FILE')
    args = parser.parse_args(argv)
    figure = Figure(figsize=(10, 5), dpi=DPI, layout='constrained')
    crops, openings = figure.subfigures(1, 2, width_ratios=(1, 1.05), wspace=0.03)
    draw_crops(crops)
    draw_openings(openings)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.out, pil_kwargs=dict(quality=QUALITY))


def draw_crops(figure) -> None:
    """A row a template, a column a head; the first row has the heads before, with the outlines of the crops."""
    rows = figure.subplots(1 + len(TEMPLATES), len(HEADS))
    for (degrees, unit), column in zip(HEADS, rows.T):
        image, keypoints = rendered_head(degrees, SIDE, unit)
        landmarks = keypoints[LAYOUT]
        show(column[0], image, five_points(landmarks, LAYOUT))
        for axes, (name, template) in zip(column[1:], TEMPLATES.items()):
            aligned = align(image, landmarks, SIZE, name, LAYOUT)
            found = five_points(landmarks, LAYOUT) @ aligned.matrix[:, :2].T + aligned.matrix[:, 2]
            show(axes, aligned.image, found, template * SIZE, COLOURS[name])
            corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]) * SIZE - 0.5
            outline = corners @ aligned.back[:, :2].T + aligned.back[:, 2]
            column[0].plot(*outline.T, color=COLOURS[name], linewidth=1.2)
    for axes, name in zip(rows[:, 0], ('before', *TEMPLATES)):
        axes.set_ylabel(name, fontsize=11, color=COLOURS.get(name, 'black'))


def show(
    axes: Axes, image: np.ndarray, points: np.ndarray, template: np.ndarray | None = None, colour: str = 'black'
) -> None:
    """An image in BGR with its five points, and circles where a template has them."""
    axes.imshow(image[..., ::-1])
    axes.plot(*points.T, 'o', color='lime', markersize=2.2)
    if template is not None:
        axes.plot(*template.T, 'o', color=colour, fillstyle='none', markersize=6)
    height, width = image.shape[:2]
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xticks=[], yticks=[])


def draw_openings(figure) -> None:
    """The openings over the frames of a clip, beneath those of its frames where they are extreme."""
    clip = SyntheticClipGenerator(num_frames=FRAMES, burst_share=0)[CLIP]
    landmarks = np.stack([face.keypoints[LAYOUT] for face in clip])
    eyes, mouth = eye_opening(landmarks, LAYOUT).mean(-1), mouth_opening(landmarks, LAYOUT)
    awake = np.where(eyes > np.median(eyes) * 0.9, mouth, np.inf)
    shown = {'eyes closed': eyes.argmin(), 'mouth nearly closed': awake.argmin(), 'mouth open': mouth.argmax()}
    for title, frame in shown.items():
        print(f'frame {frame}, {title}: eyes {eyes[frame]:.2f}, mouth {mouth[frame]:.2f}')
    grid = figure.add_gridspec(3, len(shown))
    curves = figure.add_subplot(grid[1:, :])
    curves.plot(eyes, color=EYES, label='eyes (EAR)')
    curves.plot(mouth, color=MOUTH, label='mouth (MAR)')
    curves.set(xlabel=f'frame, {FRAME_RATE} a second', ylabel='opening', xlim=(0, FRAMES - 1), ylim=(0, None))
    curves.legend(loc=(0.57, 0.04))
    curves.grid(alpha=0.3)
    for n, (title, frame) in enumerate(sorted(shown.items(), key=lambda item: item[1])):
        axes = figure.add_subplot(grid[0, n])
        axes.imshow(align(clip[frame].image, landmarks[frame], SIZE, 'ffhq', LAYOUT).image[..., ::-1])
        axes.set(xticks=[], yticks=[])
        axes.set_title(f'{frame}: {title}', fontsize=9.5)
        curves.axvline(frame, color='black', linewidth=0.8, linestyle='--')


if __name__ == '__main__':
    main()
