"""Learns a :class:`LandmarkCalibration` from faces whose landmarks are known."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from .calibration import OUTLYING, Axes, LandmarkCalibration, face_features, visibility_features

STEPS = 400  # of L-BFGS at most; both losses are smooth, and the second one convex
PRIOR = 1e-3  # of what is of each landmark, and of the tail, which few faces tell
WEIGHT_PRIOR = 1e-2  # of the visibility's weights, for inputs of variance 1


def fit(scores: Tensor, spread: Tensor, errors: Tensor, visible: Tensor, weights: Tensor) -> LandmarkCalibration:
    """The calibration under which the errors are most likely, and likewise the visibility.

    Args:
        scores (Tensor): (N, K) of the landmarks of N faces.
        spread (Tensor): (N, K, 2, 2) covariances of their heatmaps, squared pixels of the network input.
        errors (Tensor): (N, K, 2) predicted minus true landmarks, pixels of the network input.
        visible (Tensor): (N, K) bool.
        weights (Tensor): (N, ) how much a face counts.

    Raises:
        ValueError: If a number is not finite, or no landmark is covered.
    """
    scores, spread, errors, weights = (each.double() for each in (scores, spread, errors, weights))
    for name, values in dict(scores=scores, spread=spread, errors=errors, weights=weights).items():
        if not values.isfinite().all():
            raise ValueError(f'{name}: found numbers that are not finite')
    if visible.all() or not visible.any():
        raise ValueError(f'visible: found {"no" if visible.all() else "only"} covered landmarks, expected some of both')
    axes = Axes.of(spread)
    weights = weights / weights.mean()
    return LandmarkCalibration(
        **_fit_errors(scores, axes, errors, weights), **_fit_visibility(scores, axes, visible, weights)
    )


def _fit_errors(scores: Tensor, axes: Axes, errors: Tensor, weights: Tensor) -> dict:
    told = face_features(scores, axes)
    low, high = (torch.quantile(told.flatten(0, 1), part, dim=0) for part in (0.005, 0.995))
    told = told.clamp(low, high)
    # errors along the axes, of which the angle is half of what is known: (cos 2t, sin 2t) e e^T has both squares
    x, y = errors.unbind(-1)
    total, along = x**2 + y**2, axes.direction[..., 0] * (x**2 - y**2) + axes.direction[..., 1] * 2 * x * y
    minor2, major2 = ((total + sign * along).clamp(min=0) / 2 for sign in (-1, 1))
    keypoints = scores.shape[1]
    start = dict(
        offset=total.mean(0).clamp(min=1e-6).log() - 1,
        elongation=torch.zeros(keypoints),
        slope=torch.zeros(4),
        curve=torch.zeros(4),
        power=torch.zeros(()),
        tail=torch.tensor(1.0),
    )
    values = {name: value.double().requires_grad_() for name, value in start.items()}

    def loss() -> Tensor:
        degrees = 2 + values['tail'].exp()
        level = values['offset'] + (told * values['slope'] + told**2 * values['curve']).sum(-1)
        stretch = axes.stretch(values['power'], values['elongation'])
        distance = minor2 * (-level + stretch / 2).exp() + major2 * (-level - stretch / 2).exp()
        # of the plane's t distribution, whose constant does not depend on the degrees of freedom
        likelihood = level + (degrees / 2 + 1) * torch.log1p(distance / degrees)
        prior = sum(
            part.square().mean()
            for part in (values['offset'] - values['offset'].mean(), values['elongation'], values['tail'] - 1)
        )
        return (likelihood * weights[:, None]).mean() + PRIOR * prior

    minimise(loss, list(values.values()))
    found = {name: value.detach() for name, value in values.items()}
    return dict(low=low, high=high, degrees_of_freedom=2 + found.pop('tail').exp(), **found)


def _fit_visibility(scores: Tensor, axes: Axes, visible: Tensor, weights: Tensor) -> dict:
    seen = visibility_features(scores, axes)
    mean, deviation = seen.mean(0), seen.std(0).clamp(min=1e-3)
    seen = ((seen - mean) / deviation).clamp(-OUTLYING, OUTLYING)
    visible = visible.double()
    weight = seen.new_zeros(visible.shape[1], seen.shape[1]).requires_grad_()
    offset = torch.logit(visible.mean(0).clamp(0.01, 0.99)).requires_grad_()

    def loss() -> Tensor:
        each = F.binary_cross_entropy_with_logits(seen @ weight.T + offset, visible, reduction='none')
        return (each * weights[:, None]).mean() + WEIGHT_PRIOR * weight.square().sum(1).mean()

    minimise(loss, [weight, offset])
    # in half precision, in which an export stores it; there is more of it than of all else
    return dict(mean=mean, deviation=deviation, visible_weight=weight.detach().half(), visible_offset=offset.detach())


def minimise(loss: Callable[[], Tensor], values: list[Tensor]) -> None:
    """Change tensors in place until the loss no longer falls."""
    optimiser = torch.optim.LBFGS(values, max_iter=STEPS, line_search_fn='strong_wolfe')

    def step() -> Tensor:
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return value

    optimiser.step(step)
