"""Images per second and latency of a config's model, by batch size.

    python tools/analysis_tools/benchmark_inference.py configs/wflw/structured_hg4.py --batch-sizes 1 8 --amp

"network" is backbone, neck and head on a ready tensor. "predict" is what ``model.test_step`` does with a collated
batch: copy to the device, normalisation, network (twice with a flip test) and decoding. Images are random. For a
stacked hourglass the first row is its plain definition, "folded" what :func:`mmfld.models.layers.fold_batch_norm` makes
of the model, and the last column how many times as fast each is as the first; the rows of a batch size take turns.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from benchmark_utils import Stopwatch, config_parser, load_config, made_up_samples, speedups, variant_options, variants
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmpose.registry import MODELS

from mmfld.apis.whole_model import load_whole
from mmfld.engine.checkpoint import read_checkpoint
from mmfld.engine.endings import run_tool
from mmfld.models.layers import fold_batch_norm


def measure(runs: dict[str, Callable], device: str, seconds: float) -> dict[str, np.ndarray]:
    """Seconds of each call, in turns, for ``seconds`` each but at least five times, after a warm-up."""
    for _ in range(2):
        for run in runs.values():
            run()
    watch = Stopwatch(device)
    end = time.perf_counter() + seconds * len(runs)
    rounds = 0
    while time.perf_counter() < end or rounds < 5:
        for name, run in runs.items():
            with watch(name):
                run()
        rounds += 1
    return {name: np.array(watch.laps[name]) for name in runs}


def main(argv=None):
    parser = config_parser('Images per second and latency of a model.')
    parser.add_argument('checkpoint', nargs='?', help='weights; times do not depend on them')
    parser.add_argument('--batch-sizes', type=int, nargs='+', default=[1, 8])
    parser.add_argument('--device', default=get_device())
    parser.add_argument('--seconds', type=float, default=5, help='time spent on each measurement')
    variant_options(parser)
    args = parser.parse_args(argv)
    cfg = load_config(args)

    model = MODELS.build(cfg.model)
    if args.checkpoint:
        load_whole(model, read_checkpoint(args.checkpoint), cfg, args.checkpoint)
    device_type = torch.device(args.device).type
    models = {}
    for name, variant in variants(model.to(args.device).eval(), args).items():
        models[name] = variant
        if name != 'plain' and any(hasattr(module, 'FOLDS') for module in model.modules()):
            models[f'{name} folded'] = variant._replace(model=fold_batch_norm(variant.model))
    samples = made_up_samples(cfg, 'test', max(args.batch_sizes))
    print(f'{args.device}, {torch.get_num_threads()} CPU threads, input {tuple(samples[0]["inputs"].shape)}')
    print(f'{"batch":>5}  {"what":<8} {"variant":<24} {"images/s":>9} {"p50 ms":>9} {"p95 ms":>9} {"speed-up":>9}')
    rows = []
    for batch_size in args.batch_sizes:
        data = pseudo_collate(samples[:batch_size])
        inputs = model.data_preprocessor(data, False)['inputs']

        def runs(call: Callable) -> dict[str, Callable]:
            def run(variant):
                with torch.no_grad(), torch.autocast(device_type, enabled=variant.amp):
                    return call(variant.model)

            return {name: lambda variant=variant: run(variant) for name, variant in models.items()}

        for what, call in (
            ('network', lambda model, inputs=inputs: model._forward(inputs)),
            ('predict', lambda model, data=data: model.test_step(data)),
        ):
            times = measure(runs(call), args.device, args.seconds)
            for name, speedup in speedups(times).items():
                p50, p95 = np.percentile(times[name], (50, 95)) * 1000
                rows.append(
                    dict(
                        batch_size=batch_size,
                        what=what,
                        variant=name,
                        p50_ms=p50,
                        p95_ms=p95,
                        images_per_second=batch_size / times[name].mean(),
                        speedup=speedup,
                    )
                )
                print(
                    f'{batch_size:>5}  {what:<8} {name:<24} {rows[-1]["images_per_second"]:>9.1f} {p50:>9.2f} '
                    f'{p95:>9.2f} {speedup:>9.2f}',
                    flush=True,
                )
    return rows


if __name__ == '__main__':
    sys.exit(run_tool(main))
