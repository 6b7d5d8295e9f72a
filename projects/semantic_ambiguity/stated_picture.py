"""The picture of ``stated_spreads.py``."""

import math
from pathlib import Path

import matplotlib
from face_panel import draw_ellipse, draw_outline, show_upright
from shared_landmarks import MODELS, SHARED
from stated_covariances import Faces, Stated, ask

from mmfld.synthetic import SyntheticFaceGenerator

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.lines import Line2D  # noqa: E402

ANNOTATORS = '0.25'
# the angle to the annotators below which a colour is used, and the colour
COLOURS = ((22.5, 'C0', 'up to 22.5°'), (45, 'C1', 'up to 45°'), (90.1, 'C3', 'more than 45°'))
ZOOM = 2.5
ROUND = 1.1  # ratio of axes below which a direction means little
EXAMPLE = dict(seed=0, index=0, image_size=384)  # of the rendered faces


def draw(result: dict, names: list[str], path: Path) -> None:
    """Ellipses of the annotators and of each model on the mean face, and of each model on a rendered one."""
    count = len(names) + 1
    figure, axes = plt.subplots(
        2, count, figsize=(3.1 * count, 7.4), layout='constrained', height_ratios=(1.25, 1), squeeze=False
    )
    _draw_pooled(axes[0, 0], result, 'annotators')
    for axis, name in zip(axes[0, 1:], names):
        _draw_pooled(axis, result, name)
    for axis in axes[0, 1:]:
        axis.set_xlim(axes[0, 0].get_xlim())
        axis.set_ylim(axes[0, 0].get_ylim())
        axis.set_yticklabels([])
    _draw_legend(axes[1, 0])
    face = rendered_face()
    for axis, name in zip(axes[1, 1:], names):
        _draw_example(axis, face, ask(name, face, MODELS))
    figure.savefig(path, dpi=85)
    plt.close(figure)


def rendered_face() -> Faces:
    face = SyntheticFaceGenerator(EXAMPLE['seed'], EXAMPLE['image_size'], flags='none')[EXAMPLE['index']]
    return Faces([face.image], face.keypoints[MODELS.name][None].astype(float))


def _draw_pooled(axis: Axes, result: dict, name: str) -> None:
    rows = result['landmarks']
    position = np.array([row['position'] for row in rows])
    draw_outline(axis, position, SHARED)
    for row, place in zip(rows, position):
        if row['compared']:
            people, told = row['annotators'], row[name]
            direction = np.exp(1j * np.radians(people['degrees'])) * people['std'] * ZOOM * math.sqrt(0.5)
            arm = np.array([direction.real, direction.imag])
            colour = ANNOTATORS
            if told is not people:
                colour = next(colour for limit, colour, _ in COLOURS if told['angle'] <= limit)
            draw_ellipse(
                axis,
                place,
                told['std'] * ZOOM,
                told['anisotropy'],
                told['degrees'],
                edgecolor=colour,
                linewidth=1.6,
                linestyle=':' if told['ratio'] < ROUND else '-',
            )
            axis.plot(*np.stack([place - arm, place + arm], -1), color=ANNOTATORS, linewidth=1)
    show_upright(axis)
    axis.tick_params(labelsize=8)
    if name == 'annotators':
        axis.set_title(f'three annotators\n{result["faces"]["annotators"]} faces of LFPW', fontsize=10)
    else:
        row = result['direction'][name]
        axis.set_title(f'{name}\nmedian angle {row["median"]:.0f}°, below 22.5°: {row["under_22"]:.0%}', fontsize=10)
    axis.set_xlabel('inter-ocular distances', fontsize=8)


def _draw_example(axis: Axes, face: Faces, told: Stated) -> None:
    axis.imshow(face.images[0].mean(-1), cmap='gray', vmin=0, vmax=255)
    values, vectors = np.linalg.eigh(told.covariances[0])
    for place, (minor, major), vector in zip(told.landmarks[0], values, vectors):
        degrees = np.degrees(np.arctan2(vector[1, 1], vector[0, 1]))
        trace = major + minor
        draw_ellipse(
            axis, place, ZOOM * np.sqrt(trace), (major - minor) / trace, degrees, edgecolor='yellow', linewidth=1
        )
    low, high = face.points[0].min(0), face.points[0].max(0)
    margin = 0.12 * (high - low).max()
    axis.set_xlim(low[0] - margin, high[0] + margin)
    axis.set_ylim(high[1] + margin, low[1] - margin)
    axis.set_axis_off()


def _draw_legend(axis: Axes) -> None:
    axis.set_axis_off()
    ring = dict(marker='o', fillstyle='none', markersize=11, linestyle='')
    handles = [
        Line2D([], [], color=ANNOTATORS, linewidth=1, label='first principal axis\nof the annotators'),
        *(Line2D([], [], color=colour, label=f'stated, {label} off', **ring) for _, colour, label in COLOURS),
        Line2D([], [], color=ANNOTATORS, linestyle=':', label=f'nearly round\n(axes below {ROUND} : 1)'),
        Line2D([], [], color='goldenrod', label='stated for\none rendered face', **ring),
    ]
    axis.legend(
        handles=handles,
        loc='upper left',
        fontsize=9,
        frameon=False,
        labelspacing=0.9,
        title=f'All ellipses: {ZOOM:g} standard deviations.\nAbove: pooled over faces,\neye line horizontal.',
        alignment='left',
    )
