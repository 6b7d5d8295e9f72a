"""Peak memory of training and inference with 1-D and with 2-D heatmaps of more and more bins, on the same backbone.

    python tools/analysis_tools/benchmark_memory.py --device cpu --batch-size 2 --limit-gib 8

The reason for "Attentive One-Dimensional Heatmap Regression" (Yin et al., 2020): N landmarks are 2 N L values as 1-D
heatmaps and N L^2 as 2-D heatmaps. Both heads read the same features, those of FAN's last stack:

- 1-D: ``CoAttentionMarginalHead``, at the lengths of the paper's Table 1;
- 2-D: MMPose's ``HeatmapHead``, with one deconvolution (kernel 4, as wide as the features) for each doubling from the
  features to L. With none, at L = 64, it is the 1 x 1 convolution that predicts FAN's own heatmaps, the paper's 2-D
  detector. How the paper came to larger maps, and out of 32 GiB at L = 256 and batch 10, is not said; deconvolutions
  behind the backbone are the cheap way, as a backbone with larger features would have them in all of its blocks.

What is measured is ``model.train_step`` with Adam and ``model.test_step`` (with decoding), each in a process of its own
under ``--limit-gib``. The peak is over two steps, so that Adam's moments are there, and counts all that PyTorch has
allocated: weights, gradients, moments, the batch with its targets, activations, and workspaces of convolutions. On a
GPU this is ``torch.cuda.max_memory_allocated``, on the CPU the same sum over the allocations that PyTorch's profiler
records. The resident memory would be noisier than what is compared here: it depends on which freed blocks malloc keeps,
also for the step that is measured (a baseline taken before it would hide them), and has 0.4 GiB of libraries in it.
NumPy's copies while MMPose decodes 2-D heatmaps are in neither.

A step that does not fit into the limit is reported as such, and longer heatmaps of this head are not tried. On the CPU
the limit is on all that the process takes after its libraries are loaded (``RLIMIT_DATA``, Linux). Seconds are those of
the second step, on the CPU with the profiler.
"""

import argparse
import copy
import json
import math
import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import torch
from benchmark_utils import Stopwatch, made_up_samples
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator
from mmengine import Config
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import Tensor, nn

from mmfld.engine.endings import run_tool
from mmfld.structures import get_layout

HEADS = ('1-D', '2-D')
PHASES = ('training', 'inference')
# how PyTorch's allocator, oneDNN and C++ say on the CPU that there is no memory left
OUT_OF_MEMORY = ("can't allocate memory", 'could not create a primitive', 'bad_alloc')


class LastFeatures(nn.Module):
    """Neck between a backbone of stacks and heads of MMPose."""

    def forward(self, feats: tuple) -> list[Tensor]:
        return [feats[-1].features]


