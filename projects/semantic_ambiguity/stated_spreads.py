"""Whether the uncertainty that models state points where human annotators differ.

    python projects/semantic_ambiguity/stated_spreads.py CSV ANNOTATIONS.json IMAGES [--models NAME ...] [--every N]
        [--out-dir work_dirs/semantic_ambiguity]

CSV is ``kbvt_lfpw_v1_test.csv`` as for ``human_annotators.py``; the models predict the faces of a COCO file with 300W's
68 points. Both are other faces, so that what is compared are covariances pooled over faces, in the frame of the eye
line. Prints tables and writes ``stated_spreads.json`` and ``stated_spreads.png``.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from lfpw_annotations import WORKERS, read_annotations
from shared_landmarks import (
    COMPARED,
    FROM_MODELS,
    MODELS,
    SHARED,
    SHARED_NAMES,
    Frame,
    annotators,
    errors_in_frame,
    frame,
    in_frame,
)
from spreads import (
    Spread,
    angles,
    corners,
    direction,
    groups,
    interval,
    pooled_direction,
    share_along,
    shuffled_landmarks,
    spearman,
)
from stated_covariances import ask, models, read_faces
from stated_picture import draw
from stated_report import report

from mmfld.counts import how_many
from mmfld.engine.endings import run_tool

BOOTSTRAPS = 1000


class StatedSpreads(NamedTuple):
    """Of one model: what it states, the same before the calibration, and its errors against the annotation."""

    calibrated: Spread
    maps: Spread
    errors: Spread


def compare(human: Spread, human_frame: Frame, stated: dict[str, StatedSpreads], stated_frame: Frame) -> dict:
    """All numbers, for the spreads (F, 25) of the annotators and (G, 25) of each model."""
    rng = np.random.default_rng(0)
    draws, stated_draws = (
        rng.multinomial(count, np.full(count, 1 / count), BOOTSTRAPS)
        for count in (len(human.trace), len(stated_frame.shapes))
    )
    is_compared = np.isin(np.arange(SHARED.num_keypoints), COMPARED)
    orders = shuffled_landmarks(is_compared, SHARED, rng)
    spreads = {name: spread.calibrated for name, spread in stated.items()}
    spreads |= {f'{name}, maps': spread.maps for name, spread in stated.items()}
    spreads |= {f'{name}, errors': spread.errors for name, spread in stated.items()}

    axes = human_frame.axes
    baselines = {'eye line': np.ones(axes.shape, complex), 'boundary': axes}
    directions = {
        name: pooled_direction(human, Spread(abs(along), along), is_compared, (draws, draws), orders)
        for name, along in baselines.items()
    }
    halves = [Spread(*(array[start::2] for array in human)) for start in (0, 1)]
    half_draws = tuple(
        rng.multinomial(len(half.trace), np.full(len(half.trace), 1 / len(half.trace)), BOOTSTRAPS) for half in halves
    )
    directions['annotators, half against half'] = pooled_direction(*halves, is_compared, half_draws, orders)
    for name, spread in spreads.items():
        directions[name] = pooled_direction(human, spread, is_compared, (draws, stated_draws), orders)

    shape = human_frame.shapes.mean(0)
    sharp = corners(shape, SHARED)
    sharp[list(SHARED.areas['nose'])] = False  # its two points are no boundary that turns
    areas = groups(axes, sharp, SHARED)
    areas |= {'all but the contour': np.setdiff1d(COMPARED, SHARED.areas['contour']), 'all': COMPARED}
    everyone = {'annotators': (human, axes, draws)}
    everyone |= {name: (spread, stated_frame.axes, stated_draws) for name, spread in spreads.items()}
    return dict(
        faces=dict(annotators=len(human.trace), models=len(stated_frame.shapes)),
        direction=directions,
        areas={
            area: dict(
                landmarks=[SHARED_NAMES[k] for k in members],
                **{
                    name: share_along(spread, along, members, counts)
                    | dict(ratio=np.median(spread.pooled().at(members).ratio))
                    | ({} if spread is human else direction(human, spread, members, (draws, counts)))
                    for name, (spread, along, counts) in everyone.items()
                },
            )
            for area, members in areas.items()
        },
        size={name: _sizes(human, draws, spread, counts) for name, (spread, _, counts) in everyone.items()},
        calibration={name: _turns(spread.calibrated, spread.maps) for name, spread in stated.items()},
        own_errors={
            name: direction(spread.errors, spread.calibrated, COMPARED, (stated_draws, stated_draws))
            for name, spread in stated.items()
        },
        landmarks=[_landmark(k, shape[k], human, spreads) for k in range(SHARED.num_keypoints)],
    )


def _sizes(human: Spread, draws: np.ndarray, spread: Spread, counts: np.ndarray) -> dict:
    """Standard deviations and ratios of axes over the landmarks, and their rank correlations with the annotators'."""
    pooled = [one.pooled().at(COMPARED) for one in (human, spread)]
    redrawn = [one.redrawn(number).at(COMPARED) for one, number in ((human, draws), (spread, counts))]
    result = dict(
        std=np.sqrt(pooled[1].trace.mean() / 2),
        ratio=np.median(pooled[1].ratio),
        ratio_interval=interval(np.median(redrawn[1].ratio, axis=-1)),
    )
    if spread is not human:
        for key, measure in (('ratio', lambda one: one.ratio), ('std', lambda one: one.trace)):
            result[f'{key}_spearman'] = spearman(*map(measure, pooled))
            result[f'{key}_spearman_interval'] = interval(spearman(*map(measure, redrawn)))
    return result


