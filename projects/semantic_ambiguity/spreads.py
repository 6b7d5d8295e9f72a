"""Spreads of annotations and predictions: how large they are, which way they lie, and what chance would give.

Points are complex numbers x + i y here, in the frame of the face: eye line horizontal, inter-ocular distance 1. A 2 x 2
covariance S is then its trace and its *axis* (S_xx - S_yy) + 2 i S_xy, whose angle is twice that of the first principal
direction; both are linear in S, so that pooling faces is a sum. For deviations d the axis is the sum of d^2.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import rankdata

from mmfld.structures import FaceLayout

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

    def redrawn(self, draws: np.ndarray) -> 'Spread':
        """(B, K): pooled over the faces of each bootstrap, for counts (B, F) that add up to F."""
        return Spread(draws @ self.trace / len(self.trace), draws @ self.axis / len(self.axis))

    def at(self, chosen: np.ndarray | Sequence[int]) -> 'Spread':
        """Of some of the landmarks."""
        return Spread(self.trace[..., chosen], self.axis[..., chosen])

    @property
    def ratio(self) -> np.ndarray:
        """Standard deviation along the first principal axis over that along the second; inf where there is one axis
        only."""
        minor = np.maximum(self.trace - abs(self.axis), 0)
        with np.errstate(divide='ignore'):
            return np.sqrt((self.trace + abs(self.axis)) / minor)


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


def direction(
    human: Spread, predicted: Spread, chosen: np.ndarray | Sequence[int], draws: tuple[np.ndarray, np.ndarray]
) -> dict:
    """Angles of the covariances pooled over faces at the landmarks ``chosen``; ``draws`` are bootstrap counts (B, F) of
    the faces of both."""
    pooled = [spread.pooled().at(chosen) for spread in (human, predicted)]
    redrawn = [spread.redrawn(counts).at(chosen) for spread, counts in zip((human, predicted), draws)]
    degrees = angles(pooled[0].axis, pooled[1].axis)
    return dict(
        median=np.nanmedian(degrees),
        median_interval=interval(np.nanmedian(angles(redrawn[0].axis, redrawn[1].axis), axis=-1)),
        under_22=_share_under(degrees, 22.5),
        under_45=_share_under(degrees, 45),
        alignment=alignment(*pooled),
        alignment_interval=interval(alignment(*redrawn)),
    )


def pooled_direction(
    human: Spread, predicted: Spread, chosen: np.ndarray, draws: tuple[np.ndarray, np.ndarray], orders: np.ndarray
) -> dict:
    """:func:`direction` beside what it is with the landmarks shuffled by ``orders`` (P, K)."""
    result = direction(human, predicted, chosen, draws)
    shuffled = Spread(*(array[orders][:, chosen] for array in predicted.pooled()))
    chance = alignment(human.pooled().at(chosen), shuffled)
    return result | dict(
        alignment_shuffled=chance.mean(), p=(1 + (chance >= result['alignment']).sum()) / (1 + len(chance))
    )


def face_direction(human: Spread, predicted: Spread, chosen: np.ndarray, draws: np.ndarray) -> dict:
    """Angles for each face and landmark alone, at the landmarks ``chosen`` (K, ) bool; ``draws`` (B, F) as there."""
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


def spearman(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Rank correlation over the landmarks (..., K)."""
    return _correlation(rankdata(first, axis=-1), rankdata(second, axis=-1))


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    first, second = (values - values.mean(-1, keepdims=True) for values in (first, second))
    return (first * second).sum(-1) / np.sqrt((first**2).sum(-1) * (second**2).sum(-1))


def share_along(spread: Spread, axes: np.ndarray, chosen: Sequence[int] | np.ndarray, draws: np.ndarray) -> dict:
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

    def offset(values: np.ndarray) -> float:
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
