"""Whether stated uncertainties hold: what ellipses cover, likelihood, and what is told from what."""

from collections.abc import Sequence

import numpy as np

LEVELS = (0.5, 0.68, 0.9, 0.95)


def ellipse_radius(probability: float, degrees_of_freedom: float = np.inf) -> float:
    """Of the ellipse that holds a landmark with this probability, in standard deviations of its covariance.

    >>> round(ellipse_radius(0.68), 2), round(ellipse_radius(0.95), 2)
    (1.51, 2.45)

    Args:
        probability (float): Below 1.
        degrees_of_freedom (float): Of Student's t distribution over the plane, above 2. Defaults to a Gaussian.
    """
    if not np.isfinite(degrees_of_freedom):
        return float(np.sqrt(-2 * np.log1p(-probability)))
    return float(np.sqrt((degrees_of_freedom - 2) * ((1 - probability) ** (-2 / degrees_of_freedom) - 1)))


def mahalanobis(errors: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """Errors (..., 2) in standard deviations of their covariances (..., 2, 2): (...)."""
    solved = np.linalg.solve(covariances, errors[..., None])[..., 0]
    return np.sqrt((errors * solved).sum(-1).clip(min=0))


def coverage(
    errors: np.ndarray, covariances: np.ndarray, degrees_of_freedom: float = np.inf, levels: Sequence[float] = LEVELS
) -> np.ndarray:
    """Which share of landmarks lies within the ellipses that should hold ``levels`` of them.

    >>> errors = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0], [0.0, 0.0]])
    >>> coverage(errors, np.tile(np.eye(2), (4, 1, 1)), levels=(0.68, 0.95)).tolist()
    [0.5, 0.75]
    """
    distances = mahalanobis(errors, covariances)
    return np.array([(distances <= ellipse_radius(level, degrees_of_freedom)).mean() for level in levels])


def negative_log_likelihood(errors: np.ndarray, covariances: np.ndarray, degrees_of_freedom: float = np.inf) -> float:
    """Mean of -log of the density of errors (..., 2), in natural units of squared pixels."""
    squares = mahalanobis(errors, covariances) ** 2
    volume = np.log(2 * np.pi) + np.log(np.linalg.det(covariances)) / 2
    if not np.isfinite(degrees_of_freedom):
        return float((volume + squares / 2).mean())
    scale = np.log((degrees_of_freedom - 2) / degrees_of_freedom)  # from covariance to scale, of both axes
    return float((volume + scale + (degrees_of_freedom / 2 + 1) * np.log1p(squares / (degrees_of_freedom - 2))).mean())


def auroc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Area under the receiver operating characteristic: how often a positive (N, ) has the larger score (N, ); ties
    count half. NaN if all or none are positive.

    >>> auroc(np.array([0.9, 0.8, 0.3, 0.1]), np.array([True, False, True, False]))
    0.75
    """
    _, ranks, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mean_rank = (np.cumsum(counts) - (counts - 1) / 2)[ranks]
    n = int(positive.sum())
    others = len(positive) - n
    return float((mean_rank[positive].sum() - n * (n + 1) / 2) / (n * others)) if n and others else float('nan')


def risk_coverage(errors: np.ndarray, doubt: np.ndarray) -> np.ndarray:
    """(N, ) mean error of the 1, 2, ... N least doubtful of N faces or landmarks.

    >>> risk_coverage(np.array([4.0, 1.0, 2.5]), np.array([0.9, 0.1, 0.2])).tolist()
    [1.0, 1.75, 2.5]
    """
    ordered = errors[np.argsort(doubt, kind='stable')]
    return np.cumsum(ordered) / np.arange(1, len(ordered) + 1)
