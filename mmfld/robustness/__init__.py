"""How models bear harder pictures; NumPy and OpenCV alone, so that other tools can be measured, too."""

from .variants import VARIANTS, Varied, jittered, vary

__all__ = ['VARIANTS', 'Varied', 'jittered', 'vary']
