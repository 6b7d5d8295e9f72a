"""Trains a model; see ``--help``. Start it on several GPUs, or CPU processes, with ``tools/dist_train.sh``."""

import logging
import os
import signal
import sys
from pathlib import Path

if __name__ == '__main__':

    def end(number, _):
        """By the signal itself, status 143 in a shell: there is nothing that a next command could take for trained."""
        os.write(2, b'SIGTERM: the training ends before its first step: nothing was trained yet.\n')
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, end)  # before the imports, which take their time

from mmengine.dist import is_main_process
from mmengine.logging import print_log

import mmfld  # noqa: F401  prepares the environment and registers the components
from mmfld.engine.batch_scaling import as_it_is, fit_to_batch
from mmfld.engine.combine import merge_options
from mmfld.engine.dataloaders import fit_dataloaders
from mmfld.engine.endings import run_tool
from mmfld.engine.hooks import ResumeHook
from mmfld.engine.launch import (
    adapt_to_cpu,
    argument_parser,
    latest_checkpoint,
    leave_process_group,
    load_config,
    require_checkpoint,
    require_start,
    say_how_to_go_on,
)
from mmfld.engine.strict_runner import StrictRunner
from mmfld.engine.work_dir import hold, remove_checkpoints, require_unused, saved_checkpoints


def main():
    parser = argument_parser('Train a model')
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
    args = parser.parse_args()
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


if __name__ == '__main__':
    sys.exit(run_tool(main))
