"""A work folder belongs to one training at a time."""

import os
import socket
import time
from pathlib import Path
from typing import IO

from .hooks.safe_checkpoint_hook import INTERRUPTED

LOCK = '.training'
MARKER = 'last_checkpoint'  # the file that names it
RESUMABLE = ('epoch_*.pth', 'iter_*.pth', INTERRUPTED)
RANKS = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')
_held: IO[str] | None = None  # closing it would give the folder free


def hold(folder: str | Path, launcher: str = 'none') -> None:
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
        import fcntl

        # of the process: neither children keep it, nor does a kill
        fcntl.lockf(_held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _held.seek(0)
        other = _held.read().strip() or 'another process'
        raise ValueError(
            f'work folder {folder}: found a training in it ({other}), expected one at a time: wait for '
            'it, end it, or choose another --work-dir'
        ) from None
    except (ImportError, OSError):  # Windows has no such locks
        pass
    _held.truncate(0)
    _held.write(f'process {os.getpid()} on {socket.gethostname()} since {time.strftime("%Y-%m-%d %H:%M:%S")}\n')
    _held.flush()


def saved_checkpoints(folder: str | Path) -> list[Path]:
    """The checkpoints that trainings have left in a folder, the best ones too."""
    return sorted(path for name in (*RESUMABLE, 'best_*.pth') for path in Path(folder).glob(name))


def require_unused(folder: str | Path, resumed: str | Path | None = None) -> None:
    """Check that a training which begins in a folder replaces nothing.

    Args:
        folder (str | Path): Of the training.
        resumed (str | Path, optional): The checkpoint that it goes on from. One of the folder itself may be an older
            one, of which what follows it is made anew.

    Raises:
        ValueError: If there are checkpoints of another training.
    """
    saved = saved_checkpoints(folder)
    if saved and (resumed is None or Path(resumed).resolve().parent != Path(folder).resolve()):
        can_go_on = any(not path.name.startswith('best_') for path in saved)
        raise ValueError(
            f'work folder {folder}: found checkpoints of an earlier training, such as '
            f'{saved[0].name}, which a new one would replace: '
            + (
                '--resume, without a name, goes on from them'
                if can_go_on
                else 'none is one to go on from (epoch_N.pth or iter_N.pth)'
            )
            + ', --overwrite removes them, or choose another --work-dir'
        )


def remove_checkpoints(folder: str | Path) -> None:
    """Remove what an earlier training has left, so that neither ``--resume`` nor a reader takes it for a new one's."""
    for path in (Path(folder) / MARKER, *saved_checkpoints(folder)):
        path.unlink(missing_ok=True)
