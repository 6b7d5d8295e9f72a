"""What training and testing share: reading the config that they are given, and running without CUDA."""

import argparse
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.runner import Runner

from ..repository import REPOSITORY
from .checkpoint import read_checkpoint
from .cpu_amp_optim_wrapper import CPUAmpOptimWrapper, computes_bfloat16
from .heap import keep_freed_memory
from .hooks.safe_checkpoint_hook import INTERRUPTED
from .rows import find_row, read_config, read_rows
from .work_dir import MARKER, RESUMABLE


def load_config(parser: argparse.ArgumentParser, args: argparse.Namespace) -> Config:
    """The config of ``args.config`` with the common arguments merged in.

    ``--cfg-options`` are in it, and are to be merged once more after the caller's own arguments, over which they go.

    Exits with a one-line message, as argparse does, if the config or the row does not exist, an option of the row fits
    nothing in it, or it has no visualization hook for ``--show-dir``.
    """
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    try:
        cfg = read_config(args.config, args.cfg_options)
    except FileNotFoundError as error:
        parser.error(f'config {error}')
    except (KeyError, ValueError) as error:
        parser.error(str(error.args[0]))
    cfg.launcher = args.launcher
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or f'work_dirs/{_run_name(args.config, cfg)}'
    if args.show_dir:
        if 'visualization' not in cfg.get('default_hooks', {}):
            parser.error(
                f'--show-dir needs default_hooks.visualization=dict(type="PoseVisualizationHook") in {args.config}'
            )
        cfg.default_hooks.visualization.update(enable=True, out_dir=args.show_dir)
    return cfg


def require_start(parser: argparse.ArgumentParser, args: argparse.Namespace, cfg: Config) -> None:
    """Find the weights from which a training starts, where row or config say ``starts_from``.

    They are those of ``load_from``, and else the last of the training that is named, in the folder where
    training puts it; these are set in ``cfg``. Exits with a one-line message if that is not there or not
    finished, or if a row is not trained.
    """
    row = find_row(args.config)
    if row and row.trained_as:
        parser.error(f'{row} is not trained: it tests weights of {row.trained_as}, mmfld test {row} CHECKPOINT')
    needed = cfg.get('starts_from')
    if row and row.starts_from:
        start = read_rows(row.file).row(row.starts_from)
        needed = str(start) if start.options else start.config
    if not needed or cfg.get('load_from'):
        return
    other = read_config(needed)
    folder, last = f'work_dirs/{_run_name(needed, other)}', f'epoch_{other.train_cfg.max_epochs}.pth'
    checkpoint = latest_checkpoint(folder)
    if checkpoint is None or checkpoint.name != last:
        parser.error(
            f'{row or args.config} starts from weights of {needed}, and {folder} has '
            f'{checkpoint.name if checkpoint else "none"}, expected {last}: train it first, or say which '
            'weights, --cfg-options load_from=CHECKPOINT'
        )
    print_log(f'The training starts from {checkpoint}, the last weights of {needed}.', logger='current')
    cfg.load_from = str(checkpoint)


def _run_name(name: str, cfg: Config) -> str:
    """``wflw/star_hg4`` of a config and ``reproduce/star/wflw`` of a row."""
    row = find_row(name)
    if row:
        return f'{row.file.parent.name}/{row.file.stem}/{row.name}'
    # With the folders, because the same method has the same file name for each data set.
    path = Path(cfg.filename).with_suffix('')
    configs = REPOSITORY / 'configs'
    return path.relative_to(configs if path.is_relative_to(configs) else path.parents[1]).as_posix()


def latest_checkpoint(work_dir: str | Path) -> Path | None:
    """The checkpoint of a work folder to go on from; None if there is none.

    It is the one that ``last_checkpoint`` names, in this folder, which may have been moved or copied since, or where
    the checkpoint hook's ``out_dir`` is, but never in another work folder. If that pointer is missing or empty, or its
    file is missing or does not read, it is the last one by its number that reads, and the log says so.

    Raises:
        ValueError: If there are checkpoints, but none that reads.
    """
    work_dir = Path(work_dir)
    marker = work_dir / MARKER
    name = marker.read_text(encoding='utf-8', errors='replace').strip() if marker.is_file() else ''
    here, there = work_dir / Path(name).name, Path(name)
    is_of_another = there.is_file() and not here.is_file() and (there.parent / MARKER).is_file()
    named = next((path for path in (here, there) if path.is_file()), None) if name and not is_of_another else None
    saved = _last_first([path for pattern in RESUMABLE for path in work_dir.glob(pattern)])
    candidates = [named, *(path for path in saved if path != named)] if named else saved
    for path in candidates:
        if is_whole(path):
            if path != named:
                fault = (
                    f'names {named}, which does not read'
                    if named
                    else f'names {name}, which is in another work folder'
                    if is_of_another
                    else f'names {name}, which is not there'
                    if name
                    else 'is empty'
                    if marker.is_file()
                    else 'is missing'
                )
                print_log(
                    f'{marker} {fault}: the newest checkpoint that reads is {path.name}',
                    logger='current',
                    level=logging.WARNING,
                )
            return path
    if candidates:
        raise ValueError(f'{work_dir}: none of its checkpoints reads ({", ".join(path.name for path in candidates)})')
    return None


