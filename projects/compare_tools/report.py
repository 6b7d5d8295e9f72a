"""Tables, ``results.csv`` and ``comparison.png`` from what was measured."""

import csv
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from schemes import LARGEST
from terminaltables import GithubFlavoredMarkdownTable

RIGHT = 10.0  # percent of the inter-ocular distance, the mean error of five points below which a face is right
OURS = 'mmfld'
BASELINE = 'nothing'
Row = dict[str, object]


def summarise(results: Sequence[dict]) -> list[Row]:
    """One row for each tool and variant.

    Args:
        results (Sequence[dict]): Of ``measure.py``, among them those of ``nothing`` on ``common``.

    Returns:
        list[dict]: ``tool``, ``version``, ``variant``, ``threads``, ``faces``; ``recall`` and ``right``, percent of all
        faces; ``extra``, other detections per 100 images; ``nme5_mean`` and ``nme5_median``, of the faces that the tool
        finds; ``points``, the largest set that it shares with mmfld, and its and mmfld's errors on that set, on the
        faces that both find; ``ms``, the median per image; ``memory`` in MiB above ``nothing``. None where there is no
        number.
    """
    of = {(result['tool'], result['variant']): result for result in results}
    idle = of[BASELINE, 'common']['memory']
    rows = []
    for (tool, variant), result in of.items():
        if tool == BASELINE:
            continue
        faces = result['results']
        found = [face for face in faces if face['found']]
        points = LARGEST[result['scheme']]
        ours = {
            face['number']: face['nme']
            for face in of.get((OURS, variant), dict(results=[]))['results']
            if face['found']
        }
        both = [face for face in found if face['number'] in ours]
        row = dict(
            tool=tool,
            version=', '.join(f'{name} {number}' for name, number in result['versions'].items()),
            variant=variant,
            threads=result['threads'],
            faces=len(faces),
            recall=100 * len(found) / len(faces),
            extra=100 * sum(face['extra'] for face in faces) / len(faces),
            right=100 * sum(face['nme']['5'] < RIGHT for face in found) / len(faces),
            **_mean_and_median('nme5', [face['nme']['5'] for face in found]),
            points=points,
            **_mean_and_median('nme', [face['nme'][points] for face in both]),
            **_mean_and_median('mmfld_nme', [ours[face['number']][points] for face in both]),
            ms=float(np.median([face['ms'] for face in faces])),
            memory=result['memory'] - idle,
        )
        rows.append({name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()})
    return rows


def _mean_and_median(name: str, values: Sequence[float]) -> dict[str, float | None]:
    return {
        f'{name}_mean': float(np.mean(values)) if len(values) else None,
        f'{name}_median': float(np.median(values)) if len(values) else None,
    }


def _pair(row: Row, name: str) -> str:
    mean, median = row[f'{name}_mean'], row[f'{name}_median']
    return '-' if mean is None else f'{mean:.2f} ({median:.2f})'


def _both(row: Row) -> str:
    return '-' if row['nme_mean'] is None else f'{_pair(row, "nme")} : {_pair(row, "mmfld_nme")}'


def by_variant(
    rows: Sequence[Row], tools: Sequence[str], cell: Callable[[Row], str], title: Callable[[str], str] = str
) -> str:
    """A Markdown table with a line a variant and a column a tool."""
    of = {(row['tool'], row['variant']): row for row in rows}
    lines = [['variant', *map(title, tools)]]
    for variant in dict.fromkeys(row['variant'] for row in rows):
        lines.append([variant.replace('_', ' '), *(cell(of[tool, variant]) for tool in tools)])
    return GithubFlavoredMarkdownTable(lines).table


