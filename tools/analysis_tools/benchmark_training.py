"""Samples per second of a config's training step, and where its time goes.

    python tools/analysis_tools/benchmark_training.py configs/wflw/structured_hg4.py --iters 20

By default the samples are made up once and only the model is measured; ``--data dataset`` reads the config's data set
through its data loader, so that "data" is the time the step waits for it. Runs on the GPU if there is one, as
``tools/train.py`` does.
"""
import itertools
import resource

from benchmark_utils import Stopwatch, config_parser, load_config, made_up_samples

import mmengine
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner
from mmfld.engine.launch import adapt_to_cpu
from mmpose.registry import MODELS

import torch


def batches(cfg, source: str, batch_size: int):
    """Endless training batches."""
    if source == 'dataset':
        loader = Runner.build_dataloader(dict(cfg.train_dataloader, batch_size=batch_size), seed=0)
        return itertools.chain.from_iterable(itertools.repeat(loader))
    return itertools.repeat(pseudo_collate(made_up_samples(cfg, 'train', batch_size)))


def train_step(model, optim_wrapper, data, watch: Stopwatch):
    """One step of ``model.train_step`` in its parts."""
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


def main(argv=None):
    parser = config_parser('Samples per second of a training step, and where its time goes.')
    parser.add_argument('--data', choices=('made-up', 'dataset'), default='made-up')
    parser.add_argument('--batch-size', type=int, help='otherwise that of the config')
    parser.add_argument('--iters', type=int, default=20)
    parser.add_argument('--amp', action='store_true', help='mixed precision: float16 on a GPU, bfloat16 on the CPU')
    args = parser.parse_args(argv)
    cfg = load_config(args)
    batch_size = args.batch_size or cfg.train_dataloader.batch_size

    device = get_device()
    model = MODELS.build(cfg.model).to(device).train()
    if args.amp:
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.launcher = 'none'
    adapt_to_cpu(cfg)
    optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    watch = Stopwatch(device)
    extract_feat = model.extract_feat

    def timed_extract_feat(*inputs, **kwargs):
        with watch('forward'):
            return extract_feat(*inputs, **kwargs)

    model.extract_feat = timed_extract_feat
    stream = batches(cfg, args.data, batch_size)
    for _ in range(2):
        train_step(model, optim_wrapper, next(stream), watch)
    watch.laps.clear()
    for _ in mmengine.track_iter_progress(range(args.iters)):
        with watch('data'):
            data = next(stream)
        train_step(model, optim_wrapper, data, watch)

    parts = watch.totals
    forward = parts.pop('forward')
    parts['forward (backbone, neck)'] = forward
    parts['losses (with the head)'] = parts.pop('forward and losses') - forward
    total = sum(parts.values())
    print(f'\n{device}, batch {batch_size}, {type(optim_wrapper).__name__}, {args.data} samples')
    for name in ('data', 'copy and normalise', 'forward (backbone, neck)', 'losses (with the head)', 'backward',
                 'optimiser step'):
        print(f'{name:<26} {parts[name] / args.iters * 1000:>9.2f} ms {parts[name] / total:>7.1%}')
    rate = args.iters * batch_size / total
    print(f'{"one step":<26} {total / args.iters * 1000:>9.2f} ms   {rate:.2f} samples/s')
    if watch.waits_for_gpu:
        print(f'peak GPU memory {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB')
    else:
        print(f'peak memory of the process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB')
    return dict(parts=parts, samples_per_second=rate)


if __name__ == '__main__':
    main()