def make_config(head: str, length: int, args: argparse.Namespace) -> Config:
    """Model, data sets and optimizer of one measurement."""
    size = (args.input_size,) * 2
    if head == '1-D':
        codec = dict(type='MarginalHeatmap', input_size=size, length=length)
        neck = None
        head = dict(
            type='CoAttentionMarginalHead',
            layout=args.layout,
            in_channels=args.width,
            feature_size=args.input_size // 4,
            length=length,
            decoder=codec,
        )
    else:
        codec = dict(type='MSRAHeatmap', input_size=size, heatmap_size=(length, length), sigma=length / 64)
        neck = dict(type=LastFeatures)
        doublings = round(math.log2(length / (args.input_size // 4)))
        head = dict(
            type='HeatmapHead',
            in_channels=args.width,
            out_channels=get_layout(args.layout).num_keypoints,
            deconv_out_channels=(args.width,) * doublings,
            deconv_kernel_sizes=(4,) * doublings,
            decoder=codec,
        )
    model = dict(
        type='TopdownPoseEstimator',
        data_preprocessor=dict(type='PoseDataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3, bgr_to_rgb=True),
        backbone=dict(type='FAN', layout=args.layout, num_stacks=args.num_stacks, width=args.width),
        neck=neck,
        head=head,
        # HeatmapHead would find the maxima of predictions and targets in NumPy
        train_cfg=dict(compute_acc=False),
        test_cfg=dict(flip_test=False),
    )
    crop = [dict(type='GetBBoxCenterScale'), dict(type='TopdownAffine', input_size=size)]
    target, pack = dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')
    dataset = dict(type='FaceLandmarkDataset', layout=args.layout)
    return Config(
        dict(
            model=model,
            train_dataloader=dict(dataset=dict(dataset, pipeline=[*crop, target, pack])),
            test_dataloader=dict(dataset=dict(dataset, pipeline=[*crop, pack])),
            optim_wrapper=dict(optimizer=dict(type='Adam', lr=1e-4)),
        )
    )


def measure(head: str, length: int, phase: str, args: argparse.Namespace) -> dict:
    """``peak_mib`` and ``seconds`` of one head in one phase; on a GPU the peak is that of the process so far."""
    init_default_scope('mmpose')
    cfg = make_config(head, length, args)
    training = phase == 'training'
    watch = Stopwatch(args.device)
    on_gpu = is_gpu(args.device)
    # torch.profiler would import all of PyTorch's compiler
    with torch.autograd.profiler.profile(enabled=not on_gpu, profile_memory=True) as profiler:
        model = MODELS.build(cfg.model).to(args.device).train(training)
        optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
        (sample,) = made_up_samples(cfg, 'train' if training else 'test', 1)
        # the sample is NumPy's, copies are PyTorch's and count
        data = pseudo_collate([copy.deepcopy(sample) for _ in range(args.batch_size)])
        for number in ('first step', 'second step'):
            with watch(number), torch.set_grad_enabled(training):
                if training:
                    model.train_step(data, optim_wrapper)
                else:
                    model.test_step(data)
    peak = torch.cuda.max_memory_allocated(args.device) if on_gpu else peak_allocated(profiler)
    return dict(peak_mib=peak / 2**20, seconds=watch.totals['second step'])


def peak_allocated(profiler: torch.autograd.profiler.profile) -> int:
    """Most bytes of the CPU that were in use at once, of those allocated while a profiler was recording."""
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / 'trace.json'
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text())['traceEvents']
    changes = sorted((event for event in events if event['name'] == '[memory]'), key=lambda event: event['ts'])
    peak = used = 0
    for change in changes:
        used += change['args']['Bytes']
        peak = max(peak, used)
    return peak


def measure_within_limit(head: str, length: int, phase: str, args: argparse.Namespace) -> dict:
    """As :func:`measure`, but ``reason`` alone if ``args.limit_gib``, which holds from now on, is too little."""
    # if memory runs out nevertheless, this is the process to be killed
    Path('/proc/self/oom_score_adj').write_text('1000')
    limit = int(args.limit_gib * 2**30)
    if is_gpu(args.device):
        total = torch.cuda.mem_get_info(args.device)[1]
        torch.cuda.set_per_process_memory_fraction(min(limit / total, 1), args.device)
    else:
        limit += 1024 * read_kib('/proc/self/status', 'VmData')
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        return measure(head, length, phase, args)
    except (MemoryError, torch.OutOfMemoryError) as error:
        return dict(reason=str(error) or type(error).__name__)
    except RuntimeError as error:
        if not any(phrase in str(error) for phrase in OUT_OF_MEMORY):
            raise
        return dict(reason=str(error))


def measure_in_new_process(*arguments) -> dict:
    """As :func:`measure_within_limit`."""
    with ProcessPoolExecutor(1, get_context('spawn')) as pool:
        try:
            return pool.submit(measure_within_limit, *arguments).result()
        except BrokenProcessPool:
            return dict(reason='the process was killed, or a library ended it that does not survive without memory')


def free_gib(device: str) -> float:
    """Memory that is available now."""
    if is_gpu(device):
        return torch.cuda.mem_get_info(device)[0] / 2**30
    return read_kib('/proc/meminfo', 'MemAvailable') / 2**20


def read_kib(file: str, field: str) -> int:
    """A size that Linux tells in one of its files, in KiB."""
    lines = Path(file).read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f'{field}:'))


def is_gpu(device: str) -> bool:
    return torch.device(device).type == 'cuda'


def measure_all(args: argparse.Namespace) -> Iterator[dict]:
    """Yields a row for each head, phase and length, up to the first length that does not fit."""
    num_keypoints = get_layout(args.layout).num_keypoints
    for head, lengths in zip(HEADS, (args.lengths, args.lengths_2d)):
        for phase in PHASES:
            for length in sorted(lengths):
                values = num_keypoints * (2 * length if head == '1-D' else length**2)
                result = measure_in_new_process(head, length, phase, args)
                yield dict(head=head, phase=phase, length=length, values=values, fits='reason' not in result, **result)
                if 'reason' in result:
                    break


def make_table(rows: list[dict]) -> str:
    """A line for each head and length, with ratios to the longest 1-D heatmaps."""
    found = {(row['head'], row['length'], row['phase']): row for row in rows}
    longest = max(length for head, length, _ in found if head == '1-D')
    lines = [f'{"":<4}{"L":>5}{"values a face":>15}' + ''.join(f'{phase:>14}{"ratio":>8}{"s":>8}' for phase in PHASES)]
    for (head, length), values in {(row['head'], row['length']): row['values'] for row in rows}.items():
        line = f'{head:<4}{length:>5}{values:>15,}'
        for phase in PHASES:
            row, base = found.get((head, length, phase)), found.get(('1-D', longest, phase))
            if row is None or not row['fits']:
                line += f'{"does not fit":>14}{"":>16}'  # or is longer than what does not
            else:
                ratio = f'{row["peak_mib"] / base["peak_mib"]:.2f}' if base and base['fits'] else ''
                line += f'{row["peak_mib"]:>10,.0f} MiB{ratio:>8}{row["seconds"]:>8.2f}'
        lines.append(line)
    return '\n'.join(lines)


def draw(rows: list[dict], limit_gib: float, title: str) -> Figure:
    """Peaks over L, both axes logarithmic, with a cross on the limit where a step no longer fits."""
    figure = Figure(figsize=(8, 5.5), dpi=120, layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for color, head in zip(('tab:blue', 'tab:orange'), HEADS):
        for phase, line, inside in zip(PHASES, ('-', '--'), (color, 'white')):
            curve = [row for row in rows if (row['head'], row['phase']) == (head, phase)]
            x = [row['length'] for row in curve if row['fits']]
            y = [row['peak_mib'] / 1024 for row in curve if row['fits']]
            axes.plot(x, y, line, marker='o', color=color, markerfacecolor=inside, label=f'{head}, {phase}')
            for row in curve[len(x) :]:
                axes.plot(x[-1:] + [row['length']], y[-1:] + [limit_gib], ':', color=color)
                axes.plot(row['length'], limit_gib, 'X', color=color, markerfacecolor=inside, markersize=11)
    axes.axhline(limit_gib, color='gray', linewidth=1, zorder=0, label=f'{limit_gib:.3g} GiB, cross: does not fit')
    axes.set_xscale('log')
    axes.set_yscale('log', base=2)
    axes.set(xlabel='L, bins along an axis', ylabel='peak memory in GiB', title=title)
    axes.set_xticks(sorted({row['length'] for row in rows}))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:.0f}'))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:g}'))
    axes.margins(x=0.05, y=0.1)
    axes.grid(alpha=0.3)
    figure.legend(loc='outside lower center', ncols=3, frameon=False)
    return figure


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Peak memory with 1-D and with 2-D heatmaps on the same backbone.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        '--lengths', type=int, nargs='+', default=[64, 128, 256, 384, 512, 640, 768], help='L of the 1-D heatmaps'
    )
    parser.add_argument(
        '--lengths-2d',
        type=int,
        nargs='+',
        default=[64, 128, 256, 512, 1024, 2048],
        help='L of the 2-D heatmaps, up to the first that does not fit',
    )
    parser.add_argument('--layout', default='300w68')
    parser.add_argument('--batch-size', type=int, help='otherwise that of the paper, 10, on a GPU and 2 on the CPU')
    parser.add_argument('--num-stacks', type=int, default=4, help='of FAN')
    parser.add_argument('--width', type=int, default=256, help='channels of FAN and of the deconvolutions in 2-D')
    parser.add_argument('--input-size', type=int, default=256, help='side of the input in pixels')
    parser.add_argument('--device', default=get_device())
    parser.add_argument('--limit-gib', type=float, help='otherwise 80 %% of the memory that is free now')
    parser.add_argument(
        '--out-dir', type=Path, default='work_dirs/benchmark_memory', help='where memory.json and memory.png go'
    )
    args = parser.parse_args(argv)
    if args.batch_size is None:
        args.batch_size = 10 if is_gpu(args.device) else 2
    if args.limit_gib is None:
        args.limit_gib = 0.8 * free_gib(args.device)
    doubled = {args.input_size // 4 * 2**doublings for doublings in range(16)}
    if not doubled.issuperset(args.lengths_2d):
        parser.error(f"--lengths-2d must be doublings of the features' {args.input_size // 4}, got {args.lengths_2d}")
    return args


def main(argv=None):
    args = parse_args(argv)
    # the notes of PyTorch's profiler, for the new processes
    os.environ.setdefault('KINETO_LOG_LEVEL', '99')
    device = f'CPU, {torch.get_num_threads()} threads'
    if is_gpu(args.device):
        device = torch.cuda.get_device_name(args.device)
    title = (
        f'{device}, batch {args.batch_size}, {args.layout}, FAN with {args.num_stacks} stacks of {args.width} '
        f'channels, input {args.input_size}'
    )
    print(f'{title}\nlimit {args.limit_gib:.1f} GiB')
    rows = []
    for row in measure_all(args):
        rows.append(row)
        outcome = f'{row["peak_mib"]:,.0f} MiB' if row['fits'] else f'does not fit: {row["reason"]}'
        print(f'{row["head"]}, {row["phase"]}, L = {row["length"]}: {outcome}', flush=True)
    print(f'\n{make_table(rows)}')

    args.out_dir.mkdir(parents=True, exist_ok=True)
    settings = dict(vars(args), device=device, out_dir=str(args.out_dir))
    (args.out_dir / 'memory.json').write_text(json.dumps(dict(settings=settings, rows=rows), indent=2) + '\n')
    draw(rows, args.limit_gib, title).savefig(args.out_dir / 'memory.png')
    print(f'wrote memory.json and memory.png to {args.out_dir}')
    return rows


if __name__ == '__main__':
    sys.exit(run_tool(main))
