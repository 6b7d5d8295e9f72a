"""Two or more runs beside each other: how fast they converge, and their heatmaps at early epochs.

    python tools/analysis_tools/compare_runs.py WORK_DIR WORK_DIR [--at 44] [--out work_dirs/comparison]
    python tools/analysis_tools/compare_runs.py work_dirs/star work_dirs/structured --epochs 1,5 1,2 [--faces]

``convergence.png`` shows the metric over epochs, and when the second run is where the first one was at the epochs
``--at`` (Fig. 3 of the structured paper). ``heatmaps.png``, with ``--epochs``, shows maps of single landmarks after the
epochs listed for each run (Fig. 4 and A1): a row for each validation face of ``--images``, as distributions over the
map's cells, with the annotation as a cross; ``--faces`` puts the faces beside them.

A run needs the config that a training writes into its folder, and ``epoch_N.pth`` for its heatmaps. Full-size configs
keep their last two checkpoints; their first epochs, all kept, are those of a short run, as their rate falls in steps:

    tools/dist_train.sh configs/wflw/star_hg4.py 4 --work-dir work_dirs/star_early --cfg-options \\
        train_cfg.max_epochs=5 default_hooks.checkpoint.max_keep_ckpts=-1
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import mmfld  # noqa: F401  before MMPose: prepares the environment and registers the components

# isort: split
import numpy as np
import torch
from matplotlib.figure import Figure
from mmengine import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS
from terminaltables import GithubFlavoredMarkdownTable

from mmfld.apis.whole_model import init_picture_model
from mmfld.codecs.heatmap_codec import HeatmapCodec
from mmfld.engine.endings import run_tool
from mmfld.engine.options import OptionsAction
from mmfld.structures import get_layout, pixels_to_cells
from mmfld.visualization import compare_curves, draw_curves, read_training_log, to_input_pixels


class Column(NamedTuple):
    """A network's maps (R, h, w) of one landmark in each of R faces, and where the annotations are, (R, 2) in cells."""

    title: str
    maps: np.ndarray
    truth: np.ndarray


def main(argv=None) -> Path:
    args = parse(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    try:
        curves = {label: curve(work_dir, args.metric) for label, work_dir in zip(args.labels, args.work_dirs)}
        convergence(curves, args)
        if args.epochs:
            heatmaps(args)
    except (FileNotFoundError, ValueError) as error:
        args.error(str(error))
    return args.out


def parse(argv) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('work_dirs', type=Path, nargs='+', metavar='WORK_DIR')
    parser.add_argument('--labels', nargs='+', help='what the runs are called; default: their folders')
    parser.add_argument('--metric', default='NME', help='default: %(default)s')
    parser.add_argument(
        '--at',
        type=float,
        nargs='+',
        metavar='EPOCH',
        help='epochs of the first run; default: at 40 %% of them, and the last',
    )
    parser.add_argument('--epochs', nargs='+', metavar='N,N', help='for each run the epochs whose heatmaps are drawn')
    parser.add_argument('--images', type=int, nargs='+', default=[0, 1, 2, 3], help='validation faces, from 0')
    parser.add_argument('--landmarks', type=int, nargs='+', help='of each face one; default: of different facial areas')
    parser.add_argument('--faces', action='store_true', help='show the faces as well')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/comparison'), help='default: %(default)s')
    parser.add_argument('--device', default='cuda:0' if torch.cuda.is_available() else 'cpu')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionsAction,
        default={},
        metavar='KEY=VALUE',
        help='for all runs, e.g. val_dataloader.dataset.data_root=/data/wflw',
    )
    args = parser.parse_args(argv)
    args.error = parser.error
    args.labels = args.labels or [work_dir.name for work_dir in args.work_dirs]
    for name, expected in (
        ('labels', len(args.work_dirs)),
        ('epochs', len(args.work_dirs)),
        ('landmarks', len(args.images)),
    ):
        found = getattr(args, name)
        if found is not None and len(found) != expected:
            parser.error(
                f'--{name} has {len(found)} values, expected {expected}, one for each '
                f'{"face" if name == "landmarks" else "run"}'
            )
    if len(set(args.labels)) != len(args.labels):
        parser.error(f'two runs are called the same: {args.labels}; --labels tells them apart')
    if args.epochs and not all(epoch.isdigit() for one in args.epochs for epoch in one.split(',')):
        parser.error(f'--epochs is {" ".join(args.epochs)}, expected numbers such as 1,5 1,2')
    return args


def curve(work_dir: Path, metric: str) -> dict[int, float]:
    """A metric of a run by epoch."""
    logged = read_training_log(work_dir)
    if logged.get(metric, {}).get('x') != 'epoch':
        known = sorted(name for name, one in logged.items() if one['x'] == 'epoch')
        raise ValueError(f'{work_dir}: found no {metric} by epoch, expected one of {known}')
    return logged[metric]['points']


def convergence(curves: dict[str, dict[int, float]], args: argparse.Namespace) -> None:
    """Draw the curves; print when the others have what the first run has."""
    first, *others = curves
    end = max(curves[first])
    compared = {label: compare_curves(curves[first], curves[label], args.at or [0.4 * end, end]) for label in others}
    lines = [['run', args.metric, f'epochs of {first}', 'of this run', 'times fewer']]
    for label, found in compared.items():
        lines += [
            [
                label,
                f'{one.value:.3f}',
                f'{one.epoch:g}',
                f'{one.needed:.1f}' if one.needed else 'never',
                f'{one.epoch / one.needed:.1f}' if one.needed else '-',
            ]
            for one in found
        ]
    print(GithubFlavoredMarkdownTable(lines).table)
    figure = Figure(figsize=(7, 4.5), layout='constrained')
    axis = figure.subplots()
    draw_curves(axis, curves, compared[others[0]] if others else ())
    axis.set_ylabel(args.metric)
    figure.savefig(args.out / 'convergence.png', dpi=100)
    print(f'picture {args.out / "convergence.png"}')


