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
from pathlib import Path
from typing import Dict, List, Optional, Sequence

import mmfld  # noqa: F401  prepares the environment and registers the components

from check_data import check
from plan import (PROJECT, Run, UnknownName, annotation_files, cost, gpus_of, leaves, make_run, make_runs, read_papers,
                  row_config, select)
from rehearse import all_names, rehearse_all
from rendered import mini_size, render, rendered_data
from tables import Results, write_ours, write_tables
from training import Launcher, RunFailed, carry_out

from mmfld.engine.rows import Paper, Row

SIMULATED_FACES = dict(train=480, test=100, image_size=192)
SIMULATED_EPOCHS = 12


def main(argv: Optional[List[str]] = None) -> int:
    args = parse(argv)
    try:
        papers = read_papers(args.paper)
        rows = select(papers, args.only)
    except (UnknownName, ValueError, FileNotFoundError) as error:
        print(f'run.py: {error}', file=sys.stderr)
        return 2
    if args.rehearse:
        everything = args.paper == 'all' and not args.only
        names = all_names() if everything else [str(row) for chosen in rows.values() for row in chosen]
        table = (PROJECT if everything else args.work_dir) / 'rehearsal.csv'
        return 0 if rehearse_all(names, args.work_dir / 'rehearsal', args.workers, table) else 1
    return reproduce(papers, rows, args)


