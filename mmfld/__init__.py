"""Facial landmark detection research as MMPose components; importing it registers them in ``mmpose.registry``."""
from .compat import prepare

prepare()  # before anything of OpenMMLab is imported

from . import codecs, datasets, engine, evaluation, models, structures, visualization  # noqa: E402
from .version import __version__  # noqa: E402

__all__ = [
    '__version__', 'codecs', 'datasets', 'engine', 'evaluation', 'models', 'structures', 'visualization'
]
