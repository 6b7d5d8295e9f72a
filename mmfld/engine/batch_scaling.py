"""Trains with another batch than the config's: learning rate and averaging of the weights follow, or the batch is kept.

``auto_scale_lr.base_batch_size`` is the batch of a step of the optimiser for which a config is written, in faces or
clips. A command has processes x ``train_dataloader.batch_size`` x accumulation. With the ratio r of that to the base:

==========================================  ==========================================================================
learning rate, ``eta_min`` of its schedule  times r, MMEngine's rule for all optimisers (Goyal et al., 2017, found it
                                            for SGD; the papers say nothing of it)
EMA, ``momentum`` m                         1 - (1 - m)^r: as much decay a face; STAR's reference code has
                                            0.5^(batch / 10000), which is this rule
EMA, ``gamma``, ``begin_iter``              divided by r, being iterations: at the same face. While gamma raises the
                                            momentum the decay a face is only about the same
schedules with ``by_epoch=False``           as these: a warm-up of 100 iterations lasts as many faces
==========================================  ==========================================================================

Batch normalisation cannot follow: it always sees the faces of a forward pass, of all processes with ``sync_bn``.
"""

import inspect
import os
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.hooks import EMAHook
from mmpose.registry import HOOKS

from .combine import arguments, default
from .fields import is_count
from .hooks.batch_size_hook import BatchSizeHook

PROCESSES = dict(pytorch='WORLD_SIZE', slurm='SLURM_NTASKS', mpi='OMPI_COMM_WORLD_SIZE')
# arguments of MMEngine's schedules that are counted in iterations with by_epoch=False
ITERATIONS = ('begin', 'end', 'T_max', 'step_size', 'milestones', 'periods', 'total_steps')


def number_of_processes(launcher: str) -> int:
    """How many processes train together, as the launcher says before they know each other.

    Raises:
        ValueError: If its variable is missing in the environment.
    """
    if launcher == 'none':
        return 1
    if PROCESSES[launcher] not in os.environ:
        raise ValueError(
            f'--launcher {launcher}: found no {PROCESSES[launcher]} in the environment, expected the '
            'number of processes'
        )
    return int(os.environ[PROCESSES[launcher]])


def fit_to_batch(cfg: Config, keep: bool = False, processes: int | None = None) -> BatchSizeHook:
    """Change a config for the batch of this command. It is then written for that batch, so that the config which
    MMEngine saves beside the checkpoints is not scaled once more.

    Args:
        cfg (Config): With its final values and launcher.
        keep (bool): Whether gradients are accumulated so that the batch is the base batch. Defaults to False.
        processes (int, optional): How many train together. Defaults to what the launcher says.

    Returns:
        BatchSizeHook: For the runner; says what was changed.

    Raises:
        ValueError: If the base batch is missing or no multiple of what a forward pass of all processes has, with
            ``keep``, or if something that has to follow is not there.
    """
    processes = number_of_processes(cfg.launcher) if processes is None else processes
    size = cfg.train_dataloader.batch_size
    base = (cfg.get('auto_scale_lr') or {}).get('base_batch_size')
    if base is not None and not is_count(base):
        raise ValueError(f'auto_scale_lr.base_batch_size: found {base!r}, expected a number of faces from 1')
    if not keep:
        accumulation = _accumulation_of(cfg)
    elif base is None:
        raise ValueError('found no auto_scale_lr.base_batch_size, expected the batch that is to be kept')
    else:
        accumulation = _accumulation_for(base, processes, size)
    _set_accumulation(cfg, accumulation)

    hook = BatchSizeHook(processes, size, accumulation, base, as_configured=accumulation == 1)
    batch, messages = hook.batch_size, []
    if accumulation > 1:
        messages.append('Batch normalisation has the statistics of a forward pass, not of all that is accumulated.')
    if base is None:
        messages.insert(
            0,
            f'Batch of {batch} ({hook}). The config names none (auto_scale_lr.base_batch_size), so that '
            'nothing is scaled.',
        )
    elif batch == base:
        messages = messages and [f'Batch of {batch} ({hook}), for which the config is written.', *messages]
    else:
        changes = _scale(cfg, batch / base)
        cfg.auto_scale_lr.base_batch_size = batch
        hook.as_configured = False
        messages = [
            f'Batch of {batch} ({hook}); the config is written for {base}. Scaled to it (--accumulate keeps '
            f'{base}, --no-scale changes nothing):',
            *changes,
            *messages,
        ]
    cfg.auto_scale_lr = dict(cfg.get('auto_scale_lr') or {}, enable=False)  # MMEngine's own scaling
    hook.messages = messages
    return hook


def as_it_is(cfg: Config) -> BatchSizeHook:
    """For a config that is not changed, whatever the batch: notes it in checkpoints and refuses to resume another."""
    return BatchSizeHook(number_of_processes(cfg.launcher), cfg.train_dataloader.batch_size, _accumulation_of(cfg))


