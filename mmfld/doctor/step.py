"""Memory and time of a training step, in a process of its own, which may be killed for its memory.

    python -m mmfld.doctor.step CONFIG

prints as json what :func:`take_steps` returns.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .finding import NOTE, WARNING, Finding, error, note, warning
from .machine import ago, size

TOPIC = 'step'
STEPS = 3  # the first one is slower
SMALLER = (
    'a smaller --cfg-options train_dataloader.batch_size=N, with mmfld train --accumulate if the batch '
    'of the config is to be kept'
)
OUT_OF_MEMORY = ('out of memory', "can't allocate memory", 'bad_alloc', 'MemoryError')


def look_at_step(cfg, faces: int, processes: int) -> Iterator[Finding]:
    """Findings about one step at the batch of a process, and how long the training will take.

    Args:
        cfg (Config): Of the training.
        faces (int): Of an epoch, or clips.
        processes (int): That train together.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / 'config.py'
        cfg.dump(file)
        done = subprocess.run([sys.executable, '-m', __name__, str(file)], capture_output=True, text=True)
    lines = done.stdout.strip().splitlines()
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ['no message'])[-1]
        if done.returncode == -9 or any(phrase in done.stderr for phrase in OUT_OF_MEMORY):
            yield error(
                TOPIC, f'a step of {cfg.train_dataloader.batch_size} does not fit into memory ({last})', SMALLER
            )
        else:
            yield error(
                TOPIC,
                f'the first step fails: {last}',
                'correct the config or its data; mmfld train shows where it fails',
            )
        return
    found: dict = json.loads(lines[-1])
    tight = found['peak'] > 0.9 * found['memory']
    memory = f'; {size(found["peak"])} at the peak of {size(found["memory"])}' if found['memory'] else ''
    yield Finding(
        WARNING if tight else NOTE,
        TOPIC,
        f'{found["step"]:.2f} s for a batch of '
        f'{cfg.train_dataloader.batch_size} on {found["device"]}, {found["data"]:.2f} s to read it by one '
        f'worker{memory}',
        SMALLER if tight else '',
    )
    workers = max(1, cfg.train_dataloader.get('num_workers', 0))
    if found['data'] > found['step'] * workers:
        yield warning(
            TOPIC,
            f'reading data takes longer than computing: {found["data"] / workers:.2f} s a batch by {workers} workers',
            'more train_dataloader.num_workers, if there are processors for them',
        )
    epochs = cfg.train_cfg.get('max_epochs')
    if epochs and faces:
        steps = max(1, faces // (processes * cfg.train_dataloader.batch_size)) * epochs
        yield note(
            TOPIC,
            f'{epochs} epochs are {steps} steps, about '
            f'{ago(steps * max(found["step"], found["data"] / workers))} without validation',
        )


def take_steps(file: str) -> dict:
    """Take a few steps of a config's training with its first batches.

    Returns:
        dict: ``device``; ``data`` and ``step``, seconds for a batch of the first and the fastest one; ``peak`` and
        ``memory``, bytes at the peak and in all.
    """
    import torch
    from mmengine import Config
    from mmengine.device import get_device
    from mmengine.optim import build_optim_wrapper
    from mmengine.registry import init_default_scope
    from mmengine.runner import Runner
    from mmpose.registry import MODELS

    from ..engine.launch import adapt_to_cpu

    cfg = Config.fromfile(file)
    cfg.launcher = 'none'
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    adapt_to_cpu(cfg)
    device = get_device()
    loader = Runner.build_dataloader(dict(cfg.train_dataloader, num_workers=0, persistent_workers=False), seed=0)
    start = time.perf_counter()
    batch = next(iter(loader))
    data = time.perf_counter() - start
    model = MODELS.build(cfg.model).to(device).train()
    model.init_weights()
    optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    seconds = []
    for _ in range(STEPS):
        start = time.perf_counter()
        losses = model.train_step(batch, optim_wrapper)
        if device != 'cpu':
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
        broken = [name for name, value in losses.items() if not torch.as_tensor(value).isfinite().all()]
        if broken:
            raise FloatingPointError(f'the loss is infinite or NaN ({", ".join(broken)})')
    if device == 'cpu':
        peak, memory = _kib('/proc/self/status', 'VmHWM'), _kib('/proc/meminfo', 'MemTotal')
    else:
        peak, memory = torch.cuda.max_memory_allocated(), torch.cuda.get_device_properties(0).total_memory
        device = torch.cuda.get_device_name()
    return dict(device=device, data=data, step=min(seconds[1:]), peak=peak, memory=memory)


def _kib(file: str, field: str) -> int:
    """Bytes that Linux tells in one of its files; elsewhere not known, 0."""
    try:
        return 1024 * int(re.search(rf'^{field}:\s+(\d+) kB', Path(file).read_text(), re.MULTILINE)[1])
    except OSError:
        return 0


if __name__ == '__main__':
    print(json.dumps(take_steps(sys.argv[1])))
