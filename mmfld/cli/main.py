"""``mmfld`` and ``python -m mmfld``."""

import argparse
import importlib
import os
import sys
from collections.abc import Collection
from contextlib import redirect_stdout, suppress
from types import ModuleType

from ..unread import UNREAD, is_stdout_broken
from ..version import __version__
from .arguments import Parser
from .completion import PrintCompletion
from .tool import QUIET, called

# A command is the module of its name in this folder, imported when it is asked for, without torch: with `add_arguments`
# and `run`, or with a `main` that takes the arguments as they are.
GROUPS = {
    'use landmarks': dict(
        predict='landmarks of the faces in images, folders, videos and camera pictures',
        track='faces followed through videos, camera pictures and folders of frames',
        align='faces cut out so that eyes, nose and mouth lie at given places',
        demo='landmarks in the browser, served on this machine',
    ),
    'train and measure': dict(
        train='a model, as a config says',
        test='a checkpoint on the test set of a config',
        calibrate='how far off the landmarks of a checkpoint may be, stored with it',
        export='a checkpoint as one ONNX file for mmfld.runtime',
        reproduce="a paper's tables: rows are trained and tested, and set beside the paper's numbers",
    ),
    'data': dict(convert='official files of a data set as json; rendered faces and clips'),
    'check': dict(
        doctor='what will go wrong with this environment, and with the data of a config, before hours are spent',
        benchmark='how long landmarks take on this machine',
    ),
}
COMMANDS = {name: description for group in GROUPS.values() for name, description in group.items()}
WITH_OPENMMLAB = ('train', 'test', 'calibrate', 'export', 'reproduce')
EXTRAS = dict(demo='demo')  # of the package, where a command needs one to be imported


class Program(Parser):
    """``mmfld``, whose help groups the commands."""

    def format_help(self) -> str:
        lines = [self.format_usage(), 'Facial landmarks. `mmfld COMMAND --help` says what a command takes.']
        for title, group in GROUPS.items():
            lines += [f'\n{title}:', *(f'  {name:<10} {description}' for name, description in group.items())]
        return '\n'.join(lines) + '\n'


def main(argv: list[str] | None = None) -> int:
    """Run a command.

    Returns:
        int: Its exit status: 1 if something could not be done, 2 for wrong arguments, 130 after Ctrl-C, and 141 if
        nobody reads its results any more.
    """
    try:
        try:
            return _run(sys.argv[1:] if argv is None else argv)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return UNREAD if is_stdout_broken() else 1


def _run(argv: list[str]) -> int:
    place = next((place for place, word in enumerate(argv) if not word.startswith('-')), len(argv))
    name, *rest = argv[place:] or ['']
    if QUIET in argv:
        os.environ['TQDM_DISABLE'] = '1'  # before tqdm is imported
    try:
        if name in COMMANDS and place == 0 and hasattr(module := _module(name), 'main'):
            return module.main(rest)
        # before the imports, so that help and complaints come at once
        parser = make_parser([name])
        args, unknown = parser.parse_known_args(argv, argparse.Namespace(argv=rest))
        if unknown:
            (parser if place else args.parser).refuse(unknown)
        if name in (*WITH_OPENMMLAB, 'doctor'):
            _load_openmmlab(name, args.quiet)
        with called(f'mmfld {name}'):
            return args.run(args)
    except argparse.ArgumentError as error:
        return _fail(name, error, 2)
    except BrokenPipeError as error:
        return UNREAD if is_stdout_broken() else _fail(name, error, 1)
    except (OSError, ImportError, ValueError, TypeError) as error:
        return _fail(name, error, 1)


def make_parser(names: Collection[str]) -> Program:
    """The parser of the program; of all commands, it knows the arguments of those that are named."""
    parser = Program(prog='mmfld')
    parser.add_argument('--version', action='version', version=f'mmfld {__version__}')
    parser.add_argument('--print-completion', action=PrintCompletion, make_parser=_make_full_parser)
    commands = parser.add_subparsers(dest='command', metavar='COMMAND', required=True, parser_class=Parser)
    for name, description in COMMANDS.items():
        command = commands.add_parser(name, help=description, description=f'{description[0].upper()}{description[1:]}.')
        if name in names:
            module = _module(name)
            if hasattr(module, 'add_arguments'):
                module.add_arguments(command)
            command.add_argument(QUIET, action='store_true', help='no logs and progress, only what is wrong')
            command.set_defaults(run=getattr(module, 'run', None), parser=command)
    return parser


def _make_full_parser() -> Program:
    """The parser with the arguments of all commands that can be imported here."""
    known = []
    for name in COMMANDS:
        with suppress(ImportError):
            _module(name)
            known.append(name)
    return make_parser(known)


def _load_openmmlab(name: str, quiet: bool) -> None:
    """Import what a command takes of torch and MMPose; ImportError, which says what is missing."""
    from .. import load_components

    if name in WITH_OPENMMLAB:
        from ..compat import REQUIRED, require

        require(*REQUIRED)
    load_components()
    if quiet and name in WITH_OPENMMLAB:
        from mmengine.logging import MMLogger

        with redirect_stdout(sys.stderr):  # where it logs from now on
            MMLogger.get_current_instance().setLevel('WARNING')


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(f'.{name}', __package__)
    except ImportError as error:
        if name not in EXTRAS:
            raise
        raise ImportError(
            f'needs what the extra {EXTRAS[name]!r} brings ({error}): run `pip install mmfld[{EXTRAS[name]}]`'
        ) from error


def _fail(name: str, error: Exception, status: int) -> int:
    print(f'mmfld {name}: {error}', file=sys.stderr)
    return status


if __name__ == '__main__':
    sys.exit(main())
