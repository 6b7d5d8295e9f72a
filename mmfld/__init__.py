"""Facial landmark detection research as MMPose components; importing it registers them in ``mmpose.registry``.

Without MMPose, or where something that it needs is missing or too old, there is :mod:`mmfld.runtime`, which needs
nothing of OpenMMLab, :mod:`mmfld.applications`, :mod:`mmfld.doctor` and :mod:`mmfld.robustness`; importing anything
else says in one sentence what to install.
"""

import sys
import warnings
from importlib.util import find_spec

from .version import __version__

__all__ = ['__version__']


class _NeedsOpenMMLab:
    """Stops the import of a part that needs OpenMMLab where that is not installed, before the part's own imports do."""

    PARTS = ('apis', 'codecs', 'datasets', 'engine', 'evaluation', 'models', 'visualization')

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in [f'{__name__}.{part}' for part in cls.PARTS]:
            from .compat import prepare

            prepare()


def _has_openmmlab() -> bool:
    """Whether OpenMMLab is there, prepared before anything of it is imported."""
    if not find_spec('mmpose'):
        return False
    from .compat import prepare

    try:
        prepare()
    except ImportError as error:
        warnings.warn(f'only mmfld.runtime can be used: {error}', RuntimeWarning, stacklevel=3)
        return False
    return True


if _has_openmmlab():
    from . import codecs, datasets, engine, evaluation, models, structures, visualization  # noqa: E402

    __all__ += ['codecs', 'datasets', 'engine', 'evaluation', 'models', 'structures', 'visualization']
else:
    sys.meta_path.insert(0, _NeedsOpenMMLab)
