"""Data loaders with which a run would end in an assertion, do nothing or lose faces without a word."""

from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.runner import BaseLoop

from .fields import is_count

NEEDS_WORKERS = ('persistent_workers', 'prefetch_factor', 'timeout')


def fit_dataloaders(cfg: Config) -> None:
    """Check the data loaders of a config, and leave out what goes with workers where there are none.

    Args:
        cfg (Config): With its final values.

    Raises:
        ValueError: If a batch or the number of workers is no such number, or validation or test would leave out the
            faces of a last batch. It names the field, what was found and what was expected.
    """
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loaders = cfg.get(name) or []
        for loader in loaders if isinstance(loaders, (list, tuple)) else [loaders]:
            _fit_dataloader(name, loader)


def require_a_step(loop: BaseLoop) -> None:
    """Raise a ValueError if an epoch of a training loop would have no step at all."""
    loader = loop.dataloader
    if len(loader):
        return
    size, faces = loader.batch_size, len(loader.sampler)
    accumulation = getattr(loop, 'accumulation', 1)
    steps = f'a batch of {size}' + (f' x {accumulation} accumulated' if accumulation > 1 else '')
    way_out = f'train_dataloader.batch_size of at most {faces // accumulation}, or ' if faces >= accumulation else ''
    raise ValueError(
        f'train_dataloader: found {steps} and {faces} samples for a process, and with drop_last an epoch '
        f'has no step; expected {way_out}train_dataloader.drop_last=False'
    )


def _fit_dataloader(name: str, loader: Any) -> None:
    if not isinstance(loader, dict):
        return  # one that is built
    if 'batch_size' in loader and not is_count(loader['batch_size']):
        raise ValueError(f'{name}.batch_size: found {loader["batch_size"]!r}, expected a whole number from 1')
    workers = loader.get('num_workers', 0)
    if workers != 0 and not is_count(workers) or isinstance(workers, bool):
        raise ValueError(f'{name}.num_workers: found {workers!r}, expected a whole number from 0')
    if workers == 0:
        dropped = [field for field in NEEDS_WORKERS if loader.pop(field, None)]
        if dropped:
            print_log(f'{name}: without workers (num_workers is 0) there is no {", ".join(dropped)}', logger='current')
    if name != 'train_dataloader' and loader.get('drop_last'):
        raise ValueError(
            f'{name}.drop_last: found {loader["drop_last"]!r}, expected False: the samples of a last '
            'batch that is not full would not be measured'
        )
