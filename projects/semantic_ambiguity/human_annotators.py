"""Spread of three human annotators against the covariance of image-aware label smoothing.

    python projects/semantic_ambiguity/human_annotators.py CSV [--out-dir work_dirs/semantic_ambiguity]

Fig. A2 of the structured paper, "Heatmap Regression without Soft-argmax" (Yang and Yeh, ICCV 2025), in numbers. CSV is
``kbvt_lfpw_v1_test.csv`` of LFPW (Belhumeur et al., CVPR 2011): each face annotated three times. Prints the tables and
writes ``human_annotators.json`` and ``human_annotators.png``. It has no images and needs none: the paper predicts from
the points alone.

Points are complex numbers x + i y here, in the frame of the face: eye line horizontal, inter-ocular distance 1. A 2 x 2
covariance S is then its trace and its *axis* (S_xx - S_yy) + 2 i S_xy, whose angle is twice that of the first principal
direction; both are linear in S, so that pooling faces is a sum. For deviations d the axis is the sum of d^2.
"""

import argparse
import csv
import json
import math
from pathlib import Path
from typing import NamedTuple

import matplotlib

from mmfld.codecs import ImageAwareSmoothing
from mmfld.codecs.boundary_maps import edge_maps
from mmfld.codecs.label_smoothing import covariances, point_patch, smoothing_stages
from mmfld.datasets.transforms.crop import CROP_RULES, crop_matrix
from mmfld.structures import FaceLayout, get_layout, pixels_to_cells

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib.patches import Ellipse  # noqa: E402
from scipy.optimize import linear_sum_assignment  # noqa: E402
from scipy.stats import rankdata  # noqa: E402

LAYOUT = get_layout('cofw29')
# the columns of the file that make up the layout, in its order; left and right are those of the picture
NAMES = (
    'left_eyebrow_out right_eyebrow_out left_eyebrow_in right_eyebrow_in left_eyebrow_center_top '
    'left_eyebrow_center_bottom right_eyebrow_center_top right_eyebrow_center_bottom left_eye_out right_eye_out '
    'left_eye_in right_eye_in left_eye_center_top left_eye_center_bottom right_eye_center_top '
    'right_eye_center_bottom left_eye_pupil right_eye_pupil left_nose_out right_nose_out nose_center_top '
    'nose_center_bottom left_mouth_out right_mouth_out mouth_center_top_lip_top mouth_center_top_lip_bottom '
    'mouth_center_bottom_lip_top mouth_center_bottom_lip_bottom chin'
).split()
EARS = 'left_ear_top right_ear_top left_ear_bottom right_ear_bottom left_ear_canal right_ear_canal'.split()
HEADER = ['imgurl', 'worker'] + [f'{name}_{field}' for name in NAMES[:-1] + EARS + NAMES[-1:] for field in 'xyt']
WORKERS = ('worker_0', 'worker_1', 'worker_2')

RADII = (3, 5, 8, 12)
GAMMAS = (0.01, 0.001)  # of the paper, for WFLW and 300W and for COFW
BOOTSTRAPS = 1000
PERMUTATIONS = 2000
HISTOGRAM = np.linspace(0, 90, 9)  # degrees


class Spread(NamedTuple):
    """Covariances as described above; arrays (F, K) for F faces, or (K, ) where pooled.

    Attributes:
        trace (ndarray): float64, total variance.
        axis (ndarray): complex128; 0 where the covariance has no direction.
    """

    trace: np.ndarray
    axis: np.ndarray

    def weighted(self, weights: np.ndarray) -> 'Spread':
        return Spread(self.trace * weights, self.axis * weights)

    def pooled(self) -> 'Spread':
        return Spread(self.trace.mean(0), self.axis.mean(0))


