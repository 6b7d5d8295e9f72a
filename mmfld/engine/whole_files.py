"""Files that are there as a whole or not at all, whatever happens while they are written."""

import errno
import io
import os
import shutil
import zipfile
from pathlib import Path

import torch
from mmengine.fileio import LocalBackend, register_backend


def write_whole(content: bytes, path: str | Path) -> None:
    """Write a file beside its place, read it back, and only then put it there.

    At no moment there is half a file under its name: it is the old one or the new one. Archives, as PyTorch's
    checkpoints are, are read back with their checksums, anything else by its size.

    Args:
        content (bytes): What to write.
        path (str | Path): The file; its folder is made if it is not there.

    Raises:
        OSError: If it cannot be written, or does not read back; the message names the file and, if the disk is full,
            the space that is needed and free. The file is as it was before.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'.{path.name}.part')
    try:
        with open(part, 'wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _read_back(part, len(content))
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            free = shutil.disk_usage(path.parent).free
            raise OSError(
                error.errno,
                f'{path}: {len(content)} bytes could not be written, of {free} that are free '
                f'there ({os.strerror(error.errno)}); what was there before is untouched',
            ) from error
        raise
    _sync_folder(path.parent)


def save_whole(content: object, path: str | Path) -> None:
    """``torch.save`` by :func:`write_whole`."""
    file = io.BytesIO()
    torch.save(content, file)
    write_whole(file.getvalue(), path)


def _read_back(part: Path, size: int) -> None:
    if part.stat().st_size != size:
        raise OSError(errno.EIO, f'{part}: {part.stat().st_size} bytes were stored of {size}')
    if zipfile.is_zipfile(part):
        with zipfile.ZipFile(part) as archive:
            broken = archive.testzip()
        if broken is not None:
            raise OSError(errno.EIO, f'{part}: what was stored does not read back ({broken})')


def _sync_folder(folder: Path) -> None:
    """So that the new name survives a loss of power, where the system can do that."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows
        return
    try:
        os.fsync(handle)
    except OSError:  # some network file systems
        pass
    finally:
        os.close(handle)


@register_backend('whole_local')
class WholeLocalBackend(LocalBackend):
    """MMEngine's backend for local files, whose files are written by :func:`write_whole`."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes to a file."""
        write_whole(bytes(obj), filepath)
