"""Writes what follows from the rows: metafiles, tables of pages, and the first lines of every config.

    python projects/reproduce/write_tables.py [--check]

``--check`` writes nothing, lists what is not up to date, and ends with status 1 if there is something. Numbers of
parameters and multiply-adds come from ``rehearsal.csv``.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import yaml
from mmengine import Config
from plan import gpus_of, read_papers, rehearsal, row_config
from rehearse import all_names
from tables import markdown, shown_rows
from terminaltables import GithubFlavoredMarkdownTable

import mmfld  # noqa: F401  prepares the environment and registers the components
from mmfld.engine.checkpoint import read_checkpoint
from mmfld.engine.rows import METRIC, REPOSITORY, Paper, Row

BEGIN, END = '<!-- {} -->', '<!-- end -->'
METHODS = dict(
    structured='Structured heatmap regression',
    star='STAR loss',
    subpixel='Subpixel heatmap regression',
    attentive1d='Attentive one-dimensional heatmap regression',
)
NORMS = dict(
    inter_ocular='inter-ocular', inter_pupil='inter-pupil', box='by the box', box_side='by the side of the box'
)
METAFILE = """\
# Written by projects/reproduce/write_tables.py from the rows beside it. Metrics with plain names are measured here, by
# the Command beside them; "(paper)" marks what the paper reports, with all training faces and full-size networks. A
# model without plain metrics has not been trained here on the complete data set. NME and FR are in percent, AUC in
# [0, 1].
"""


TABLES = """# The papers' tables, and ours

Written by `write_tables.py` from the rows beside it. Percent but for AUC. An empty cell of ours is a number that nobody
has measured here yet: the full-size models need GPUs and the complete data sets. The minis are trained on 1,812 faces
of 300W; `docs/results/minis.md` says how. The last column names the row, for `run.py --only` and `tools/train.py`.

"""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--check', action='store_true')
    args = parser.parse_args(argv)
    stale = {
        path: text
        for path, text in contents().items()
        if not path.is_file() or path.read_text(encoding='utf-8') != text
    }
    for path, text in stale.items():
        print(f'{path.relative_to(REPOSITORY)}: {"not up to date" if args.check else "written"}')
        if not args.check:
            path.write_text(text, encoding='utf-8')
    return 1 if args.check and stale else 0


def contents() -> dict[Path, str]:
    """What each file that follows from the rows should hold."""
    papers = read_papers('all')
    found = dict(metafiles(papers))
    for row in headline_rows(papers):
        path = REPOSITORY / row.config
        found[path] = with_header(path.read_text(encoding='utf-8'), row, papers)
    page = REPOSITORY / 'docs' / 'results' / 'index.md'
    found[page] = filled(page, dict(results=results_table(papers)))
    readme = Path(__file__).with_name('README.md')
    found[readme] = filled(readme, dict(rehearsal=rehearsal_summary()))
    found[readme.with_name('tables.md')] = TABLES + '\n'.join(map(paper_tables, papers))
    return found


def headline_rows(papers: Sequence[Paper]) -> list[Row]:
    """The rows that are a config as it is, one for each config."""
    rows: dict[str, Row] = {}
    for paper in papers:
        for row in paper.rows.values():
            if not row.options:
                rows.setdefault(row.config, row)
    return list(rows.values())


# ----------------------------------------------------------------------------------------------------------- configs
def with_header(text: str, row: Row, papers: Sequence[Paper]) -> str:
    """A config with its first lines, which stand before ``_base_``, as they should be."""
    return '\n'.join(f'# {line}' for line in header(row, papers)) + '\n' + text[text.index('_base_ =') :]


def header(row: Row, papers: Sequence[Paper]) -> list[str]:
    """Command, batch, and the paper's number beside ours."""
    cfg = row_config(row.config)
    gpus = gpus_of(cfg)
    if row.trained_as:
        trained = next(paper for paper in papers if paper.file == row.file).row(row.trained_as)
        command = f'python tools/test.py {row.config} CHECKPOINT'
        batch = f'Tests weights of {trained if trained.options or trained.starts_from else trained.config}.'
    else:
        command = f'tools/dist_train.sh {row.config} {gpus}' if gpus > 1 else f'python tools/train.py {row.config}'
        size = cfg.train_dataloader.batch_size
        unit = 'clips' if 'collate_fn' in cfg.train_dataloader else 'faces'
        batch = f'{size * gpus} {unit} a step: {gpus} GPU{"s" if gpus > 1 else ""} x {size}.'
    names = nme_names(row)
    paper, ours = values(row.paper, names) or 'not', values(mean_ours(row), names, 3) or 'not measured'
    return [
        command,
        batch,
        f'{row.data}, NME {NORMS[row.normalizer]}{subsets(names)}: {paper} in the paper, {ours} here',
    ]


