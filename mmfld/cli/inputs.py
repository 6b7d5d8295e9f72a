"""What commands read, and where they write to."""

from pathlib import Path
from typing import Any

from ..runtime.arguments import check_path
from ..runtime.media import IMAGE_SUFFIXES, VIDEO_SUFFIXES, Source, open_source


def output_folder(path: str) -> Path:
    """Where results go, if that can be a folder."""
    check_path('--out', path)
    if Path(path).exists() and not Path(path).is_dir():
        raise ValueError(f'--out {path}: found a file, expected a folder')
    if Path(path).suffix.lower() in IMAGE_SUFFIXES + VIDEO_SUFFIXES and not Path(path).exists():
        raise ValueError(f'--out {path}: found the name of a picture or a video, expected a folder')
    return Path(path)


def open_inputs(inputs: list[str], strict: bool, **stream: Any) -> tuple[list[Source], list[tuple[str, str]]]:
    """Sources of all inputs, and names and reasons of those that cannot be opened; if ``strict``, that is an error.

    Further arguments are those of :class:`~mmfld.runtime.stream.StreamSource`.
    """
    sources, broken = [], []
    for item in inputs:
        try:
            sources.append(open_source(item, strict, **stream))
        except (ImportError, OSError, ValueError) as error:
            if strict:
                raise
            broken.append((item, str(error)))
    return sources, broken
