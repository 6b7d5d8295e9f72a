"""Reproduces a paper's tables: checks the data, trains and tests every row, and sets the paper's numbers beside ours.

    python projects/reproduce/run.py structured --data-root /data --gpus 4 --only 'Table 5' [--seeds 5] [--dry-run]
    python projects/reproduce/run.py all --rehearse
    python projects/reproduce/run.py all --simulate --seeds 2 --only star:wflw star:softargmax-wflw

PAPER is structured, star, subpixel, attentive1d, all of them, or a file of rows. Run it in the root of the repository.
What was interrupted goes on when the command is repeated, and what is finished is not done again. Trainings are started
by ``tools/dist_train.sh`` or ``tools/slurm_train.sh``, one after the other; for several at a time start this command
several times, each with its own ``--only``.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from plan import (
    PROJECT,
    Run,
    UnknownName,
    annotation_files,
    below_data,
    cost,
    gpus_of,
    leaves,
    make_run,
    make_runs,
    read_papers,
    row_config,
    select,
)
from rehearse import all_names, rehearse_all
from rendered import mini_size, render, rendered_data
from tables import Results, write_ours, write_tables
from training import Launcher, RunFailed, carry_out, differences, run_config

import mmfld  # noqa: F401  prepares the environment and registers the components
from mmfld.cli.reproduce import add_arguments
from mmfld.counts import how_many
from mmfld.doctor.official import check
from mmfld.engine.rows import Paper, Row

SIMULATED_FACES = dict(train=480, test=100, image_size=192)
SIMULATED_EPOCHS = 12


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    try:
        papers = read_papers(args.paper)
        rows = select(papers, args.only)
        runs = [run for paper in papers for run in make_runs(paper, rows[paper.file.stem], args.seeds, args.work_dir)]
        for row in {run.row.name: run.row for run in runs}.values():
            row_config(str(row))
    except (UnknownName, ValueError, KeyError, FileNotFoundError) as error:
        print(f'{Path(sys.argv[0]).name}: {error.args[0] if isinstance(error, KeyError) else error}', file=sys.stderr)
        return 2
    if args.rehearse:
        everything = args.paper == 'all' and not args.only
        names = all_names() if everything else [str(row) for chosen in rows.values() for row in chosen]
        table = (PROJECT if everything else args.work_dir) / 'rehearsal.csv'
        return 0 if rehearse_all(names, args.work_dir / 'rehearsal', args.workers, table) else 1
    return reproduce(papers, runs, args)


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    args = parser.parse_args(argv)
    default = Path('work_dirs/reproduce') / ('simulated' if args.simulate else '')
    args.work_dir = (args.work_dir or default).absolute()
    args.data_root = args.data_root.absolute()
    return args


def reproduce(papers: Sequence[Paper], runs: Sequence[Run], args: argparse.Namespace) -> int:
    """List the runs and carry them out; the status of the command."""
    findings = [] if args.simulate else check(needed_files(runs), args.data_root)
    if args.dry_run or not findings or args.anyway:
        list_runs(runs, args)
    for finding in findings:
        print(f'\n{finding}')
    if findings and not args.anyway:
        print(
            f'\nThe data are not complete: {how_many(len(findings), "finding")}.',
            '' if args.dry_run else 'Nothing was started.',
        )
    if args.dry_run:
        return 0
    if findings and not args.anyway:
        return 2

    failed = carry_out_all(papers, runs, args)
    results, outdated = {}, {}
    for paper in papers:
        results[paper.file.stem], outdated[paper.file.stem] = collect(paper, args)
    note = (
        "Simulated: rendered faces, networks of mini size. It shows that the machinery works; only the papers' "
        'numbers are of their data.'
        if args.simulate
        else "The papers' numbers and ours."
    )
    for path in write_tables(papers, results, args.work_dir / 'tables', note):
        print(path)
    if (
        not args.simulate
        and not args.anyway
        and any([write_ours(paper, results[paper.file.stem], outdated[paper.file.stem]) for paper in papers])
    ):
        print('Ours are in the rows; python projects/reproduce/write_tables.py brings README and metafiles up to date.')
    for run, reason in failed.items():
        print(f'failed: {run}: {reason}')
    return 1 if failed else 0


def carry_out_all(papers: Sequence[Paper], runs: Sequence[Run], args: argparse.Namespace) -> dict[Run, str]:
    """All runs in order; what failed and why."""
    if args.simulate:
        render(args.work_dir / 'faces', **SIMULATED_FACES)
    launcher, failed = Launcher(args.gpus, args.slurm), {}
    for number, run in enumerate(runs, 1):
        print(f'[{number}/{len(runs)}] {run}', flush=True)
        try:
            if run.weights in failed:
                raise RunFailed(f'needs {run.weights}, which failed')
            metrics = carry_out(run, run_options(run.row, args), launcher)
            print(f'    NME {metrics["NME"]:.3f}', flush=True)
        except RunFailed as error:
            failed[run] = str(error)
            print(f'    {error}', flush=True)
    return failed


def run_options(row: Row, args: argparse.Namespace) -> dict:
    """What the command line changes in a row's config: where its data lie, or all that makes it a simulation."""
    cfg = row_config(str(row))
    if args.simulate:
        faces = args.work_dir / 'faces'
        return {**mini_size(cfg, SIMULATED_EPOCHS), **rendered_data(cfg, faces), '+data_root': str(faces)}
    options = {'+data_root': str(args.data_root)}  # which may change, where the data are the same
    for part in ('train', 'val', 'test'):
        dataset = cfg[f'{part}_dataset'].to_dict()
        for one in leaves(dataset):
            folder = below_data(one['data_root'])
            one['data_root'] = f'{Path(one["data_root"]).absolute() if folder is None else args.data_root / folder}/'
        options[f'{part}_dataset'] = dict(dataset, _delete_=True)
    if args.anyway:
        findings = [str(finding) for finding in check(annotation_files(cfg), args.data_root)]
        # in the config, so that nobody takes the weights for those of the complete data
        options.update({'+data_findings': findings} if findings else {})
    return options


