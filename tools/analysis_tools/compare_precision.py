"""What mixed precision and torch.compile change in training: time and memory, and losses and landmarks beside them.

    python tools/analysis_tools/compare_precision.py configs/300w/structured_hg4.py --amp --compile --data dataset

All start from the same weights and see the same batches, in turns. Of the losses, the first one shows rounding alone;
later ones also how far apart it drives the weights, by which any two runs on a GPU differ. So the landmarks are those
of one set of weights, the float32 ones at the end, predicted in each way. For a stacked hourglass the first row is its
plain definition.
"""

from collections import defaultdict

import numpy as np
import torch
from benchmark_training import batches, build_optimizer, train_step
from benchmark_utils import Stopwatch, config_parser, load_config, speedups, variant_options, variants
from mmengine.device import get_device
from mmpose.registry import MODELS


@torch.no_grad()
def predict(variant, data, device: str) -> np.ndarray:
    """(B, K, 2) landmarks of a batch in pixels of its images."""
    with torch.autocast(torch.device(device).type, enabled=variant.amp):
        samples = variant.model.test_step(data)
    return np.concatenate([sample.pred_instances.keypoints for sample in samples])


def main(argv=None):
    parser = config_parser('What mixed precision and torch.compile change in training.')
    parser.add_argument('--data', choices=('made-up', 'dataset'), default='made-up')
    parser.add_argument('--batch-size', type=int, help='otherwise that of the config')
    parser.add_argument('--steps', type=int, default=50)
    variant_options(parser)
    args = parser.parse_args(argv)
    cfg = load_config(args)

    device = get_device()
    torch.manual_seed(0)
    models = variants(MODELS.build(cfg.model).to(device).train(), args)
    optim_wrappers = {name: build_optimizer(cfg, *variant) for name, variant in models.items()}
    stream = batches(cfg, args.data, args.batch_size or cfg.train_dataloader.batch_size)
    steps, losses, peaks = Stopwatch(device), defaultdict(list), dict.fromkeys(models, 0.0)
    for _ in range(args.steps):
        data = next(stream)
        for name, variant in models.items():
            if steps.waits_for_gpu:
                torch.cuda.reset_peak_memory_stats()
            with steps(name):
                loss = train_step(variant.model, optim_wrappers[name], data, Stopwatch('cpu'))
            losses[name].append(float(loss))
            if steps.waits_for_gpu:
                peaks[name] = max(peaks[name], torch.cuda.max_memory_allocated() / 2**30)

    weights = models['float32'].model.state_dict()
    landmarks = {}
    for name, variant in models.items():
        variant.model.load_state_dict(weights)
        landmarks[name] = predict(variant._replace(model=variant.model.eval()), data, device)
    # of the second half, as compilation and the choice of algorithms take place before
    times = {name: np.array(laps[args.steps // 2 :]) for name, laps in steps.laps.items()}

    print(f'{device}, {args.steps} steps of {len(data["inputs"])} faces, {args.data} samples')
    print(
        f'{"variant":<16} {"step ms":>9} {"speed-up":>9} {"peak GiB":>9} {"first loss":>11} {"last loss":>11}   '
        'landmarks px: median, 99 %, max'
    )
    report = {}
    for name, speedup in speedups(times).items():
        first, last = (losses[name][i] / losses['float32'][i] - 1 for i in (0, -1))
        distances = np.linalg.norm(landmarks[name] - landmarks['float32'], axis=-1)
        report[name] = dict(
            step_ms=np.median(times[name]) * 1000,
            speedup=speedup,
            peak_gib=peaks[name],
            first_loss=first,
            last_loss=last,
            landmarks=np.percentile(distances, (50, 99, 100)),
        )
        print(
            f'{name:<16} {report[name]["step_ms"]:>9.1f} {speedup:>9.2f} {peaks[name]:>9.2f} {first:>+11.1e} '
            f'{last:>+11.1e}   ' + ', '.join(f'{distance:.2g}' for distance in report[name]['landmarks'])
        )
    return report


if __name__ == '__main__':
    main()
