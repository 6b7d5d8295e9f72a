"""Samples per second of a config's data pipeline on one core, and the milliseconds of each transform.

python tools/analysis_tools/benchmark_dataset.py configs/wflw/structured_hg4.py --num 500
"""

import sys

import cv2
import mmengine
import numpy as np
import torch
from benchmark_utils import Stopwatch, config_parser, load_config
from mmpose.registry import DATASETS

from mmfld.engine.endings import run_tool


def main(argv=None):
    parser = config_parser('Samples per second of a data pipeline on one core, by transform.')
    parser.add_argument('--split', choices=('train', 'val', 'test'), default='train')
    parser.add_argument('--num', type=int, default=200, help='samples to draw; a small data set is gone through again')
    args = parser.parse_args(argv)
    cfg = load_config(args)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)

    dataset = DATASETS.build(cfg[f'{args.split}_dataloader'].dataset)
    transforms = dataset.pipeline.transforms
    names = [f'{place}. {type(transform).__name__}' for place, transform in enumerate(transforms, 1)]
    watch = Stopwatch('cpu')
    for draw in mmengine.track_iter_progress(range(args.num)):
        with watch('annotation'):
            data = dataset.get_data_info(draw % len(dataset))
            data['dataset'] = dataset  # as MMPose does, for transforms that mix images
        for name, transform in zip(names, transforms):
            with watch(name):
                data = transform(data)
            if data is None:  # rejected, as a data loader would see it; a next sample is drawn
                break

    total = sum(watch.totals.values())
    print(f'\n{"":<28} {"mean ms":>8} {"p95 ms":>8} {"share":>6}')
    for name, laps in watch.laps.items():
        print(
            f'{name:<28} {np.mean(laps) * 1000:>8.3f} {np.percentile(laps, 95) * 1000:>8.3f} {sum(laps) / total:>6.1%}'
        )
    print(f'{"one sample":<28} {total / args.num * 1000:>8.3f}          {args.num / total:.1f} samples/s on one core')
    return dict(
        samples_per_second=args.num / total,
        milliseconds={name: float(np.mean(laps)) * 1000 for name, laps in watch.laps.items()},
    )


if __name__ == '__main__':
    sys.exit(run_tool(main))