def _accumulation_for(base: int, processes: int, size: int) -> int:
    steps, rest = divmod(base, processes * size)
    if rest == 0:
        return steps
    found = f'--accumulate: found {processes} process{"es" if processes > 1 else ""} x {size}, of which {base} is no '
    divisors = [number for number in range(1, base + 1) if base % number == 0]
    fitting = [number for number in divisors if base % (number * processes) == 0]
    if fitting:
        raise ValueError(
            f'{found}multiple; expected train_dataloader.batch_size to be one of {", ".join(map(str, fitting))}'
        )
    raise ValueError(
        f'{found}multiple, whatever the batch_size; expected the number of processes to be one of '
        f'{", ".join(map(str, divisors))}'
    )


def _accumulation_of(cfg: Config) -> int:
    return cfg.train_cfg.get('accumulation', 1) * cfg.optim_wrapper.get('accumulative_counts', 1)


def _set_accumulation(cfg: Config, accumulation: int) -> None:
    """Let an iteration be a step of the optimiser, as :class:`AccumulatingTrainLoop` has it."""
    cfg.optim_wrapper.pop('accumulative_counts', None)
    if accumulation == 1 and 'accumulation' not in cfg.train_cfg:
        return
    kind = cfg.train_cfg.pop('type', 'EpochBasedTrainLoop')
    by_epochs = ('EpochBasedTrainLoop', 'StoppableTrainLoop', 'AccumulatingTrainLoop')
    if kind not in by_epochs or not cfg.train_cfg.pop('by_epoch', True):
        raise ValueError(
            f'train_cfg: found {kind if kind != "EpochBasedTrainLoop" else "by_epoch=False"}, expected '
            'training by epochs, of which the steps accumulate gradients'
        )
    cfg.train_cfg.update(type='AccumulatingTrainLoop', accumulation=accumulation)


def _scale(cfg: Config, ratio: float) -> list[str]:
    """Scale all that depends on the batch; a line for each change."""
    if 'max_epochs' not in cfg.train_cfg:
        raise ValueError(
            'train_cfg: found no max_epochs, expected training by epochs, of which the steps follow the '
            'batch; --no-scale trains as the config says'
        )
    if 'lr' not in cfg.optim_wrapper.get('optimizer', {}):
        raise ValueError(
            'found no optim_wrapper.optimizer.lr, expected the learning rate that is to be scaled; '
            '--no-scale trains as the config says'
        )
    changes = []
    for place, part, name, value, scaled in (*_rates(cfg, ratio), *_averages(cfg, ratio), *_iterations(cfg, ratio)):
        changes.append(f'{place}.{name}: {_text(value)} -> {_text(scaled)}')
        part[name] = scaled
    return changes


Change = tuple[str, dict, str, Any, Any]  # place and part of the config, name in it, its value before and after


def _rates(cfg: Config, ratio: float) -> Iterator[Change]:
    optimizer = cfg.optim_wrapper.optimizer
    yield 'optim_wrapper.optimizer', optimizer, 'lr', optimizer.lr, optimizer.lr * ratio
    for place, schedule in _schedules(cfg):
        if schedule.type.endswith('LR') and schedule.get('eta_min'):
            yield place, schedule, 'eta_min', schedule.eta_min, schedule.eta_min * ratio


def _averages(cfg: Config, ratio: float) -> Iterator[Change]:
    for place, hook in averaging_hooks(cfg):
        kind = hook.get('ema_type', 'ExponentialMovingAverage')
        if 'momentum' in arguments(kind):
            momentum = hook.get('momentum', default(kind, 'momentum'))
            yield place, hook, 'momentum', momentum, 1 - (1 - momentum) ** ratio
        if 'gamma' in arguments(kind):
            gamma = hook.get('gamma', default(kind, 'gamma'))
            yield place, hook, 'gamma', gamma, _stretched(gamma, ratio)
        if hook.get('begin_iter'):
            yield place, hook, 'begin_iter', hook.begin_iter, _stretched(hook.begin_iter, ratio)


def averaging_hooks(cfg: Config) -> Iterator[tuple[str, ConfigDict]]:
    """The hooks of a config that average the weights, each with its place."""
    hooks = [
        *((f'default_hooks.{name}', hook) for name, hook in cfg.get('default_hooks', {}).items()),
        *((f'custom_hooks.{number}', hook) for number, hook in enumerate(cfg.get('custom_hooks') or ())),
    ]
    for place, hook in hooks:
        kind = HOOKS.get(hook['type']) if isinstance(hook, dict) else None
        if inspect.isclass(kind) and issubclass(kind, EMAHook):  # an unknown one is named when it is built
            yield place, hook


def _iterations(cfg: Config, ratio: float) -> Iterator[Change]:
    for place, schedule in _schedules(cfg):
        for name in ITERATIONS:
            if not schedule.get('by_epoch', True) and schedule.get(name):
                yield place, schedule, name, schedule[name], _stretched(schedule[name], ratio)


def _schedules(cfg: Config) -> Iterator[tuple[str, ConfigDict]]:
    schedules = cfg.get('param_scheduler') or []
    for number, schedule in enumerate(schedules if isinstance(schedules, (list, tuple)) else [schedules]):
        yield f'param_scheduler.{number}', schedule


def _stretched(count: Any, ratio: float) -> Any:
    """Iterations, or a list of them, that have as many faces."""
    if isinstance(count, (list, tuple)):
        return [_stretched(one, ratio) for one in count]
    return max(1, round(count / ratio))


def _text(value: Any) -> str:
    return f'{value:.6g}' if isinstance(value, float) else str(value)