def parse(argv: Optional[List[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('paper', metavar='PAPER')
    parser.add_argument('--only', nargs='+', default=[], metavar='TABLE_OR_ROW',
                        help="'Table 5' or names of rows, also as star:wflw")
    parser.add_argument('--data-root', type=Path, default=Path('data'), help='the folder with wflw/, 300w/ and so on')
    parser.add_argument('--seeds', type=int, help="how many seeds, from 0; default: the row's, mostly 1")
    parser.add_argument('--gpus', type=int, default=1, help='processes of a training; without CUDA on the CPU')
    parser.add_argument('--slurm', metavar='PARTITION', help='start by Slurm, with --gpus GPUs')
    parser.add_argument('--work-dir', type=Path, help='for checkpoints and tables; default: work_dirs/reproduce')
    parser.add_argument('--anyway', action='store_true',
                        help='train although the check of the data found something; our numbers stay out of the rows')
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument('--dry-run', action='store_true', help='list the runs, and start nothing')
    mode.add_argument('--rehearse', action='store_true',
                      help='each row for a few iterations on a few rendered faces; with "all" every config as well, and the '
                      'table is rehearsal.csv')
    mode.add_argument('--simulate', action='store_true',
                      help=f'at mini size: {SIMULATED_FACES["train"]} rendered faces, {SIMULATED_EPOCHS} epochs')
    parser.add_argument('--workers', type=int, default=1, help='rehearsals at a time')
    args = parser.parse_args(argv)
    for name in ('seeds', 'gpus', 'workers'):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            parser.error(f'--{name} is {getattr(args, name)}, expected 1 or more')
    default = Path('work_dirs/reproduce') / ('simulated' if args.simulate else '')
    args.work_dir = (args.work_dir or default).absolute()
    args.data_root = args.data_root.absolute()
    return args


def reproduce(papers: Sequence[Paper], rows: Dict[str, List[Row]], args: argparse.Namespace) -> int:
    """List the runs and carry them out; the status of the command."""
    runs = [run for paper in papers for run in make_runs(paper, rows[paper.file.stem], args.seeds, args.work_dir)]
    findings = [] if args.simulate else check(needed_files(runs), args.data_root)
    if args.dry_run or not findings or args.anyway:
        list_runs(runs, args)
    for finding in findings:
        print(f'\n{finding}')
    if findings and not args.anyway:
        print(f'\nThe data are not complete: {len(findings)} findings.', '' if args.dry_run else 'Nothing was started.')
    if args.dry_run:
        return 0
    if findings and not args.anyway:
        return 2

    failed = carry_out_all(papers, runs, args)
    results = {paper.file.stem: collect(paper, args.work_dir) for paper in papers}
    note = ('Simulated: rendered faces, networks of mini size. It shows that the machinery works; only the papers\' '
            'numbers are of their data.' if args.simulate else 'The papers\' numbers and ours.')
    for path in write_tables(papers, results, args.work_dir / 'tables', note):
        print(path)
    if not args.simulate and not findings:
        for paper in papers:
            write_ours(paper, results[paper.file.stem])
        print('Ours are in the rows; python projects/reproduce/write_tables.py brings README and metafiles up to date.')
    for run, reason in failed.items():
        print(f'failed: {run}: {reason}')
    return 1 if failed else 0


def carry_out_all(papers: Sequence[Paper], runs: Sequence[Run], args: argparse.Namespace) -> Dict[Run, str]:
    """All runs in order; what failed and why."""
    if args.simulate:
        render(args.work_dir / 'faces', **SIMULATED_FACES)
    launcher, failed = Launcher(args.gpus, args.slurm), {}
    by_file = {paper.file: paper for paper in papers}
    for number, run in enumerate(runs, 1):
        print(f'[{number}/{len(runs)}] {run}', flush=True)
        needed = run.row.trained_as or run.row.starts_from
        weights = make_run(by_file[run.row.file].row(needed), run.seed, args.work_dir) if needed else None
        if weights in failed:
            failed[run] = f'needs {weights}, which failed'
            continue
        try:
            metrics = carry_out(run, weights, run_options(run.row, args), launcher)
            print(f'    NME {metrics["NME"]:.3f}', flush=True)
        except RunFailed as error:
            failed[run] = str(error)
            print(f'    {error}', flush=True)
    return failed


def run_options(row: Row, args: argparse.Namespace) -> dict:
    """What the command line changes in a row's config: where its data lie, or all that makes it a simulation."""
    cfg = row_config(str(row))
    if args.simulate:
        return {**mini_size(cfg, SIMULATED_EPOCHS), **rendered_data(cfg, args.work_dir / 'faces')}
    options = {}
    for part in ('train', 'val', 'test'):
        dataset = cfg[f'{part}_dataset'].to_dict()
        for one in leaves(dataset):
            one['data_root'] = f'{args.data_root / Path(one["data_root"]).name}/'
        options[f'{part}_dataset'] = dict(dataset, _delete_=True)
    return options


def needed_files(runs: Sequence[Run]) -> List[str]:
    """Annotation files of all runs, each once."""
    return sorted({name for row in {run.row.name: run.row for run in runs}.values()
                   for name in annotation_files(row_config(str(row)))})


def list_runs(runs: Sequence[Run], args: argparse.Namespace) -> None:
    """A line for each row: what it is, the paper's number, GPU hours and disk."""
    hours, disk, unknown = 0., 0., 0
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
        gpus = gpus_of(row_config(row.config))
        if not row.trained_as and args.gpus != gpus and not args.simulate and not args.dry_run:
            print(f'{"":12} {name:38} is for {gpus} GPUs: with {args.gpus}, the learning rate follows the batch')
    published = sum(bool(row.paper) for row in rows.values())
    summary = f'{len(rows)} rows, {len(runs)} runs, {published} rows with numbers of the paper'
    if not args.simulate:
        summary += f'; {hours:.0f} GPU hours of an A6000 and {disk:.0f} GiB of checkpoints'
        if unknown:
            summary += f', without {unknown} rows of which the size or the faces are not known'
    print(summary)


def collect(paper: Paper, work_dir: Path) -> Dict[str, Results]:
    """The results that there are of a paper's rows, by row and seed."""
    results: Dict[str, Results] = {}
    for row in paper.rows.values():
        for path in sorted((work_dir / paper.file.stem / row.name).glob('seed-*.json')):
            seed = path.stem.removeprefix('seed-')
            if seed.isdigit():
                results.setdefault(row.name, {})[int(seed)] = json.loads(path.read_text(encoding='utf-8'))
    return results


if __name__ == '__main__':
    sys.exit(main())
