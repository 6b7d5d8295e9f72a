"""Landmarks of one layout made from those of another: each is a weighted mean of some landmarks of the source.

* ``wflw98 -> 300w68``: the mapping of PIPNet (Jin et al., IJCV 2021). Every second point of the contour. A brow, an
  outline in WFLW, becomes one line: its outer end as it is, of the others x from the upper edge and y half way to the
  lower one. The lids, three points between the corners, get two at their thirds. Nose and mouth are the same in both.
* ``300w68 -> 300w49``: the inner points, without contour and inner corners of the mouth.
* ``300w68 -> cofw25``, ``cofw29 -> cofw25``: what 68 points have in common with COFW's 29, in the order of COFW; lids
  and pupils are means.

``docs/concepts/layouts.md`` says how well the points of one scheme stand for those of another.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

from .face_layout import FaceLayout, Indices, get_layout

# landmark of the source -> its weight, or those for x and y
Mean = dict[int, float | tuple[float, float]]


@dataclass(frozen=True, eq=False)
class LayoutConversion:
    """A linear map from K landmarks to T landmarks, each a mean of up to S.

    Args:
        source (FaceLayout): K landmarks.
        target (FaceLayout): T landmarks.
        indices (ndarray): (T, S) int, landmarks of the source; those with fewer than S repeat one with weight 0.
        weights (ndarray): (T, S, 2) float64, for x and y.
    """

    source: FaceLayout
    target: FaceLayout
    indices: np.ndarray
    weights: np.ndarray

    def keypoints(self, keypoints: np.ndarray, angle: np.ndarray | float = 0.0) -> np.ndarray:
        """(..., K, 2) float landmarks of the source -> (..., T, 2) of the same dtype, in the same coordinates.

        ``angle`` (...) is by how many degrees faces are turned clockwise, as brows need to know what is up. A landmark
        that is not finite makes those that depend on it not finite, and no others.

        Raises:
            ValueError: If the shape is not that of the source.
        """
        keypoints = np.asarray(keypoints)
        if keypoints.shape[-2:] != (self.source.num_keypoints, 2):
            raise ValueError(
                f'keypoints have shape {keypoints.shape}, expected (..., {self.source.num_keypoints}, 2) '
                f'for layout {self.source.name!r}'
            )
        axes = _axes(angle)
        upright = keypoints @ axes
        converted = (upright[..., self.indices, :] * self.weights).sum(axis=-2) @ axes.swapaxes(-1, -2)
        return converted.astype(np.result_type(keypoints, np.float32))

    def scores(self, scores: np.ndarray) -> np.ndarray:
        """(..., K) scores or visibilities -> (..., T) of the same dtype: the least of those a landmark is made from.

        Raises:
            ValueError: If the shape is not that of the source.
        """
        scores = np.asarray(scores)
        if scores.shape[-1:] != (self.source.num_keypoints,):
            raise ValueError(
                f'scores have shape {scores.shape}, expected (..., {self.source.num_keypoints}) for '
                f'layout {self.source.name!r}'
            )
        return scores[..., self.indices].min(axis=-1)

    def covariances(self, covariances: np.ndarray, angle: np.ndarray | float = 0.0) -> np.ndarray:
        """(..., K, 2, 2) of the source's errors -> (..., T, 2, 2) of the same dtype: a mean's errors do not cancel, as
        those of neighbours are alike, so that its standard deviations are the means of theirs. For ``angle`` see
        :meth:`keypoints`.

        Raises:
            ValueError: If the shape is not that of the source.
        """
        covariances = np.asarray(covariances)
        if covariances.shape[-3:] != (self.source.num_keypoints, 2, 2):
            raise ValueError(
                f'covariances have shape {covariances.shape}, expected (..., '
                f'{self.source.num_keypoints}, 2, 2) for layout {self.source.name!r}'
            )
        # with deviations (x, y) and correlation r of each part: sums of w x, w y, and of w_x w_y r x y over both parts
        axes = _axes(angle)[..., None, :, :]
        back = axes.swapaxes(-1, -2)
        parts = (back @ covariances @ axes)[..., self.indices, :, :]
        deviations = np.sqrt(parts[..., [0, 1], [0, 1]])
        total = (deviations * np.abs(self.weights)).sum(-2)
        product = deviations.prod(-1)
        correlation = np.divide(parts[..., 0, 1], product, out=np.zeros_like(product), where=product > 0)
        share = np.abs(self.weights).mean(-1)
        mean_correlation = (correlation * share).sum(-1) / share.sum(-1)
        cross = mean_correlation * total.prod(-1)
        x, y = (total**2)[..., 0], (total**2)[..., 1]
        upright = np.stack([np.stack([x, cross], -1), np.stack([cross, y], -1)], -2)
        return (axes @ upright @ back).astype(covariances.dtype)


def convert_keypoints(keypoints: np.ndarray, source: str | FaceLayout, target: str | FaceLayout) -> np.ndarray:
    """Convert landmarks from one layout to another.

    >>> convert_keypoints(np.zeros((98, 2)), 'wflw98', '300w68').shape
    (68, 2)

    Args:
        keypoints (ndarray): (..., K, 2) float, (x, y) in any coordinates whose axes are those of an upright face; the
            brows of ``wflw98 -> 300w68`` depend on them.
        source (str | FaceLayout): Layout of the keypoints.
        target (str | FaceLayout): See the table of the module. The source itself gives a copy.

    Returns:
        ndarray: (..., T, 2), of the same dtype.

    Raises:
        KeyError: If there is no such layout or conversion; those that exist are listed.
        ValueError: If the shape is not that of the source.
    """
    return get_conversion(source, target).keypoints(keypoints)


def get_conversion(source: str | FaceLayout, target: str | FaceLayout) -> LayoutConversion:
    """Look a conversion up, see :func:`convert_keypoints`."""
    source, target = get_layout(source), get_layout(target)
    if source == target:
        return _conversion(source, target, _copies(range(source.num_keypoints)))
    if (source.name, target.name) not in _MEANS:
        known = ', '.join(f'{first} -> {second}' for first, second in _MEANS)
        raise KeyError(f'no conversion {source.name} -> {target.name}, expected one of {known}')
    return _known_conversion(source.name, target.name)


@cache
def _known_conversion(source: str, target: str) -> LayoutConversion:
    return _conversion(get_layout(source), get_layout(target), _MEANS[source, target]())


def _conversion(source: FaceLayout, target: FaceLayout, means: list[Mean]) -> LayoutConversion:
    indices = np.empty((len(means), max(map(len, means))), np.intp)
    weights = np.zeros((*indices.shape, 2))
    for t, mean in enumerate(means):
        indices[t] = next(iter(mean))
        for s, (index, weight) in enumerate(mean.items()):
            indices[t, s], weights[t, s] = index, weight
    return LayoutConversion(source, target, indices, weights)


def _axes(angle: np.ndarray | float) -> np.ndarray:
    """(..., 2, 2) for points (..., K, 2): multiplied by it, they lie as in an upright face."""
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    return np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)


def _copies(indices: Iterable[int]) -> list[Mean]:
    return [{index: 1} for index in indices]


def _mean(indices: Iterable[int]) -> Mean:
    indices = tuple(indices)
    return dict.fromkeys(indices, 1 / len(indices))


def _curves(layout: str) -> dict[str, tuple[int, ...]]:
    return {boundary.name: boundary.indices for boundary in get_layout(layout).boundaries}


def _wflw98_to_300w68() -> list[Mean]:
    curves = _curves('wflw98')
    right, left = curves['right_eyebrow'], curves['left_eyebrow']  # clockwise from the left end of the upper edge

    def brow(upper: Indices, lower: Indices) -> list[Mean]:
        return [{above: (1, 1 / 2), below: (0, 1 / 2)} for above, below in zip(upper, lower)]

    def eye(indices: Indices) -> list[Mean]:
        """Clockwise from the left corner."""
        start, upper_1, upper_2, upper_3, end, lower_1, lower_2, lower_3 = indices
        return [
            {start: 1},
            {upper_1: 2 / 3, upper_2: 1 / 3},
            {upper_3: 2 / 3, upper_2: 1 / 3},
            {end: 1},
            {lower_1: 2 / 3, lower_2: 1 / 3},
            {lower_3: 2 / 3, lower_2: 1 / 3},
        ]

    return [
        *_copies(curves['contour'][::2]),
        {right[0]: 1},
        *brow(right[1:5], right[:4:-1]),
        *brow(left[:4], left[:4:-1]),
        {left[4]: 1},
        *_copies(curves['nose_bridge'] + curves['nose_base']),
        *eye(curves['right_eye']),
        *eye(curves['left_eye']),
        *_copies(curves['outer_lip'] + curves['inner_lip']),
    ]


def _300w68_to_300w49() -> list[Mean]:
    curves = _curves('300w68')
    inner_lip = curves['inner_lip']
    dropped = {*curves['contour'], inner_lip[0], inner_lip[4]}
    return _copies(index for index in range(68) if index not in dropped)


def _300w68_to_cofw25() -> list[Mean]:
    curves = _curves('300w68')
    right_brow, left_brow, right, left, outer_lip, inner_lip = (
        curves[name] for name in ('right_eyebrow', 'left_eyebrow', 'right_eye', 'left_eye', 'outer_lip', 'inner_lip')
    )
    return [
        *_copies((right_brow[0], left_brow[4], right_brow[4], left_brow[0], right_brow[2], left_brow[2])),
        *_copies((right[0], left[3], right[3], left[0])),
        _mean(right[1:3]),
        _mean(right[4:]),
        _mean(left[1:3]),
        _mean(left[4:]),
        _mean(right),
        _mean(left),
        *_copies(
            (
                curves['nose_bridge'][3],
                curves['nose_base'][2],
                outer_lip[0],
                outer_lip[6],
                outer_lip[3],
                inner_lip[2],
                inner_lip[6],
                outer_lip[9],
                curves['contour'][8],
            )
        ),
    ]


def _cofw29_to_cofw25() -> list[Mean]:
    return _copies(index for index in range(29) if index not in (5, 7, 18, 19))


_MEANS = {
    ('wflw98', '300w68'): _wflw98_to_300w68,
    ('300w68', '300w49'): _300w68_to_300w49,
    ('300w68', 'cofw25'): _300w68_to_cofw25,
    ('cofw29', 'cofw25'): _cofw29_to_cofw25,
}
