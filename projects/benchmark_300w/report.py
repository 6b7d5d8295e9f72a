"""Draws the tables of the README, ``curves.png`` and ``convergence.png`` from the files in ``results/``.

    python projects/benchmark_300w/report.py

Tables stand in the README between ``<!-- NAME -->`` and ``<!-- end -->``; what is between them is replaced.
"""

import json
import re
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from terminaltables import GithubFlavoredMarkdownTable

from mmfld.engine.rows import read_rows
from mmfld.visualization import compare_curves, draw_curves

PROJECT = Path(__file__).resolve().parent
RESULTS = PROJECT / 'results'
README = PROJECT / 'README.md'
NAMES = {row.name: row.tables['Rows'] for row in read_rows(PROJECT / 'rows.yml').rows.values()}
HEADLINES = ('heatmap', 'simcc', 'soft_argmax', 'star', 'structured', 'subpixel', 'attentive1d')
COMMON_LR = 2e-3  # of configs/_base_/methods/mini.py
PARTS = (0.4, 1.0)  # of STAR's schedule, at which the structured paper compares
METHODS = ('star', 'structured')


def read_results(folder: Path = RESULTS) -> list[dict]:
    """All results, with the curves' epochs as numbers."""
    results = [json.loads(path.read_text()) for path in sorted(folder.glob('*.json'))]
    for result in results:
        result['selection_nme'] = {int(epoch): nme for epoch, nme in result['selection_nme'].items()}
    return results


def mean_and_range(values: list[float], digits: int) -> str:
    """``mean``, or ``mean (lowest-highest)`` of several."""
    text = f'{np.mean(values):.{digits}f}'
    return text if len(values) == 1 else f'{text} ({min(values):.{digits}f}-{max(values):.{digits}f})'


def rows_table(results: list[dict]) -> str:
    """All rows at the common learning rate."""
    lines = [['method', 'row', 'seeds', 'common NME', 'FR 8 %', 'AUC 8 %', 'selection NME']]
    for row, name in NAMES.items():
        runs = [result for result in results if result['row'] == row and result['lr'] == COMMON_LR]
        if not runs:
            continue
        lines.append(
            [
                name,
                f'`{row}`',
                len(runs),
                mean_and_range([run['common']['NME'] for run in runs], 2),
                mean_and_range([run['common']['FR'] for run in runs], 1),
                mean_and_range([run['common']['AUC'] for run in runs], 3),
                # of the decoder that selected the epoch
                mean_and_range([min(run['selection_nme'].values()) for run in runs], 2)
                if row == runs[0]['trained_as']
                else '',
            ]
        )
    return GithubFlavoredMarkdownTable(lines).table


def tried_rates(results: list[dict]) -> list[float]:
    """The learning rates that both methods were trained with, seed 0."""
    tried = [
        {result['lr'] for result in results if (result['row'], result['seed']) == (method, 0)} for method in METHODS
    ]
    return sorted(set.intersection(*tried))


def best_learning_rate(results: list[dict], row: str) -> float:
    """Of those that both methods were tried with, the one that ends with the lowest error on the selection faces."""
    rates = tried_rates(results)
    return min(
        (min(result['selection_nme'].values()), result['lr'])
        for result in results
        if result['row'] == row and result['seed'] == 0 and result['lr'] in rates
    )[1]


def convergence(results: list[dict]) -> list[dict]:
    """Epochs that the structured loss needs for what STAR has after parts of its schedule: all seeds at the common
    learning rate, then seed 0 with each method's best one."""
    runs = {(result['row'], result['seed'], result['lr']): result for result in results}
    seeds = sorted(seed for row, seed, lr in runs if row == 'star' and lr == COMMON_LR)
    pairs = [(seed, COMMON_LR, COMMON_LR) for seed in seeds]
    best = (0, *(best_learning_rate(results, method) for method in METHODS))
    pairs += [best] if best not in pairs else []
    comparisons = []
    for seed, *rates in pairs:
        star, structured = (runs.get((method, seed, lr)) for method, lr in zip(METHODS, rates))
        if star is None or structured is None:
            continue
        found = compare_curves(
            star['selection_nme'], structured['selection_nme'], [part * star['epochs'] for part in PARTS]
        )
        comparisons += [dict(seed=seed, rates=rates, part=part, comparison=one) for part, one in zip(PARTS, found)]
    return comparisons


