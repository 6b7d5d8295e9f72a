"""The models that come with the package, by name: files ``NAME.pth`` and ``NAME.onnx``; the README beside them says
what they are, and what they may be used for."""

from pathlib import Path

FOLDER = Path(__file__).resolve().with_name('assets')
DEFAULT = 'mmfld_robust_mini'


def shipped_names(suffix: str) -> list[str]:
    """Of the models that are there as files that end so, ``'.pth'`` or ``'.onnx'``."""
    return sorted(path.stem for path in FOLDER.glob(f'*{suffix}'))


def shipped_file(name: object, suffix: str) -> Path | None:
    """The file of a model, None if no model has this name.

    >>> shipped_file('mmfld_robust_mini', '.onnx').name
    'mmfld_robust_mini.onnx'
    """
    return FOLDER / f'{name}{suffix}' if name in shipped_names(suffix) else None
