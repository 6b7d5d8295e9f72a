"""Calibrations: what they learn from faces that are known, and what they then say of others."""

import numpy as np
import pytest
import torch

from mmfld.uncertainty.calibration import Axes, LandmarkCalibration
from mmfld.uncertainty.fitting import fit
from mmfld.uncertainty.measures import auroc, coverage, negative_log_likelihood

KEYPOINTS = 6
DEGREES = 6.0


def made_up(faces: int, seed: int):
    """Scores, spread, errors, visibility and true covariances of faces, whose errors follow the law that is learned:
    those of covered landmarks, which have low scores, are large."""
    rng = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=rng, dtype=torch.double)

    visible = torch.rand(faces, KEYPOINTS, generator=rng) > 0.2
    log_scores = -1 - 1.5 * (~visible).double() + 0.3 * normal(faces, KEYPOINTS)
    angle = normal(faces, KEYPOINTS) * 3
    log_minor, ratio = 0.5 * normal(faces, KEYPOINTS), 0.5 + normal(faces, KEYPOINTS).abs()
    turned = torch.stack([torch.cos(angle), -torch.sin(angle), torch.sin(angle), torch.cos(angle)], -1)
    turned = turned.unflatten(-1, (2, 2))

    def matrices(minor, major):
        return turned @ torch.diag_embed(torch.stack([major, minor], -1)) @ turned.mT

    spread = matrices(log_minor.exp(), (log_minor + ratio).exp())
    level = torch.linspace(-1, 1, KEYPOINTS) - 1.2 * log_scores
    stretch = 0.4 * ratio + 0.3
    minor, major = ((level + sign * stretch / 2).exp() for sign in (-1, 1))
    covariances = matrices(minor, major)
    tail = (DEGREES - 2) / torch.distributions.Chi2(DEGREES).sample((faces, KEYPOINTS)).double()
    errors = (torch.linalg.cholesky(covariances) @ normal(faces, KEYPOINTS, 2, 1))[..., 0] * tail.sqrt()[..., None]
    return log_scores.exp(), spread, errors, visible, covariances


@pytest.fixture(scope='module')
def calibration() -> LandmarkCalibration:
    torch.manual_seed(0)
    scores, spread, errors, visible, _ = made_up(1500, 0)
    return fit(scores, spread, errors, visible, torch.ones(1500))


@pytest.fixture(scope='module')
def others():
    torch.manual_seed(1)
    return made_up(1500, 1)


def test_it_finds_the_law_of_the_errors(calibration, others):
    scores, spread, errors, _, covariances = others
    found = calibration(scores.float(), spread.float()).covariances.double()
    ratio = torch.linalg.det(found) / torch.linalg.det(covariances)
    assert ratio.median() == pytest.approx(1, abs=0.15)
    assert (ratio.log().abs() < 0.7).double().mean() > 0.97
    assert float(calibration.degrees_of_freedom) == pytest.approx(DEGREES, rel=0.25)
    shares = coverage(errors.numpy(), found.numpy(), float(calibration.degrees_of_freedom))
    np.testing.assert_allclose(shares, (0.5, 0.68, 0.9, 0.95), atol=0.015)
    true, stated = (negative_log_likelihood(errors.numpy(), one.numpy(), DEGREES) for one in (covariances, found))
    assert stated == pytest.approx(true, abs=0.02)


def test_it_tells_covered_landmarks(calibration, others):
    scores, spread, _, visible, _ = others
    found = calibration(scores.float(), spread.float()).visible
    assert auroc(found.numpy().ravel(), visible.numpy().ravel()) > 0.98
    assert found.mean() == pytest.approx(visible.double().mean(), abs=0.02)  # a probability, not just an order
    sure = found > 0.9
    assert visible[sure].double().mean() == pytest.approx(found[sure].mean(), abs=0.04)


def test_covariances_turn_with_the_spread(calibration, others):
    scores, spread, *_ = (part[:20].float() for part in others)
    angle = torch.tensor(0.7)
    turned = torch.tensor([[torch.cos(angle), -torch.sin(angle)], [torch.sin(angle), torch.cos(angle)]])
    found = calibration(scores, spread).covariances
    torch.testing.assert_close(
        calibration(scores, turned @ spread @ turned.T).covariances, turned @ found @ turned.T, rtol=1e-3, atol=1e-4
    )


def test_a_round_spread_gives_a_round_covariance(calibration):
    found = calibration(torch.full((1, KEYPOINTS), 0.3), 2 * torch.eye(2).expand(1, KEYPOINTS, 2, 2)).covariances
    torch.testing.assert_close(found, found[..., :1, :1] * torch.eye(2))


@pytest.mark.parametrize('score, variance', [(0.0, 0.0), (1e-30, 1e6), (1e3, 1e-12)])
def test_what_was_never_seen_gives_finite_numbers(calibration, score, variance):
    spread = torch.diag(torch.tensor([variance, variance / 3])).expand(2, KEYPOINTS, 2, 2)
    covariances, visible = calibration(torch.full((2, KEYPOINTS), score), spread)
    assert (torch.linalg.eigvalsh(covariances) > 0).all() and covariances.isfinite().all()
    assert ((visible >= 0) & (visible <= 1)).all()


def test_axes_give_back_what_they_are_of(others):
    spread = others[1]
    axes = Axes.of(spread)
    found = axes.covariances(axes.log_minor.exp(), axes.log_major.exp())
    torch.testing.assert_close(found, spread, rtol=1e-6, atol=1e-6)


def test_it_is_made_from_its_values(calibration, others):
    scores, spread, *_ = (part[:5].float() for part in others)
    again = LandmarkCalibration(**calibration.values())
    for one, other in zip(calibration(scores, spread), again(scores, spread)):
        torch.testing.assert_close(one, other)
    assert not calibration.state_dict() and calibration.num_keypoints == KEYPOINTS


@pytest.mark.parametrize(
    'fault, message',
    [
        (lambda values: values.pop('power'), "found the fields .*, expected .*'power'"),
        (lambda values: values.update(slope=torch.zeros(5)), r'slope: found \(5,\), expected .* of shape \(4,\)'),
        (lambda values: values.update(offset=torch.full((KEYPOINTS,), torch.nan)), 'offset: found .* expected finite'),
        (
            lambda values: values.update(degrees_of_freedom=torch.tensor(2.0)),
            'degrees_of_freedom=2, expected more than 2',
        ),
    ],
)
def test_values_that_make_none_are_named(calibration, fault, message):
    values = calibration.values()
    fault(values)
    with pytest.raises(ValueError, match=message):
        LandmarkCalibration(**values)


def test_faces_that_tell_nothing_are_refused():
    scores, spread, errors, visible, _ = made_up(20, 2)
    with pytest.raises(ValueError, match='found no covered landmarks'):
        fit(scores, spread, errors, torch.ones_like(visible), torch.ones(20))
    with pytest.raises(ValueError, match='errors: found numbers that are not finite'):
        fit(scores, spread, errors * torch.inf, visible, torch.ones(20))
