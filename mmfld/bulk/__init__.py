"""Landmarks of millions of pictures by the workers of Ray Data; what is written, and how a cluster does it, tells the
README beside this file."""

from importlib.util import find_spec

for _name in ('fsspec', 'pyarrow', 'ray'):
    if not find_spec(_name):
        raise ImportError(f'predictions in bulk need {_name}, which is not installed: run `pip install "ray[data]"`')

from .predict import Summary, predict_in_bulk  # noqa: E402  what it imports has been looked for above

__all__ = ['Summary', 'predict_in_bulk']
