"""Facial landmark detection research as MMPose components; importing it registers them in ``mmpose.registry``.

Without MMPose, or where something that it needs is missing or too old, there is :mod:`mmfld.runtime`, which needs
nothing of OpenMMLab, :mod:`mmfld.applications`, :mod:`mmfld.doctor` and :mod:`mmfld.robustness`; importing anything
else says in one sentence what to install.

In the program ``mmfld``, most of whose commands take no torch, and where the environment variable ``MMFLD_LAZY`` is 1,
they are registered by :func:`load_components`.
"""

import os
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

from .version import __version__

__all__ = ['__version__', 'load_components']


def load_components() -> bool:
    """Register the components in ``mmpose.registry``, where OpenMMLab is there; whether it is. Safe to call again."""
    if not _has_openmmlab():
        return False
    from . import codecs, datasets, engine, evaluation, models, structures, visualization  # noqa: F401
    from .old_names import accept_old_names

    accept_old_names()
    return True


class _NeedsOpenMMLab:
    """Stops the import of a part that needs OpenMMLab where that is not installed, before the part's own imports do."""

    PARTS = ('apis', 'codecs', 'datasets', 'engine', 'evaluation', 'models', 'visualization')

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in [f'{__name__}.{part}' for part in cls.PARTS]:
            from .compat import prepare

            _announce()
            prepare()
            if name == f'{__name__}.apis':  # which builds models from the registry
                load_components()


def _has_openmmlab() -> bool:
    """Whether OpenMMLab is there, prepared before anything of it is imported."""
    if not find_spec('mmpose'):
        return False
    from .compat import prepare

    _announce()
    try:
        prepare()
    except ImportError as error:
        warnings.warn(f'only mmfld.runtime can be used: {error}', RuntimeWarning, stacklevel=4)
        return False
    return True


def _announce() -> None:
    """In the program, say why nothing else is said for some seconds."""
    if IS_PROGRAM and not {'torch', '--quiet'} & {*sys.modules, *sys.argv} and find_spec('torch'):
        print('mmfld: loading PyTorch and MMPose ...', file=sys.stderr, flush=True)


def _is_program() -> bool:
    """Whether this process is the command ``mmfld``, or ``python -m mmfld``."""
    if sys.argv[:1] == ['-m']:  # while a module is looked for
        return sys.orig_argv[-len(sys.argv)] == __name__
    return Path(*sys.argv[:1]).stem == __name__


IS_PROGRAM = _is_program()
if not IS_PROGRAM and os.environ.get('MMFLD_LAZY') != '1' and load_components():
    __all__ += ['codecs', 'datasets', 'engine', 'evaluation', 'models', 'structures', 'visualization']
else:
    sys.meta_path.insert(0, _NeedsOpenMMLab)
