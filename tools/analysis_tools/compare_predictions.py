"""A page for each subset of a test set: faces with the landmarks of two models, and the annotated ones.

    python tools/analysis_tools/compare_predictions.py configs/wflw/star_hg4.py STAR.pth \\
        configs/wflw/structured_hg4.py STRUCTURED.pth --labels STAR structured [--choose difference] [--num 6]

As Fig. 5 and A4 to A12 of the structured paper: ``large_pose.png`` and so on for the attributes of the test faces,
``all.png`` where they have none. A column is a face: annotated, by the first and by the second model, with their NME. A
ring marks the landmark in which the two models' errors differ most. Faces are drawn at random from the subset
(``--seed``), or they are those on which the two NMEs are furthest apart, in favour of whichever (``--choose
difference``). Both configs must test the same faces; their crops may differ.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import mmfld  # noqa: F401  before MMPose: prepares the environment and registers the components

# isort: split
import cv2
import numpy as np
import torch
from matplotlib.figure import Figure
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from tqdm import tqdm

from mmfld.apis.whole_model import init_whole_model
from mmfld.engine.endings import run_tool
from mmfld.engine.options import OptionsAction
from mmfld.engine.rows import read_config
from mmfld.evaluation.functional import box_size, inter_ocular, nme_per_image
from mmfld.structures import FaceLayout, get_layout

MARGIN = 1.3  # side of the drawn square over that of the landmarks
RED, GREEN, BLUE = 'red', 'lime', 'deepskyblue'


class Predictions(NamedTuple):
    """Of a model on the F faces of its test set; points (F, K, 2) in pixels of their images."""

    layout: FaceLayout
    ids: list[int]
    paths: list[str]
    attributes: list[dict[str, int]]
    annotated: np.ndarray
    visible: np.ndarray  # (F, K) bool
    points: np.ndarray

    def errors(self, norm: str) -> np.ndarray:
        """(F, ) percent."""
        distance = (
            box_size(self.annotated, self.visible)
            if norm == 'box'
            else inter_ocular(self.annotated, self.visible, self.layout)
        )
        known = np.isfinite(distance)
        if not known.all():
            raise ValueError(
                f'{self.paths[int(known.argmin())]}: found an eye corner that is not annotated; --norm box needs none'
            )
        return 100 * nme_per_image(self.points, self.annotated, self.visible, distance)


def main(argv=None) -> list[Path]:
    args = parse(argv)
    try:
        models = [
            predict(read_config(config, args.cfg_options), checkpoint, args.device)
            for config, checkpoint in args.models
        ]
        first, second = models
        if (first.ids, first.paths, first.layout) != (second.ids, second.paths, second.layout):
            raise ValueError(
                'the models are tested on different faces: '
                + ' and '.join(f'{len(one.ids)} with {one.layout.name}, {one.paths[0]} first' for one in models)
            )
        errors = np.stack([one.errors(args.norm) for one in models])
    except (FileNotFoundError, ValueError) as error:
        args.error(str(error))
    args.out.mkdir(parents=True, exist_ok=True)
    written = []
    for name, members in subsets(first.attributes).items():
        chosen = choose(errors, members, args.num, args.choose, args.seed)
        means = [f'{label} {one[members].mean():.3f}' for label, one in zip(args.labels, errors)]
        figure = draw_page(models, errors, chosen, args.labels)
        figure.suptitle(f'{name.replace("_", " ")}: {len(members)} faces, NME (%): {", ".join(means)}', fontsize=11)
        written.append(args.out / f'{name}.png')
        figure.savefig(written[-1], dpi=args.dpi)
        wins = [(errors[n] < errors[1 - n])[members].sum() for n in (0, 1)]
        print(
            f'{name:<14}{len(members):6} faces   NME {"   ".join(means)}   better on {wins[0]} : {wins[1]}   '
            f'{written[-1]}'
        )
    return written


def parse(argv) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('models', nargs=4, metavar='CONFIG CHECKPOINT', help='of the first and of the second model')
    parser.add_argument('--labels', nargs=2, default=['first', 'second'], metavar=('FIRST', 'SECOND'))
    parser.add_argument('--choose', choices=('random', 'difference'), default='random', help='default: %(default)s')
    parser.add_argument('--seed', type=int, default=0, help='of the choice; default: %(default)s')
    parser.add_argument('--num', type=int, default=6, help='faces of a page; default: %(default)s')
    parser.add_argument('--norm', choices=('inter_ocular', 'box'), default='inter_ocular', help='default: %(default)s')
    parser.add_argument('--dpi', type=int, default=110)
    parser.add_argument('--out', type=Path, default=Path('work_dirs/comparison'), help='default: %(default)s')
    parser.add_argument('--device', default='cuda:0' if torch.cuda.is_available() else 'cpu')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionsAction,
        default={},
        metavar='KEY=VALUE',
        help='for both models, e.g. test_dataset.data_root=/data/wflw',
    )
    args = parser.parse_args(argv)
    args.error = parser.error
    args.models = [args.models[:2], args.models[2:]]
    return args


@torch.no_grad()
def predict(cfg, checkpoint: str, device: str) -> Predictions:
    """A model's landmarks on the test set of its config."""
    if not Path(checkpoint).is_file():
        raise FileNotFoundError(f'checkpoint {checkpoint} does not exist')
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    model = init_whole_model(cfg, checkpoint, device=device)
    loader = Runner.build_dataloader(cfg.test_dataloader)
    samples = [sample for batch in tqdm(loader, desc=checkpoint, unit='batch') for sample in model.test_step(batch)]
    metas = [sample.metainfo for sample in samples]
    annotated, points = (
        np.concatenate([sample.get(f'{kind}_instances').keypoints for sample in samples]).astype(np.float64)
        for kind in ('gt', 'pred')
    )
    # MMPose's field may have weights behind the flags
    visible = np.concatenate([sample.gt_instances.keypoints_visible for sample in samples])
    visible = visible.reshape(*annotated.shape[:2], -1)[..., 0] > 0
    return Predictions(
        get_layout(cfg.layout),
        [meta['id'] for meta in metas],
        [meta['img_path'] for meta in metas],
        [meta.get('raw_ann_info', {}).get('attributes', {}) for meta in metas],
        annotated,
        visible,
        points,
    )


