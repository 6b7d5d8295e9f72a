"""Does STAR see through annotation noise? Errors and covariances on rendered faces whose exact landmarks are known.

    python projects/semantic_ambiguity/clean_truth.py [--work-dir work_dirs/semantic_ambiguity]

Compares the models that ``train.py synthetic`` has trained with and without STAR on annotations that are noisy along
the facial boundaries. Prints tables and writes ``clean_truth.json`` and ``clean_truth.png`` into WORK_DIR/synthetic.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from predictions import (
    METHODS,
    WORK_DIR,
    Predictions,
    degrees_between,
    groups_on_faces,
    inter_ocular_distance,
    noise_directions,
    paired_checkpoints,
    predict_all,
    print_table,
)

RATIO = 2.0  # lambda_1 / lambda_2 from which a distribution counts as anisotropic
ERRORS = dict(
    annotated='error, noisy annotation',
    clean='error, exact landmark',
    along='... along the boundary',
    across='... across the boundary',
    std_along='predicted std along',
    std_across='predicted std across',
)
DIRECTIONS = dict(
    degrees='angle (degrees)',
    under_22='below 22.5 (%)',
    anisotropic=f'l1 / l2 > {RATIO:g} (%)',
    degrees_anisotropic='angle of these',
    under_22_anisotropic='below 22.5 of these (%)',
)
BINS = np.linspace(0, 90, 19)


def landmark_measures(predictions: Predictions) -> dict[str, np.ndarray]:
    """(F, K) arrays for each key of ERRORS, in percent of the inter-ocular distance, ``degrees`` and ``ratio``.

    The noise gives the direction of the boundary. Distances are in units of the inter-ocular distance of the exact
    landmarks, but for ``annotated``, where it is that of the annotation, as in the usual NME. ``degrees`` is the angle
    between the first principal component and the noise; ``ratio`` lambda_1 / lambda_2.
    """
    layout, clean, annotated = predictions.layout, predictions.clean, predictions.annotated
    tangents = noise_directions(annotated, clean)
    tangents[(tangents == 0).all(-1)] = np.nan  # no direction, no part along it
    normals = np.stack([-tangents[..., 1], tangents[..., 0]], -1)
    errors = predictions.mean - clean
    lengths = dict(
        clean=np.linalg.norm(errors, axis=-1),
        along=abs((errors * tangents).sum(-1)),
        across=abs((errors * normals).sum(-1)),
        std_along=predictions.std_along(tangents),
        std_across=predictions.std_along(normals),
    )
    std, components = predictions.components()
    return dict(
        {name: 100 * values / inter_ocular_distance(clean, layout) for name, values in lengths.items()},
        annotated=(
            100 * np.linalg.norm(predictions.mean - annotated, axis=-1) / inter_ocular_distance(annotated, layout)
        ),
        degrees=degrees_between(components[:, :, 0], tangents),
        ratio=(std[..., 0] / std[..., 1]) ** 2,
    )


def summarize(measures: dict[str, np.ndarray], mask: np.ndarray) -> dict[str, float]:
    """Mean errors and the statistics of the angles over the landmarks of ``mask`` (F, K) bool."""
    chosen = {name: values[mask] for name, values in measures.items()}
    known = np.isfinite(chosen['degrees'])
    degrees, ratio = chosen['degrees'][known], chosen['ratio'][known]
    long = degrees[ratio > RATIO]
    return dict(
        {name: np.nanmean(chosen[name]) for name in ERRORS},
        degrees=np.median(degrees),
        under_22=100 * (degrees < 22.5).mean(),
        anisotropic=100 * (ratio > RATIO).mean(),
        degrees_anisotropic=np.median(long) if len(long) else np.nan,
        under_22_anisotropic=100 * (long < 22.5).mean() if len(long) else np.nan,
    )


def correlation(predictions: Predictions, measures: dict[str, np.ndarray], name: str) -> float:
    """Pearson's correlation over faces of a predicted std with the noise's, both in pixels.

    The noise is the same part of the inter-ocular distance for all landmarks of all faces, so in pixels it differs
    between the faces alone.
    """
    distance = inter_ocular_distance(predictions.clean, predictions.layout)
    return np.corrcoef(np.nanmean(measures[name] * distance, axis=1), distance[:, 0])[0, 1]


def compare(results: dict[str, list]) -> dict:
    """All numbers for METHODS -> predictions of each seed.

    Returns:
        dict: ``noise``, the std of the annotations in percent of the inter-ocular distance; ``groups``, group of
        landmarks -> measure -> method -> one number for each seed; ``correlation``, method -> direction -> the same;
        ``histogram``, method -> share of the angles in BINS.
    """
    first = results[METHODS[0]][0]
    if first.clean is None:
        raise ValueError(
            'the annotations of the test faces have no keypoints_clean, expected those of '
            'make_synthetic_faces.py --boundary-noise'
        )
    noise = np.linalg.norm(first.annotated - first.clean, axis=-1) / inter_ocular_distance(first.clean, first.layout)
    measures = {method: [landmark_measures(predictions) for predictions in seeds] for method, seeds in results.items()}
    table = {}
    for group, mask in groups_on_faces(first).items():
        values = {method: [summarize(seed, mask) for seed in seeds] for method, seeds in measures.items()}
        table[group] = {
            name: {method: [seed[name] for seed in seeds] for method, seeds in values.items()}
            for name in (*ERRORS, *DIRECTIONS)
        }
    return dict(
        noise=100 * np.sqrt((noise**2).mean()),
        groups=table,
        correlation={
            method: {
                name: [correlation(*pair, name) for pair in zip(results[method], seeds)]
                for name in ('std_along', 'std_across')
            }
            for method, seeds in measures.items()
        },
        histogram={
            method: _histogram(np.stack([seed['degrees'] for seed in seeds])) for method, seeds in measures.items()
        },
    )


def _histogram(degrees: np.ndarray) -> list:
    counts = np.histogram(degrees[np.isfinite(degrees)], BINS)[0]
    return (counts / counts.sum()).tolist()


def spread(values) -> str:
    return f'{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}'


def _with_difference(values: dict[str, list]) -> list[np.ndarray]:
    """One array over the seeds for each method, and the second less the first."""
    first, second = (np.array(values[method]) for method in METHODS)
    return [first, second, second - first]


def draw(numbers: dict) -> Figure:
    figure = Figure(figsize=(10, 3.8), layout='constrained')
    left, right = figure.subplots(1, 2)
    for method, shares in numbers['histogram'].items():
        left.stairs(100 * np.array(shares), BINS, label=method, linewidth=1.6)
    left.axhline(100 / (len(BINS) - 1), color='gray', linestyle=':', label='random directions')
    left.set(xlabel='first component to true noise (degrees)', ylabel='landmarks (%)', xlim=(0, 90), ylim=0)
    left.set_xticks(range(0, 91, 15))
    left.legend()
    names = ('annotated', 'clean', 'along', 'across')
    for n, method in enumerate(METHODS):
        values = np.array([numbers['groups']['all'][name][method] for name in names])
        right.bar(
            np.arange(len(names)) + 0.38 * (n - 0.5),
            values.mean(1),
            0.36,
            yerr=values.std(1, ddof=1),
            capsize=4,
            label=method,
        )
    right.set_xticks(range(len(names)), ['noisy\nannotation', 'exact\nlandmark', 'along\nboundary', 'across\nboundary'])
    right.set(
        ylabel='mean error (% of the inter-ocular distance)', xlabel='to annotation or exact landmark, and its parts'
    )
    right.legend(title=f'mean and std of {len(numbers["seeds"])} seeds')
    return figure


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--work-dir', type=Path, default=WORK_DIR, help='default: %(default)s')
    args = parser.parse_args(argv)
    try:
        seeds, checkpoints = paired_checkpoints(args.work_dir, 'synthetic')
    except ValueError as error:
        parser.error(str(error))
    results = predict_all([path for paths in checkpoints.values() for path in paths])
    results = {method: results[n * len(seeds) : (n + 1) * len(seeds)] for n, method in enumerate(METHODS)}
    numbers = dict(seeds=seeds, **compare(results))

    table = numbers['groups']
    print_table(
        f'All landmarks, percent of the inter-ocular distance; mean ± standard deviation over the seeds {seeds}. '
        f'The noise of the annotations along the boundary has a standard deviation of {numbers["noise"]:.2f} %.',
        ('measure', *METHODS, f'{METHODS[1]} - {METHODS[0]}, paired'),
        *(
            (title, *(spread(values) for values in _with_difference(table['all'][name])))
            for name, title in ERRORS.items()
        ),
    )
    shown = ('clean', 'along', 'across')
    print_table(
        'The same by facial area, means over the seeds',
        ('landmarks', *(f'{name}, {method}' for name in shown for method in (*METHODS, 'difference'))),
        *(
            (group, *(f'{values.mean():.2f}' for name in shown for values in _with_difference(row[name])))
            for group, row in table.items()
        ),
    )
    print_table(
        'First principal component to the true noise (chance: 45 degrees, 25 %); mean over the seeds',
        ('landmarks', 'method', *DIRECTIONS.values()),
        *(
            (group, method, *(f'{np.mean(row[name][method]):.1f}' for name in DIRECTIONS))
            for group, row in table.items()
            for method in METHODS
        ),
    )
    print_table(
        'Correlation over faces of the predicted std with that of the noise, in pixels; across, there is no noise',
        ('method', 'along the boundary', 'across'),
        *((method, *map(spread, values.values())) for method, values in numbers['correlation'].items()),
    )
    out = args.work_dir / 'synthetic'
    (out / 'clean_truth.json').write_text(json.dumps(numbers, indent=1))
    draw(numbers).savefig(out / 'clean_truth.png', dpi=90)
    print(f'\nwritten: {out}/clean_truth.json and .png')


if __name__ == '__main__':
    main()
