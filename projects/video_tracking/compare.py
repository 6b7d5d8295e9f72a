"""Compares a detector, One-Euro filters and the attentive paper's trackers on rendered clips with exact landmarks.

    python projects/video_tracking/compare.py [--split valid]

Run it in the root of the repository, after the trainings that the README names. All see the same crops, taken from the
true landmarks of the frame before. Writes a table, ``results.json`` and ``comparison.png`` beside this file.
"""

import argparse
import json
from pathlib import Path

import mmfld  # noqa: F401  before MMPose: prepares the environment and registers the components

# isort: split
import matplotlib
import numpy as np
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from terminaltables import GithubFlavoredMarkdownTable
from tqdm import tqdm

from mmfld.apis import OneEuroFilter
from mmfld.apis.whole_model import init_whole_model
from mmfld.engine.launch import latest_checkpoint
from mmfld.engine.rows import read_config
from mmfld.evaluation import FaceVideoMetric
from mmfld.evaluation.flicker import jitter
from mmfld.structures import get_layout

matplotlib.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402

PROJECT = Path(__file__).resolve().parent
ROWS = 'projects/video_tracking/rows.yml'
DETECTOR = 'configs/synthetic/attentive1d_mini.py'
TRACKERS = {
    'tracker, lambda 0': f'{ROWS}:decay-0',
    'tracker, lambda 0.3': f'{ROWS}:decay-0.3',
    'tracker, lambda 0.8': f'{ROWS}:decay-0.8',
}
# what a wider view, a memory that moves along and one of good frames alone are worth
VARIANTS = (
    'small-decay-0',
    'small-decay-0.3',
    'small-decay-0.8',
    'all-frames-decay-0.8',
    'moved-decay-0.3',
    'moved-decay-0.8',
)
BETAS = (200.0, 80.0, 40.0, 20.0, 10.0, 5.0)
WITHIN_BINS = {'codec.decoder': 'local_soft_argmax'}
LAYOUT = get_layout('300w68')
Samples = list[dict]


def run_folder(name: str, work_dir: Path) -> Path:
    """Where ``tools/train.py`` puts the training of a config or a row if it is not told otherwise."""
    return work_dir / name.partition('/')[2].replace('.yml:', '/').removesuffix('.py')


def checkpoint_of(name: str, work_dir: Path) -> str:
    folder = run_folder(name, work_dir)
    checkpoint = latest_checkpoint(folder)
    if checkpoint is None:
        raise FileNotFoundError(f'{folder} has no checkpoint: tools/train.py {name} makes one')
    return str(checkpoint)


@torch.no_grad()
def predict(name: str, dataset: dict, work_dir: Path, options: dict) -> Samples:
    """Data samples, as dicts, of all frames in the order of their videos, by a model with some options changed."""
    model = init_whole_model(read_config(name, options), checkpoint_of(name, work_dir), device='cpu')
    loader = dict(read_config(TRACKERS['tracker, lambda 0.3']).test_dataloader)
    loader['dataset'] = dict(loader['dataset'], **dataset)
    samples = []
    for batch in tqdm(Runner.build_dataloader(loader), desc=name, leave=False):
        samples += [sample.to_dict() for sample in model.test_step(batch)]
    return samples


def eye_distance(keypoints: np.ndarray) -> np.ndarray:
    left, right = LAYOUT.eye_corners
    return np.linalg.norm(keypoints[..., left, :] - keypoints[..., right, :], axis=-1)


def smoothed(samples: Samples, beta: float) -> Samples:
    """The samples with the landmarks of each video filtered."""
    result, video = [], None
    for sample in samples:
        if sample['video'] != video:
            smooth, video = OneEuroFilter(beta=beta), sample['video']
        keypoints = sample['pred_instances']['keypoints']
        instances = dict(sample['pred_instances'], keypoints=smooth(keypoints, float(eye_distance(keypoints)[0])))
        result.append(dict(sample, pred_instances=instances))
    return result


