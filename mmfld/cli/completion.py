"""``mmfld --print-completion SHELL``: what a shell has to know to complete commands and options, by shtab."""

import argparse
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

SHELLS = ('bash', 'zsh', 'fish')


class PrintCompletion(argparse.Action):
    """Prints the completion and ends the program.

    Args:
        make_parser (Callable): Makes the parser with the arguments of all commands.
    """

    def __init__(self, option_strings: list[str], dest: str, make_parser: Callable[[], argparse.ArgumentParser]):
        super().__init__(
            option_strings, dest, choices=SHELLS, help='print what completes commands and options in this shell'
        )
        self.make_parser = make_parser

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option_string: Any = None
    ) -> None:
        try:
            import shtab
        except ImportError as error:
            parser.exit(
                1,
                f'mmfld --print-completion needs shtab, which does not import ({error}): '
                'run `pip install mmfld[completion]`\n',
            )
        with redirect_stdout(StringIO()):  # what imports print is no part of it
            complete = self.make_parser()
            _complete_files(complete, shtab.FILE)
        print(shtab.complete(complete, values))
        parser.exit()


def _complete_files(parser: argparse.ArgumentParser, files: dict) -> None:
    """Of arguments that are neither flags nor one of several words, complete the names of files."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _complete_files(command, files)
        elif action.nargs != 0 and action.choices is None and action.type is None:
            action.complete = files
