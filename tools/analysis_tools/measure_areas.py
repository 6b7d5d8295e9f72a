"""Error and variance of the coordinates in each facial area, of models on the test sets of their configs.

    python tools/analysis_tools/measure_areas.py CONFIG CHECKPOINT [CONFIG CHECKPOINT ...] [--plot areas.png]

These are Figures 4 and 5 of "Attentive One-Dimensional Heatmap Regression" (Yin et al., 2020), which has them over the
test videos of all three scenarios of 300VW: any test set will do, of images or of videos, and the models should share
it. The paper prints neither numbers nor how its variances come about ("we also calculate the variances of x and y
coordinates for each landmark and depict their average value(s) within each area"), but that those of the contour are
the highest in x and in y.

* NME is that of the config's first test evaluator, over the landmarks of the area.
* Variances are those of :func:`mmfld.evaluation.functional.coordinate_variances`, in percent of the squared
  inter-ocular distance: the mean over the landmarks of the area, for the annotated and for the predicted landmarks. In
  these coordinates of the face the contour's are the highest in x and in y, as the paper says, on the common, the
  challenge and the private faces of 300W (``tests/evaluation/test_functional.py``). In pixels of the crop the
  contour's are the lowest in x, as crops are made by its extent; in pixels of the image they are those of place and
  size of the face. So we take these.

Frames annotated as ``excluded`` do not count, unless the evaluator counts them.
"""

import argparse
import csv
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import METRICS
from terminaltables import GithubFlavoredMarkdownTable
from tqdm import tqdm

import mmfld  # noqa: F401  registers the components and prepares the environment
from mmfld.apis.whole_model import init_whole_model
from mmfld.engine.endings import run_tool
from mmfld.engine.rows import read_config
from mmfld.evaluation.functional import coordinate_variances
from mmfld.structures import FaceLayout, get_layout

ANNOTATED = 'annotated'


class Run(NamedTuple):
    """What a model predicts on its test set."""

    layout: FaceLayout
    areas: dict[str, float]  # NME, percent
    gt: np.ndarray  # (N, K, 2) pixels
    pred: np.ndarray  # (N, K, 2) pixels
    visible: np.ndarray  # (N, K) bool


def main(argv=None) -> list[dict]:
    args = parse_args(argv)
    init_default_scope('mmpose')
    runs = {}
    for label, name, checkpoint in zip(args.legend, args.runs[::2], args.runs[1::2]):
        runs[label] = predict(read_config(name, {}), checkpoint, args.device, label)
    check_same_faces(runs)
    rows = measure(runs)
    print_table(rows)
    if args.csv:
        with open(args.csv, 'w', newline='', encoding='utf-8') as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        print(f'wrote {args.csv}')
    if args.plot:
        plot(rows).savefig(args.plot)
        print(f'wrote {args.plot}')
    return rows


def parse_args(argv) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('runs', nargs='+', metavar='CONFIG CHECKPOINT', help='one or several')
    parser.add_argument('--legend', nargs='+', help='a label for each model, its config by default')
    parser.add_argument('--csv', type=Path, metavar='FILE', help='write the table')
    parser.add_argument('--plot', type=Path, metavar='PICTURE', help='draw both figures')
    parser.add_argument('--device', default='cuda:0' if torch.cuda.is_available() else 'cpu')
    args = parser.parse_args(argv)
    if len(args.runs) % 2:
        parser.error(f'found {len(args.runs)} names, expected a config and a checkpoint for each model')
    for checkpoint in args.runs[1::2]:
        if not Path(checkpoint).is_file():
            parser.error(f'checkpoint {checkpoint} does not exist')
    args.legend = args.legend or args.runs[::2]
    if len(set(args.legend)) != len(args.runs) // 2:
        parser.error(f'--legend: found {args.legend}, expected {len(args.runs) // 2} different labels')
    return args


