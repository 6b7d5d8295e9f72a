"""``mmfld calibrate``: how far off the landmarks of a checkpoint may be."""

import argparse
from pathlib import Path

from ..launch_arguments import Options
from .tool import call_tool

TOOL = 'tools/analysis_tools/calibrate.py'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', metavar='CONFIG', help='whose val_dataset has the faces')
    parser.add_argument('checkpoint', metavar='CHECKPOINT')
    parser.add_argument('dst', metavar='DST', type=Path, help='to write: CHECKPOINT with its calibration')
    parser.add_argument('--overwrite', action='store_true', help='replace DST')
    parser.add_argument('--seed', type=int, default=0, help='of the views of the faces; default: 0')
    parser.add_argument('--cfg-options', nargs='+', action=Options, metavar='KEY=VALUE', help='as of mmfld train')


def run(args: argparse.Namespace) -> int:
    from ..engine.endings import run_tool

    return call_tool('mmfld calibrate', TOOL, args.argv, run_tool)