def subsets(attributes: Sequence[dict[str, int]]) -> dict[str, np.ndarray]:
    """Indices of the faces that have an attribute, by its name; of all faces as ``all`` where there is none."""
    names = dict.fromkeys(name for one in attributes for name in one)
    found = {name: np.flatnonzero([one.get(name, 0) for one in attributes]) for name in names}
    return {name: members for name, members in found.items() if len(members)} or {'all': np.arange(len(attributes))}


def choose(errors: np.ndarray, members: np.ndarray, number: int, how: str, seed: int) -> np.ndarray:
    """``number`` of the faces ``members``, by the errors (2, F) of two models."""
    if how == 'random':
        return np.sort(np.random.default_rng(seed).permutation(members)[:number])
    difference = abs(errors[0] - errors[1])[members]
    return members[np.argsort(-difference, kind='stable')[:number]]


def draw_page(models: Sequence[Predictions], errors: np.ndarray, chosen: np.ndarray, labels: Sequence[str]) -> Figure:
    """A column for each chosen face; rows: annotated, first model, second model."""
    figure = Figure(figsize=(2.2 * len(chosen), 2.4 * 3 + 0.4), layout='constrained')
    axes = figure.subplots(3, len(chosen), squeeze=False)
    for column, index in zip(axes.T, chosen):
        path, visible = models[0].paths[index], models[0].visible[index]
        image = cv2.imread(path)
        if image is None:
            raise ValueError(f'{path}: found no image that can be read, expected one of the test set')
        # each model's own: a config may move its points
        truths = [one.annotated[index, visible] for one in models]
        points = [one.points[index, visible] for one in models]
        distances = [np.linalg.norm(own - truth, axis=-1) for own, truth in zip(points, truths)]
        ringed = abs(distances[0] - distances[1]).argmax()
        size = 20 / len(truths[0]) ** 0.5
        low, high = truths[0].min(0), truths[0].max(0)
        reach = MARGIN / 2 * (high - low).max()
        (left, top), (right, bottom) = (low + high) / 2 - reach, (low + high) / 2 + reach
        for axis, truth, own in zip(column, (truths[0], *truths), (None, *points)):
            axis.imshow(image[..., ::-1])
            axis.plot(*truth.T, 'o', color=GREEN, markersize=size, markeredgewidth=0)
            if own is not None:
                axis.plot(*own.T, 'o', color=RED, markersize=0.8 * size, markeredgewidth=0)
                axis.plot(*truth[ringed], 'o', color=BLUE, fillstyle='none', markersize=14)
            axis.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[], facecolor='black')
        column[0].set_title(Path(path).name, fontsize=7)
        for axis, error in zip(column[1:], errors[:, index]):
            axis.set_title(f'{error:.2f} %', fontsize=9)
    for axis, name in zip(axes[:, 0], ('annotated', *labels)):
        axis.set_ylabel(name, fontsize=10)
    return figure


if __name__ == '__main__':
    sys.exit(run_tool(main))
