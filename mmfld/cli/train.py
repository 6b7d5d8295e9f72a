"""``mmfld train``: a model, as a config says."""

import argparse
import sys
from contextlib import redirect_stdout
from functools import partial

from .. import launch_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    launch_arguments.add_arguments(parser)
    parser.set_defaults(parser=parser)
    folder = parser.add_mutually_exclusive_group()
    folder.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from this checkpoint; without a name, from the latest one in the work folder, if there is one',
    )
    folder.add_argument(
        '--overwrite',
        action='store_true',
        help='remove the checkpoints of an earlier training from the work folder, and begin anew',
    )
    parser.add_argument('--amp', action='store_true', help='mixed precision: float16 on a GPU, bfloat16 on the CPU')
    parser.add_argument('--no-validate', action='store_true', help='do not evaluate during training')
    batch = parser.add_mutually_exclusive_group()
    batch.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='the default: if the batch of a step, processes x train_dataloader.batch_size, is not the '
        'one that the config names, auto_scale_lr.base_batch_size, then the learning rate, the '
        'averaging of the weights and what is counted in iterations are scaled to it, also where '
        '--cfg-options set them; the log says from what to what',
    )
    batch.add_argument(
        '--accumulate',
        action='store_true',
        help='keep the batch that the config names: accumulate the gradients of several forward passes, '
        'processes x batch_size x accumulation. Nothing is scaled; batch normalisation still sees one '
        'pass at a time',
    )
    batch.add_argument('--no-scale', action='store_true', help='train as the config says, whatever the batch')


def run(args: argparse.Namespace) -> int:
    """Train with the log on stderr, and print the last checkpoint."""
    from ..engine.endings import run_tool

    if args.quiet:
        args.cfg_options = {'log_level': 'WARNING', **args.cfg_options}
    return run_tool(partial(_run, args))


def _run(args: argparse.Namespace) -> None:
    from ..engine.launch import latest_checkpoint
    from ..engine.training import train

    with redirect_stdout(sys.stderr):
        work_dir = train(args)
        checkpoint = latest_checkpoint(work_dir) if work_dir else None
    if checkpoint:
        print(checkpoint)
