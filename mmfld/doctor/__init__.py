"""Looks at environment and data, and says what will go wrong before hours are spent: ``mmfld doctor``.

* :mod:`packages`, :mod:`machine`: the environment; they need neither torch nor OpenMMLab.
* :mod:`parts`: the data sets of a config, with what a training refuses; :mod:`official`: what is known of the official
  files; :mod:`faces`, :mod:`pictures`, :mod:`duplicates`, :mod:`registration`, :mod:`crops`: what is looked at in them.
* :mod:`training`, :mod:`step`: what a training will be, and what a step takes.
"""

from .examine import examine
from .finding import ERROR, NOTE, WARNING, Finding

__all__ = ['ERROR', 'Finding', 'NOTE', 'WARNING', 'examine']
