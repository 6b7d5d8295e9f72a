"""One picture of a trained model: faces with landmarks, their heatmaps, and the training curve."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from .training_log import read_training_log


def draw_run_summary(faces: Sequence[dict], work_dir: Path, title: str) -> Figure:
    """Draw predictions on some faces above the curves of the run that trained the model.

    Args:
        faces (list[dict]): Each with ``image`` (H, W, 3) uint8 RGB; ``predicted`` and ``annotated`` (K, 2) in its
            pixels; ``heatmap`` (h, w), one map of all landmarks that covers the image; ``nme`` in percent.
        work_dir (Path): Of the training run.
        title (str): Above everything.

    Returns:
        Figure: Not attached to any display.
    """
    columns = len(faces)
    figure = Figure(figsize=(2.4 * columns, 8.2), layout='constrained')
    grid = figure.add_gridspec(3, columns, height_ratios=(1, 1, 0.9))
    for n, face in enumerate(faces):
        height, width = face['image'].shape[:2]
        panel = figure.add_subplot(grid[0, n])
        panel.imshow(face['image'])
        panel.plot(*face['annotated'].T, '.', color='lime', markersize=3)
        panel.plot(*face['predicted'].T, '.', color='red', markersize=2)
        panel.set_title(f'NME {face["nme"]:.2f} %', fontsize=9)
        below = figure.add_subplot(grid[1, n])
        below.imshow(face['image'].mean(-1), cmap='gray')
        below.imshow(face['heatmap'], cmap='inferno', alpha=0.7, extent=(-0.5, width - 0.5, height - 0.5, -0.5))
        for axes in (panel, below):
            axes.set_axis_off()
            axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    curves = read_training_log(work_dir)
    split = max(columns // 2, 1)
    for key, cells in (('loss', grid[2, :split]), ('NME', grid[2, split:])):
        if key in curves:
            panel = figure.add_subplot(cells)
            xs, values = zip(*sorted(curves[key]['points'].items()))
            panel.plot(xs, values, marker='.' if len(xs) < 60 else None)
            panel.set_xlabel(curves[key]['x'])
            panel.set_title('training loss' if key == 'loss' else 'NME on validation faces (%)', fontsize=9)
            panel.set_yscale('log')
            panel.grid(alpha=0.3, which='both')
    figure.suptitle(f'{title}   (green: annotated, red: predicted)', fontsize=10)
    return figure


def select_faces(errors: np.ndarray, num: int) -> list[int]:
    """Indices of ``num`` faces spread evenly over the sorted errors, from the best to the worst."""
    order = np.argsort(errors)
    return [int(order[i]) for i in np.linspace(0, len(order) - 1, min(num, len(order))).round().astype(int)]