def measure(samples: Samples) -> dict[str, float]:
    """Errors and flicker, percent of the inter-ocular distance."""
    metric = FaceVideoMetric(layout=LAYOUT.name, threshold=0.08, per_area=False)
    metric.process([], samples)
    return {key: round(value, 4) for key, value in metric.compute_metrics(metric.results).items()}


def still_jitter(samples: Samples) -> float:
    """Jitter on still faces, percent of the inter-ocular distance: the mean over videos."""
    videos = {}
    for sample in samples:
        videos.setdefault(sample['video'], []).append(sample['pred_instances']['keypoints'][0])
    tracks = [np.stack(video) for video in videos.values()]
    return round(float(np.mean([100 * jitter(track, normalizer=eye_distance(track).mean()) for track in tracks])), 4)


def row(name: str, moving: Samples, still: Samples) -> dict:
    return dict(method=name, **measure(moving), jitter=still_jitter(still))


def draw(rows: list[dict], path: Path) -> None:
    """Error over flicker: the detector with One-Euro filters of growing strength as a curve, the others as points."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True, constrained_layout=True)
    for axis, suffix, title in zip(axes, ('', '/burst'), ('all frames', 'frames with occlusion, blur or darkness')):
        for start, colour in (('detector', 'C0'), ('tracker, lambda 0.3', 'C1')):
            curve = [one for one in rows if one['method'].startswith(start)]
            axis.plot(
                [one[f'NME{suffix}'] for one in curve],
                [one[f'flicker{suffix}'] for one in curve],
                '.-',
                color=colour,
                label=f'{start} and One-Euro filters',
                zorder=1,
            )
        for index, one in enumerate(one for one in rows if 'One-Euro' not in one['method']):
            axis.scatter(
                one[f'NME{suffix}'],
                one[f'flicker{suffix}'],
                marker='osD^'[index],
                s=60,
                color='k',
                facecolor='w',
                label=one['method'],
                zorder=2,
            )
        axis.set(title=title, xlabel='NME (%)')
        axis.grid(alpha=0.3)
    axes[0].set_ylabel('flicker (%)')
    axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=100)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--split', default='valid', help='of the moving clips; default: %(default)s')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs'), help='default: %(default)s')
    parser.add_argument('--out', type=Path, default=PROJECT, help='default: the folder of this file')
    args = parser.parse_args(argv)
    init_default_scope('mmpose')

    clips = [dict(ann_file=f'annotations/face_landmarks_synthetic_clips_{part}.json') for part in (args.split, 'still')]
    rows = []
    for method, name in {'detector': DETECTOR, **TRACKERS}.items():
        moving, still = (predict(name, dataset, args.work_dir, {}) for dataset in clips)
        rows.append(row(method, moving, still))
        if method in ('detector', 'tracker, lambda 0.3'):
            rows += [
                row(f'{method} + One-Euro {beta:g}', smoothed(moving, beta), smoothed(still, beta)) for beta in BETAS
            ]
    refined = [
        row(f'{method}, within bins', *(predict(name, dataset, args.work_dir, WITHIN_BINS) for dataset in clips))
        for method, name in {'detector': DETECTOR, **TRACKERS}.items()
    ]
    drawn, rows = rows, rows + refined
    for name in VARIANTS:
        for suffix, options in (('', {}), (', within bins', WITHIN_BINS)):
            rows.append(
                row(
                    f'tracker {name}{suffix}',
                    *(predict(f'{ROWS}:{name}', dataset, args.work_dir, options) for dataset in clips),
                )
            )

    draw(drawn, args.out / 'comparison.png')
    columns = ('NME', 'NME/burst', 'flicker', 'flicker/burst', 'jitter')
    table = [['method', *columns]] + [[one['method'], *(f'{one[key]:.3f}' for key in columns)] for one in rows]
    print(GithubFlavoredMarkdownTable(table).table)
    (args.out / 'results.json').write_text(json.dumps(rows, indent=1) + '\n')


if __name__ == '__main__':
    main()
