"""What a file is that should be a checkpoint, before anything is made of it."""

import re
import zipfile
from pathlib import Path
from typing import Any

import torch

from ..runtime.onnx_file import POINTER
from .foreign_objects import load_plain

SHOWN = 5  # tensors


def read_checkpoint(path: str | Path) -> dict:
    """The content of a checkpoint, on the CPU: a dict with ``state_dict``, or that itself.

    Nothing but tensors and plain data is ever loaded, so that no code in a file runs; of plain MMEngine's objects their
    numbers are.

    Raises:
        FileNotFoundError: If it is not there.
        ValueError: If it is none, not complete, damaged, or holds a number that is not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'checkpoint {path} does not exist')
    with open(path, 'rb') as file:
        head = file.read(100)
    if not head:
        raise ValueError(f'{path}: found an empty file, expected a checkpoint')
    if head.startswith(POINTER):
        raise ValueError(f'{path}: found a pointer of git-lfs, expected the checkpoint itself: run `git lfs pull`')
    if head.startswith(b'PK'):
        _check_zip(path)
    try:
        content = load_plain(path)
    except Exception as error:  # what is no checkpoint makes the unpickler fail in any way
        found = re.search(r'GLOBAL (\S+)', str(error))
        if found:
            raise ValueError(
                f'{path}: found a Python object {found[1]} in this checkpoint, which is not loaded, as '
                'code of the file would run: expected tensors and plain data'
            ) from error
        raise ValueError(f'{path}: found a file that begins with {_shown(head)}, expected a checkpoint') from error
    _check_content(content, path)
    return content


def weights_in(checkpoint: dict) -> dict[str, torch.Tensor]:
    """The weights of a checkpoint, which may be nothing else, under the names of the model alone."""
    weights = checkpoint.get('state_dict', checkpoint)
    return {name.removeprefix('module.'): value for name, value in weights.items()}


def misfits(own: dict[str, torch.Tensor], given: dict[str, torch.Tensor], may_lack: bool = False) -> str:
    """What of weights does not fit those of a model, as a part of a sentence; empty if they fit.

    Args:
        may_lack (bool): Whether the model may have more weights. Defaults to False.
    """
    faults = dict(
        missing=[name for name in own.keys() - given.keys() if not may_lack and 'num_batches_tracked' not in name],
        unexpected=given.keys() - own.keys(),
        misshapen=[
            f'{name} {tuple(given[name].shape)} instead of {tuple(own[name].shape)}'
            for name in own.keys() & given.keys()
            if given[name].shape != own[name].shape
        ],
    )
    return '; '.join(
        f'{len(names)} {kind}: {", ".join(sorted(names)[:SHOWN])}{", ..." if len(names) > SHOWN else ""}'
        for kind, names in faults.items()
        if names
    )


def _check_zip(path: Path) -> None:
    """Checkpoints are zip files with checksums, which torch does not look at."""
    try:
        with zipfile.ZipFile(path) as file:
            damaged = file.testzip()
            is_checkpoint = any(name.endswith('/data.pkl') for name in file.namelist())
    except Exception as error:  # of a file that is damaged at will
        raise ValueError(
            f'{path}: found {path.stat().st_size} bytes of a checkpoint that is cut off or damaged ({error})'
        ) from error
    if not is_checkpoint:
        raise ValueError(f'{path}: found a zip file of other things, expected a checkpoint')
    if damaged is not None:
        raise ValueError(f'{path}: found a damaged checkpoint: the checksum of {damaged} is not that of its bytes')


def _check_content(content: Any, path: Path) -> None:
    tensors = content.get('state_dict', content) if isinstance(content, dict) else content
    if not isinstance(tensors, dict) or not any(isinstance(value, torch.Tensor) for value in tensors.values()):
        found = (
            f'the fields {", ".join(map(str, list(tensors)[:SHOWN]))}'
            if isinstance(tensors, dict) and tensors
            else f'a {type(tensors).__name__} without tensors'
        )
        raise ValueError(f"{path}: found {found}, expected a checkpoint with the tensors of a network in 'state_dict'")
    bad = [
        name
        for name, value in tensors.items()
        if isinstance(value, torch.Tensor) and value.is_floating_point() and not value.isfinite().all()
    ]
    if bad:
        names = ', '.join(bad[:SHOWN]) + (', ...' if len(bad) > SHOWN else '')
        raise ValueError(f'{path}: found numbers that are not finite in {len(bad)} of {len(tensors)} tensors ({names})')


def _shown(head: bytes) -> str:
    text = head[:40].split(b'\n')[0]
    return repr(text.decode()) if text.isascii() and text.decode().isprintable() else head[:8].hex(' ').upper()
