"""Images per second and latency of a config's model, by batch size.

    python tools/analysis_tools/benchmark_inference.py configs/wflw/structured_hg4.py --batch-sizes 1 8

"network" is backbone, neck and head on a ready tensor. "predict" is what ``model.test_step`` does with a collated
batch: copy to the device, normalisation, network (twice with a flip test) and decoding. Images are random.
"""
import time

from benchmark_utils import Stopwatch, config_parser, load_config, made_up_samples

from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.runner import load_checkpoint
from mmpose.registry import MODELS

import numpy as np
import torch


def measure(run, device: str, seconds: float) -> np.ndarray:
    """Seconds of each call of ``run``, repeated for ``seconds`` but at least five times, after a warm-up."""
    for _ in range(2):
        run()
    watch = Stopwatch(device)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(watch.laps['run']) < 5:
        with watch('run'):
            run()
    return np.array(watch.laps['run'])


def main(argv=None):
    parser = config_parser('Images per second and latency of a model.')
    parser.add_argument('checkpoint', nargs='?', help='weights; times do not depend on them')
    parser.add_argument('--batch-sizes', type=int, nargs='+', default=[1, 8])
    parser.add_argument('--device', default=get_device())
    parser.add_argument('--amp', action='store_true',
                        help='mixed precision: float16 on a GPU; bfloat16 on the CPU, which MMPose\'s own heads do not '
                        'decode')
    parser.add_argument('--seconds', type=float, default=5, help='time spent on each measurement')
    args = parser.parse_args(argv)
    cfg = load_config(args)

    model = MODELS.build(cfg.model)
    if args.checkpoint:
        load_checkpoint(model, args.checkpoint, map_location='cpu')
    model = model.to(args.device).eval()
    samples = made_up_samples(cfg, 'test', max(args.batch_sizes))
    precision = 'mixed precision' if args.amp else 'float32'
    print(f'{args.device}, {precision}, {torch.get_num_threads()} CPU threads, '
          f'input {tuple(samples[0]["inputs"].shape)}')
    print(f'{"batch":>5}  {"what":<8} {"images/s":>9} {"p50 ms":>9} {"p95 ms":>9}')
    rows = []
    for batch_size in args.batch_sizes:
        data = pseudo_collate(samples[:batch_size])
        inputs = model.data_preprocessor(data, False)['inputs']
        for what, run in (('network', lambda: model._forward(inputs)), ('predict', lambda: model.test_step(data))):
            with torch.no_grad(), torch.autocast(torch.device(args.device).type, enabled=args.amp):
                times = measure(run, args.device, args.seconds)
            p50, p95 = np.percentile(times, (50, 95)) * 1000
            rows.append(dict(batch_size=batch_size, what=what, images_per_second=batch_size / times.mean(),
                             p50_ms=p50, p95_ms=p95))
            print(f'{batch_size:>5}  {what:<8} {batch_size / times.mean():>9.1f} {p50:>9.2f} {p95:>9.2f}', flush=True)
    return rows


if __name__ == '__main__':
    main()