def read_annotations(path: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """All faces with three annotators; the rows with their average are checked and left out.

    Returns:
        tuple:
        - points (ndarray): (F, 3, 29, 2) float64 image pixels, in the order of the layout.
        - visible (ndarray): (F, 3, 29) bool, flag 0 in the file.
        - num_skipped (int): Faces with fewer than three annotators.

    Raises:
        ValueError: If the file differs from the format, with its line and column.
    """
    faces: dict[str, dict] = {}
    with open(path, newline='') as file:
        lines = csv.reader(file, delimiter='\t')
        header = next(lines, [])
        if len(header) != len(HEADER):
            raise ValueError(f'{path}, line 1: found {len(header)} columns, expected {len(HEADER)}')
        for number, (found, expected) in enumerate(zip(header, HEADER), 1):
            if found != expected:
                raise ValueError(f'{path}, line 1, column {number}: found {found!r}, expected {expected!r}')
        for row in lines:
            where = f'{path}, line {lines.line_num}'
            if len(row) != len(HEADER):
                raise ValueError(f'{where}: found {len(row)} columns, expected {len(HEADER)}')
            url, worker = row[:2]
            if worker not in ('average', *WORKERS):
                raise ValueError(f"{where}, column 'worker': found {worker!r}, expected 'average' or one of {WORKERS}")
            face = faces.setdefault(url, {})
            if worker in face:
                raise ValueError(f'{where}: found {worker!r} of {url} a second time, expected one row each')
            face[worker] = [_number(text, name, where) for text, name in zip(row[2:], HEADER[2:])]
    complete = [[face[worker] for worker in WORKERS] for face in faces.values() if face.keys() >= set(WORKERS)]
    if not complete:
        raise ValueError(f'{path}: found no face with the annotators {WORKERS}, expected at least one')
    values = np.array(complete).reshape(len(complete), len(WORKERS), -1, 3)
    values = np.delete(values, range(len(NAMES) - 1, len(NAMES) - 1 + len(EARS)), axis=2)
    return values[..., :2], values[..., 2] == 0, len(faces) - len(complete)


def _number(text: str, column: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f'{where}, column {column!r}: found {text!r}, expected a finite number')
    if column.endswith('_t') and value not in (0, 1, 2, 3):
        raise ValueError(f'{where}, column {column!r}: found {text!r}, expected 0, 1, 2 or 3')
    return value


def crop_points(points: np.ndarray, codec: ImageAwareSmoothing) -> np.ndarray:
    """(F, 3, K, 2) image pixels -> pixels of the paper's crop around the mean points of each face."""
    mean = points.mean(1)
    x, y, side = CROP_RULES['landmark_height'](*mean.min(1).T, *mean.max(1).T)
    matrices = np.stack(
        [
            crop_matrix(centre, scale, 0.0, codec.input_size)
            for centre, scale in zip(np.stack([x, y], -1), np.stack([side, side], -1))
        ]
    )
    return np.einsum('fij,fakj->faki', matrices[..., :2], points) + matrices[:, None, None, :, 2]


def predict(points: np.ndarray, codec: ImageAwareSmoothing) -> dict[str, np.ndarray]:
    """Covariance Sigma of each landmark's label as the codec computes it, without gamma.

    Args:
        points (ndarray): (F, K, 2) crop pixels.
        codec (ImageAwareSmoothing): For the sizes and the grid of the maps.

    Returns:
        dict: Name -> (F, K, 2, 2) in cells^2, for ``'k=8'`` etc.; ``'k=8, own'``, which is not the paper's, with no
        edges in a landmark's patch but the boundaries through it; and ``'image-unaware'``.
    """
    cells = pixels_to_cells(points, codec.heatmap_size, codec.input_size, codec.map_grid)
    edges = [edge_maps(face, LAYOUT, codec.input_size, codec.heatmap_size) for face in points]
    predicted = {
        f'k={radius}': np.stack([smoothing_stages(edge, face, radius).covariances for edge, face in zip(edges, cells)])
        for radius in RADII
    }
    isotropic = np.tile(covariances(point_patch(codec.patch_radius)[None]), (*points.shape[:2], 1, 1))
    own = isotropic.copy()
    for channels in np.unique(LAYOUT.boundary_of_keypoint, axis=0):
        if channels.any():
            members = (LAYOUT.boundary_of_keypoint == channels).all(1)
            for target, edge, face in zip(own, edges, cells):
                target[members] = smoothing_stages(edge[channels > 0], face[members], codec.patch_radius).covariances
    return predicted | {f'k={codec.patch_radius}, own': own, 'image-unaware': isotropic}


def spread_of_samples(deviations: np.ndarray) -> Spread:
    """Unbiased covariance of deviations (F, A, K) from their mean over A."""
    degrees = deviations.shape[1] - 1
    return Spread((abs(deviations) ** 2).sum(1) / degrees, (deviations**2).sum(1) / degrees)


def spread_of_covariances(covariance: np.ndarray, eye_line: np.ndarray) -> Spread:
    """Covariances (F, K, 2, 2) in cells^2, with the complex eye line (F, ) in cells, in the frame of the face."""
    trace = covariance[..., 0, 0] + covariance[..., 1, 1]
    axis = covariance[..., 0, 0] - covariance[..., 1, 1] + 2j * covariance[..., 0, 1]
    axis = np.where(abs(axis) > 1e-6 * trace, axis, 0)  # a direction out of rounding errors is none
    return Spread(trace / abs(eye_line[:, None]) ** 2, axis / eye_line[:, None] ** 2)


def boundary_axes(shape: np.ndarray, layout: FaceLayout, round_corners: bool = False) -> np.ndarray:
    """Axis along the boundary through each landmark: the mean of the directions to its neighbours on it, both ways.

    That is the tangent where the boundary goes straight on; at a corner, where it returns, it is the bisector of the
    two arms, which is the long axis of an eye, a brow or the mouth. All boundaries count as closed, as they are on the
    face: the layout leaves one eye open only to draw as the reference code does.

    Args:
        shape (ndarray): (F, K) complex.
        layout (FaceLayout): Its boundaries are used.
        round_corners (bool): Take the direction from one neighbour to the other instead, the tangent of a smooth curve,
            which runs across an eye at its corners. Defaults to False.

    Returns:
        ndarray: (F, K) complex128 of modulus 1 and twice the angle of the direction; 0 on no boundary.
    """
    axes = np.zeros(shape.shape, complex)
    for boundary in layout.boundaries:
        points = shape[:, boundary.indices]
        before, after = (np.roll(points, shift, axis=1) for shift in (1, -1))
        for step in [after - before] if round_corners else [after - points, points - before]:
            axes[:, boundary.indices] += np.exp(2j * np.angle(step))
    return np.divide(axes, abs(axes), out=np.zeros_like(axes), where=axes != 0)


def corners(shape: np.ndarray, layout: FaceLayout) -> np.ndarray:
    """(K, ) bool: a boundary turns by more than 90 degrees at the landmark of ``shape`` (K, ) complex."""
    sharp = np.zeros(len(shape), bool)
    for boundary in layout.boundaries:
        points = shape[list(boundary.indices)]
        turn = np.angle((np.roll(points, -1) - points) / (points - np.roll(points, 1)))
        sharp[list(boundary.indices)] |= abs(turn) > np.pi / 2
    return sharp


def angles(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """0 to 90 degrees between principal directions with these axes; nan where either has none."""
    product = first * second.conj()
    return np.where(product != 0, abs(np.degrees(np.angle(product))) / 2, np.nan)


def alignment(first: Spread, second: Spread) -> np.ndarray:
    """Mean of cos(2 angle) over landmarks (..., K), weighted by both anisotropies: 1 parallel, 0 chance, -1 across."""
    product = (first.axis / first.trace) * (second.axis / second.trace).conj()
    return product.real.sum(-1) / abs(product).sum(-1)


def interval(values: np.ndarray) -> list:
    """Middle 95 % of bootstrap values."""
    return np.percentile(values, [2.5, 97.5]).tolist()


def shuffled_landmarks(chosen: np.ndarray, layout: FaceLayout, rng: np.random.Generator) -> np.ndarray:
    """(PERMUTATIONS, K) orders of the landmarks ``chosen`` (K, ) bool.

    Pairs change places with pairs and middle landmarks with middle ones: the two sides of a face are no two pieces of
    evidence.
    """
    orders = np.tile(np.arange(layout.num_keypoints), (PERMUTATIONS, 1))
    pairs = np.array([pair for pair in layout.flip_pairs if chosen[list(pair)].all()])
    middle = np.flatnonzero(chosen & (np.array(layout.flip_indices) == np.arange(layout.num_keypoints)))
    for order in orders:
        order[pairs] = rng.permutation(pairs)
        order[middle] = rng.permutation(middle)
    return orders


def pooled_direction(
    human: Spread, predicted: Spread, chosen: np.ndarray, draws: np.ndarray, orders: np.ndarray
) -> dict:
    """Directions of the covariances pooled over faces, at the landmarks ``chosen`` (K, ) bool.

    ``draws`` (B, F) are bootstrap counts of the faces, ``orders`` (P, K) permutations of the landmarks.
    """
    pooled = [Spread(s.trace.sum(0)[chosen], s.axis.sum(0)[chosen]) for s in (human, predicted)]
    redrawn = [Spread((draws @ s.trace)[:, chosen], (draws @ s.axis)[:, chosen]) for s in (human, predicted)]
    shuffled = Spread(*(array.sum(0)[orders][:, chosen] for array in predicted))
    degrees, value, chance = angles(pooled[0].axis, pooled[1].axis), alignment(*pooled), alignment(pooled[0], shuffled)
    return dict(
        median=np.nanmedian(degrees),
        under_22=_share_under(degrees, 22.5),
        under_45=_share_under(degrees, 45),
        alignment=value,
        alignment_interval=interval(alignment(*redrawn)),
        alignment_shuffled=chance.mean(),
        p=(1 + (chance >= value).sum()) / (1 + len(chance)),
    )


def face_direction(human: Spread, predicted: Spread, chosen: np.ndarray, draws: np.ndarray) -> dict:
    """Angles for each face and landmark alone; see :func:`pooled_direction`."""
    degrees = angles(human.axis, predicted.axis)[:, chosen]
    under, count = (degrees < 45).sum(1), np.isfinite(degrees).sum(1)
    return dict(
        count=count.sum(),
        median=np.nanmedian(degrees),
        under_22=_share_under(degrees, 22.5),
        under_45=_share_under(degrees, 45),
        under_45_interval=interval((draws @ under) / (draws @ count)),
        histogram=(np.histogram(degrees, HISTOGRAM)[0] / count.sum()).tolist(),
    )


def _share_under(degrees: np.ndarray, limit: float) -> float:
    return (degrees < limit).sum() / np.isfinite(degrees).sum()


def simulate(spread: Spread, count: int, rng: np.random.Generator) -> Spread:
    """The spread of ``count`` annotators who follow N(0, ``spread``)."""
    first, second = rng.standard_normal((2, len(spread.trace), count, spread.trace.shape[1]))
    major, minor = (np.sqrt((spread.trace + sign * abs(spread.axis)) / 2)[:, None] for sign in (1, -1))
    turn = np.exp(0.5j * np.angle(spread.axis))[:, None]
    samples = turn * (major * first + 1j * minor * second)
    return spread_of_samples(samples - samples.mean(1, keepdims=True))


def size(human: Spread, predicted: Spread, draws: np.ndarray) -> dict:
    """Sizes over landmarks (correlations of the pooled standard deviations) and the gamma that makes them equal."""
    pairs = [
        (np.sqrt(weights @ human.trace), np.sqrt(weights @ predicted.trace))
        for weights in (np.ones((1, len(human.trace))), draws)
    ]
    result = {}
    if np.ptp(pairs[0][1]) > 1e-9 * pairs[0][1].max():  # no correlation with a constant
        for name, prepare in (('pearson', np.asarray), ('spearman', lambda values: rankdata(values, axis=-1))):
            value, redrawn = (_correlation(prepare(first), prepare(second)) for first, second in pairs)
            result |= {name: value[0], f'{name}_interval': interval(redrawn)}
    gamma, gammas = ((first**2).sum(-1) / (second**2).sum(-1) for first, second in pairs)
    return result | dict(
        gamma=gamma[0], gamma_interval=interval(gammas), gamma_median=np.median(human.trace / predicted.trace)
    )


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    first, second = (values - values.mean(-1, keepdims=True) for values in (first, second))
    return (first * second).sum(-1) / np.sqrt((first**2).sum(-1) * (second**2).sum(-1))


def share_along(spread: Spread, axes: np.ndarray, chosen, draws: np.ndarray) -> dict:
    """Part of the variance along the direction with ``axes`` (F, K), summed over the landmarks ``chosen``."""
    along = ((spread.trace + (spread.axis * axes.conj()).real) / 2)[:, chosen].sum(1)
    total = spread.trace[:, chosen].sum(1)
    return dict(share=along.sum() / total.sum(), interval=interval((draws @ along) / (draws @ total)))


def systematic_part(deviations: np.ndarray, rng: np.random.Generator) -> dict:
    """Offsets of the columns worker_0 to worker_2 at each landmark, and of an annotator's whole face.

    Args:
        deviations (ndarray): (F, 3, K) complex.

    Returns:
        dict: ``offset``, the part of the variance that is the mean offset per worker and landmark, unbiased, and
        ``offset_shuffled``, the middle 95 % of what it is with the workers shuffled in each face; ``whole_face``, the
        correlation of an annotator's deviations at two landmarks of a face (vector dot product, mean over all pairs).
    """
    faces, workers, landmarks = deviations.shape
    variance = (abs(deviations) ** 2).sum() / faces / (workers - 1)

    def offset(values):
        # the variance of the mean of F random deviations is 1 / F of theirs
        return (abs(values.mean(0)) ** 2).sum() / (workers - 1) / variance - 1 / faces

    shuffled = [
        offset(np.take_along_axis(deviations, order, axis=1))
        for order in rng.permuted(np.tile(np.arange(workers)[:, None], (PERMUTATIONS // 4, faces, 1, 1)), axis=2)
    ]
    common = (abs(deviations.mean(2)) ** 2).sum() / faces / (workers - 1) * landmarks / variance
    return dict(
        offset=offset(deviations),
        offset_shuffled=interval(shuffled),
        whole_face=(landmarks * common - 1) / (landmarks - 1),
    )


def check_order(shape: np.ndarray, layout: FaceLayout) -> dict:
    """Mirrors the mean shape (K, ) complex and looks which landmark falls on which; in inter-ocular distances."""
    mirrored = -shape.conj()[list(layout.flip_indices)]
    distances = abs((mirrored + (shape - mirrored).mean())[:, None] - shape)
    assigned = linear_sum_assignment(distances)[1]
    return dict(
        matched=(assigned == np.arange(len(shape))).sum(),
        largest=distances.diagonal().max(),
        nearest_other=(distances + np.diag(np.full(len(shape), np.inf))).min(),
    )


def groups(axes: np.ndarray, sharp: np.ndarray, layout: FaceLayout) -> dict[str, list]:
    """The landmarks with a direction along, by facial area, those on corners apart."""
    result = {}
    for area, indices in layout.areas.items():
        for name, belongs in ((area, ~sharp), (f'{area}, corners', sharp)):
            members = [k for k in indices if belongs[k] and axes[0, k]]
            if members:
                result[name] = members
    return result


def compare(points: np.ndarray, visible: np.ndarray) -> dict:
    """All numbers for annotations (F, 3, K, 2) in image pixels with their flags (F, 3, K)."""
    rng = np.random.default_rng(0)
    codec = ImageAwareSmoothing(LAYOUT)
    pixels = crop_points(points, codec)
    cells = pixels_to_cells(pixels, codec.heatmap_size, codec.input_size, codec.map_grid) @ [1, 1j]
    mean = cells.mean(1)
    eye_line = mean[:, LAYOUT.eye_corners[1]] - mean[:, LAYOUT.eye_corners[0]]
    deviations = (cells - mean[:, None]) / eye_line[:, None, None]
    shapes = (mean - mean.mean(1, keepdims=True)) / eye_line[:, None]

    human = spread_of_samples(deviations)
    predicted = {
        name: spread_of_covariances(covariance, eye_line) for name, covariance in predict(pixels.mean(1), codec).items()
    }
    default = predicted[f'k={codec.patch_radius}']
    draws = rng.multinomial(len(points), np.full(len(points), 1 / len(points)), BOOTSTRAPS)

    axes, round_axes = (boundary_axes(shapes, LAYOUT, round_corners) for round_corners in (False, True))
    on_boundary = LAYOUT.boundary_of_keypoint.any(1)
    orders = shuffled_landmarks(on_boundary, LAYOUT, rng)
    rows = {
        'eye line': (human, Spread(np.ones(axes.shape), np.ones(axes.shape, complex))),
        'boundary': (human, Spread(abs(axes), axes)),
        'boundary, round corners': (human, Spread(abs(round_axes), round_axes)),
    }
    rows |= {name: (human, spread) for name, spread in predicted.items() if name != 'image-unaware'}
    seen = visible.all(1)
    rows[f'k={codec.patch_radius}, visible'] = (human.weighted(seen), default.weighted(seen))
    direction = {}
    for name, pair in rows.items():
        direction[name] = dict(
            pooled=pooled_direction(*pair, on_boundary, draws, orders), face=face_direction(*pair, on_boundary, draws)
        )
        if name in predicted:
            exact = simulate(predicted[name], len(WORKERS), rng)
            direction[name]['if_exact'] = face_direction(exact, predicted[name], on_boundary, draws)
    other_faces = Spread(*((array.sum(0) - array) / (len(array) - 1) for array in human))
    direction['annotators of the other faces'] = dict(face=face_direction(human, other_faces, on_boundary, draws))

    axes[:, LAYOUT.areas['contour']] = 1  # the chin is on no boundary of this layout: along is parallel to the eye line
    sharp = corners(shapes.mean(0), LAYOUT)
    areas = {area: (members, axes) for area, members in groups(axes, sharp, LAYOUT).items()}
    for name, belongs in (('all but corners', ~sharp), ('all corners', sharp), ('all on boundaries', True)):
        areas[name] = np.flatnonzero(on_boundary & belongs), axes
    areas['all, round corners'] = np.flatnonzero(on_boundary), round_axes
    pooled, pooled_default = human.pooled(), default.pooled()
    scale = abs(eye_line[:, None]) ** 2  # inter-ocular distances^2 to cells^2
    return dict(
        faces=len(points),
        order=check_order(shapes.mean(0), LAYOUT),
        systematic=systematic_part(deviations, rng),
        patch_radius=codec.patch_radius,
        direction=direction,
        anisotropy={
            name: (abs(s.pooled().axis) / s.pooled().trace)[on_boundary].mean()
            for name, s in (('annotators', human), *predicted.items())
        },
        size={name: size(human, s, draws) for name, s in predicted.items()},
        cells={name: np.sqrt((s.trace * scale).mean() / 2) for name, s in (('annotators', human), *predicted.items())},
        share={
            area: dict(
                landmarks=len(members),
                **{
                    name: share_along(s, directions, members, draws)
                    for name, s in (('annotators', human), *predicted.items())
                },
            )
            for area, (members, directions) in areas.items()
        },
        landmarks=[
            dict(
                name=NAMES[k],
                position=[shape.real, shape.imag],
                **{
                    f'{who}_{key}': value
                    for who, s in (('human', pooled), ('predicted', pooled_default))
                    for key, value in (
                        ('std', np.sqrt(s.trace[k])),
                        ('anisotropy', abs(s.axis[k]) / s.trace[k]),
                        ('degrees', np.degrees(np.angle(s.axis[k])) / 2),
                    )
                },
                along=share_along(human, axes, [k], draws)['share'] if axes[0, k] else None,
            )
            for k, shape in enumerate(shapes.mean(0))
        ],
    )


def report(result: dict) -> None:
    order, systematic = result['order'], result['systematic']
    print(
        f'order: mirrored, the mean shape has {order["matched"]} of {len(NAMES)} landmarks on their flip partner, at '
        f'most {order["largest"]:.3f} inter-ocular distances away (next landmark: {order["nearest_other"]:.3f})\n'
        f'systematic offset of worker_0 to worker_2: {systematic["offset"]:.2%} of the variance (workers shuffled: '
        f'{_range(systematic["offset_shuffled"], ".2%")})\n'
        f"correlation of an annotator's deviations at two landmarks of a face: {systematic['whole_face']:.3f}"
    )

    print(
        f'\n{"direction, landmarks on":<29}  pooled over faces{"each face alone":>59}\n'
        f'{"boundaries":<29} median <22.5   <45 alignment  [95 %]        shuffled p       '
        '     n median   <22.5    <45  [95 %]           <45 if exact'
    )
    for name, row in result['direction'].items():
        pooled, face = row.get('pooled'), row['face']
        text = ' ' * 60
        if pooled:
            text = (
                f'{pooled["median"]:>6.1f} {pooled["under_22"]:>5.0%} {pooled["under_45"]:>5.0%} '
                f'{pooled["alignment"]:>8.2f}   {_range(pooled["alignment_interval"], ".2f"):<14} '
                f'{pooled["alignment_shuffled"]:>5.2f}  {pooled["p"]:<8.2g}'
            )
        exact = f'{row["if_exact"]["under_45"]:>6.1%}' if 'if_exact' in row else ''
        print(
            f'{name:<29} {text} {face["count"]:>5} {face["median"]:>6.1f} {face["under_22"]:>7.1%} '
            f'{face["under_45"]:>6.1%}  {_range(face["under_45_interval"], ".1%"):<16} {exact}'
        )
    print(f'{"chance":<29} {45:>6.1f} {0.25:>5.0%} {0.5:>5.0%} {0:>8.2f}{"":36}{45:>10.1f} {0.25:>7.1%} {0.5:>6.1%}')

    print(
        f'\n{"size":<15} std in cells  anisotropy   Spearman [95 %]         Pearson [95 %]          '
        f"gamma that fits [95 %]   median  std / paper's at gamma {GAMMAS[0]:g}, {GAMMAS[1]:g}"
    )
    for name, std in result['cells'].items():
        text = f'{name:<15} {std:>12.2f} {result["anisotropy"][name]:>11.3f}   '
        if name in result['size']:
            row = result['size'][name]
            for key in ('spearman', 'pearson'):
                found = f'{row[key]:>5.2f} {_range(row[f"{key}_interval"], ".2f")}' if key in row else f'{"-":>5}'
                text += f'{found:<24}'
            ratios = ', '.join(f'{math.sqrt(row["gamma"] / gamma):.1f}' for gamma in GAMMAS)
            text += (
                f'{row["gamma"]:.3f} {_range(row["gamma_interval"], ".3f"):<18} {row["gamma_median"]:>7.3f}  {ratios}'
            )
        print(text)

    names = list(result['cells'])
    print(f'\n{"variance along":<19} points {names[0]} [95 %]     ' + '  '.join(f'{name:>6}' for name in names[1:]))
    for area, row in result['share'].items():
        print(
            f'{area:<19} {row["landmarks"]:>6}  {row[names[0]]["share"]:>6.1%} '
            f'{_range(row[names[0]]["interval"], ".1%"):<16} '
            + '  '.join(f'{row[name]["share"]:>{max(6, len(name))}.1%}' for name in names[1:])
        )

    print(
        f'\nlandmark, pooled{"annotators":>36}{"predicted, k=" + str(result["patch_radius"]):>28}\n{"":<32}'
        f'{"std":>6} {"anisotropy":>11} {"degrees":>8} {"along":>6}  {"std":>6} {"anisotropy":>11} {"degrees":>8}'
    )
    for row in result['landmarks']:
        along = f'{row["along"]:>6.0%}' if row['along'] is not None else f'{"-":>6}'
        print(
            f'{row["name"]:<32}{row["human_std"]:>6.4f} {row["human_anisotropy"]:>11.2f} '
            f'{row["human_degrees"]:>8.0f} {along}  {row["predicted_std"]:>6.4f} '
            f'{row["predicted_anisotropy"]:>11.2f} {row["predicted_degrees"]:>8.0f}'
        )


def _range(bounds: list, form: str) -> str:
    return f'[{bounds[0]:{form}}, {bounds[1]:{form}}]'


def draw(result: dict, path: Path) -> None:
    """Ellipses on the mean shape, sizes, shares along the boundary and angles of single faces."""
    figure = plt.figure(figsize=(12, 9.6), layout='constrained')
    grid = figure.add_gridspec(3, 2, width_ratios=(1.25, 1), height_ratios=(1, 1.7, 1))
    chosen = f'k={result["patch_radius"]}'
    own = f'{chosen}, own'
    rows = result['landmarks']
    position = np.array([row['position'] for row in rows])

    axis = figure.add_subplot(grid[:, 0])
    for boundary in LAYOUT.boundaries:
        # closed as the boundaries are on the face
        axis.plot(*position[[*boundary.indices, boundary.indices[0]]].T, color='0.85', linewidth=1, zorder=0)
    zoom, gamma = 2, result['size'][chosen]['gamma']
    for who, color, scale in (('predicted', 'C1', zoom * math.sqrt(gamma)), ('human', 'C0', zoom)):
        for row, place in zip(rows, position):
            std, skew = row[f'{who}_std'] * scale, row[f'{who}_anisotropy']
            axis.add_patch(
                Ellipse(
                    place,
                    *(2 * std * np.sqrt((1 + np.array([skew, -skew])) / 2)),
                    angle=row[f'{who}_degrees'],
                    fill=False,
                    edgecolor=color,
                    linewidth=1.4,
                )
            )
    axis.plot(*position.T, '.', color='0.3', markersize=3)
    axis.plot([], [], color='C0', label=f'annotators, one standard deviation x {zoom}')
    axis.plot([], [], color='C1', label=f'structured, {chosen}, the same with gamma = {gamma:.2f}')
    axis.set_aspect('equal')
    axis.invert_yaxis()
    axis.margins(0.1)
    axis.legend(loc='lower left', fontsize=9)
    axis.set_xlabel('inter-ocular distances, eye line horizontal')
    axis.set_title('(a) pooled covariances on the mean shape', fontsize=10)

    axis = figure.add_subplot(grid[0, 1])
    for color, (area, members) in enumerate(LAYOUT.areas.items()):
        axis.plot(
            [100 * rows[k]['predicted_std'] for k in members],
            [100 * rows[k]['human_std'] for k in members],
            'o',
            color=f'C{color}',
            markersize=5,
            label=area,
        )
    axis.set_xlabel(f'structured, {chosen}, gamma = 1')
    axis.set_ylabel('annotators')
    axis.set_title(
        f'(b) sqrt(trace) in % of the inter-ocular distance, Spearman '
        f'{result["size"][chosen].get("spearman", math.nan):.2f}',
        fontsize=10,
    )
    axis.legend(fontsize=8)

    axis = figure.add_subplot(grid[1, 1])
    places = np.arange(len(result['share']))
    human = [row['annotators'] for row in result['share'].values()]
    shares = 100 * np.array([entry['share'] for entry in human])
    bounds = 100 * np.array([entry['interval'] for entry in human]).T
    axis.barh(places - 0.28, shares, 0.28, xerr=abs(bounds - shares), color='C0', label='annotators [95 %]')
    for shift, name, color, label in (
        (0, chosen, 'C1', f'structured, {chosen}'),
        (0.28, own, 'C3', f'{chosen}, own edges only'),
    ):
        axis.barh(
            places + shift,
            [100 * row[name]['share'] for row in result['share'].values()],
            0.28,
            color=color,
            label=label,
        )
    axis.axvline(50, color='0.3', linestyle=':', linewidth=1)
    axis.set_yticks(places, list(result['share']), fontsize=9)
    axis.invert_yaxis()
    axis.set_xlim(0, 140)
    axis.set_xticks(range(0, 101, 20))
    axis.set_title('(c) % of the variance along the boundary (dotted: no direction)', fontsize=10)
    axis.legend(fontsize=8, loc='upper right')

    axis = figure.add_subplot(grid[2, 1])
    for name, color, width, label in (
        ('annotators of the other faces', '0.8', 5, 'annotators of the other faces'),
        ('boundary', 'C2', 1.6, 'the boundary'),
        (chosen, 'C1', 1.6, f'structured, {chosen}'),
        (own, 'C3', 1.6, f'{chosen}, own edges only'),
    ):
        histogram = 100 * np.array(result['direction'][name]['face']['histogram'])
        axis.stairs(histogram, HISTOGRAM, baseline=None, color=color, label=label, linewidth=width)
    axis.axhline(100 / (len(HISTOGRAM) - 1), color='0.3', linestyle=':', linewidth=1)
    axis.set_ylim(0)
    axis.set_xticks(HISTOGRAM[::2])
    axis.set_xlabel('degrees to the first principal axis of three annotators')
    axis.set_ylabel('% of landmarks')
    axis.set_title('(d) each face alone (dotted: chance)', fontsize=10)
    axis.legend(fontsize=8)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def main(argv=None) -> dict:
    parser = argparse.ArgumentParser(description='Human annotators against image-aware label smoothing.')
    parser.add_argument('csv', type=Path, help='kbvt_lfpw_v1_test.csv')
    parser.add_argument('--out-dir', type=Path, default=Path('work_dirs/semantic_ambiguity'))
    args = parser.parse_args(argv)
    points, visible, num_skipped = read_annotations(args.csv)
    print(f'{len(points)} faces with {len(WORKERS)} annotators, {num_skipped} with fewer left out')
    result = compare(points, visible)
    report(result)
    args.out_dir.mkdir(parents=True, exist_ok=True)
    draw(result, args.out_dir / 'human_annotators.png')
    numbers = json.dumps(result, indent=1, default=lambda number: number.item())
    (args.out_dir / 'human_annotators.json').write_text(numbers + '\n')
    print(f'\nSaved {args.out_dir / "human_annotators.png"} and {args.out_dir / "human_annotators.json"}')
    return result


if __name__ == '__main__':
    main()
