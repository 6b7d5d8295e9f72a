"""The measures of face alignment as plain NumPy functions: NME, its normalisers, CED, failure rate and AUC.

Everything here is a fraction (0.05 is 5 %) and computed in float64. Errors of images are 1-D arrays (N, ).

Two definitions of FR and AUC exist:

* exact (default): CED(x) is the fraction of images whose error is at most x, a step function. FR = 1 - CED(threshold),
  so an image fails when its error is strictly greater. AUC is the exact area under the steps up to the threshold,
  divided by the threshold, which is the mean over images of max(0, 1 - error / threshold).
* ``legacy=True``: the STAR reference code (CVPR 2023), for parity with published numbers. It samples CED on a grid of
  step 0.0001 and integrates by Simpson's rule. The grid comes from ``np.arange(0, threshold + step, step)``, whose
  rounding adds a sample at some thresholds: at 0.05 the last one is 0.0501, FR is taken there and AUC is slightly too
  large. The number of samples is then even, where Simpson's rule differs between SciPy before and since 1.11; numbers
  stated for the reference code here are those of 1.11 and later. FR is rounded to 4, AUC to 6 decimals.
"""

from collections.abc import Sequence

import numpy as np
from scipy.integrate import simpson

from mmfld.structures import FaceLayout


def nme_per_image(pred: np.ndarray, gt: np.ndarray, visible: np.ndarray, normalizers: np.ndarray) -> np.ndarray:
    """Normalised mean error of each image: mean over annotated landmarks of ||pred - gt|| / d.

    >>> truth = np.array([[[0.0, 0.0], [100.0, 0.0]]])
    >>> nme_per_image(truth + (3.0, 4.0), truth, np.array([[True, True]]), np.array([100.0])).tolist()
    [0.05]

    Args:
        pred (np.ndarray): (N, K, 2) predicted landmarks, pixels.
        gt (np.ndarray): (N, K, 2) true landmarks, pixels of the same image.
        visible (np.ndarray): (N, K) bool, the landmarks that are annotated; others do not count.
        normalizers (np.ndarray): (N, ) d, pixels.

    Returns:
        np.ndarray: (N, ) float64; NaN where no landmark is annotated.
    """
    distances = np.linalg.norm(np.subtract(pred, gt, dtype=np.float64), axis=-1)
    total = np.where(visible, distances, 0).sum(axis=-1)
    count = visible.sum(axis=-1)
    return np.divide(total, count * normalizers, out=np.full(len(total), np.nan), where=count > 0)


def inter_ocular(keypoints: np.ndarray, visible: np.ndarray, layout: FaceLayout) -> np.ndarray:
    """Distance between the outer eye corners.

    Args:
        keypoints (np.ndarray): (N, K, 2) true landmarks, pixels.
        visible (np.ndarray): (N, K) bool.
        layout (FaceLayout): Gives the indices.

    Returns:
        np.ndarray: (N, ) float64, pixels; NaN where an eye corner is not annotated.

    Raises:
        ValueError: If the layout has no eye corners.
    """
    if layout.eye_corners is None:
        raise ValueError(f'layout {layout.name!r} annotates no eye corners: the inter-ocular distance is not defined')
    right, left = layout.eye_corners
    return _distance_of_means(keypoints, visible, (right,), (left,))


def inter_pupil(keypoints: np.ndarray, visible: np.ndarray, layout: FaceLayout) -> np.ndarray:
    """Distance between the pupils, or the centres of the eye landmarks where the layout has no pupils of its own.

    Args and returns as :func:`inter_ocular`; NaN where one of the landmarks that make up a pupil is not annotated.

    Raises:
        ValueError: If the layout has no pupils.
    """
    if layout.pupils is None:
        raise ValueError(f'layout {layout.name!r} annotates no pupils: the inter-pupil distance is not defined')
    return _distance_of_means(keypoints, visible, *layout.pupils)


