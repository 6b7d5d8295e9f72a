"""Where 300W's points lie against its photographs: to the right of where they belong, and below it.

    python projects/semantic_ambiguity/annotation_shift.py ANN_FILE [...] [--photographs CSV] [--lfpw29 CSV]

ANN_FILE are annotation files below ``data/300w/annotations``. Prints

1. the shift by folder, and for images that were reduced or not: to the right by the shipped model, below by the darkest
   line between closed lips. That line need not be where people see the lips close, but how far beside it does not
   depend on the pixel: what is left for a face of size 0 is the shift;
2. both from faces that are tilted in the image, without a definition of the vertical;
3. for images that were cut out of photographs and reduced (``--photographs``, a list with the points ``original_0_x``
   ... of the same faces there): the shift against the reduction s, a + b s;
4. the same photographs annotated by three other people (``--lfpw29``, ``kbvt_lfpw_v1_test.csv``).

The model sees mirrored faces in training and averages with the mirrored face in the test, so what it predicts can be
wrong along the face, but not across it: across the face, the mean of annotated - predicted is the annotations'. All
faces are turned upright before the model sees them. A shift (x, y) of the *image* is x cos(t) + y sin(t) across a face
that is tilted by t, and y cos(t) - x sin(t) along it, plus what the model has learned along upright faces: how the
first changes with sin(t) is y, and how the second does is x. A shift that turns with the face shows in neither.

Intervals are of 95 %, from a regression with Huber's weights.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import mmcv
import numpy as np
import torch
from lfpw_annotations import read_annotations
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, TRANSFORMS
from scipy.ndimage import map_coordinates
from terminaltables import GithubFlavoredMarkdownTable
from tqdm import tqdm

from mmfld.apis.face_landmark_inferencer import DEFAULT_WEIGHTS
from mmfld.apis.whole_model import init_whole_model
from mmfld.datasets.transforms.crop import GetFaceCrop, crop_matrix
from mmfld.engine.rows import REPOSITORY, read_config
from mmfld.structures import FaceLayout, convert_keypoints, get_conversion, get_layout

CONFIG = REPOSITORY / 'configs/300w/mmfld_best_mini.py'
LAYOUT = get_layout('300w68')
PEOPLE = get_layout('cofw25')  # what 300w68 and the 29 points of LFPW have in common
COMPARED = {'eye corners': (6, 7, 8, 9), 'mouth': (18, 19, 20, 21, 22, 23)}  # of PEOPLE; symmetric
REDUCED_FROM = 231.0  # longer side of the landmarks, in pixels; larger faces are here reduced to 232
MATCHED, AMBIGUOUS = 0.1, 1.5  # mean distance in inter-ocular distances, and how much farther the next face must be
BATCH = 32
# (upper, lower) inner edge of the lips, from one side of the mouth to the other
INNER_LIPS = {LAYOUT.name: ((61, 67), (62, 66), (63, 65)), PEOPLE.name: ((21, 22),)}
CLOSED = 0.02  # a mouth is closed if the edges are annotated less than this part of the inter-ocular distance apart
REACH, MIN_REACH = 0.05, 4.0  # the line is looked for so far to both sides: inter-ocular distances, but at least pixels
STEP = 0.1  # pixels
COLUMNS = 9


class Faces(NamedTuple):
    """F faces of images; points in pixels of the image, from 0.

    Attributes:
        names (ndarray): (F, ) str, files below the folder of images.
        annotated, predicted (ndarray): (F, 68, 2).
        tilt (ndarray): (F, ) radians, clockwise on the screen.
        below (ndarray): (F, ) pixels by which the annotated line between the lips lies below the darkest, or NaN.
    """

    names: np.ndarray
    annotated: np.ndarray
    predicted: np.ndarray
    tilt: np.ndarray
    below: np.ndarray

    def of(self, chosen: np.ndarray) -> 'Faces':
        return Faces(*(values[chosen] for values in self))

    def residuals(self, points: Sequence[int] = range(17, LAYOUT.num_keypoints)) -> np.ndarray:
        """(F, 2) mean of annotated - predicted, across and along the upright face; of all but the contour."""
        return upright((self.annotated - self.predicted)[:, list(points)].mean(1), self.tilt)


def upright(vectors: np.ndarray, tilt: np.ndarray) -> np.ndarray:
    """(F, 2) vectors in the image -> across and along faces that are tilted by (F, ) radians."""
    cos, sin = np.cos(tilt), np.sin(tilt)
    return np.stack([cos * vectors[:, 0] + sin * vectors[:, 1], cos * vectors[:, 1] - sin * vectors[:, 0]], axis=1)


def tilt_of(points: np.ndarray) -> float:
    """Angle of the mean line from left to right landmarks (68, 2)."""
    pairs = np.array(LAYOUT.flip_pairs)
    return np.arctan2(*(points[pairs[:, 1]] - points[pairs[:, 0]]).sum(0)[::-1])


def regression(values: np.ndarray, *terms: np.ndarray) -> list[tuple[float, float]]:
    """Coefficients of terms (N, ), by default a constant, and half the width of their intervals; NaNs are left out."""
    design = np.stack(terms or [np.ones(len(values))], axis=1)
    known = np.isfinite(values) & np.isfinite(design).all(1)
    values, design = values[known], design[known]
    weights = np.ones(len(values))
    for _ in range(20):
        weighted = design * weights[:, None]
        inverse = np.linalg.inv(weighted.T @ design)
        coefficients = inverse @ weighted.T @ values
        errors = values - design @ coefficients
        scale = 1.4826 * np.median(abs(errors - np.median(errors)))
        weights = np.minimum(1, 1.5 * scale / np.maximum(abs(errors), 1e-12))
    influence = (inverse @ weighted.T) * errors
    deviations = np.sqrt((influence**2).sum(1) * len(values) / max(len(values) - len(inverse), 1))
    return list(zip(coefficients, 1.96 * deviations))


def measure(ann_files: Sequence[str], data_root: str) -> Faces:
    """Read all faces, as they are annotated, and predict them."""
    cfg = read_config(CONFIG, {'test_dataset.data_root': data_root, 'keypoint_offset': (0.0, 0.0)})
    init_default_scope(cfg.default_scope)
    model = init_whole_model(cfg, str(DEFAULT_WEIGHTS), device='cpu')
    pipeline = Compose(
        [
            UprightCrop(TRANSFORMS.build(step)) if step['type'] == 'GetFaceCrop' else step
            for step in cfg.test_dataloader.dataset.pipeline
        ]
    )
    found = []
    for ann_file in ann_files:
        dataset = DATASETS.build(dict(cfg.test_dataloader.dataset, ann_file=f'annotations/{ann_file}', pipeline=[]))
        infos = [dataset.get_data_info(index) for index in range(len(dataset))]
        for start in tqdm(range(0, len(infos), BATCH), desc=ann_file):
            batch = infos[start : start + BATCH]
            with torch.no_grad():
                outputs = model.test_step(pseudo_collate([pipeline(dict(info)) for info in batch]))
            for info, output in zip(batch, outputs):
                points = info['keypoints'][0].astype(np.float64)
                name = Path(info['img_path']).relative_to(dataset.data_prefix['img']).as_posix()
                image = mmcv.imread(info['img_path'], 'grayscale')
                found.append(
                    (
                        name,
                        points,
                        in_image(output, tilt_of(points)),
                        tilt_of(points),
                        lip_line_offset(image, points, LAYOUT),
                    )
                )
    return Faces(*map(np.array, zip(*found)))


def lip_line_offset(image: np.ndarray, points: np.ndarray, layout: FaceLayout) -> float:
    """How far the annotated line between closed lips lies below the darkest line there.

    Args:
        image (ndarray): (H, W) grey.
        points (ndarray): (K, 2) landmarks, pixels.
        layout (FaceLayout): One of :data:`INNER_LIPS`.

    Returns:
        float: Pixels, down the face (across its eye line). NaN if the mouth is open, or no line was found nearby.
    """
    eyes = np.subtract(*points[list(layout.eye_corners[::-1])])
    distance = np.hypot(*eyes)
    down = np.array([-eyes[1], eyes[0]]) / distance
    upper, lower = points[np.array(INNER_LIPS[layout.name]).T].astype(np.float64)
    if not ((lower - upper) @ down).mean() < CLOSED * distance:
        return np.nan
    middle = (upper + lower) / 2
    places = np.linspace(0, len(middle) - 1, COLUMNS)
    columns = np.stack([np.interp(places, range(len(middle)), axis) for axis in middle.T], axis=-1)
    reach = max(MIN_REACH, REACH * distance)
    steps = np.arange(-reach, reach + STEP / 2, STEP)
    samples = columns[:, None] + steps[:, None] * down
    brightness = map_coordinates(
        image.astype(np.float32), samples[..., ::-1].transpose(2, 0, 1), order=3, mode='nearest'
    ).mean(0)
    darkest = brightness.argmin()
    return -steps[darkest] if 0 < darkest < len(steps) - 1 else np.nan


class UprightCrop:
    """A crop of the upright face, so that tilted faces look to the model as others do; in the place of ``rule``."""

    def __init__(self, rule: GetFaceCrop):
        self.rule = rule

    def __call__(self, results: dict) -> dict:
        points = results['keypoints'][0].astype(np.float64)
        tilt = np.full(len(points), tilt_of(points))
        turned = upright(points, tilt)
        results = self.rule(dict(results, bbox=np.concatenate([turned.min(0), turned.max(0)])[None]))
        center = upright(results['bbox_center'], -tilt[:1])
        return dict(results, bbox_center=center.astype(np.float32), bbox_rotation=np.degrees(tilt[:1]))


def in_image(output, tilt: float) -> np.ndarray:
    """(68, 2) predicted landmarks; the estimator maps them back as if the crop had not been turned."""
    meta = output.metainfo
    center = meta['input_center'] - 0.5 * meta['input_scale'] / np.array(meta['input_size'])
    turned = crop_matrix(np.zeros(2), np.ones(2), np.degrees(tilt), (1, 1))[:, :2]
    return center + (output.pred_instances.keypoints[0] - center) @ turned


def read_photographs(path: Path) -> dict[str, np.ndarray]:
    """Name without suffix -> (68, 2) points in the photograph, from 0 (the list has those of the ``.pts``, from 1)."""
    with path.open(newline='') as file:
        rows = list(csv.DictReader(file))
    try:
        return {
            str(Path(row['image_name']).with_suffix('')): np.array(
                [[float(row[f'original_{k}_{axis}']) for axis in 'xy'] for k in range(68)]
            )
            - 1
            for row in rows
        }
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f'{path}: expected image_name and the numbers original_0_x ... original_67_y: {error}'
        ) from error


def cuts(faces: Faces, photographs: dict[str, np.ndarray]) -> np.ndarray:
    """(F, 2, 2): for x and y, scale and offset from pixels of the photograph to those of the image; NaN without one.

    Raises:
        ValueError: If the points are not those of the photograph.
    """
    found = np.full((len(faces.names), 2, 2), np.nan)
    for cut, name, points in zip(found, faces.names, faces.annotated):
        original = photographs.get(str(Path(name).with_suffix('')))
        if original is not None:
            for axis in (0, 1):
                cut[axis] = np.polyfit(original[:, axis], points[:, axis], 1)
            error = abs(original * cut[:, 0] + cut[:, 1] - points).max()
            if error > 0.01:
                raise ValueError(
                    f'{name}: found points {error:.2f} pixels off, expected those of the photograph, scaled and moved'
                )
    return found


def match(annotated: np.ndarray, people: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which annotations (M, 25, 2) are of the same photographs as (F, 25, 2), by the distance of the points themselves.

    Returns:
        tuple: (F, ) index of the nearest, (F, ) bool whether it is the same, (F, 2) mean distance of it and of the next
        in inter-ocular distances.
    """
    right, left = PEOPLE.eye_corners
    distances = np.linalg.norm(annotated[:, None] - people, axis=-1).mean(-1)
    distances /= np.linalg.norm(annotated[:, right] - annotated[:, left], axis=-1)[:, None]
    order = distances.argsort(1)[:, :2]
    nearest = np.take_along_axis(distances, order, 1)
    return order[:, 0], (nearest[:, 0] < MATCHED) & (nearest[:, 1] > AMBIGUOUS * nearest[:, 0]), nearest


