"""A paper's tables beside ours: as markdown, as csv, and as a picture; and our numbers into the rows."""

import csv
import re
import textwrap
from collections.abc import Container, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from terminaltables import GithubFlavoredMarkdownTable

from mmfld.engine.rows import METRIC, Paper, Row

matplotlib.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402

# by seed, of a row
Results = dict[int, dict[str, float]]
DIGITS = dict(NME=2, FR=2, AUC=3)


class Cell(NamedTuple):
    """A metric of a row: the paper's number, and mean, deviation over seeds and number of seeds of ours."""

    paper: float | None
    mean: float | None
    deviation: float | None
    seeds: int


def cell(row: Row, metric: str, results: Results) -> Cell:
    """What is known of a metric of a row; the deviation is that of a sample, for two seeds or more."""
    values = [metrics[metric] for metrics in results.values() if metric in metrics]
    return Cell(
        row.paper.get(metric),
        float(np.mean(values)) if values else None,
        float(np.std(values, ddof=1)) if len(values) > 1 else None,
        len(values),
    )


def shown_rows(paper: Paper, table: str, results: dict[str, Results]) -> list[Row]:
    """The rows of a table of which a number is known."""
    return [
        row
        for row in paper.rows.values()
        if table in row.tables
        and any(
            metric in row.paper or any(metric in one for one in results.get(row.name, {}).values())
            for metric in metrics_of(paper, table)
        )
    ]


def metrics_of(paper: Paper, table: str) -> list[str]:
    """The metrics of a table, behind each of them the one of ours against landmarks that are clamped to the crop."""
    return list(
        dict.fromkeys(
            one
            for metric in paper.tables[table]['metrics']
            for one in (metric, re.sub(r'\b(NME|FR|AUC)(_clamped)?\b', r'\1_clamped', metric))
        )
    )


def markdown(paper: Paper, table: str, results: dict[str, Results], rows: Sequence[Row]) -> str:
    """A table with two columns for each metric of which a number is known, the paper's and ours, and its note; against
    clamped landmarks only ours, as the papers do not say which they print."""
    metrics = [
        metric
        for metric in metrics_of(paper, table)
        if any(one[:2] != (None, None) for one in (cell(row, metric, results.get(row.name, {})) for row in rows))
    ]
    lines = [['row', *(f'{metric}, {who}' for metric in metrics for who in columns(metric)), 'seeds', 'name']]
    for row in rows:
        cells = [cell(row, metric, results.get(row.name, {})) for metric in metrics]
        numbers = [
            text
            for metric, one in zip(metrics, cells)
            for text in (number(one.paper, metric), ours(one, metric))[-len(columns(metric)) :]
        ]
        lines.append(
            [row.tables[table], *numbers, str(max((one.seeds for one in cells), default=0) or ''), f'`{row.name}`']
        )
    about = paper.tables[table]
    note = f'\n{textwrap.fill(about["note"], 120)}\n' if 'note' in about else ''
    return f'**{table}: {about["title"]}**\n\n{GithubFlavoredMarkdownTable(lines).table}\n{note}'


def columns(metric: str) -> Sequence[str]:
    """Whose numbers a table has of a metric."""
    return ('ours',) if METRIC.fullmatch(metric)['clamped'] else ('paper', 'ours')


def number(value: float | None, metric: str) -> str:
    """A metric's value as the papers print it."""
    return '' if value is None else f'{value:.{DIGITS[kind(metric)]}f}'


def kind(metric: str) -> str:
    """``NME`` of ``box/NME``, ``NME/common`` and ``NME_clamped``."""
    return METRIC.fullmatch(metric)['kind']


def ours(one: Cell, metric: str) -> str:
    return number(one.mean, metric) + ('' if one.deviation is None else f' ± {number(one.deviation, metric)}')


