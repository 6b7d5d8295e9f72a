"""Facial landmark detection research as MMPose components; importing it registers them in ``mmpose.registry``."""
from .compat import prepare

prepare()  # before anything of OpenMMLab is imported

from .version import __version__  # noqa: E402

__all__ = ['__version__']