def shown(*values: tuple[float, float]) -> list[str]:
    return [f'{value:.2f} ± {half:.2f}' for value, half in values]


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence]) -> None:
    print(f'\n{title}\n{GithubFlavoredMarkdownTable([header, *rows]).table}')


def print_groups(faces: Faces, reduced: np.ndarray) -> None:
    folder = np.array([name.split('/')[0] for name in faces.names])
    groups = {name: folder == name for name in sorted(set(folder))}
    groups.update({'not reduced': ~reduced, 'reduced': reduced})
    rows = []
    for name, chosen in groups.items():
        part = faces.of(chosen)
        if np.isfinite(part.below).sum() > 2:
            rows.append(
                [
                    name,
                    len(part.names),
                    *shown(*regression(part.residuals()[:, 0])),
                    np.isfinite(part.below).sum(),
                    *shown(*regression(part.below)),
                ]
            )
    print_table(
        '1. Pixels by which the annotated points lie to the right and below (without the contour)',
        ['images', 'faces', 'right', 'closed mouths', 'below'],
        rows,
    )
    whole = faces.of(~reduced)
    sides = np.ptp(whole.annotated, axis=1).max(1) / REDUCED_FROM
    rows = [
        [name, *shown(*regression(values, np.ones(len(sides)), sides))]
        for name, values in (('right', whole.residuals()[:, 0]), ('below', whole.below))
    ]
    print_table(
        '   The same in images that are not reduced, as a + b (longer side of the landmarks / 231 pixels)',
        ['', 'a', 'b'],
        rows,
    )


