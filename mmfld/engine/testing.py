"""Testing, as the arguments of ``mmfld test`` say."""

import argparse
from typing import TextIO

import mmengine
from mmengine.dist import master_only

from .combine import merge_options
from .dataloaders import fit_dataloaders
from .launch import adapt_to_cpu, leave_process_group, load_config, require_checkpoint
from .strict_runner import StrictRunner


def test(args: argparse.Namespace, out: TextIO | None = None) -> None:
    """Test, and print the metrics to ``out``; without it, print those that the log does not have."""
    parser = args.parser
    if args.out and not args.out.endswith(('.json', '.yml', '.yaml', '.pkl')):
        parser.error(f'--out {args.out} should end with .json, .yml or .pkl')
    if args.dump and not args.dump.endswith(('.pkl', '.pickle')):
        parser.error(f'--dump {args.dump} should end with .pkl')
    require_checkpoint(parser, args.checkpoint)
    cfg = load_config(parser, args)

    cfg.load_from = args.checkpoint
    if args.dump:
        evaluators = cfg.test_evaluator if isinstance(cfg.test_evaluator, (list, tuple)) else [cfg.test_evaluator]
        cfg.test_evaluator = [*evaluators, dict(type='DumpResults', out_file_path=args.dump)]
    merge_options(cfg, args.cfg_options)

    try:
        fit_dataloaders(cfg)
    except ValueError as error:
        parser.error(f'{args.config}: {error}')
    adapt_to_cpu(cfg)
    runner = StrictRunner.from_cfg(cfg)
    runner.allow_mismatch = args.allow_mismatch
    metrics = runner.test()
    if runner.rank == 0 and (out or cfg.log_level not in ('INFO', 'DEBUG')):  # whose log has them
        print(*(f'{name}: {value:.6f}' for name, value in metrics.items()), sep='  ', file=out)
    if args.out:
        master_only(mmengine.dump)(metrics, args.out)
    leave_process_group()
