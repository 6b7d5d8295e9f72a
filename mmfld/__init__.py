"""Facial landmark detection research as MMPose components; importing it registers them in ``mmpose.registry``.

Without MMPose there is :mod:`mmfld.runtime`, which needs nothing of OpenMMLab; importing anything else says in one
sentence what to install.
"""
import sys
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


if find_spec('mmpose'):
    from .compat import prepare

    prepare()  # before anything of OpenMMLab is imported

    from . import codecs, datasets, engine, evaluation, models, structures, visualization  # noqa: E402

    __all__ += ['codecs', 'datasets', 'engine', 'evaluation', 'models', 'structures', 'visualization']
else:
    sys.meta_path.insert(0, _NeedsOpenMMLab)
