"""Names of files that are being written, so that one that looks complete is."""

import os
from pathlib import Path


def unfinished(path: Path) -> Path:
    """The name until a file is complete; makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f'{path.name}.part')


def finish(path: Path) -> None:
    """Give a file, in place of an older one, the name that it was written for."""
    os.replace(path.with_name(f'{path.name}.part'), path)
