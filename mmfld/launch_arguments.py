"""The arguments that training and testing have in common; they can be read without torch."""

import argparse
from typing import Any


def argument_parser(description: str) -> argparse.ArgumentParser:
    """A parser with the arguments that training and testing have in common."""
    parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
    add_arguments(parser)
    return parser


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those that training and testing have in common."""
    parser.add_argument(
        'config',
        help='config file, or a row of a table, projects/reproduce/star.yml:wflw; also looked for in the repository, '
        'where the end of its path is enough, wflw/star_hg4 or star.yml:wflw',
    )
    parser.add_argument('--work-dir', help='folder for logs and results; default: work_dirs/FOLDER/NAME of the config')
    parser.add_argument('--show-dir', help='folder for pictures of predictions')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=Options,
        default={},
        metavar='KEY=VALUE',
        help='override config values, e.g. train_cfg.max_epochs=1 codec.decoder=argmax; a key that the '
        'config does not have has to be written +KEY',
    )
    parser.add_argument(
        '--allow-mismatch',
        action='store_true',
        help='weights that do not fit the model are loaded as far as they do, and settings that a '
        'checkpoint to go on from overrides are let be; the log says which',
    )
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help='set by the launcher')


class Options(argparse.Action):
    """:class:`mmfld.engine.options.OptionsAction`, which needs MMEngine, imported when there are options to read."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option_string: Any = None
    ) -> None:
        from .engine.options import OptionsAction

        OptionsAction(self.option_strings, self.dest)(parser, namespace, values, option_string)
