"""``mmfld convert``: the converters of official files, and the renderers of synthetic sets."""

import argparse
import ast
from pathlib import Path

from ..repository import REPOSITORY
from .arguments import Parser
from .tool import call_tool

FOLDER = 'tools/dataset_converters'
PREFIXES = ('convert_', 'make_')


def converters() -> dict[str, Path]:
    """The tools by name, ``300w-lp`` and ``synthetic-faces``."""
    files = sorted(path for prefix in PREFIXES for path in (REPOSITORY / FOLDER).glob(f'{prefix}*.py'))
    return {path.stem.partition('_')[2].replace('_', '-'): path for path in files}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('name', metavar='NAME', choices=list(converters()))


def main(argv: list[str]) -> int:
    """Run a converter, or say which there are."""
    tools = converters()
    first = {name: ast.get_docstring(ast.parse(path.read_text(encoding='utf-8'))) for name, path in tools.items()}
    parser = Parser(
        prog='mmfld convert',
        usage='%(prog)s NAME ...',
        description='`mmfld convert NAME --help` says what a converter takes.',
        epilog='\n'.join(f'  {name:<16} {text.splitlines()[0]}' for name, text in first.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    if not argv:
        parser.print_help()
        return 0
    name = parser.parse_args(argv[:1]).name
    return call_tool(f'mmfld convert {name}', f'{FOLDER}/{tools[name].name}', argv[1:])
