"""Goes on from a checkpoint, if it can be gone on from and with the config that the training has now."""

from collections.abc import Iterator
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..fields import shortened
from ..plain_config import config_of

# what the checkpoint goes on with, whatever the config says
STORED = ('optim_wrapper.optimizer', 'param_scheduler', 'randomness')
# what changes nothing in the training itself
FREE = (
    'combined',
    'load_from',
    'resume',
    'work_dir',
    'launcher',
    'log_level',
    'log_processor',
    'visualizer',
    'default_hooks.logger',
    'default_hooks.progress',
    'default_hooks.timer',
    'default_hooks.visualization',
    'env_cfg',
    'test_',
    'auto_scale_lr',
    'model_wrapper_cfg',
    'sync_bn',
)
LOADING = ('num_workers', 'persistent_workers', 'pin_memory', 'prefetch_factor')
NOTHING = '(nothing)'


class ResumeHook(Hook):
    """Looks at the checkpoint from which a training goes on before anything of it is used.

    The log tells which settings are not those of the checkpoint.

    Args:
        name (str): Of the checkpoint.
        allow_mismatch (bool): Whether settings that will have no effect are a warning. Defaults to False.

    Raises:
        ValueError: While loading, if the checkpoint holds weights alone, with which a training can begin but not go on,
            or if settings were changed that are those of the checkpoint from here on, such as the learning rate.
    """

    priority = 'HIGHEST'

    def __init__(self, name: str, allow_mismatch: bool = False) -> None:
        self.name = name
        self.allow_mismatch = allow_mismatch

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check it, and tell the training loop where it was written."""
        meta = checkpoint.get('meta') or {}
        parts = {
            'optimiser': 'param_groups' in (checkpoint.get('optimizer') or {}),
            'schedule': len(checkpoint.get('param_schedulers') or ()) == len(runner.param_schedulers or ()),
            'count of iterations': all(type(meta.get(name)) is int for name in ('epoch', 'iter')),
            'log': 'log_scalars' in (checkpoint.get('message_hub') or {}),
        }
        missing = [name for name, is_there in parts.items() if not is_there]
        if missing:
            raise ValueError(
                f'{self.name}: found no {" and no ".join(missing)} in it, expected a checkpoint from which training '
                'can go on, epoch_*.pth (the best ones and published ones hold weights alone); --cfg-options '
                f'load_from={self.name} begins a training with these weights'
            )
        for name, most in (('epoch', runner.max_epochs), ('iter', runner.max_iters)):
            if not 0 <= meta[name] <= most:
                hint = ''
                if name == 'iter' and meta[name] > most:
                    hint = (
                        f', in {len(runner.train_dataloader)} steps an epoch: was it trained on other data or batches?'
                    )
                raise ValueError(
                    f'{self.name}: meta.{name}: found {meta[name]}, expected 0 to {most}, the end of the training{hint}'
                )
        before = config_of(checkpoint)
        if before is not None:
            self._compare(runner, before)
        if hasattr(runner.train_loop, 'go_on_from'):
            runner.train_loop.go_on_from(meta)

    def _compare(self, runner: Runner, before: Config) -> None:
        without_effect, others = changed_settings(before, runner.cfg)
        if others:
            runner.logger.warning(f'Other settings than those that {self.name} was trained with: {"; ".join(others)}')
        if without_effect:
            message = (
                f'{self.name} goes on with its own optimiser, schedule and seed, so that these have no effect: '
                f'{"; ".join(without_effect)}'
            )
            if not self.allow_mismatch:
                raise ValueError(
                    f'{message}. Leave them as they were, or go on so with --allow-mismatch, or begin a '
                    f'training with these weights: --cfg-options load_from={self.name}, no --resume'
                )
            runner.logger.warning(message)


def changed_settings(before: Config, now: Config) -> tuple[list[str], list[str]]:
    """What differs between the config that a checkpoint was trained with and the one that goes on from it.

    Returns:
        tuple[list[str], list[str]]: Settings that would have no effect, as the checkpoint's are gone on with, and
        others: ``key: before -> now`` each.
    """
    old, new = dict(_leaves(before._cfg_dict.to_dict())), dict(_leaves(now._cfg_dict.to_dict()))
    without_effect: list[str] = []
    others: list[str] = []
    for key in sorted(old.keys() | new.keys()):
        values = old.get(key, NOTHING), new.get(key, NOTHING)
        if values[0] == values[1] or key.startswith(FREE) or key.rpartition('.')[2] in LOADING:
            continue
        line = f'{key}: {shortened(values[0])} -> {shortened(values[1])}'
        (without_effect if key.startswith(STORED) else others).append(line)
    return without_effect, others


def _leaves(value: Any, key: str = '') -> Iterator[tuple[str, Any]]:
    """Values that are no dict, list or tuple, and empty ones, with their keys."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    leaf = True
    for name, one in items:
        leaf = False
        yield from _leaves(one, f'{key}.{name}'.lstrip('.'))
    if leaf:
        yield key, list(value) if isinstance(value, tuple) else value