def print_tilted(faces: Faces) -> None:
    cos, sin = np.cos(faces.tilt), np.sin(faces.tilt)
    rows = []
    for area, points in {'all but the contour': range(17, 68), **LAYOUT.areas}.items():
        across, along = faces.residuals(points).T
        (right, below), (from_along, _) = regression(across, cos, sin), regression(along, -sin, cos)
        rows.append([area, *shown(right, from_along, below)])
    deviation = np.degrees(faces.tilt.std())
    print_table(
        f'2. Pixels in {len(faces.names)} images that are not reduced, tilted by 0 ± {deviation:.1f} degrees',
        ['area', 'right, across faces', 'right, along tilted faces', 'below, across tilted faces'],
        rows,
    )


def print_reduced(faces: Faces, scale: np.ndarray) -> None:
    across, along = faces.residuals().T
    measured = {'right': across, 'below, lips': faces.below, 'below, model (only b counts)': along}
    rows = [
        [name, np.isfinite(values).sum(), *shown(*regression(values, np.ones(len(scale)), scale))]
        for name, values in measured.items()
    ]
    print_table('3. Reduced images: a + b s pixels', ['', 'faces', 'a', 'b'], rows)


def print_people(faces: Faces, cut: np.ndarray, csv_file: Path, images: Path) -> None:
    points, visible, _ = read_annotations(csv_file)
    people = convert_keypoints(points.mean(1), 'cofw29', PEOPLE)
    visible = get_conversion('cofw29', PEOPLE).scores(visible.all(1))
    common = convert_keypoints(faces.annotated, LAYOUT, PEOPLE)
    original = (common - cut[:, None, :, 1]) / cut[:, None, :, 0]
    index, same, nearest = match(original, people)
    print(
        f'\n4. {same.sum()} of {len(same)} faces are among the {len(people)} of {csv_file.name}: mean distance at '
        f'most {nearest[same, 0].max():.3f} inter-ocular distances, that of the next face at least '
        f'{(nearest[same, 1] / nearest[same, 0]).min():.1f} times as much'
    )
    faces, cut, index = faces.of(same), cut[same], index[same]
    people, visible = people[index] * cut[:, None, :, 0] + cut[:, None, :, 1], visible[index]
    predicted, common = convert_keypoints(faces.predicted, LAYOUT, PEOPLE), common[same]
    rows = []
    for name, chosen in COMPARED.items():
        known = visible[:, chosen].all(1)
        for whose, annotated in (('the three people', people), ('300W', common)):
            across = upright((annotated - predicted)[:, chosen].mean(1), faces.tilt)[:, 0]
            rows.append([f'{name}, {whose}', known.sum(), *shown(*regression(across[known])), ''])
        rows.append(
            [
                f'{name}, 300W - the three people',
                known.sum(),
                *shown(*(regression((common - people)[known][:, chosen, axis].mean(1))[0] for axis in (0, 1))),
            ]
        )
    lips = []
    for annotated in (people, common):
        lips.append(
            [
                lip_line_offset(cv2.imread(str(images / name), cv2.IMREAD_GRAYSCALE), points, PEOPLE)
                for name, points in zip(faces.names, annotated)
            ]
        )
    lips = np.where(np.isfinite(lips).all(0) & visible[:, [21, 22]].all(1), lips, np.nan)
    for whose, below in zip(('the three people', '300W'), lips):
        rows.append([f'closed lips, {whose}', np.isfinite(below).sum(), '', *shown(*regression(below))])
    print_table('   Pixels to the right and below', ['', 'faces', 'right', 'below'], rows)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('ann_files', nargs='+', metavar='ANN_FILE')
    parser.add_argument('--data-root', default='data/300w/', help='default: %(default)s')
    parser.add_argument('--photographs', type=Path, metavar='CSV')
    parser.add_argument('--lfpw29', type=Path, metavar='CSV', help='needs --photographs')
    args = parser.parse_args(argv)
    if args.lfpw29 and not args.photographs:
        parser.error('--lfpw29 needs --photographs')
    faces = measure(args.ann_files, args.data_root)
    reduced = np.ptp(faces.annotated, axis=1).max(1) >= REDUCED_FROM
    print_groups(faces, reduced)
    print_tilted(faces.of(~reduced))
    if args.photographs:
        cut = cuts(faces, read_photographs(args.photographs))
        scale = cut[..., 0].mean(1)
        chosen = scale < 0.999
        print_reduced(faces.of(chosen), scale[chosen])
        if args.lfpw29:
            known = np.isfinite(scale)
            print_people(faces.of(known), cut[known], args.lfpw29, Path(args.data_root) / 'images')


if __name__ == '__main__':
    main()
