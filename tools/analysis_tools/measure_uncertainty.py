"""Whether a calibrated model is as far off as it says, on faces as they are and on harder pictures of them.

    python tools/analysis_tools/measure_uncertainty.py ANNOTATIONS.json IMAGES [--model FILE.onnx] [--picture FILE.png]

For each variant of :mod:`mmfld.robustness`, see ``measure_robustness.py``, also for ``--detected``:

* how many percent of the landmarks lie in the ellipses that should hold 50, 68, 90 and 95 % of them;
* NLL: mean of -log of the density of the errors, which are in percent of the inter-ocular distance;
* sharpness: the mean of the stated standard deviations (of the mean variance of both axes), in percent of the
  inter-ocular distance; the smaller the better, at the same coverage;
* hidden: AUROC of covered against visible landmarks by the stated visibility, beside the one by the plain scores;
* seen: how many percent of the covered landmarks are told to be visible, with a probability above 0.5;
* wrong: AUROC of faces with an NME above 8 % by the stated errors, beside the one by the mean score, and their share.

The last line is of all variants but the faces as they are. The picture has the stated against the real errors of each
facial area, and the mean error of the faces that are kept if the most doubtful ones are left out.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from annotated_faces import read_faces
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from measure_robustness import WRONG, add_options, chosen_variants, find, landmarker_of
from tqdm import tqdm

from mmfld.runtime import FaceLandmarker
from mmfld.structures import FaceLayout
from mmfld.uncertainty.measures import LEVELS, auroc, coverage, negative_log_likelihood, risk_coverage

COLUMNS = (
    'variant',
    *(f'{level:.0%}' for level in LEVELS),
    'NLL',
    'sharpness',
    'hidden',
    'hidden by score',
    'seen',
    'wrong',
    'wrong by score',
    'share wrong',
    'faces',
)
BINS = 8  # of stated errors, equally full


class Told(NamedTuple):
    """Of N faces, in percent of the inter-ocular distance.

    Attributes:
        errors (ndarray): (N, K, 2).
        covariances (ndarray): (N, K, 2, 2).
        scores, seen (ndarray): (N, K), the stated visibility being the latter.
        visible (ndarray): (N, K) bool.
    """

    errors: np.ndarray
    covariances: np.ndarray
    scores: np.ndarray
    seen: np.ndarray
    visible: np.ndarray

    @property
    def nme(self) -> np.ndarray:
        """(N, )."""
        return np.linalg.norm(self.errors, axis=-1).mean(-1)

    @property
    def deviation(self) -> np.ndarray:
        """(N, K) the stated standard deviation, of the mean variance of both axes."""
        return np.sqrt(np.trace(self.covariances, axis1=-2, axis2=-1) / 2)


def ask(landmarker: FaceLandmarker, variant: str, faces: Sequence, is_detected: bool = False) -> Told:
    """What a landmarker says of the faces in a variant."""
    varied, found = find(landmarker, variant, faces, is_detected)
    truth = np.stack([one.landmarks for one in varied])
    eyes = list(landmarker.model.layout.eye_corners)
    unit = np.linalg.norm(truth[:, eyes[0]] - truth[:, eyes[1]], axis=-1)[:, None, None] / 100
    errors = (np.stack([face.landmarks for face in found]) - truth) / unit
    covariances = np.stack([face.covariances for face in found]).astype(float) / unit[..., None] ** 2
    return Told(
        errors,
        covariances,
        np.stack([face.scores for face in found]),
        np.stack([face.visible for face in found]),
        np.stack([one.visible for one in varied]),
    )


def row(variant: str, told: Told, degrees: float) -> list:
    """A row of :data:`COLUMNS`."""
    wrong = told.nme > WRONG
    return [
        variant,
        *coverage(told.errors, told.covariances, degrees) * 100,
        negative_log_likelihood(told.errors, told.covariances, degrees),
        told.deviation.mean(),
        auroc(told.seen.ravel(), told.visible.ravel()),
        auroc(told.scores.ravel(), told.visible.ravel()),
        (told.seen[~told.visible] > 0.5).mean() * 100 if not told.visible.all() else np.nan,
        auroc(told.deviation.mean(-1), wrong),
        auroc(-told.scores.mean(-1), wrong),
        wrong.mean() * 100,
        len(wrong),
    ]


def draw(told: dict[str, Told], layout: FaceLayout) -> Figure:
    """Stated against real errors of each area, and which error is left if doubtful faces are left out."""
    figure = Figure(figsize=(12, 5.5), dpi=110, layout='constrained')
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    for area, landmarks in layout.areas.items():
        landmarks = list(landmarks)
        stated = np.concatenate([one.deviation[:, landmarks].ravel() for one in told.values()])
        squares = np.concatenate([(one.errors[:, landmarks] ** 2).mean(-1).ravel() for one in told.values()])
        parts = np.array_split(np.argsort(stated), BINS)
        left.plot(
            [np.sqrt((stated[part] ** 2).mean()) for part in parts],
            [np.sqrt(squares[part].mean()) for part in parts],
            '.-',
            label=area,
        )
    limits = np.array([min(left.get_xlim()[0], left.get_ylim()[0]), max(left.get_xlim()[1], left.get_ylim()[1])])
    limits[0] = max(limits[0], 0.3)
    left.plot(limits, limits, color='grey', linestyle=':', zorder=0)
    left.set(
        xscale='log',
        yscale='log',
        xlim=limits,
        ylim=limits,
        xlabel='stated standard deviation, % inter-ocular',
        ylabel='root mean square of the errors',
        title='each landmark, all variants, equally full bins',
    )
    left.legend()
    groups = ('faces as they are', 'C0', [told['common']]), ('all variants', 'C3', list(told.values()))
    for label, colour, chosen in groups:
        errors = np.concatenate([one.nme for one in chosen])
        kept = np.arange(1, len(errors) + 1) / len(errors)
        doubts = {
            'stated errors': np.concatenate([one.deviation.mean(-1) for one in chosen]),
            'mean score': np.concatenate([-one.scores.mean(-1) for one in chosen]),
            'real errors': errors,
        }
        for (doubted, doubt), style in zip(doubts.items(), ('-', '--', ':')):
            right.plot(
                kept[len(kept) // 50 :],
                risk_coverage(errors, doubt)[len(kept) // 50 :],
                style,
                color=colour,
                label=f'{label}, by the {doubted}',
            )
    right.set(
        xlabel='part of the faces that is kept',
        ylabel='NME of these, %',
        xlim=(0, 1),
        ylim=(0, None),
        title='the most doubtful faces left out',
    )
    right.legend(fontsize='small')
    return figure


def main(argv=None) -> list[list]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument('--picture', type=Path, metavar='FILE')
    args = parser.parse_args(argv)
    variants = chosen_variants(parser, args)
    landmarker = landmarker_of(args)
    degrees = landmarker.model.degrees_of_freedom
    if degrees is None:
        parser.error(
            f'{landmarker.model.path}: this model is not calibrated: export a checkpoint that '
            'mmfld calibrate has written'
        )
    faces = [
        (image, landmarks + args.keypoint_offset)
        for image, landmarks in read_faces(args.annotations, args.images, args.every)
    ]
    print(f'{len(faces)} faces')
    print(' | '.join(COLUMNS))
    rows, told = [], {}
    for variant in variants:
        told[variant] = ask(landmarker, variant, faces, args.detected)
        rows.append(row(variant, told[variant], degrees))
        tqdm.write(' | '.join([variant, *(f'{value:.3f}' for value in rows[-1][1:])]))
    if len(told) > 1:
        others = [one for variant, one in told.items() if variant != 'common']
        rows.append(row('all variants', Told(*map(np.concatenate, zip(*others))), degrees))
        tqdm.write(' | '.join([rows[-1][0], *(f'{value:.3f}' for value in rows[-1][1:])]))
    if args.csv:
        args.csv.parent.mkdir(parents=True, exist_ok=True)
        with open(args.csv, 'w', newline='', encoding='utf-8') as file:
            csv.writer(file).writerows([COLUMNS, *([one[0], *(f'{value:.4f}' for value in one[1:])] for one in rows)])
    if args.picture:
        args.picture.parent.mkdir(parents=True, exist_ok=True)
        draw(told, landmarker.model.layout).savefig(args.picture)
    return rows


if __name__ == '__main__':
    main()
