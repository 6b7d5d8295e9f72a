"""Draws the stages of image-aware label smoothing for one face of a config's training set.

    python tools/misc/draw_label_smoothing.py CONFIG [--index 0] [--keypoints 4 38 60 76] [--out smoothing.png]

Like Fig. 1 of "Heatmap Regression without Soft-argmax" (Yang and Yeh, ICCV 2025). Left: the face with samples of every
landmark's smoothed label. Each row on the right is one landmark: image patch (b), edge map (c), refined edge map (d),
Gaussian around the landmark (e), joint map (f), label distribution (g). All patches are of the same cells; ellipses of
(g) are drawn at 1 / sqrt(gamma) standard deviations, so that they can be seen.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, KEYPOINT_CODECS

import mmfld  # noqa: F401  prepares the environment and registers the components
from mmfld.codecs.label_smoothing import smoothing_stages
from mmfld.engine.endings import run_tool
from mmfld.engine.options import OptionsAction
from mmfld.engine.rows import read_config
from mmfld.structures import cells_to_pixels, denormalize, pixels_to_cells

TITLES = ('(b) image', '(c) edge map', '(d) refined', '(e) Gaussian', '(f) joint', '(g) label')


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('--index', type=int, default=0, help='which training face')
    parser.add_argument('--keypoints', type=int, nargs='+', help='landmarks of the rows; default: four areas')
    parser.add_argument('--out', type=Path, default='smoothing.png')
    parser.add_argument('--cfg-options', nargs='+', action=OptionsAction, default={}, metavar='KEY=VALUE')
    args = parser.parse_args(argv)
    cfg = read_config(args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    codec = KEYPOINT_CODECS.build(
        next(step.encoder for step in cfg.train_dataloader.dataset.pipeline if step.type == 'GenerateTarget')
    )
    # the face as in testing, without augmentation
    dataset = DATASETS.build(
        dict(cfg.train_dataloader.dataset, test_mode=True, pipeline=cfg.test_dataloader.dataset.pipeline[:-1])
    )
    sample = dataset[args.index]
    image, points = sample['img'][..., ::-1], sample['transformed_keypoints'][0]

    encoded = codec.encode(points[None])
    cells = pixels_to_cells(points, codec.heatmap_size, codec.input_size, codec.map_grid)
    stages = smoothing_stages(codec.smoothing_edges(points[None], None, encoded), cells, codec.patch_radius)
    rows = args.keypoints or [indices[len(indices) // 3] for indices in codec.layout.areas.values()][:4]

    figure = Figure(figsize=(4 + 1.6 * len(TITLES), 1.6 * max(len(rows), 2)), layout='constrained')
    grid = figure.add_gridspec(len(rows), len(TITLES) + 3)
    whole = figure.add_subplot(grid[:, :3])
    whole.imshow(image)
    labels = denormalize(encoded['keypoint_samples'][0], codec.input_size)
    whole.plot(*labels.reshape(-1, 2).T, '.', color='yellow', markersize=1.5)
    whole.plot(*points[rows].T, 'o', color='red', fillstyle='none', markersize=8)
    whole.set_title('(a) label samples', fontsize=9)
    whole.set_axis_off()

    radius = codec.patch_radius
    for r, k in enumerate(rows):
        centre = np.rint(cells[k])
        patches = (image, stages.edge, stages.refined_edge, stages.point_patch, stages.joint_patches[k], None)
        for c, (title, patch) in enumerate(zip(TITLES, patches)):
            panel = figure.add_subplot(grid[r, 3 + c])
            if c == 0:  # pixels of the patch's cells
                low, high = (
                    cells_to_pixels(
                        centre + side * (radius + 0.5), codec.heatmap_size, codec.input_size, codec.map_grid
                    )
                    for side in (-1, 1)
                )
                panel.imshow(patch, interpolation='nearest')
                panel.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]))
            elif c < 3:
                panel.imshow(patch, cmap='inferno')
                panel.set(
                    xlim=(centre[0] - radius - 0.5, centre[0] + radius + 0.5),
                    ylim=(centre[1] + radius + 0.5, centre[1] - radius - 0.5),
                )
            elif patch is not None:
                # the edges have a hundredth of the Gaussian's weight in (f): show its logarithm
                panel.imshow(np.log10(patch + 1e-4) if c == 4 else patch, cmap='inferno')
            else:
                values, vectors = np.linalg.eigh(stages.covariances[k])
                angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
                panel.add_patch(Ellipse((0, 0), *(2 * np.sqrt(values[::-1])), angle=angle, color='orange'))
                panel.set(xlim=(-radius, radius), ylim=(radius, -radius), aspect='equal', facecolor='black')
            panel.set(xticks=[], yticks=[])
            if r == 0:
                panel.set_title(title, fontsize=9)
            if c == 0:
                panel.set_ylabel(f'landmark {k}', fontsize=8)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.out, dpi=110)
    print(f'picture {args.out}')


if __name__ == '__main__':
    sys.exit(run_tool(main))
