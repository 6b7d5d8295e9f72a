"""A work folder belongs to one training at a time."""
import os
import socket
import time
from pathlib import Path
from typing import IO, Optional, Union

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

LOCK = '.training'
RANKS = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')
_held: Optional[IO[str]] = None  # closing it would give the folder free


def hold(folder: Union[str, Path], launcher: str = 'none') -> None:
    """Keep other trainings out of a folder until this process ends, however it ends.

    Of several processes that train together the first one does it. Folders on systems that cannot lock are not held.

    Args:
        folder (str | Path): Is made if it is not there.
        launcher (str): Of the processes.

    Raises:
        ValueError: If it cannot be written to, or another training is in it, which is named.
    """
    global _held
    if launcher != 'none' and any(os.environ.get(name, '0') != '0' for name in RANKS):
        return
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _held = open(folder / LOCK, 'a+', encoding='utf-8')
    except OSError as error:
        raise ValueError(f'work folder {folder} cannot be written to: {error.strerror or error}') from error
    try:
        if fcntl is not None:
            # of the process: neither children keep it, nor does a kill
            fcntl.lockf(_held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _held.seek(0)
        other = _held.read().strip() or 'another process'
        raise ValueError(f'work folder {folder}: found a training in it ({other}), expected one at a time: wait for '
                         'it, end it, or choose another --work-dir') from None
    except OSError:
        pass
    _held.truncate(0)
    _held.write(f'process {os.getpid()} on {socket.gethostname()} since {time.strftime("%Y-%m-%d %H:%M:%S")}\n')
    _held.flush()