def write_tables(
    papers: Sequence[Paper], results: dict[str, dict[str, Results]], folder: Path, note: str
) -> list[Path]:
    """Write ``tables.md``, ``tables.csv`` and ``tables.png`` with all tables that have one of our numbers, if any has.

    Args:
        papers (Sequence[Paper]): The papers.
        results (dict): By the name of a paper's file and of a row, the metrics of each seed.
        folder (Path): Where they are written.
        note (str): What the numbers are of, above the tables.
    """
    text, lines, panels = [f'{note}\n'], [], []
    for paper in papers:
        known = results.get(paper.file.stem, {})
        for table in paper.tables:
            rows = [row for row in shown_rows(paper, table, known) if known.get(row.name)]
            if not rows:
                continue
            if f'### {paper.venue}\n' not in text:
                text.append(f'### {paper.venue}\n')
            text.append(markdown(paper, table, known, rows))
            panels.append((paper, table, rows, known))
            for row in rows:
                for metric in metrics_of(paper, table):
                    one = cell(row, metric, known[row.name])
                    lines.append([paper.file.stem, table, row.name, row.tables[table], metric, *one])
    if not panels:
        return []
    files = [folder / f'tables.{suffix}' for suffix in ('md', 'csv', 'png')]
    folder.mkdir(parents=True, exist_ok=True)
    files[0].write_text('\n'.join(text), encoding='utf-8')
    with open(files[1], 'w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file)
        writer.writerow(['paper', 'table', 'name', 'row', 'metric', 'paper_value', 'mean', 'deviation', 'seeds'])
        writer.writerows(lines)
    draw(panels, files[2], note)
    return files


def draw(panels: list, path: Path, note: str) -> None:
    """The first metric of each table, the paper's numbers and ours with the deviation over seeds."""
    heights = [len(rows) + 1.6 for _, _, rows, _ in panels]
    figure, axes = plt.subplots(
        len(panels),
        figsize=(8, 0.34 * sum(heights) + 0.8),
        squeeze=False,
        gridspec_kw=dict(height_ratios=heights),
        layout='constrained',
    )
    for axis, (paper, table, rows, known) in zip(axes[:, 0], panels):
        metric = next(
            metric
            for metric in metrics_of(paper, table)
            if any(cell(row, metric, known[row.name]).seeds for row in rows)
        )
        cells = [cell(row, metric, known[row.name]) for row in rows]
        for place, one in enumerate(cells):
            axis.plot(np.nan if one.paper is None else one.paper, place, 'o', mfc='white', mec='C0')
            axis.errorbar(
                np.nan if one.mean is None else one.mean, place, xerr=one.deviation, fmt='o', color='C1', capsize=3
            )
        axis.set_yticks(range(len(rows)), [row.tables[table] for row in rows])
        axis.set_ylim(len(rows) - 0.4, -0.6)
        axis.set_title(f'{paper.venue}, {table}: {metric}', loc='left', fontsize=9)
        axis.grid(alpha=0.3)
        axis.tick_params(labelsize=8)
    handles = [
        plt.Line2D([], [], marker='o', ls='', mfc='white', mec='C0', label='paper'),
        plt.Line2D([], [], marker='o', ls='', color='C1', label='ours'),
    ]
    figure.legend(handles=handles, loc='outside lower center', ncols=2, fontsize=8)
    figure.suptitle(textwrap.fill(note, 100), fontsize=9)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def write_ours(paper: Paper, results: dict[str, Results], outdated: dict[str, Results]) -> bool:
    """Write our numbers into the rows of a paper's file, and leave the rest of it as it is; whether there were any.

    Numbers that stand in a row and are those of outdated results are taken out.
    """
    if not any(results.values()) and not any(outdated.values()):
        return False
    yaml = YAML()
    yaml.width = 10**6
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=2, offset=0)
    content = yaml.load(paper.file.read_text(encoding='utf-8'))
    for entry in content['rows']:
        row = paper.rows[entry['name']]
        wanted = {metric for table in row.tables for metric in metrics_of(paper, table)} | row.paper.keys()
        for seed, metrics in outdated.get(row.name, {}).items():
            if seed in row.ours and row.ours[seed] == rounded(metrics, wanted):
                print(f'taken out of the rows: ours of {row}, seed {seed}, which is outdated')
                del entry['ours'][seed]
        for seed, metrics in results.get(row.name, {}).items():
            numbers = CommentedMap(rounded(metrics, wanted))
            numbers.fa.set_flow_style()
            entry.setdefault('ours', CommentedMap()).fa.set_flow_style()
            entry['ours'][seed] = numbers
        if not entry.get('ours', True):
            del entry['ours']
    part = paper.file.with_suffix('.part')
    with open(part, 'w', encoding='utf-8') as file:
        yaml.dump(content, file)
    part.replace(paper.file)
    return True


def rounded(metrics: dict[str, float], wanted: Container[str]) -> dict[str, float]:
    """A result as it stands in a row."""
    return {key: round(metrics[key], 4) for key in sorted(metrics) if key in wanted}
