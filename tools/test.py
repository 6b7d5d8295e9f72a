"""Evaluates a checkpoint on the test set of a config; see ``--help``."""

import sys

import mmengine
from mmengine.dist import master_only

import mmfld  # noqa: F401  prepares the environment and registers the components
from mmfld.engine.combine import merge_options
from mmfld.engine.dataloaders import fit_dataloaders
from mmfld.engine.endings import run_tool
from mmfld.engine.launch import adapt_to_cpu, argument_parser, leave_process_group, load_config, require_checkpoint
from mmfld.engine.strict_runner import StrictRunner


def main():
    parser = argument_parser('Test a model')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', help='write the metrics to this .json, .yml or .pkl file')
    parser.add_argument('--dump', help='write all predictions to this .pkl file')
    args = parser.parse_args()
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
    if runner.rank == 0 and cfg.log_level not in ('INFO', 'DEBUG'):  # whose log has them
        print(*(f'{name}: {value:.6f}' for name, value in metrics.items()), sep='  ')
    if args.out:
        master_only(mmengine.dump)(metrics, args.out)
    leave_process_group()


if __name__ == '__main__':
    sys.exit(run_tool(main))