def nme_names(row: Row) -> list[str]:
    """The NMEs by the row's own normaliser, at most three: the data set's, and of 300W and 300VW those of the parts."""
    names = [name for name in {**row.paper, **mean_ours(row)} if name.split('/')[0] == 'NME']
    return names if len(names) <= 3 else ['NME']


def subsets(names: Sequence[str]) -> str:
    parts = [name.partition('/')[2].replace('_', ' ') or 'all' for name in names]
    return '' if parts in ([], ['all']) else f' ({" / ".join(parts)})'


def values(numbers: dict[str, float], names: Sequence[str], digits: int = 2) -> str:
    return ' / '.join(f'{numbers[name]:.{digits}f}' for name in names if name in numbers)


def mean_ours(row: Row) -> dict[str, float]:
    """Our numbers of a row, the mean over seeds."""
    collected = defaultdict(list)
    for metrics in row.ours.values():
        for name, value in metrics.items():
            collected[name].append(value)
    return {name: sum(found) / len(found) for name, found in collected.items()}


# --------------------------------------------------------------------------------------------------------- metafiles
def metafiles(papers: Sequence[Paper]) -> dict[Path, str]:
    """``metafile.yml`` of each folder of configs."""
    folders = defaultdict(list)
    for row in headline_rows(papers):
        folders[(REPOSITORY / row.config).parent].append(row)
    found = {}
    for folder, rows in folders.items():
        by_paper = {paper.file: paper for paper in papers}
        used = [paper for paper in papers if any(row.file == paper.file for row in rows)]
        content = dict(
            Collections=[
                dict(Name=collection(paper, folder), Paper=dict(Title=paper.paper), README='README.md')
                for paper in used
            ],
            Models=[model(row, by_paper[row.file], folder) for row in rows],
        )
        found[folder / 'metafile.yml'] = METAFILE + yaml.safe_dump(content, sort_keys=False, width=120)
    index = dict(Import=sorted(str(path.relative_to(REPOSITORY)) for path in found))
    found[REPOSITORY / 'model-index.yml'] = yaml.safe_dump(index)
    return found


def collection(paper: Paper, folder: Path) -> str:
    return f'{METHODS[paper.file.stem]} ({folder.name})'


def model(row: Row, paper: Paper, folder: Path) -> dict:
    """A model of a metafile."""
    cfg = row_config(row.config)
    metadata = dict(
        Architecture=[cfg.model.backbone.type, cfg.model.head.type], Data=row.data, Normaliser=NORMS[row.normalizer]
    )
    measured = rehearsal().get(str(row))
    if measured and measured['ok'] == 'ok':
        metadata.update(Parameters=int(measured['parameters']), FLOPs=int(float(measured['gmacs']) * 1e9))
    content = {
        'Name': f'{folder.name}_{Path(row.config).stem}',
        'In Collection': collection(paper, folder),
        'Config': row.config,
        'Metadata': metadata,
    }
    weights = REPOSITORY / f'mmfld/assets/{Path(row.config).stem}.pth'
    if weights.is_file() and model_type(weights) == cfg.model.type:
        content['Weights'] = str(weights.relative_to(REPOSITORY))
    results = []
    for subset in dict.fromkeys(map(subset_of, (*row.paper, *mean_ours(row)))):
        metrics = {
            f'{shown_metric(name, cfg)} (paper)': value
            for name, value in row.paper.items()
            if subset_of(name) == subset
        }
        metrics.update(
            {
                shown_metric(name, cfg): round(value, 4)
                for name, value in mean_ours(row).items()
                if subset_of(name) == subset
            }
        )
        data = f'{row.data.removesuffix(" full")} {subset}'.replace('_', ' ') if subset else row.data
        result = dict(Task='Face alignment', Dataset=data, Metrics=metrics)
        if any('(paper)' not in name for name in metrics):
            result['Command'] = (
                f'python tools/train.py {row.config} && python tools/test.py {row.config} '
                f'{content.get("Weights", "CHECKPOINT")}'
            )
        results.append(result)
    return dict(content, Results=results) if results else content


