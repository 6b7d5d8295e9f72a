"""``mmfld reproduce``: a paper's tables."""

import argparse
from pathlib import Path

from .arguments import whole
from .tool import call_tool

TOOL = 'projects/reproduce/run.py'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'paper', metavar='PAPER', help='structured, star, subpixel, attentive1d, all of them, or a file of rows'
    )
    parser.add_argument(
        '--only', nargs='+', default=[], metavar='TABLE_OR_ROW', help="'Table 5' or names of rows, also as star:wflw"
    )
    parser.add_argument('--data-root', type=Path, default=Path('data'), help='the folder with wflw/, 300w/ and so on')
    parser.add_argument('--seeds', type=whole, help="how many seeds, from 0; default: the row's, mostly 1")
    parser.add_argument('--gpus', type=whole, default=1, help='processes of a training; without CUDA on the CPU')
    parser.add_argument('--slurm', metavar='PARTITION', help='start by Slurm, with --gpus GPUs')
    parser.add_argument('--work-dir', type=Path, help='for checkpoints and tables; default: work_dirs/reproduce')
    parser.add_argument(
        '--anyway',
        action='store_true',
        help='train although the check of the data found something; our numbers stay out of the rows',
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument('--dry-run', action='store_true', help='list the runs, and start nothing')
    mode.add_argument(
        '--rehearse',
        action='store_true',
        help='each row for a few iterations on a few rendered faces; with "all" every config as well, and '
        'the table is rehearsal.csv',
    )
    mode.add_argument('--simulate', action='store_true', help='at mini size: few rendered faces, few epochs')
    parser.add_argument('--workers', type=whole, default=1, help='rehearsals at a time')


def run(args: argparse.Namespace) -> int:
    from ..engine.endings import run_tool

    return call_tool('mmfld reproduce', TOOL, args.argv, run_tool)
