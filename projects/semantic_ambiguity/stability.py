"""STAR's test of stability: how far do models that differ in their seed alone disagree?

    python projects/semantic_ambiguity/stability.py {300w,synthetic} [--work-dir work_dirs/semantic_ambiguity]

Section 5.3 and Fig. 6 of the STAR paper (Zhou et al., CVPR 2023). Compares the models that ``train.py`` has trained
with and without STAR. Prints tables and writes ``stability.json`` and ``stability.png`` into WORK_DIR/DATA. The
intervals redraw the test faces; what other seeds would give they do not say, and the range that leaves out one seed
after the other is a hint only.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from predictions import METHODS, WORK_DIR, groups, inter_ocular_distance, paired_checkpoints, predict_all, print_table

from mmfld.structures import FaceLayout

BOOTSTRAPS = 2000


def variance_over_seeds(points: np.ndarray) -> np.ndarray:
    """(S, F, K, 2) predictions of S models -> (F, K) variance: unbiased, sum of x and y."""
    return points.var(axis=0, ddof=1).sum(-1)


def ratio_interval(numerator: np.ndarray, denominator: np.ndarray) -> list:
    """Middle 95 % of sum(numerator) / sum(denominator), both (F, ), over bootstrap samples of the faces."""
    count = len(numerator)
    draws = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), BOOTSTRAPS)
    return np.percentile((draws @ numerator) / (draws @ denominator), [2.5, 97.5]).tolist()


def compare(points: dict[str, np.ndarray], annotated: np.ndarray, layout: FaceLayout) -> dict:
    """All numbers for METHODS -> predictions (S, F, K, 2) in pixels.

    Returns:
        dict: ``nme``, method -> percent for each seed; ``groups``, group of landmarks -> ``mean`` and ``median``
        variance in pixels^2 and ``std`` in percent of the inter-ocular distance (root of the mean variance), all
        method -> number; and there ``ratio``, the mean variance of the second method over that of the first,
        ``interval`` and ``one_left_out``, its range without one of the seeds, None for two seeds.
    """
    distance = inter_ocular_distance(annotated, layout)
    variance = {method: variance_over_seeds(values) for method, values in points.items()}
    table = {}
    for group, members in groups(layout).items():
        chosen = {method: values[:, members] for method, values in variance.items()}
        first, second = (chosen[method].mean(1) for method in METHODS)
        table[group] = dict(
            mean={method: values.mean() for method, values in chosen.items()},
            median={method: np.median(values) for method, values in chosen.items()},
            std={method: 100 * np.sqrt((values / distance**2).mean()) for method, values in chosen.items()},
            ratio=second.mean() / first.mean(),
            interval=ratio_interval(second, first),
            one_left_out=_one_left_out({method: values[:, :, members] for method, values in points.items()}),
        )
    return dict(
        nme={
            method: (100 * np.linalg.norm(values - annotated, axis=-1) / distance).mean((1, 2)).tolist()
            for method, values in points.items()
        },
        groups=table,
    )


def _one_left_out(points: dict[str, np.ndarray]) -> list | None:
    seeds = len(points[METHODS[0]])
    if seeds < 3:
        return None
    means = [
        [variance_over_seeds(np.delete(points[method], n, axis=0)).mean() for n in range(seeds)] for method in METHODS
    ]
    ratios = np.divide(means[1], means[0])
    return [ratios.min(), ratios.max()]


def draw(variance: dict[str, np.ndarray], title: str) -> Figure:
    """Distribution of the variances of single landmarks, with their means, as the paper's Fig. 6."""
    figure = Figure(figsize=(6, 3.8), layout='constrained')
    axes = figure.subplots()
    bins = np.linspace(0, np.percentile(np.stack(list(variance.values())), 97), 60)
    for n, (method, values) in enumerate(variance.items()):
        weights = np.full(values.size, 100 / values.size)
        axes.hist(values.ravel(), bins, weights=weights, histtype='stepfilled', alpha=0.45, color=f'C{n}')
        axes.axvline(values.mean(), color=f'C{n}', label=f'{method}: mean {values.mean():.3f}')
    axes.set(
        xlabel='variance over the seeds (pixels$^2$ of the network input)',
        ylabel='landmarks (%)',
        title=title,
        xlim=(0, bins[-1]),
    )
    axes.legend()
    return figure


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('dataset', choices=('300w', 'synthetic'))
    parser.add_argument('--work-dir', type=Path, default=WORK_DIR, help='default: %(default)s')
    args = parser.parse_args(argv)
    try:
        seeds, checkpoints = paired_checkpoints(args.work_dir, args.dataset)
    except ValueError as error:
        parser.error(str(error))
    results = predict_all([path for paths in checkpoints.values() for path in paths])
    faces = results[0]
    points = {
        method: np.stack([result.mean for result in results[n * len(seeds) : (n + 1) * len(seeds)]])
        for n, method in enumerate(METHODS)
    }
    numbers = dict(seeds=seeds, faces=len(faces.mean), **compare(points, faces.annotated, faces.layout))

    print_table(
        f'NME (%) on {numbers["faces"]} faces',
        ('method', *(f'seed {seed}' for seed in seeds), 'mean'),
        *(
            (method, *(f'{value:.3f}' for value in (*values, np.mean(values))))
            for method, values in numbers['nme'].items()
        ),
    )
    height, width = faces.images.shape[1:3]
    print_table(
        f'Variance over {len(seeds)} seeds: mean and median in pixels^2 of an input of {width} x {height}; its root in '
        'percent of the inter-ocular distance (IOD)',
        (
            'landmarks',
            *(f'{name}, {method}' for name in ('mean', 'median', 'std (% IOD)') for method in METHODS),
            f'mean, {METHODS[1]} / {METHODS[0]}',
            '95 % over faces',
            'one seed left out',
        ),
        *(
            (
                group,
                *(f'{row[name][method]:.3f}' for name in ('mean', 'median', 'std') for method in METHODS),
                f'{row["ratio"]:.3f}',
                *('{:.3f} to {:.3f}'.format(*row[name]) if row[name] else '-' for name in ('interval', 'one_left_out')),
            )
            for group, row in numbers['groups'].items()
        ),
    )
    out = args.work_dir / args.dataset
    (out / 'stability.json').write_text(json.dumps(numbers, indent=1))
    draw(
        {method: variance_over_seeds(values) for method, values in points.items()},
        f'{args.dataset}: {len(seeds)} models each, {numbers["faces"]} faces',
    ).savefig(out / 'stability.png', dpi=90)
    print(f'\nwritten: {out}/stability.json and .png')


if __name__ == '__main__':
    main()