def convergence_table(results: list[dict]) -> str:
    lines = [['learning rates', 'seed', "STAR's schedule", 'NME', 'epochs of STAR', 'of structured', 'times fewer']]
    for one in convergence(results):
        rates = (
            f'both {COMMON_LR:g}'
            if set(one['rates']) == {COMMON_LR}
            else ('best: STAR {:g}, structured {:g}'.format(*one['rates']))
        )
        epoch, nme, needed = one['comparison']
        lines.append(
            [
                rates,
                one['seed'],
                f'{one["part"]:.0%}',
                f'{nme:.2f}',
                f'{epoch:.1f}',
                f'{needed:.1f}' if needed else 'never',
                f'{epoch / needed:.1f}' if needed else '-',
            ]
        )
    return GithubFlavoredMarkdownTable(lines).table


def rates_table(results: list[dict]) -> str:
    """The lowest error on the selection faces over the learning rate, seed 0."""
    lines = [['peak learning rate', *METHODS]]
    for lr in sorted({result['lr'] for result in results if result['row'] in METHODS}):
        cells = []
        for method in METHODS:
            found = [
                min(result['selection_nme'].values())
                for result in results
                if (result['row'], result['seed'], result['lr']) == (method, 0, lr)
            ]
            cells.append(f'{found[0]:.2f}' if found else '')
        lines.append([f'{lr:g}', *cells])
    return GithubFlavoredMarkdownTable(lines).table


TABLES = {'rows': rows_table, 'convergence': convergence_table, 'rates': rates_table}


def fill(text: str, results: list[dict]) -> str:
    """The README with its tables drawn anew."""
    for name, table in TABLES.items():
        block = re.compile(f'(<!-- {name} -->\n).*?(<!-- end -->)', re.DOTALL)
        if not block.search(text):
            raise ValueError(
                f'{README}: found no place for the table {name!r}, expected <!-- {name} --> ... <!-- end -->'
            )
        text = block.sub(lambda match, table=table: f'{match[1]}{table(results)}\n{match[2]}', text)
    return text


def draw_headlines(results: list[dict], path: Path) -> None:
    """Error on the selection faces after each epoch, the mean over seeds."""
    means = {}
    for row in HEADLINES:
        curves = [r['selection_nme'] for r in results if r['row'] == row and r['lr'] == COMMON_LR]
        if curves:
            means[NAMES[row]] = {epoch: np.mean([curve[epoch] for curve in curves]) for epoch in sorted(curves[0])}
    figure = Figure(figsize=(7, 4.5), layout='constrained')
    axis = figure.subplots()
    draw_curves(axis, means)
    axis.set_ylabel('NME on the selection faces (%)')
    figure.savefig(path, dpi=100)


def draw_convergence(results: list[dict], path: Path) -> None:
    """As Fig. 3 of the structured paper: the two curves, and where one reaches what the other has."""
    runs = {(result['row'], result['seed'], result['lr']): result['selection_nme'] for result in results}
    pairs: dict[tuple, list] = {}
    for one in convergence(results):
        if one['seed'] == 0:
            pairs.setdefault(tuple(one['rates']), []).append(one['comparison'])
    figure = Figure(figsize=(5.5 * len(pairs), 4), layout='constrained')
    axes = figure.subplots(1, len(pairs), squeeze=False, sharey=True)
    for axis, (rates, comparisons) in zip(axes[0], pairs.items()):
        draw_curves(
            axis, {f'{NAMES[method]}, {lr:g}': runs[method, 0, lr] for method, lr in zip(METHODS, rates)}, comparisons
        )
    axes[0, 0].set_ylabel('NME on the selection faces (%)')
    figure.savefig(path, dpi=100)


def main() -> None:
    results = read_results()
    README.write_text(fill(README.read_text(), results))
    draw_headlines(results, PROJECT / 'curves.png')
    draw_convergence(results, PROJECT / 'convergence.png')


if __name__ == '__main__':
    main()
