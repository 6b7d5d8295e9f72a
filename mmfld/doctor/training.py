"""What a training with a config will be: batch, learning rate, averaging, checkpoints, and what workers hand over."""

import copy
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from mmengine import Config
from mmengine.dataset import Compose
from mmengine.registry import OPTIMIZERS
from mmpose.registry import MODELS
from torch import nn

from ..counts import how_many
from ..engine.batch_scaling import averaging_hooks, fit_to_batch
from ..engine.checkpoint import misfits, read_checkpoint, weights_in
from ..engine.combine import default
from .finding import Finding, error, note
from .machine import look_at_disk, look_at_shared_memory, size
from .parts import Part

TOPIC = 'training'
PREFETCHED = 2  # batches that a worker has ready, PyTorch's default
MULTIPLES = 2  # of the weights in the optimiser's state, where that cannot be found out; Adam's


def look_at_training(cfg: Config, parts: Sequence[Part], processes: int) -> Iterator[Finding]:
    """Findings about a training that is started now."""
    scaled = copy.deepcopy(cfg)
    try:
        hook = fit_to_batch(scaled, processes=processes)
    except ValueError as fault:
        yield error(TOPIC, str(fault), 'correct the config, or train with --no-scale')
        return
    optimizer = scaled.optim_wrapper.get('optimizer', {})
    text = f'batch {hook.batch_size}, {optimizer.get("type")} with a learning rate of {optimizer.get("lr")}'
    for _, ema in averaging_hooks(scaled):
        kind = ema.get('ema_type', 'ExponentialMovingAverage')
        text += f', weights averaged with a momentum of {ema.get("momentum", default(kind, "momentum")):.6g}'
    yield note(TOPIC, ' '.join((f'{text}.', *hook.messages)))
    faces = sum(len(part.dataset) for part in parts if part.name == 'train' and part.dataset is not None)
    each = processes * cfg.train_dataloader.batch_size
    if 0 < faces < each and cfg.train_dataloader.get('drop_last', False):
        yield error(
            TOPIC,
            f'an epoch has no step: {faces} training faces, and drop_last leaves out a batch of less than {each}',
            f'--cfg-options train_dataloader.batch_size={max(1, faces // processes)}',
        )


def look_at_checkpoints(cfg: Config) -> Iterator[Finding]:
    """Whether the one that the training begins with fits the model, and those that it writes the disk."""
    logging.disable(logging.WARNING)
    try:
        model = MODELS.build(copy.deepcopy(cfg.model))
    except Exception as fault:  # whatever a component makes of wrong arguments
        yield error('model', f'it cannot be built: {type(fault).__name__}: {fault}', 'correct the config')
        return
    finally:
        logging.disable(logging.NOTSET)
    if cfg.get('load_from') and '://' not in cfg.load_from:
        try:
            given = weights_in(read_checkpoint(cfg.load_from))
            faults = misfits(model.state_dict(), given, may_lack=bool(cfg.get('starts_from')))
        except (FileNotFoundError, ValueError) as fault:
            yield error('load_from', str(fault), 'choose another checkpoint')
        else:
            if faults:
                yield error(
                    'load_from',
                    f'{cfg.load_from} does not fit the model: {faults}',
                    'choose another checkpoint, or train with --allow-mismatch',
                )
    if not cfg.get('default_hooks', {}).get('checkpoint'):
        return
    each, count = checkpoint_bytes(cfg, model), number_of_checkpoints(cfg)
    weights = sum(weight.numel() for weight in model.parameters())
    yield note('model', f'{weights / 1e6:.2f} M parameters')
    yield from look_at_disk(Path(cfg.work_dir), each * count, f'{how_many(count, "checkpoint")} of about {size(each)}')


def checkpoint_bytes(cfg: Config, model: nn.Module) -> int:
    """About how large a checkpoint of a training is: weights, their averages, and the optimiser's state."""
    state = sum(value.numel() * value.element_size() for value in model.state_dict().values())
    trained = sum(weight.numel() * weight.element_size() for weight in model.parameters() if weight.requires_grad)
    averages = state * len(list(averaging_hooks(cfg)))
    return state + averages + round(trained * _state_per_weight(cfg))


def number_of_checkpoints(cfg: Config) -> int:
    """How many lie on the disk at once: the kept and best ones, and one that is written before another goes."""
    hook = cfg.default_hooks.checkpoint
    epochs = cfg.train_cfg.get('max_epochs', 1)
    kept, saved = hook.get('max_keep_ckpts', -1), max(1, epochs // hook.get('interval', 1))
    best = hook.get('save_best')
    best = best if isinstance(best, (list, tuple)) else [best] if best else []
    return (saved if kept < 0 else min(kept, saved)) + len(best) + 1


def look_at_batches(cfg: Config, train: Part | None, processes: int) -> Iterator[Finding]:
    """Whether what the workers have ready fits into shared memory."""
    workers = cfg.train_dataloader.get('num_workers', 0)
    if not workers:
        return
    sample = _first_sample(train)
    if sample is None:
        yield from look_at_shared_memory()
        return
    waiting = processes * workers * cfg.train_dataloader.get('prefetch_factor', PREFETCHED)
    yield from look_at_shared_memory(waiting * cfg.train_dataloader.batch_size * tensor_bytes(sample))


def tensor_bytes(value) -> int:
    """Bytes of all tensors within a sample."""
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, dict):
        return sum(map(tensor_bytes, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(tensor_bytes, value))
    if hasattr(value, 'all_items'):  # data samples of MMEngine, and what they hold
        return sum(tensor_bytes(item) for _, item in value.all_items())
    return 0


def _first_sample(train: Part | None):
    """The first item of the training data, or None if it cannot be had, which other findings say."""
    if train is None or train.refused or train.dataset is None or not len(train.dataset):
        return None
    whole = copy.copy(train.dataset)
    try:
        whole.pipeline = Compose(copy.deepcopy(train.config['pipeline']))
        return whole[0]
    except Exception:
        return None


def _state_per_weight(cfg: Config) -> float:
    """Numbers that the optimiser remembers for each weight, as a step of it on a few weights shows."""
    weights = nn.Parameter(torch.ones(64))
    try:
        optimizer = OPTIMIZERS.build(dict(copy.deepcopy(cfg.optim_wrapper.optimizer), params=[weights]))
        weights.grad = torch.ones_like(weights)
        optimizer.step()
    except Exception:
        return MULTIPLES
    return (
        sum(
            value.numel()
            for state in optimizer.state.values()
            for value in state.values()
            if isinstance(value, torch.Tensor) and value.numel() > 1
        )
        / weights.numel()
    )