def heatmaps(args: argparse.Namespace) -> None:
    """Draw the runs' maps after their epochs."""
    columns: list[Column] = []
    for work_dir, label, epochs in zip(args.work_dirs, args.labels, args.epochs):
        cfg = run_config(work_dir, args.cfg_options)
        layout = get_layout(cfg.model.head.layout)
        landmarks = args.landmarks or default_landmarks(layout, len(args.images))
        samples = validation_samples(cfg, args.images)
        for epoch in epochs.split(','):
            columns.append(
                predict(cfg, work_dir / f'epoch_{epoch}.pth', samples, landmarks, args.device)._replace(
                    title=f'{label}, epoch {epoch}'
                )
            )
    faces = (
        [
            (sample['inputs'].permute(1, 2, 0).numpy()[..., ::-1], point)
            for sample, point in zip(samples, annotated(samples, landmarks))
        ]
        if args.faces
        else []
    )
    names = [landmark_name(layout, landmark) for landmark in landmarks]
    draw_heatmaps(columns, names, faces).savefig(args.out / 'heatmaps.png', dpi=80)
    print(f'picture {args.out / "heatmaps.png"}')


def run_config(work_dir: Path, options: dict) -> Config:
    """The config that a training wrote into its folder last."""
    found = sorted(work_dir.glob('*.py'), key=lambda path: path.stat().st_mtime)
    if not found:
        raise FileNotFoundError(f'{work_dir}: found no config (*.py), expected the one that a training writes there')
    cfg = Config.fromfile(found[-1])
    cfg.merge_from_dict(options)
    return cfg


def default_landmarks(layout, number: int) -> list[int]:
    """One landmark in each of the facial areas, in turn."""
    areas = list(layout.areas.values())
    return [areas[n % len(areas)][len(areas[n % len(areas)]) // 3] for n in range(number)]


def landmark_name(layout, landmark: int) -> str:
    area = next((name for name, indices in layout.areas.items() if landmark in indices), 'landmark')
    return f'{area} {landmark}'


def validation_samples(cfg: Config, images: list[int]) -> list[dict]:
    """Validation faces as the network gets them."""
    init_default_scope(cfg.default_scope)
    dataset = DATASETS.build(cfg.val_dataloader.dataset)
    if max(images) >= len(dataset):
        raise ValueError(f'--images has {max(images)}, expected numbers below {len(dataset)}, of the validation faces')
    return [dataset[index] for index in images]


@torch.no_grad()
def predict(cfg: Config, checkpoint: Path, samples: list[dict], landmarks: list[int], device: str) -> Column:
    """Maps of a landmark in each of the samples by the network as it was after an epoch."""
    if not checkpoint.is_file():
        raise FileNotFoundError(
            f'{checkpoint} does not exist; a run keeps every epoch with --cfg-options '
            'default_hooks.checkpoint.max_keep_ckpts=-1'
        )
    model = init_picture_model(cfg, str(checkpoint), device=device)
    codec = model.head.decoder
    if not isinstance(codec, HeatmapCodec):
        raise ValueError(
            f'{checkpoint.parent}: found the decoder {type(codec).__name__}, expected one for a heatmap '
            'of each landmark'
        )
    data = model.data_preprocessor(pseudo_collate(samples), False)
    maps = codec.distributions(model.head(model.extract_feat(data['inputs']))[-1].float()).cpu().numpy()
    truth = pixels_to_cells(annotated(samples, landmarks), codec.heatmap_size, codec.input_size, codec.grid)
    return Column('', maps[np.arange(len(samples)), landmarks], truth)


def annotated(samples: list[dict], landmarks: list[int]) -> np.ndarray:
    """(R, 2) one landmark of each of R samples, in pixels of the network input."""
    samples = [sample['data_samples'] for sample in samples]
    return np.stack(
        [
            to_input_pixels(sample.gt_instances.keypoints[0, landmark], sample.metainfo)
            for sample, landmark in zip(samples, landmarks)
        ]
    )


def draw_heatmaps(columns: list[Column], names: list[str], faces: list[tuple[np.ndarray, np.ndarray]]) -> Figure:
    """A row for each landmark; columns of maps, the first with the faces and points on them if there are any."""
    width = len(columns) + bool(faces)
    figure = Figure(figsize=(2.1 * width, 2.1 * len(names)), layout='constrained')
    axes = figure.subplots(len(names), width, squeeze=False)
    for row, name in enumerate(names):
        if faces:
            image, point = faces[row]
            axes[row, 0].imshow(image)
            axes[row, 0].plot(*point, 'c+', markersize=9)
        for axis, column in zip(axes[row, bool(faces) :], columns):
            axis.imshow(column.maps[row], cmap='magma')
            axis.plot(*column.truth[row], 'c+', markersize=9)
            if row == 0:
                axis.set_title(column.title, fontsize=10)
        axes[row, 0].set_ylabel(name, fontsize=10)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    return figure


if __name__ == '__main__':
    sys.exit(run_tool(main))
