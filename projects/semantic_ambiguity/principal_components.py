"""Principal components of predicted heatmaps: drawn on faces as in STAR's Fig. 3, and by facial area in numbers.

    python projects/semantic_ambiguity/principal_components.py CHECKPOINT [CHECKPOINT ...] [--faces 0 1 2]

A checkpoint lies in the folder of a training with STAR's head, beside its config, whose test faces are used. Prints a
table and writes ``principal_components.json`` and ``principal_components.png``.
"""

import argparse
import json
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.collections import EllipseCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from PIL import Image
from predictions import (
    WORK_DIR,
    Predictions,
    boundary_tangents,
    degrees_between,
    groups_on_faces,
    inter_ocular_distance,
    predict_all,
    print_table,
)

NORM = LogNorm(1, 8)  # of lambda_1 / lambda_2


def measure(predictions: Predictions) -> dict[str, dict]:
    """Numbers for each group of landmarks; medians over its landmarks on all faces.

    Returns:
        dict: Group -> ``std`` along both components in percent of the inter-ocular distance; ``ratio``, the quartiles
        of lambda_1 / lambda_2; ``degrees`` from the boundary of the annotated landmarks to the first component, and
        ``under_22``, the share below 22.5 degrees. Random directions have 45 degrees and a share of 0.25.
    """
    std, components = predictions.components()
    points, layout = predictions.annotated, predictions.layout
    percent = 100 * std / inter_ocular_distance(points, layout)[..., None]
    ratio = (std[..., 0] / std[..., 1]) ** 2
    degrees = degrees_between(components[:, :, 0], boundary_tangents(points, layout))
    return {
        name: dict(
            std=np.median(percent[chosen], axis=0).tolist(),
            ratio=np.percentile(ratio[chosen], [25, 50, 75]).tolist(),
            degrees=float(np.nanmedian(degrees[chosen])),
            under_22=float((degrees[chosen] < 22.5).sum() / np.isfinite(degrees[chosen]).sum()),
        )
        for name, chosen in groups_on_faces(predictions).items()
    }


def draw(results: dict[str, Predictions], faces: list[int], magnification: float) -> Figure:
    """A row of ``faces`` for each model; arrows and half axes are ``magnification`` standard deviations long."""
    figure = Figure(figsize=(3.6 * len(faces), 3.75 * len(results)), layout='constrained')
    grid = figure.subplots(len(results), len(faces), squeeze=False)
    for row, (name, predictions) in zip(grid, results.items()):
        row[0].set_title(name, loc='left', fontsize=10)
        std, components = predictions.components()
        for axes, face in zip(row, faces):
            height, width = predictions.images[face].shape[:2]
            axes.imshow(predictions.images[face].mean(-1), cmap='gray', vmin=-100, interpolation='bilinear')
            mean, length, direction = predictions.mean[face], magnification * std[face], components[face]
            angle = np.degrees(np.arctan2(direction[:, 0, 1], direction[:, 0, 0]))
            axes.add_collection(
                EllipseCollection(
                    *2 * length.T,
                    angle,
                    units='xy',
                    offsets=mean,
                    offset_transform=axes.transData,
                    alpha=0.85,
                    array=(std[face, :, 0] / std[face, :, 1]) ** 2,
                    cmap='Blues',
                    norm=NORM,
                    edgecolors='none',
                )
            )
            for n, color in enumerate(('gold', 'deepskyblue')):
                axes.quiver(
                    *mean.T,
                    *(direction[:, n] * length[:, n, None]).T,
                    color=color,
                    angles='xy',
                    scale_units='xy',
                    scale=1,
                    width=0.005,
                    headwidth=4,
                    headlength=4,
                    headaxislength=3.5,
                )
            axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
            axes.set_axis_off()
    bar = figure.colorbar(
        ScalarMappable(NORM, 'Blues'),
        ax=grid,
        shrink=0.8,
        ticks=(1, 2, 4, 8),
        format='%g',
        extend='max',
        label='$\\lambda_1/\\lambda_2$',
    )
    bar.ax.minorticks_off()
    figure.supxlabel(
        f'half axes: {magnification:g} standard deviations along the first (yellow) and second (blue) '
        'principal component',
        fontsize=10,
    )
    return figure


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoints', nargs='+', type=Path, metavar='CHECKPOINT')
    parser.add_argument(
        '--faces',
        nargs='+',
        type=int,
        default=[0, 1, 2],
        metavar='N',
        help='numbers of the test faces to draw, default: 0 1 2',
    )
    parser.add_argument(
        '--magnification',
        type=float,
        default=0.4,
        help='length of the arrows in standard deviations, default: %(default)s',
    )
    parser.add_argument('--out-dir', type=Path, default=WORK_DIR, help='default: %(default)s')
    args = parser.parse_args(argv)
    for path in args.checkpoints:
        if not path.is_file():
            parser.error(f'checkpoint {path} does not exist')

    results = dict(zip([path.parent.name for path in args.checkpoints], predict_all(args.checkpoints)))
    count = len(next(iter(results.values())).images)
    if not 0 <= min(args.faces) <= max(args.faces) < count:
        parser.error(f'found --faces {args.faces}, expected numbers below {count}')
    numbers = {name: measure(predictions) for name, predictions in results.items()}
    for name, table in numbers.items():
        print_table(
            f'{name}: medians over {count} faces (chance: 45 degrees, 25 %)',
            (
                'landmarks',
                'std 1 (% IOD)',
                'std 2 (% IOD)',
                'l1 / l2 (quartiles)',
                'to boundary (degrees)',
                'below 22.5',
            ),
            *(
                (
                    group,
                    *(f'{value:.2f}' for value in row['std']),
                    '{1:.2f} ({0:.2f} to {2:.2f})'.format(*row['ratio']),
                    f'{row["degrees"]:.1f}',
                    f'{100 * row["under_22"]:.0f} %',
                )
                for group, row in table.items()
            ),
        )
    args.out_dir.mkdir(parents=True, exist_ok=True)
    (args.out_dir / 'principal_components.json').write_text(json.dumps(numbers, indent=1))
    buffer = BytesIO()
    draw(results, args.faces, args.magnification).savefig(buffer, dpi=90)
    # a palette takes a third of the space
    Image.open(buffer).convert('RGB').quantize(256).save(args.out_dir / 'principal_components.png', optimize=True)
    print(f'\nwritten: {args.out_dir}/principal_components.json and .png')


if __name__ == '__main__':
    main()
