"""Draws the tables of the README, ``curves.png`` and ``convergence.png`` from the files in ``results/``.

    python projects/benchmark_300w/report.py

Tables stand in the README between ``<!-- NAME -->`` and ``<!-- end -->``; what is between them is replaced.
"""
import json
import re
from pathlib import Path
from typing import Dict, List, Optional

import matplotlib
import numpy as np
from terminaltables import GithubFlavoredMarkdownTable

from mmfld.engine.rows import read_rows

matplotlib.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402

PROJECT = Path(__file__).resolve().parent
RESULTS = PROJECT / 'results'
README = PROJECT / 'README.md'
NAMES = {row.name: row.tables['Rows'] for row in read_rows(PROJECT / 'rows.yml').rows.values()}
HEADLINES = ('heatmap', 'simcc', 'soft_argmax', 'star', 'structured', 'subpixel', 'attentive1d')
COMMON_LR = 2e-3  # of configs/_base_/methods/mini.py
PARTS = (0.4, 1.)  # of STAR's schedule, at which the structured paper compares
METHODS = ('star', 'structured')


def read_results(folder: Path = RESULTS) -> List[dict]:
    """All results, with the curves' epochs as numbers."""
    results = [json.loads(path.read_text()) for path in sorted(folder.glob('*.json'))]
    for result in results:
        result['selection_nme'] = {int(epoch): nme for epoch, nme in result['selection_nme'].items()}
    return results


def mean_and_range(values: List[float], digits: int) -> str:
    """``mean``, or ``mean (lowest-highest)`` of several."""
    text = f'{np.mean(values):.{digits}f}'
    return text if len(values) == 1 else f'{text} ({min(values):.{digits}f}-{max(values):.{digits}f})'


def rows_table(results: List[dict]) -> str:
    """All rows at the common learning rate."""
    lines = [['method', 'row', 'seeds', 'common NME', 'FR 8 %', 'AUC 8 %', 'selection NME']]
    for row, name in NAMES.items():
        runs = [result for result in results if result['row'] == row and result['lr'] == COMMON_LR]
        if not runs:
            continue
        lines.append([
            name, f'`{row}`', len(runs),
            mean_and_range([run['common']['NME'] for run in runs], 2),
            mean_and_range([run['common']['FR'] for run in runs], 1),
            mean_and_range([run['common']['AUC'] for run in runs], 3),
            # of the decoder that selected the epoch
            mean_and_range([min(run['selection_nme'].values()) for run in runs], 2) if row == runs[0]['trained_as'] else ''
        ])
    return GithubFlavoredMarkdownTable(lines).table


def epochs_to_reach(curve: Dict[int, float], nme: float) -> Optional[float]:
    """The first epoch, interpolated, at which a curve is down at ``nme``; None if it never is."""
    epochs = sorted(curve)
    if curve[epochs[0]] <= nme:
        return float(epochs[0])
    for before, after in zip(epochs, epochs[1:]):
        if curve[after] <= nme:
            return before + (after - before) * (curve[before] - nme) / (curve[before] - curve[after])
    return None


def nme_at(curve: Dict[int, float], epoch: float) -> float:
    """A curve's value at an epoch, interpolated."""
    epochs = sorted(curve)
    return float(np.interp(epoch, epochs, [curve[e] for e in epochs]))


def tried_rates(results: List[dict]) -> List[float]:
    """The learning rates that both methods were trained with, seed 0."""
    tried = [{result['lr'] for result in results if (result['row'], result['seed']) == (method, 0)}
             for method in METHODS]
    return sorted(set.intersection(*tried))


def best_learning_rate(results: List[dict], row: str) -> float:
    """Of those that both methods were tried with, the one that ends with the lowest error on the selection faces."""
    rates = tried_rates(results)
    return min((min(result['selection_nme'].values()), result['lr']) for result in results
               if result['row'] == row and result['seed'] == 0 and result['lr'] in rates)[1]


def convergence(results: List[dict]) -> List[dict]:
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
        for part in PARTS:
            epoch = part * star['epochs']
            nme = nme_at(star['selection_nme'], epoch)
            needed = epochs_to_reach(structured['selection_nme'], nme)
            comparisons.append(dict(seed=seed, rates=rates, part=part, nme=nme, star=epoch, structured=needed))
    return comparisons


