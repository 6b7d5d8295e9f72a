"""``mmfld train``: a model, as a config says."""

import argparse
import logging
import signal
import sys
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.logging import print_log

from ..engine.batch_scaling import as_it_is, fit_to_batch
from ..engine.combine import merge_options
from ..engine.dataloaders import fit_dataloaders
from ..engine.endings import run_tool
from ..engine.hooks import ResumeHook
from ..engine.launch import (
    adapt_to_cpu,
    latest_checkpoint,
    leave_process_group,
    load_config,
    require_checkpoint,
    require_start,
    say_how_to_go_on,
)
from ..engine.launch import add_arguments as add_common_arguments
from ..engine.strict_runner import StrictRunner
from ..engine.work_dir import hold, remove_checkpoints, require_unused, saved_checkpoints


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_common_arguments(parser)
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
    if args.quiet:
        args.cfg_options = {'log_level': 'WARNING', **args.cfg_options}
    return run_tool(partial(_run, args))


def _run(args: argparse.Namespace) -> None:
    with redirect_stdout(sys.stderr):
        work_dir = train(args)
        checkpoint = latest_checkpoint(work_dir) if work_dir else None
    if checkpoint:
        print(checkpoint)


def train(args: argparse.Namespace) -> str | None:
    """Train; the work folder, in the first of the processes that train together."""
    parser = args.parser
    cfg = load_config(parser, args)
    resume = args.resume or (cfg.get('load_from') or 'auto' if cfg.get('resume') else None)
    try:
        hold(cfg.work_dir, args.launcher)
        resumed = latest_checkpoint(cfg.work_dir) if resume == 'auto' else resume
        if resume != 'auto' and not args.overwrite:
            require_unused(cfg.work_dir, resumed)
    except ValueError as error:
        parser.error(str(error))
    if not resumed:
        require_start(parser, args, cfg)
    if args.amp:
        kind = cfg.optim_wrapper.get('type', 'OptimWrapper')
        if kind not in ('OptimWrapper', 'AmpOptimWrapper'):
            parser.error(f'--amp does not go with optim_wrapper.type={kind!r} of {args.config}')
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    merge_options(cfg, args.cfg_options)
    if resumed:  # over load_from, with which the same command began
        cfg.resume, cfg.load_from = True, str(resumed)
    elif resume:
        print_log(
            f'{cfg.work_dir} has no checkpoint to go on from: training starts from the beginning.',
            logger='current',
            level=logging.WARNING,
        )
    if cfg.get('load_from'):
        require_checkpoint(parser, cfg.load_from)
        if args.overwrite and Path(cfg.load_from).resolve() in [
            path.resolve() for path in saved_checkpoints(cfg.work_dir)
        ]:
            parser.error(
                f'--overwrite would remove {cfg.load_from}, with which the training begins: choose another --work-dir'
            )

    try:
        fit_dataloaders(cfg)
        batch_size = as_it_is(cfg) if args.no_scale else fit_to_batch(cfg, keep=args.accumulate)
    except ValueError as error:
        parser.error(f'{args.config}: {error}')
    adapt_to_cpu(cfg)
    runner = StrictRunner.from_cfg(cfg)
    runner.allow_mismatch = batch_size.allow_mismatch = args.allow_mismatch
    runner.register_custom_hooks([batch_size])
    if resumed:
        runner.register_custom_hooks([ResumeHook(str(resumed), args.allow_mismatch)])
    if args.overwrite and is_main_process():
        remove_checkpoints(cfg.work_dir)
    try:
        runner.train()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # all is saved, and there is nothing left to end
    say_how_to_go_on(runner)
    leave_process_group()
    return cfg.work_dir if runner.rank == 0 else None