def model_type(weights: Path) -> str:
    """Of published weights: those of a tracker bear the name of its detector, and do not fit the detector's config."""
    return Config.fromstring(read_checkpoint(weights)['meta']['cfg'], '.py').model.type


def subset_of(metric: str) -> str:
    """``common`` of ``inter_pupil/NME/common``; nothing of ``box/NME``."""
    return METRIC.fullmatch(metric)['subset'] or ''


def shown_metric(metric: str, cfg: Config) -> str:
    """``box NME`` of ``box/NME``; FR and AUC with the threshold of their metric."""
    name = METRIC.fullmatch(metric)
    evaluators = cfg.test_evaluator if isinstance(cfg.test_evaluator, list) else [cfg.test_evaluator]
    evaluator = next((one for one in evaluators if one.get('prefix') == name['norm']), evaluators[0])
    words = [name['norm'], name['kind'], 'clamped' if name['clamped'] else None]
    threshold = '' if name['kind'] == 'NME' else f' at {100 * evaluator.threshold:g} %'
    return ' '.join(filter(None, words)).replace('_', '-') + threshold


# ------------------------------------------------------------------------------------------------------------ tables
def results_table(papers: Sequence[Paper]) -> str:
    """The table of results: every config that is a row, and the rows that are measured."""
    lines = [['config or row', 'network', 'data', 'NME', 'paper', 'ours']]
    headline = headline_rows(papers)
    rows = headline + [row for paper in papers for row in paper.rows.values() if row.ours and row not in headline]
    for row in rows:
        names = nme_names(row)
        measured = rehearsal().get(str(row), {})
        passes = 2 if row_config(str(row)).model.test_cfg.get('flip_test') else 1
        size = (
            f'{int(measured["parameters"]) / 1e6:.2f} M, {passes * float(measured["gmacs"]):.3g} G'
            if measured.get('gmacs')
            else ''
        )
        name = row.config if row in headline else str(row)
        lines.append(
            [
                f'`{name}`',
                size,
                row.data,
                NORMS[row.normalizer] + subsets(names),
                values(row.paper, names),
                values(mean_ours(row), names, 3),
            ]
        )
    return GithubFlavoredMarkdownTable(lines).table


def rehearsal_summary() -> str:
    """How many of the rows and configs passed the rehearsal."""
    lines = rehearsal()
    names = all_names()
    passed = [name for name in names if lines.get(name, {}).get('ok') == 'ok']
    return f'{len(passed)} of {len(names)} rows and configs passed.'


def paper_tables(paper: Paper) -> str:
    """All tables of a paper, the paper's numbers beside ours."""
    ours = {row.name: row.ours for row in paper.rows.values()}
    tables = [markdown(paper, table, ours, rows) for table in paper.tables if (rows := shown_rows(paper, table, ours))]
    return '\n'.join([f'## {paper.paper}\n\n{paper.venue}\n', *tables])


def filled(path: Path, sections: dict[str, str]) -> str:
    """A text with what stands between ``<!-- name -->`` and ``<!-- end -->`` replaced."""
    text = path.read_text(encoding='utf-8')
    for name, content in sections.items():
        begin = BEGIN.format(name)
        head, found, rest = text.partition(begin)
        if not found or END not in rest:
            raise ValueError(
                f'{path}: found no line {END if found else begin}, expected one '
                f'{"after" if found else "before"} its table'
            )
        text = f'{head}{begin}\n{content.rstrip()}\n{END}{rest.partition(END)[2]}'
    return text


if __name__ == '__main__':
    sys.exit(main())
