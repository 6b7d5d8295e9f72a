"""Packages that only some inputs and outputs need."""

import importlib
from types import ModuleType


def load(module: str, package: str, what: str) -> ModuleType:
    """Import a module when it is needed.

    Raises:
        ImportError: If it is not there; says that ``what`` needs ``package`` and how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f'{what} needs {package}, which does not import ({error}): run `pip install {package}`'
        ) from error