def tables(rows: Sequence[Row]) -> str:
    """All tables as Markdown."""
    tools = list(dict.fromkeys(row['tool'] for row in rows))
    points = {row['tool']: row['points'] for row in rows}
    faces, threads = rows[0]['faces'], rows[0]['threads']
    parts = [
        '![found, right, error, time and memory](comparison.png)',
        f'{faces} faces, {threads} {"thread" if threads == 1 else "threads"}.',
        'Recall in % / other detections per 100 images:',
        by_variant(rows, tools, lambda row: f'{row["recall"]:.1f} / {row["extra"]:.0f}'),
        f'Right: % of all faces that are found, with an error of the five points below {RIGHT:.0f} % of the '
        'inter-ocular distance:',
        by_variant(rows, tools, lambda row: f'{row["right"]:.1f}'),
        'Error of the five points, mean (median) in % of the inter-ocular distance, of the faces that each tool finds:',
        by_variant(rows, tools, lambda row: _pair(row, 'nme5')),
    ]
    others = [tool for tool in tools if tool != OURS]
    if OURS in tools and others:
        parts += [
            'Error of a tool : error of mmfld on all points that the two share and the faces that both find, mean '
            '(median):',
            by_variant(rows, others, _both, lambda tool: f'{tool}, {points[tool]} points'),
        ]
    cost = [['tool', 'version', 'ms an image', 'memory, MiB']]
    cost += [
        [row['tool'], row['version'], f'{row["ms"]:.1f}', f'{row["memory"]:.0f}']
        for row in rows
        if row['variant'] == 'common'
    ]
    return '\n\n'.join(parts + ['On the faces as they are:', GithubFlavoredMarkdownTable(cost).table])


def draw(rows: Sequence[Row], path: Path) -> None:
    """Matrices of recall, right faces and median error, and bars of time and memory."""
    tools = list(dict.fromkeys(row['tool'] for row in rows))
    variants = list(dict.fromkeys(row['variant'] for row in rows))
    figure = Figure(figsize=(14, 5), layout='constrained')
    *matrices, times, memories = figure.subplots(1, 5, width_ratios=(1.3, 1.3, 1.3, 1, 1))
    panels = (
        ('recall', 'faces found, %', 'Blues', 0, 130),
        ('right', f'found, and five points right\nto {RIGHT:.0f} %: % of all faces', 'Blues', 0, 130),
        ('nme5_median', 'median error of five points,\n% of inter-ocular', 'Oranges', 0, 60),
    )
    for axis, (name, title, colours, low, high) in zip(matrices, panels):
        values = np.full((len(variants), len(tools)), np.nan)
        for row in rows:
            if row[name] is not None:
                values[variants.index(row['variant']), tools.index(row['tool'])] = row[name]
        axis.imshow(values, cmap=colours, vmin=low, vmax=high, aspect='auto')
        for (y, x), value in np.ndenumerate(values):
            axis.text(
                x,
                y,
                '-' if np.isnan(value) else f'{value:.{1 if name == "nme5_median" else 0}f}',
                ha='center',
                va='center',
                fontsize=9,
            )
        axis.set_title(title, fontsize=10)
        axis.set_xticks(range(len(tools)), tools, rotation=45, ha='right')
        shown = [variant.replace('_', ' ') for variant in variants] if axis is matrices[0] else [''] * len(variants)
        axis.set_yticks(range(len(variants)), shown)
    common = [row for row in rows if row['variant'] == 'common']
    for axis, name, title in (
        (times, 'ms', f'ms an image, threads: {rows[0]["threads"]}'),
        (memories, 'memory', 'peak memory, MiB'),
    ):
        bars = axis.bar(tools, [row[name] for row in common], color='C0')
        axis.bar_label(bars, fmt='%.0f', fontsize=9)
        axis.set_title(title, fontsize=10)
        axis.set_xticks(range(len(tools)), tools, rotation=45, ha='right')
        axis.spines[['top', 'right']].set_visible(False)
    figure.savefig(path, dpi=90)


def fill(text: str, content: str) -> str:
    """A text with what stands between ``<!-- results -->`` and ``<!-- end -->`` replaced.

    Raises:
        ValueError: If it has no such place.
    """
    block = re.compile('(<!-- results -->\n).*?(<!-- end -->)', re.DOTALL)
    if not block.search(text):
        raise ValueError('README.md: found no place for the tables, expected <!-- results --> ... <!-- end -->')
    return block.sub(lambda match: f'{match[1]}{content}\n{match[2]}', text)


def write(results: Sequence[dict], out: Path) -> list[Row]:
    """Write ``results.csv`` and ``comparison.png``, and the tables into the ``README.md``, of a folder."""
    rows = summarise(results)
    readme = out / 'README.md'
    readme.write_text(fill(readme.read_text(encoding='utf-8'), tables(rows)), encoding='utf-8')
    with (out / 'results.csv').open('w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, rows[0], lineterminator='\n')
        writer.writeheader()
        writer.writerows(rows)
    draw(rows, out / 'comparison.png')
    return rows
