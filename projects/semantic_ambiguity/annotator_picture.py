"""The picture of ``human_annotators.py``."""

import math
from pathlib import Path

import matplotlib
from face_panel import draw_ellipse, draw_outline, show_upright
from lfpw_annotations import LAYOUT
from spreads import HISTOGRAM

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402


def draw(result: dict, path: Path) -> None:
    """Ellipses on the mean shape, sizes, shares along the boundary and angles of single faces."""
    figure = plt.figure(figsize=(12, 9.6), layout='constrained')
    grid = figure.add_gridspec(3, 2, width_ratios=(1.25, 1), height_ratios=(1, 1.7, 1))
    chosen = f'k={result["patch_radius"]}'
    _draw_ellipses(figure.add_subplot(grid[:, 0]), result, chosen)
    _draw_sizes(figure.add_subplot(grid[0, 1]), result, chosen)
    _draw_shares(figure.add_subplot(grid[1, 1]), result, chosen)
    _draw_angles(figure.add_subplot(grid[2, 1]), result, chosen)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _draw_ellipses(axis: Axes, result: dict, chosen: str) -> None:
    rows = result['landmarks']
    position = np.array([row['position'] for row in rows])
    draw_outline(axis, position, LAYOUT)
    zoom, gamma = 2, result['size'][chosen]['gamma']
    for who, color, scale in (('predicted', 'C1', zoom * math.sqrt(gamma)), ('human', 'C0', zoom)):
        for row, place in zip(rows, position):
            std, anisotropy, degrees = (row[f'{who}_{key}'] for key in ('std', 'anisotropy', 'degrees'))
            draw_ellipse(axis, place, std * scale, anisotropy, degrees, edgecolor=color)
    axis.plot(*position.T, '.', color='0.3', markersize=3)
    axis.plot([], [], color='C0', label=f'annotators, one standard deviation x {zoom}')
    axis.plot([], [], color='C1', label=f'structured, {chosen}, the same with gamma = {gamma:.2f}')
    show_upright(axis)
    axis.legend(loc='lower left', fontsize=9)
    axis.set_xlabel('inter-ocular distances, eye line horizontal')
    axis.set_title('(a) pooled covariances on the mean shape', fontsize=10)


def _draw_sizes(axis: Axes, result: dict, chosen: str) -> None:
    rows = result['landmarks']
    for color, (area, members) in enumerate(LAYOUT.areas.items()):
        axis.plot(
            [100 * rows[k]['predicted_std'] for k in members],
            [100 * rows[k]['human_std'] for k in members],
            'o',
            color=f'C{color}',
            markersize=5,
            label=area,
        )
    axis.set_xlabel(f'structured, {chosen}, gamma = 1')
    axis.set_ylabel('annotators')
    axis.set_title(
        f'(b) sqrt(trace) in % of the inter-ocular distance, Spearman '
        f'{result["size"][chosen].get("spearman", math.nan):.2f}',
        fontsize=10,
    )
    axis.legend(fontsize=8)


def _draw_shares(axis: Axes, result: dict, chosen: str) -> None:
    own = f'{chosen}, own'
    places = np.arange(len(result['share']))
    human = [row['annotators'] for row in result['share'].values()]
    shares = 100 * np.array([entry['share'] for entry in human])
    bounds = 100 * np.array([entry['interval'] for entry in human]).T
    axis.barh(places - 0.28, shares, 0.28, xerr=abs(bounds - shares), color='C0', label='annotators [95 %]')
    for shift, name, color, label in (
        (0, chosen, 'C1', f'structured, {chosen}'),
        (0.28, own, 'C3', f'{chosen}, own edges only'),
    ):
        axis.barh(
            places + shift,
            [100 * row[name]['share'] for row in result['share'].values()],
            0.28,
            color=color,
            label=label,
        )
    axis.axvline(50, color='0.3', linestyle=':', linewidth=1)
    axis.set_yticks(places, list(result['share']), fontsize=9)
    axis.invert_yaxis()
    axis.set_xlim(0, 140)
    axis.set_xticks(range(0, 101, 20))
    axis.set_title('(c) % of the variance along the boundary (dotted: no direction)', fontsize=10)
    axis.legend(fontsize=8, loc='upper right')


def _draw_angles(axis: Axes, result: dict, chosen: str) -> None:
    own = f'{chosen}, own'
    for name, color, width, label in (
        ('annotators of the other faces', '0.8', 5, 'annotators of the other faces'),
        ('boundary', 'C2', 1.6, 'the boundary'),
        (chosen, 'C1', 1.6, f'structured, {chosen}'),
        (own, 'C3', 1.6, f'{chosen}, own edges only'),
    ):
        histogram = 100 * np.array(result['direction'][name]['face']['histogram'])
        axis.stairs(histogram, HISTOGRAM, baseline=None, color=color, label=label, linewidth=width)
    axis.axhline(100 / (len(HISTOGRAM) - 1), color='0.3', linestyle=':', linewidth=1)
    axis.set_ylim(0)
    axis.set_xticks(HISTOGRAM[::2])
    axis.set_xlabel('degrees to the first principal axis of three annotators')
    axis.set_ylabel('% of landmarks')
    axis.set_title('(d) each face alone (dotted: chance)', fontsize=10)
    axis.legend(fontsize=8)