@torch.no_grad()
def predict(cfg: Config, checkpoint: str, device: str, label: str) -> Run:
    model = init_whole_model(cfg, checkpoint, device=device)
    evaluator = cfg.test_evaluator[0] if isinstance(cfg.test_evaluator, list) else cfg.test_evaluator
    metric = METRICS.build(dict(evaluator, per_area=True))
    loader = Runner.build_dataloader(cfg.test_dataloader)
    counted = []
    for batch in tqdm(loader, desc=label, unit='batch'):
        samples = [sample.cpu().numpy().to_dict() for sample in model.test_step(batch)]
        metric.process(None, samples)
        counted += [
            sample
            for sample in samples
            if getattr(metric, 'count_excluded', True) or not sample['raw_ann_info'].get('excluded', 0)
        ]
    if not counted:
        raise ValueError(f'{label}: found no face that counts in its test set')
    metrics = metric.evaluate(len(loader.dataset))
    gt, pred = (
        np.concatenate([sample[of]['keypoints'] for sample in counted]) for of in ('gt_instances', 'pred_instances')
    )
    visible = np.concatenate([sample['gt_instances']['keypoints_visible'] for sample in counted])
    visible = visible.reshape(*gt.shape[:2], -1)[..., 0] > 0  # with weights behind the flags, MMPose's field is 3-D
    layout = get_layout(evaluator['layout'])
    return Run(layout, {name: metrics.get(f'NME/area_{name}', np.nan) for name in layout.areas}, gt, pred, visible)


def check_same_faces(runs: dict[str, Run]) -> None:
    (first, reference), *others = runs.items()
    for label, run in others:
        if run.gt.shape != reference.gt.shape or not np.allclose(run.gt, reference.gt, atol=2):
            raise ValueError(
                f'{label}: found {len(run.gt)} faces of another test set, expected the '
                f'{len(reference.gt)} faces of {first}'
            )


def measure(runs: dict[str, Run]) -> list[dict]:
    """A row for each model and area: ``landmarks`` (how many), ``nme_percent``, ``variance_x_percent`` and
    ``variance_y_percent``; those of the annotation come first, without an error."""
    reference = next(iter(runs.values()))
    points = {ANNOTATED: reference.gt, **{label: run.pred for label, run in runs.items()}}
    rows = []
    for label, keypoints in points.items():
        variances = 100 * coordinate_variances(keypoints, reference.visible, reference.layout)
        for area, indices in reference.layout.areas.items():
            of_area = variances[list(indices)]
            x, y = of_area[~np.isnan(of_area).any(axis=1)].mean(axis=0) if np.isfinite(of_area).any() else (None, None)
            rows.append(
                dict(
                    of=label,
                    area=area,
                    landmarks=len(indices),
                    nme_percent=None if label == ANNOTATED else runs[label].areas[area],
                    variance_x_percent=x,
                    variance_y_percent=y,
                )
            )
    return rows


def print_table(rows: list[dict]) -> None:
    cells = [['of', 'area', 'landmarks', 'NME %', 'variance x %', 'variance y %']]
    for row in rows:
        of, area, landmarks, *numbers = row.values()
        cells.append([of, area, landmarks, *('' if number is None else f'{number:.3f}' for number in numbers)])
    table = GithubFlavoredMarkdownTable(cells)
    table.justify_columns = dict.fromkeys(range(2, 6), 'right')
    print(table.table)


def plot(rows: list[dict]) -> Figure:
    """Bars for each area: NME by model, and the variances of x and y, annotated and by model."""
    figure = Figure(figsize=(13, 4.2), dpi=120, layout='constrained')
    FigureCanvasAgg(figure)
    panels = dict(
        nme_percent='NME (%)',
        variance_x_percent='variance of x (% of squared inter-ocular distance)',
        variance_y_percent='variance of y (% of squared inter-ocular distance)',
    )
    labels = list(dict.fromkeys(row['of'] for row in rows))
    colours = {label: 'grey' if label == ANNOTATED else f'C{index - 1}' for index, label in enumerate(labels)}
    areas = [row['area'] for row in rows if row['of'] == ANNOTATED]
    for axes, (key, title) in zip(figure.subplots(1, 3), panels.items()):
        shown = labels[1:] if key == 'nme_percent' else labels  # the annotation has no error
        width = 0.8 / len(shown)
        for index, label in enumerate(shown):
            heights = [np.nan if row[key] is None else row[key] for row in rows if row['of'] == label]
            axes.bar(
                np.arange(len(areas)) + (index - (len(shown) - 1) / 2) * width, heights, width, color=colours[label]
            )
        axes.set_xticks(np.arange(len(areas)), areas)
        axes.set_title(title, fontsize='medium')
        axes.grid(axis='y', alpha=0.3)
        axes.set_axisbelow(True)
    handles = [Patch(color=colour, label=label) for label, colour in colours.items()]
    figure.legend(handles=handles, loc='outside lower center', ncols=len(labels), frameon=False)
    return figure


if __name__ == '__main__':
    sys.exit(run_tool(main))