def _turns(calibrated: Spread, maps: Spread) -> dict:
    """What a calibration does to the first principal axes, of each face and landmark."""
    degrees = angles(calibrated.axis, maps.axis)[:, COMPARED]
    degrees = degrees[np.isfinite(degrees)]
    return dict(exchanged=(degrees > 45).mean(), otherwise=np.minimum(degrees, 90 - degrees).max())


def _landmark(k: int, place: complex, human: Spread, spreads: dict[str, Spread]) -> dict:
    row = dict(name=SHARED_NAMES[k], position=[place.real, place.imag], compared=k in COMPARED)
    for name, spread in {'annotators': human, **spreads}.items():
        pooled = spread.pooled().at(k)
        row[name] = dict(
            std=np.sqrt(pooled.trace),
            anisotropy=abs(pooled.axis) / pooled.trace,
            ratio=pooled.ratio,
            degrees=np.degrees(np.angle(pooled.axis)) / 2,
            angle=angles(human.pooled().at(k).axis, pooled.axis),
        )
    return row


def main(argv=None) -> dict:
    parser = argparse.ArgumentParser(description='Uncertainty that models state against human annotators.')
    parser.add_argument('csv', type=Path, help='kbvt_lfpw_v1_test.csv')
    parser.add_argument('annotations', type=Path, help='COCO file of faces with the 68 points of 300W')
    parser.add_argument('images', type=Path, help='folder that its file names are in')
    parser.add_argument('--models', nargs='+', metavar='NAME', help='of the package; default: its four methods')
    parser.add_argument('--every', type=int, default=1, metavar='N', help='only each N-th face')
    parser.add_argument('--out-dir', type=Path, default=Path('work_dirs/semantic_ambiguity'))
    args = parser.parse_args(argv)
    if args.every < 1:
        raise ValueError(f'--every: found {args.every}, expected 1 or more')
    names = models(args.models)
    points, _, num_skipped = read_annotations(args.csv)
    faces = read_faces(args.annotations, args.images, MODELS, args.every)
    print(
        f'{len(points)} faces with {len(WORKERS)} annotators, {num_skipped} with fewer left out; '
        f'{how_many(len(faces.images), "face")} for {", ".join(names)}'
    )
    human, human_frame = annotators(points)
    annotated = FROM_MODELS.keypoints(faces.points)
    stated_frame = frame(annotated)
    stated = {}
    for name in names:
        told = ask(name, faces, SHARED)
        covariances = (in_frame(covariances, stated_frame) for covariances in (told.covariances, told.maps))
        stated[name] = StatedSpreads(*covariances, errors_in_frame(told.landmarks - annotated, stated_frame))
    result = compare(human, human_frame, stated, stated_frame)
    report(result)
    args.out_dir.mkdir(parents=True, exist_ok=True)
    draw(result, names, args.out_dir / 'stated_spreads.png')
    numbers = json.dumps(result, indent=1, default=lambda number: number.item())
    (args.out_dir / 'stated_spreads.json').write_text(numbers + '\n')
    print(f'\nSaved {args.out_dir / "stated_spreads.png"} and {args.out_dir / "stated_spreads.json"}')
    return result


if __name__ == '__main__':
    sys.exit(run_tool(main))