def convergence_table(results: List[dict]) -> str:
    lines = [['learning rates', 'seed', "STAR's schedule", 'NME', 'epochs of STAR', 'of structured', 'times fewer']]
    for one in convergence(results):
        rates = 'both {:g}'.format(COMMON_LR) if set(one['rates']) == {COMMON_LR} else (
            'best: STAR {:g}, structured {:g}'.format(*one['rates']))
        needed = one['structured']
        lines.append([
            rates, one['seed'], f'{one["part"]:.0%}', f'{one["nme"]:.2f}', f'{one["star"]:.1f}',
            f'{needed:.1f}' if needed else 'never', f'{one["star"] / needed:.1f}' if needed else '-'
        ])
    return GithubFlavoredMarkdownTable(lines).table


def rates_table(results: List[dict]) -> str:
    """The lowest error on the selection faces over the learning rate, seed 0."""
    lines = [['peak learning rate', *METHODS]]
    for lr in sorted({result['lr'] for result in results if result['row'] in METHODS}):
        cells = []
        for method in METHODS:
            found = [min(result['selection_nme'].values()) for result in results
                     if (result['row'], result['seed'], result['lr']) == (method, 0, lr)]
            cells.append(f'{found[0]:.2f}' if found else '')
        lines.append([f'{lr:g}', *cells])
    return GithubFlavoredMarkdownTable(lines).table


TABLES = {'rows': rows_table, 'convergence': convergence_table, 'rates': rates_table}


def fill(text: str, results: List[dict]) -> str:
    """The README with its tables drawn anew."""
    for name, table in TABLES.items():
        block = re.compile(f'(<!-- {name} -->\n).*?(<!-- end -->)', re.DOTALL)
        if not block.search(text):
            raise ValueError(f'{README}: found no place for the table {name!r}, expected <!-- {name} --> ... <!-- end -->')
        text = block.sub(lambda match: f'{match[1]}{table(results)}\n{match[2]}', text)
    return text


def draw_curves(results: List[dict], path: Path) -> None:
    """Error on the selection faces after each epoch, the mean over seeds."""
    figure, axis = plt.subplots(figsize=(7, 4.5), layout='constrained')
    for row in HEADLINES:
        curves = [r['selection_nme'] for r in results if r['row'] == row and r['lr'] == COMMON_LR]
        if curves:
            epochs = sorted(curves[0])
            axis.plot(epochs, [np.mean([curve[epoch] for curve in curves]) for epoch in epochs], '.-', label=NAMES[row])
    axis.set(xlabel='epoch', ylabel='NME on the selection faces (%)', yscale='log')
    axis.yaxis.set_major_formatter('{x:g}')
    axis.yaxis.set_minor_formatter('{x:g}')
    axis.grid(alpha=0.3, which='both')
    axis.legend(fontsize=8)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def draw_convergence(results: List[dict], path: Path) -> None:
    """As Fig. 3 of the structured paper: the two curves, and where one reaches what the other has."""
    runs = {(result['row'], result['seed'], result['lr']): result['selection_nme'] for result in results}
    seen = {tuple(one['rates']): one for one in convergence(results) if one['seed'] == 0}
    figure, axes = plt.subplots(1, len(seen), figsize=(5.5 * len(seen), 4), squeeze=False, sharey=True,
                                layout='constrained')
    for axis, rates in zip(axes[0], seen):
        for method, lr, colour in zip(METHODS, rates, ('C0', 'C1')):
            curve = runs[method, 0, lr]
            axis.plot(list(curve), list(curve.values()), '.-', color=colour, label=f'{NAMES[method]}, {lr:g}')
        for one in convergence(results):
            if one['seed'] == 0 and tuple(one['rates']) == rates and one['structured']:
                axis.annotate('', (one['structured'], one['nme']), (one['star'], one['nme']),
                              arrowprops=dict(arrowstyle='->', linestyle='--', shrinkA=0, shrinkB=0))
                axis.text((one['structured'] + one['star']) / 2, one['nme'] * 1.01,
                          f'{one["star"] / one["structured"]:.1f} times fewer', ha='center', va='bottom', fontsize=8)
        axis.set(xlabel='epoch', yscale='log')
        axis.yaxis.set_major_formatter('{x:g}')
        axis.yaxis.set_minor_formatter('{x:g}')
        axis.grid(alpha=0.3, which='both')
        axis.legend(fontsize=8)
    axes[0, 0].set_ylabel('NME on the selection faces (%)')
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main() -> None:
    results = read_results()
    README.write_text(fill(README.read_text(), results))
    draw_curves(results, PROJECT / 'curves.png')
    draw_convergence(results, PROJECT / 'convergence.png')


if __name__ == '__main__':
    main()