def box_size(keypoints: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """sqrt(w * h) of the tight box of the annotated landmarks (N, K, 2); (N, ), NaN where there is none."""
    return np.sqrt(_box_sides(keypoints, visible).prod(axis=-1))


def box_diagonal(keypoints: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Diagonal of the tight box of the annotated landmarks (N, K, 2); (N, ), NaN where there is none."""
    return np.linalg.norm(_box_sides(keypoints, visible), axis=-1)


def coordinate_variances(keypoints: np.ndarray, visible: np.ndarray, layout: FaceLayout) -> np.ndarray:
    """Variance of x and of y of each landmark over many faces, in coordinates of the face.

    Their origin is the mean of the annotated landmarks of the face and their unit its inter-ocular distance; they are
    not rotated. So the variance is that of shape, pose and expression, without place and size of the face in its image.

    Args:
        keypoints (np.ndarray): (N, K, 2) landmarks, pixels.
        visible (np.ndarray): (N, K) bool, the landmarks that are annotated; a face without an outer eye corner does
            not count.
        layout (FaceLayout): Gives the indices.

    Returns:
        np.ndarray: (K, 2) float64, squares of the inter-ocular distance; NaN for a landmark that no face shows.
    """
    units = inter_ocular(keypoints, visible, layout)
    shown = np.asarray(visible) & np.isfinite(units)[:, None]
    centred = np.where(shown[..., None], keypoints, np.nan)[shown.any(axis=1)].astype(np.float64)
    centred = (centred - np.nanmean(centred, axis=1, keepdims=True)) / units[shown.any(axis=1), None, None]
    deviations = centred - _mean_of_shown(centred)
    return _mean_of_shown(deviations**2)


def ced(errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cumulative error distribution, exact.

    >>> errors, share = ced(np.array([0.08, 0.02]))
    >>> errors.tolist(), share.tolist()
    ([0.0, 0.02, 0.08], [0.0, 0.5, 1.0])

    Args:
        errors (np.ndarray): (N, ).

    Returns:
        tuple: x (N + 1, ), 0 and the sorted errors, and y (N + 1, ), the fraction of images with an error up to x.
        y holds from its x to the next one (a ``steps-post`` curve).

    Raises:
        ValueError: If there are no errors, or one is negative or not finite. So in all functions below.
    """
    errors = _checked(errors)
    return np.concatenate(([0.0], np.sort(errors))), np.arange(len(errors) + 1) / len(errors)


def failure_rate(errors: np.ndarray, threshold: float, legacy: bool = False) -> float:
    """Fraction of the errors (N, ) that are strictly greater than the threshold; ``legacy`` as in the module text.

    >>> failure_rate(np.array([0.02, 0.08, 0.1, 0.2]), threshold=0.1)
    0.25
    """
    if legacy:
        return round(float(1 - _legacy_ced(errors, threshold)[1][-1]), 4)
    return float((_checked(errors) > threshold).mean())


def auc(errors: np.ndarray, threshold: float, legacy: bool = False) -> float:
    """Area under the CED curve of the errors (N, ) up to the threshold, in [0, 1]; ``legacy`` as in the module text.

    >>> auc(np.array([0.0, 0.05, 0.2]), threshold=0.1)  # 1, a half and nothing
    0.5
    """
    if legacy:
        x, y = _legacy_ced(errors, threshold)
        return round(float(simpson(y, x=x) / threshold), 6)
    return float(np.maximum(0, 1 - _checked(errors) / threshold).mean())


def _legacy_ced(errors: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    step = 0.0001
    x = np.arange(0, threshold + step, step)
    return x, np.searchsorted(np.sort(_checked(errors)), x, side='right') / len(errors)


def _checked(errors: np.ndarray) -> np.ndarray:
    errors = np.asarray(errors, np.float64)
    if errors.ndim != 1 or errors.size == 0:
        raise ValueError(f'expected a 1-D array with the error of at least one image, found shape {errors.shape}')
    bad = ~(np.isfinite(errors) & (errors >= 0))
    if bad.any():
        index = int(bad.argmax())
        raise ValueError(f'the error of image number {index} is {errors[index]}, expected a finite number >= 0')
    return errors


def _distance_of_means(
    keypoints: np.ndarray, visible: np.ndarray, first: Sequence[int], second: Sequence[int]
) -> np.ndarray:
    keypoints = np.asarray(keypoints, np.float64)
    means = [keypoints[:, list(indices)].mean(axis=1) for indices in (first, second)]
    distance = np.linalg.norm(means[0] - means[1], axis=-1)
    return np.where(visible[:, [*first, *second]].all(axis=1), distance, np.nan)


def _box_sides(keypoints: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """(N, 2) width and height."""
    keypoints = np.asarray(keypoints, np.float64)
    visible = visible[..., None]
    sides = np.where(visible, keypoints, -np.inf).max(axis=1) - np.where(visible, keypoints, np.inf).min(axis=1)
    return np.where(visible.any(axis=1), sides, np.nan)


def _mean_of_shown(values: np.ndarray) -> np.ndarray:
    """(N, K, 2) with NaN for what is not shown -> (K, 2), NaN where no face shows it."""
    count = np.isfinite(values).sum(axis=0)
    return np.divide(np.nansum(values, axis=0), count, out=np.full(count.shape, np.nan), where=count > 0)
