"""Processors, GPU, shared memory, disk and clock. Needs neither torch nor OpenMMLab."""

import importlib
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..counts import how_many
from .finding import NOTE, WARNING, Finding, error, note, warning

TOPIC = 'machine'
SHARED_MEMORY = Path('/dev/shm')
LITTLE_SHARED = 128 * 2**20  # bytes; containers have 64 MiB by default
TOLERANCE = 120.0  # seconds by which clocks of file servers differ
RELEASED = 2026  # year


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def threads() -> int:
    """Threads of a process that computes on the CPU."""
    said = os.environ.get('OMP_NUM_THREADS', '')
    return int(said) if said.isdigit() and int(said) else cores()


def look_at_gpu() -> Iterator[Finding]:
    """Whether torch and the driver go together."""
    try:
        torch = importlib.import_module('torch')
    except Exception:
        return  # said by packages.py
    driver = shutil.which('nvidia-smi') is not None
    if not torch.cuda.is_available():
        if torch.version.cuda is None and driver:
            yield warning(
                TOPIC,
                f'there is a GPU driver, but torch {torch.__version__} is built without CUDA: the GPU is not used',
                'install torch with CUDA, as pytorch.org says',
            )
        elif torch.version.cuda is not None and driver:
            try:
                torch.cuda.init()
                reason = 'no device is visible'
            except Exception as fault:
                reason = str(fault).split('\n')[0]
            yield warning(
                TOPIC,
                f'torch is built for CUDA {torch.version.cuda}, which does not work here: {reason}',
                'update the driver, or install torch for an older CUDA; see CUDA_VISIBLE_DEVICES',
            )
        else:
            yield note(
                TOPIC, f'no GPU: training on {how_many(cores(), "CPU core")}, {how_many(threads(), "thread")} a process'
            )
        return
    known = [re.match(r'(sm|compute)_(\d+)(\d)', arch) for arch in torch.cuda.get_arch_list()]
    for index in range(torch.cuda.device_count()):
        major, minor = torch.cuda.get_device_capability(index)
        free, total = torch.cuda.mem_get_info(index)
        name = torch.cuda.get_device_name(index)
        # code for an older minor version runs, and code is compiled from an older compute_XY
        if known and not any(
            arch and (arch[1] == 'compute' or int(arch[2]) == major and int(arch[3]) <= minor) for arch in known
        ):
            yield error(
                TOPIC,
                f'GPU {index}, {name}, is of sm_{major}{minor}, and torch {torch.__version__} is built '
                f'for {", ".join(torch.cuda.get_arch_list())}',
                'install one for it, as pytorch.org says',
            )
        yield Finding(
            WARNING if free < total / 2 else NOTE,
            TOPIC,
            f'GPU {index}: {name}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free, CUDA {torch.version.cuda}',
            'see with nvidia-smi who else uses it' if free < total / 2 else '',
        )


def look_at_threads(processes: int, workers: int, on_gpu: bool) -> Iterator[Finding]:
    """Whether more computes at once than there are processors.

    Args:
        processes (int): Of the training, on this machine.
        workers (int): Most workers of one of its data loaders.
        on_gpu (bool): Whether the processes compute on GPUs.
    """
    available, each = cores(), threads()
    if not on_gpu and processes * each > available:
        yield warning(
            TOPIC,
            f'{how_many(processes, "process", "processes")} x {how_many(each, "thread")} on '
            f'{how_many(available, "core")}: they wait for each other',
            f'OMP_NUM_THREADS={max(1, available // processes)}',
        )
    if processes * workers > available:
        yield warning(
            TOPIC,
            f'{how_many(processes * workers, "worker")} reading data on {how_many(available, "core")}'
            + (f' ({processes} processes x {workers})' if processes > 1 else ''),
            f'--cfg-options train_dataloader.num_workers={max(1, available // processes)}, and so for '
            'val_dataloader and test_dataloader',
        )


def look_at_shared_memory(needed: int | None = None) -> Iterator[Finding]:
    """Whether workers can hand over their batches, of which ``needed`` bytes wait at most."""
    free = free_shared_memory()
    if free is None:
        return
    advice = 'docker run --shm-size=8g, or --cfg-options train_dataloader.num_workers=0'
    if needed is not None and free < needed:
        yield error(
            TOPIC,
            f'{size(free)} of shared memory ({SHARED_MEMORY}) are free, and batches of the workers '
            f'need {size(needed)}: they end with a bus error',
            advice,
        )
    elif needed is None and free < LITTLE_SHARED:
        yield warning(
            TOPIC, f'only {size(free)} of shared memory ({SHARED_MEMORY}) are free for the batches of workers', advice
        )


def free_shared_memory() -> int | None:
    """Bytes; None where workers do not need it."""
    return shutil.disk_usage(SHARED_MEMORY).free if SHARED_MEMORY.is_dir() else None


def look_at_disk(folder: Path, needed: int, what: str) -> Iterator[Finding]:
    """Whether ``needed`` bytes can be written to a folder, which need not be there yet."""
    place = existing(folder)
    free = shutil.disk_usage(place).free
    if not os.access(place, os.W_OK):
        yield error(TOPIC, f'{place} cannot be written to, where {folder} would be', 'choose another --work-dir')
    elif free < needed:
        yield error(
            TOPIC,
            f'{size(free)} are free for {folder}, and {what} need {size(needed)}',
            'make room, choose another --work-dir, or keep fewer: '
            '--cfg-options default_hooks.checkpoint.max_keep_ckpts=1',
        )
    else:
        yield note(TOPIC, f'{what} need {size(needed)} of {size(free)} that are free for {folder}')


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    folder = Path(folder).absolute()
    return next(one for one in (folder, *folder.parents) if one.exists())


def look_at_clock(files: Iterable[Path]) -> Iterator[Finding]:
    """Whether the clock can be right: this year, and no file is from the future."""
    now = time.time()
    year = time.gmtime(now).tm_year
    if year < RELEASED:
        yield warning(
            TOPIC,
            f'the clock says {year}, before this version of mmfld was written',
            'set the clock: downloads fail, and the newest checkpoint is not found by its time',
        )
    late = sorted(((path.stat().st_mtime, str(path)) for path in files if path.exists()), reverse=True)
    late = [entry for entry in late if entry[0] > now + TOLERANCE]
    if late:
        modified, path = late[0]
        others = f', and {len(late) - 1} more' if len(late) > 1 else ''
        yield warning(
            TOPIC,
            f'{path} is from the future, by {ago(modified - now)}{others}',
            'set the clock, or touch these files: the newest checkpoint is found by its time',
        )


def ago(seconds: float) -> str:
    """A time in the largest fitting unit."""
    units: tuple[tuple[float, str], ...] = ((86400, 'days'), (3600, 'hours'), (60, 'minutes'), (1, 'seconds'))
    length, unit = next((entry for entry in units if seconds >= entry[0]), units[-1])
    return f'{seconds / length:.1f} {unit}'


def size(count: float) -> str:
    """Bytes in KiB, MiB or GiB."""
    if count < 2**20:
        return f'{count / 2**10:.0f} KiB'
    return f'{count / 2**30:.1f} GiB' if count >= 2**30 else f'{count / 2**20:.0f} MiB'