def needed_files(runs: Sequence[Run]) -> list[str]:
    """Annotation files of all runs, each once."""
    return sorted({name for row in {str(run.row) for run in runs} for name in annotation_files(row_config(row))})


def list_runs(runs: Sequence[Run], args: argparse.Namespace) -> None:
    """A line for each row: what it is, the paper's number, GPU hours and disk."""
    hours, disk, unknown, other_gpus = 0.0, 0.0, 0, 0
    rows = {(run.row.file, run.row.name): run.row for run in runs}
    for (file, name), row in rows.items():
        seeds = sum((run.row.file, run.row.name) == (file, name) for run in runs)
        one = cost(row)
        unknown += one.gpu_hours is None
        hours += seeds * (one.gpu_hours or 0)
        disk += seeds * (one.disk or 0)
        paper = ', '.join(f'{metric} {value:g}' for metric, value in row.paper.items() if metric.count('/') < 1)
        each = 'simulated' if args.simulate else f'{"?" if one.gpu_hours is None else f"{one.gpu_hours:.1f}"} GPU hours'
        work = f'weights of {row.trained_as}' if row.trained_as else f'{each} x {seeds}'
        print(f'{row.file.stem:12} {name:38} {work:28} {row.data}: {paper or "-"}   ({"; ".join(row.tables)})')
        other_gpus += not row.trained_as and gpus_of(row_config(str(row))) != args.gpus
    published = sum(bool(row.paper) for row in rows.values())
    summary = f'{how_many(len(rows), "row")}, {how_many(len(runs), "run")}, '
    summary += f'{how_many(published, "row")} with numbers of the paper'
    if not args.simulate:
        summary += f'; {hours:.0f} GPU hours of an A6000 and {disk:.0f} GiB of checkpoints'
        if unknown:
            summary += f', without {how_many(unknown, "row")} of which the size or the faces are not known'
    print(summary)
    if other_gpus and not args.simulate:
        print(
            f'{how_many(other_gpus, "row is", "rows are")} for another number of GPUs than {args.gpus}: '
            'gradients are accumulated where it '
            'keeps the batch, else learning rate and EMA follow it (the first lines of a config say what it is for)'
        )


def collect(paper: Paper, args: argparse.Namespace) -> tuple[dict[str, Results], dict[str, Results]]:
    """The results that there are of a paper's rows as they are now, by row and seed; and those that are outdated.

    Outdated, with a line that says so, is what was trained by another config or from other weights, and, without
    ``--anyway``, on data in which something was found.
    """
    results: dict[str, Results] = {}
    outdated: dict[str, Results] = {}
    reasons: dict[Path, str | None] = {}
    for row in paper.rows.values():
        for path in sorted((args.work_dir / paper.file.stem / row.name).glob('seed-*.json')):
            seed = path.stem.removeprefix('seed-')
            if not seed.isdigit():
                continue
            run = make_run(paper, row, int(seed), args.work_dir)
            reason = outdated_by(run, args, reasons)
            if reason:
                print(f'left out: {run}: {reason}')
            metrics = json.loads(path.read_text(encoding='utf-8'))
            (outdated if reason else results).setdefault(row.name, {})[run.seed] = metrics
    return results, outdated


def outdated_by(run: Run, args: argparse.Namespace, known: dict[Path, str | None]) -> str | None:
    """Why a run's result is not that of its row as it is now, or None; ``known`` holds the reasons by result file."""
    if run.result not in known:
        reason = None
        if not run.result.is_file():
            reason = 'there is no result'
        elif run.weights and outdated_by(run.weights, args, known):
            reason = f'needs {run.weights}: {known[run.weights.result]}'
        else:
            changed = differences(run, run_config(run, run_options(run.row, args)))
            if changed:
                reason = f'trained by another config, which differs in {", ".join(changed[:5])}'
        known[run.result] = reason
    return known[run.result]


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print('Interrupted; the same command goes on.', file=sys.stderr)
        sys.exit(130)
