"""Samples per second of a config's training step, and where its time goes.

    python tools/analysis_tools/benchmark_training.py configs/wflw/structured_hg4.py --iters 20 --amp

By default the samples are made up once and only the model is measured; ``--data dataset`` reads the config's data set
through its data loader, so that "data" is the time the step waits for it. Runs on the GPU if there is one, as
``tools/train.py`` does. For a stacked hourglass the first table is its plain definition, and each table ends with how
many times as fast a step is as the first one's; they take turns.
"""

import copy
import itertools
import resource
import sys

import mmengine
import numpy as np
import torch
from benchmark_utils import Stopwatch, config_parser, load_config, made_up_samples, speedups, variant_options, variants
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner
from mmpose.registry import MODELS

from mmfld.engine.cpu_amp_optim_wrapper import CPUAmpOptimWrapper
from mmfld.engine.endings import run_tool
from mmfld.engine.launch import adapt_to_cpu

PARTS = ('data', 'copy and normalise', 'forward and losses', 'backward', 'optimiser step')


def batches(cfg, source: str, batch_size: int):
    """Endless training batches."""
    if source == 'dataset':
        loader = Runner.build_dataloader(dict(cfg.train_dataloader, batch_size=batch_size), seed=0)
        return itertools.chain.from_iterable(itertools.repeat(loader))
    return itertools.repeat(pseudo_collate(made_up_samples(cfg, 'train', batch_size)))


def train_step(model, optim_wrapper, data, watch: Stopwatch):
    """One step of ``model.train_step`` in its parts; returns the loss."""
    with optim_wrapper.optim_context(model):
        with watch('copy and normalise'):
            data = model.data_preprocessor(data, True)
        with watch('forward and losses'):
            losses = model(**data, mode='loss')
            loss, _ = model.parse_losses(losses)
    with watch('backward'):
        optim_wrapper.backward(loss)
    with watch('optimiser step'):
        optim_wrapper.step()
        optim_wrapper.zero_grad()
    return loss.detach()


def time_extract_feat(model, watch: Stopwatch):
    """Let ``watch`` measure the backbone and neck apart, as 'forward'."""
    extract_feat = model.extract_feat

    def timed(*inputs, **kwargs):
        with watch('forward'):
            return extract_feat(*inputs, **kwargs)

    model.extract_feat = timed


def build_optimizer(cfg, model, amp: bool):
    """The config's optimiser, in mixed precision or not, whatever the config trains in."""
    cfg = copy.deepcopy(cfg)
    cfg.launcher = 'none'
    if amp:
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
    else:
        cfg.optim_wrapper = {
            key: value for key, value in cfg.optim_wrapper.items() if key not in ('type', 'loss_scale', 'dtype')
        }
    adapt_to_cpu(cfg)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    if isinstance(wrapper, CPUAmpOptimWrapper):
        wrapper.enabled = True  # also where a training would not use it, as it takes longer
    return wrapper


def main(argv=None):
    parser = config_parser('Samples per second of a training step, and where its time goes.')
    parser.add_argument('--data', choices=('made-up', 'dataset'), default='made-up')
    parser.add_argument('--batch-size', type=int, help='otherwise that of the config')
    parser.add_argument('--iters', type=int, default=20)
    variant_options(parser)
    args = parser.parse_args(argv)
    cfg = load_config(args)
    batch_size = args.batch_size or cfg.train_dataloader.batch_size

    device = get_device()
    models = variants(MODELS.build(cfg.model).to(device).train(), args)
    optim_wrappers = {name: build_optimizer(cfg, *variant) for name, variant in models.items()}
    watches = {name: Stopwatch(device) for name in models}
    for name, watch in watches.items():
        time_extract_feat(models[name].model, watch)
    peaks = dict.fromkeys(models, 0)
    stream = batches(cfg, args.data, batch_size)

    def run_all():
        waiting = Stopwatch(device)
        with waiting('data'):
            data = next(stream)
        for name, watch in watches.items():
            watch.laps['data'] += waiting.laps['data']
            if watch.waits_for_gpu:
                torch.cuda.reset_peak_memory_stats()
            train_step(models[name].model, optim_wrappers[name], data, watch)
            if watch.waits_for_gpu:
                peaks[name] = max(peaks[name], torch.cuda.max_memory_allocated())

    for _ in range(2):
        run_all()
    for watch in watches.values():
        watch.laps.clear()
    for _ in mmengine.track_iter_progress(range(args.iters)):
        run_all()

    steps = {name: np.sum([watch.laps[part] for part in PARTS], axis=0) for name, watch in watches.items()}
    report = {}
    for name, speedup in speedups(steps).items():
        parts, total = watches[name].totals, steps[name].sum()
        forward = parts.pop('forward')
        parts['forward (backbone, neck)'] = forward
        parts['losses (with the head)'] = parts.pop('forward and losses') - forward
        rate = args.iters * batch_size / total
        print(f'\n{name}: {device}, batch {batch_size}, {type(optim_wrappers[name]).__name__}, {args.data} samples')
        for part in (
            'data',
            'copy and normalise',
            'forward (backbone, neck)',
            'losses (with the head)',
            'backward',
            'optimiser step',
        ):
            print(f'{part:<26} {parts[part] / args.iters * 1000:>9.2f} ms {parts[part] / total:>7.1%}')
        print(f'{"one step":<26} {total / args.iters * 1000:>9.2f} ms   {rate:.2f} samples/s, speed-up {speedup:.2f}')
        if peaks[name]:
            print(f'peak GPU memory {peaks[name] / 2**30:.2f} GiB')
        report[name] = dict(parts=parts, samples_per_second=rate, speedup=speedup)
    if not any(peaks.values()):
        print(f'peak memory of the process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB')
    return report


if __name__ == '__main__':
    sys.exit(run_tool(main))
