"""``mmfld`` and ``python -m mmfld``."""

import argparse
import importlib
import sys

from ..version import __version__
from .arguments import Parser

# imported when they are asked for, as some need torch
COMMANDS = dict(
    predict='landmarks of the faces in images, folders, videos and camera pictures',
    align='faces cut out so that eyes, nose and mouth lie at given places',
    export='a checkpoint as one ONNX file for mmfld.runtime',
    benchmark='how long landmarks take on this machine',
    doctor='what will go wrong with this environment, and with the data of a config, before hours are spent',
)


def main(argv: list[str] | None = None) -> int:
    """Run a command; returns its exit status: 1 if something could not be done, 2 for wrong arguments."""
    parser = Parser(prog='mmfld', description='Facial landmarks.')
    parser.add_argument('--version', action='version', version=f'mmfld {__version__}')
    commands = parser.add_subparsers(dest='command', metavar='COMMAND', required=True)
    argv = sys.argv[1:] if argv is None else argv
    chosen = next((word for word in argv if not word.startswith('-')), None)
    for name, description in COMMANDS.items():
        command = commands.add_parser(name, help=description, description=f'{description[0].upper()}{description[1:]}.')
        if name == chosen:
            try:
                module = importlib.import_module(f'.{name}', __package__)
            except ImportError as error:
                print(f'mmfld {name}: {error}', file=sys.stderr)
                return 1
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    args = parser.parse_args(argv)
    try:
        return args.run(args)
    except argparse.ArgumentError as error:
        print(f'mmfld {args.command}: {error}', file=sys.stderr)
        return 2
    except (OSError, ImportError, ValueError, TypeError) as error:
        print(f'mmfld {args.command}: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == '__main__':
    sys.exit(main())