def _last_first(checkpoints: Sequence[Path]) -> list[Path]:
    """By their numbers, as copies have any times; first that of an interruption, which the next checkpoint removes."""

    def kind(path: Path) -> str:
        return path.stem.rpartition('_')[0]

    def number(path: Path) -> int:
        digits = path.stem.rpartition('_')[2]
        return int(digits) if digits.isdigit() else -1

    newest: dict[str, int] = {}  # of epochs and of iterations, if a folder has both
    for path in checkpoints:
        newest[kind(path)] = max(newest.get(kind(path), 0), path.stat().st_mtime_ns)
    return sorted(
        checkpoints, key=lambda path: (path.name == INTERRUPTED, newest[kind(path)], number(path)), reverse=True
    )


def is_whole(checkpoint: str | Path) -> bool:
    """Whether a file is a checkpoint that can be used, see :func:`read_checkpoint`."""
    try:
        read_checkpoint(checkpoint)
    except ValueError:
        return False
    return True


def require_checkpoint(parser: argparse.ArgumentParser, path: str) -> None:
    """Exit with a one-line message if a local checkpoint does not exist or is none, see :func:`read_checkpoint`."""
    if '://' in path:
        return
    try:
        read_checkpoint(path)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))


def require_file(parser: argparse.ArgumentParser, what: str, path: str) -> None:
    """Exit with a one-line message if a local file does not exist; addresses such as ``https://...`` pass."""
    if '://' not in path and not Path(path).is_file():
        parser.error(f'{what} {path} does not exist')


def adapt_to_cpu(cfg: Config) -> None:
    """Without CUDA, make ``cfg`` run several processes with gloo and mixed precision in bfloat16, if this CPU has
    it; else do nothing.

    MMEngine selects a CUDA device before it starts a process group, hands device ids to ``DistributedDataParallel``,
    and asserts a GPU for mixed precision; PyTorch synchronises batch statistics between GPUs only.
    """
    if get_device() != 'cpu':
        return
    keep_freed_memory()
    if cfg.launcher == 'pytorch':
        torch.distributed.init_process_group('gloo')  # MMEngine uses a group that is there
        wrapper = dict(
            type='MMDistributedDataParallel',
            broadcast_buffers=False,
            find_unused_parameters=cfg.get('find_unused_parameters', False),
        )
        cfg.model_wrapper_cfg = {**wrapper, **(cfg.get('model_wrapper_cfg') or {}), 'device_ids': None}
        if cfg.get('sync_bn'):
            print_log('No CUDA device: each process has its own batch statistics (sync_bn is off).', logger='current')
            cfg.sync_bn = None
    optim_wrapper = cfg.get('optim_wrapper') or {}
    if optim_wrapper.get('type') == 'AmpOptimWrapper':
        precision = 'bfloat16' if computes_bfloat16() else 'off, as this CPU has no instructions for bfloat16,'
        print_log(f'No CUDA device: mixed precision is {precision} on the CPU.', logger='current')
        optim_wrapper['type'] = CPUAmpOptimWrapper.__name__
        for gpu_only in ('loss_scale', 'dtype'):
            optim_wrapper.pop(gpu_only, None)


def say_how_to_go_on(runner: Runner) -> None:
    """If a training was stopped before its end, log how it goes on."""
    checkpoint = getattr(runner.train_loop, 'stopped_by', None)
    if checkpoint is None:
        return
    print_log(
        f'SIGTERM: the training ends after {runner.epoch} of {runner.max_epochs} epochs and {runner.iter} of '
        f'{runner.max_iters} iterations, saved as {checkpoint}. The same command with --resume goes on there.',
        logger='current',
        level=logging.WARNING,
    )


def leave_process_group() -> None:
    """End distributed work in all processes together; one that just exits can abort or make others fail."""
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
