"""Training, as the arguments of ``mmfld train`` say."""

import argparse
import logging
import signal
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.logging import print_log

from ..sigterm import sigterm_does
from .batch_scaling import as_it_is, fit_to_batch
from .combine import merge_options
from .dataloaders import fit_dataloaders
from .hooks import ResumeHook
from .launch import (
    adapt_to_cpu,
    latest_checkpoint,
    leave_process_group,
    load_config,
    require_checkpoint,
    require_start,
    say_how_to_go_on,
)
from .strict_runner import StrictRunner
from .work_dir import hold, remove_checkpoints, require_unused, saved_checkpoints


def train(args: argparse.Namespace) -> str | None:
    """Train; the work folder, in the first of the processes that train together."""
    parser = args.parser
    cfg = load_config(parser, args)
    resume = args.resume or (cfg.get('load_from') or 'auto' if cfg.get('resume') else None)
    try:
        hold(cfg.work_dir, args.launcher)
        resumed = latest_checkpoint(cfg.work_dir) if resume == 'auto' else resume
        if not args.overwrite and (resume != 'auto' or resumed is None):
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
    runner.train()
    with sigterm_does(signal.SIG_IGN):  # all is saved, and there is nothing left to end
        say_how_to_go_on(runner)
        leave_process_group()
    return cfg.work_dir if runner.rank == 0 else None
