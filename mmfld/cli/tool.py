"""Commands that are tools of the repository, with their own arguments."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..repository import REPOSITORY

QUIET = '--quiet'


def call_tool(command: str, path: str, argv: list[str], around: Callable[[Callable], int] = lambda main: main()) -> int:
    """Call the ``main`` of a tool.

    Args:
        command (str): How it is named in its help, ``mmfld calibrate``.
        path (str): From the root of the repository.
        argv (list[str]): Its arguments, and perhaps ``--quiet``.
        around (Callable): Calls it. Optional.

    Returns:
        int: The exit status.

    Raises:
        FileNotFoundError: If the tool is not there.
    """
    file = REPOSITORY / path
    if not file.is_file():
        raise FileNotFoundError(f'{path} is not in {REPOSITORY}: this command needs a checkout of the repository')
    with called(command, str(file.parent)):
        main = importlib.import_module(file.stem).main
        return around(lambda: main([word for word in argv if word != QUIET]))


@contextmanager
def called(command: str, *folders: str) -> Iterator[None]:
    """As if a program of this name had been started, which finds modules in folders by their names.

    None of these modules is left behind: another folder may have one of the same name.
    """
    argv, path, before = sys.argv, sys.path, set(sys.modules)
    sys.argv, sys.path = [command, *argv[1:]], [*folders, *path]
    try:
        yield
    finally:
        sys.argv, sys.path = argv, path
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], '__file__', None)
            if file is not None and str(Path(file).parent) in folders:
                del sys.modules[name]
