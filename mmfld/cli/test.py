"""``mmfld test``: a checkpoint on the test set of a config."""

import argparse
import sys
from contextlib import redirect_stdout
from functools import partial

from .. import launch_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    launch_arguments.add_arguments(parser)
    parser.set_defaults(parser=parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', help='write the metrics to this .json, .yml or .pkl file')
    parser.add_argument('--dump', help='write all predictions to this .pkl file')


def run(args: argparse.Namespace) -> int:
    """Test with the log on stderr, and print the metrics."""
    from ..engine.endings import run_tool
    from ..engine.testing import test

    if args.quiet:
        args.cfg_options = {'log_level': 'WARNING', **args.cfg_options}
    stdout = sys.stdout
    with redirect_stdout(sys.stderr):
        return run_tool(partial(test, args, stdout))
