"""What ellipses hold, likelihoods, and what is told from what."""

import numpy as np
import pytest
from scipy import integrate, stats

from mmfld.uncertainty.measures import (
    LEVELS,
    auroc,
    coverage,
    ellipse_radius,
    mahalanobis,
    negative_log_likelihood,
    risk_coverage,
)

COVARIANCE = np.array([[4.0, 1.2], [1.2, 1.0]])


def drawn(degrees: float, number: int = 200_000) -> np.ndarray:
    """Errors whose covariance is COVARIANCE."""
    scale = COVARIANCE * (degrees - 2) / degrees
    return stats.multivariate_t(np.zeros(2), scale, degrees, seed=0).rvs(number)


@pytest.mark.parametrize('degrees', [3.0, 5.0, 40.0])
def test_ellipses_hold_what_they_should(degrees):
    np.testing.assert_allclose(coverage(drawn(degrees), COVARIANCE, degrees), LEVELS, atol=0.004)


def test_ellipses_of_a_gaussian():
    errors = np.random.default_rng(0).multivariate_normal(np.zeros(2), COVARIANCE, 200_000)
    np.testing.assert_allclose(coverage(errors, COVARIANCE), LEVELS, atol=0.004)
    assert ellipse_radius(0.5) == pytest.approx(1.17741)
    assert ellipse_radius(0.9, 1e7) == pytest.approx(ellipse_radius(0.9), rel=1e-5)


@pytest.mark.parametrize('degrees', [4.0, np.inf])
def test_the_density_is_that_of_scipy_and_has_volume_one(degrees):
    errors = np.random.default_rng(0).normal(0, 2, (50, 2))
    if np.isfinite(degrees):
        density = stats.multivariate_t(np.zeros(2), COVARIANCE * (degrees - 2) / degrees, degrees).logpdf(errors)
    else:
        density = stats.multivariate_normal(np.zeros(2), COVARIANCE).logpdf(errors)
    assert negative_log_likelihood(errors, COVARIANCE, degrees) == pytest.approx(-density.mean())

    def radial(r):  # over a circle of this radius, of a round distribution
        return 2 * np.pi * r * np.exp(-negative_log_likelihood(np.array([[r, 0.0]]), np.eye(2), degrees))

    assert integrate.quad(radial, 0, np.inf)[0] == pytest.approx(1, abs=1e-4)


def test_distances_are_in_standard_deviations():
    assert mahalanobis(np.array([3.0, 0.0]), np.diag([9.0, 1.0])) == pytest.approx(1)
    assert mahalanobis(np.array([0.0, 3.0]), np.diag([9.0, 1.0])) == pytest.approx(3)


def test_auroc_counts_pairs_in_order():
    rng = np.random.default_rng(0)
    scores, positive = rng.integers(0, 6, 40) / 5, rng.random(40) < 0.4
    pairs = scores[positive][:, None] - scores[~positive]
    assert auroc(scores, positive) == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())
    assert np.isnan(auroc(scores, np.full(40, True)))


def test_doubtful_faces_are_left_out_first():
    errors, doubt = np.array([1.0, 5.0, 2.0, 9.0]), np.array([0.1, 0.3, 0.2, 0.4])
    np.testing.assert_allclose(risk_coverage(errors, doubt), [1, 1.5, 8 / 3, 17 / 4])
