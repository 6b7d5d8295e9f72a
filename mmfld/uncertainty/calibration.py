"""From what a network says of each landmark to how far it may be off, and whether it can be seen."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

TINY = 1e-6  # scores below
SHARP = 1e-3  # variances below, squared pixels
ROUND = 0.05  # half the difference of two variances against their mean, from which on their axes mean something
OUTLYING = 4.0  # standard deviations, of what the visibility is told by


class Uncertainty(NamedTuple):
    """Of B faces; None where nothing is known.

    Attributes:
        covariances (Tensor, optional): (B, K, 2, 2) float32, squared pixels of the network input, (x, y) order.
        visible (Tensor, optional): (B, K) probability that nothing covers the landmark.
    """

    covariances: Tensor | None
    visible: Tensor | None


class LandmarkCalibration(nn.Module):
    """What was learned from faces whose landmarks are known, by :func:`mmfld.uncertainty.fitting.fit`.

    The error of a landmark is taken for one of Student's t distribution over the plane, whose axes are those of the
    heatmap's spread C and whose variances follow a power law with a quadratic exponent,

        log v_j = a + w f + u f^2 + b (log c_j - mean_i log c_i) +- k / 2,

    with the eigenvalues c_j of C, a and k of each landmark, and four numbers f: the logarithms of the landmark's score
    and of C's geometric mean, and both as means over the face. It is visible with the probability sigmoid(d + V g),
    where g are the logarithms of all scores and of all C's traces of the face: covers have an extent. All f and g are
    kept within what the fit has seen, and the axes lose their meaning where C is round.

    Args:
        offset, elongation (Tensor): (K, ) a and k.
        slope, curve (Tensor): (4, ) w and u.
        power (Tensor): () b.
        low, high (Tensor): (4, ) of f.
        degrees_of_freedom (Tensor): () of the t distribution, above 2.
        mean, deviation (Tensor): (2K, ) of g.
        visible_weight (Tensor): (K, 2K) V, of g with mean 0 and deviation 1.
        visible_offset (Tensor): (K, ) d.
    """

    FIELDS = (
        'offset',
        'elongation',
        'slope',
        'curve',
        'power',
        'low',
        'high',
        'degrees_of_freedom',
        'mean',
        'deviation',
        'visible_weight',
        'visible_offset',
    )

    offset: Tensor
    elongation: Tensor
    slope: Tensor
    curve: Tensor
    power: Tensor
    low: Tensor
    high: Tensor
    degrees_of_freedom: Tensor
    mean: Tensor
    deviation: Tensor
    visible_weight: Tensor
    visible_offset: Tensor

    def __init__(self, **values: Tensor) -> None:
        super().__init__()
        if set(values) != set(self.FIELDS):
            raise ValueError(f'calibration: found the fields {sorted(values)}, expected {sorted(self.FIELDS)}')
        keypoints = len(values['offset'])
        shapes = dict(
            offset=(keypoints,),
            elongation=(keypoints,),
            slope=(4,),
            curve=(4,),
            power=(),
            low=(4,),
            high=(4,),
            degrees_of_freedom=(),
            mean=(2 * keypoints,),
            deviation=(2 * keypoints,),
            visible_weight=(keypoints, 2 * keypoints),
            visible_offset=(keypoints,),
        )
        for name in self.FIELDS:
            value = torch.as_tensor(values[name], dtype=torch.float32)
            if value.shape != shapes[name] or not value.isfinite().all():
                raise ValueError(
                    f'calibration: {name}: found {tuple(value.shape)}, expected finite numbers of shape {shapes[name]}'
                )
            # not persistent: it belongs to these weights, and training makes others of them
            self.register_buffer(name, value, persistent=False)
        if not self.degrees_of_freedom > 2:
            raise ValueError(
                f'calibration: found degrees_of_freedom={float(self.degrees_of_freedom):g}, expected more than 2'
            )

    @property
    def num_keypoints(self) -> int:
        return len(self.offset)

    def values(self) -> dict[str, Tensor]:
        """The arguments that make it."""
        return {name: getattr(self, name) for name in self.FIELDS}

    def forward(self, scores: Tensor, spread: Tensor) -> Uncertainty:
        """Covariances of the errors, and the visibility, of B faces.

        Args:
            scores (Tensor): (B, K) of the landmarks.
            spread (Tensor): (B, K, 2, 2) covariances of their heatmaps, squared pixels of the network input.
        """
        axes = Axes.of(spread)
        told = face_features(scores, axes).clamp(self.low, self.high)
        level = self.offset + (told * self.slope + told**2 * self.curve).sum(-1)
        stretch = axes.stretch(self.power, self.elongation)
        tail = torch.log(self.degrees_of_freedom / (self.degrees_of_freedom - 2))  # from scale to covariance
        minor, major = (level + tail + sign * stretch / 2 for sign in (-1, 1))
        seen = ((visibility_features(scores, axes) - self.mean) / self.deviation).clamp(-OUTLYING, OUTLYING)
        visible = torch.sigmoid(seen @ self.visible_weight.T + self.visible_offset)
        return Uncertainty(axes.covariances(minor.exp(), major.exp()), visible)


class Axes(NamedTuple):
    """Principal axes of covariances (..., 2, 2).

    Attributes:
        log_minor, log_major (Tensor): (...) logarithms of the eigenvalues, at least that of :data:`SHARP`.
        direction (Tensor): (..., 2) cosine and sine of twice the angle of the major axis; 0 if there is none.
    """

    log_minor: Tensor
    log_major: Tensor
    direction: Tensor

    @classmethod
    def of(cls, covariances: Tensor) -> 'Axes':
        a, b, c = covariances[..., 0, 0], covariances[..., 0, 1], covariances[..., 1, 1]
        middle, difference = (a + c) / 2, (a - c) / 2
        radius = (difference**2 + b**2).sqrt()
        direction = torch.stack([difference, b], -1) / radius.clamp(min=1e-12)[..., None]
        return cls((middle - radius).clamp(min=SHARP).log(), (middle + radius).clamp(min=SHARP).log(), direction)

    def stretch(self, power: Tensor, elongation: Tensor) -> Tensor:
        """(...) by how much the logarithms of the variances along both axes differ: the less, the rounder the spread
        is, as its direction then says nothing."""
        ratio = self.log_major - self.log_minor
        length = torch.tanh(ratio / 2) ** 2  # of the difference of both variances against their sum
        return (power * ratio + elongation) * length / (length + ROUND**2)

    def covariances(self, minor: Tensor, major: Tensor) -> Tensor:
        """(..., 2, 2) with these axes and other eigenvalues."""
        middle, radius = (major + minor) / 2, (major - minor) / 2
        along = radius[..., None] * self.direction
        x, y = middle + along[..., 0], middle - along[..., 0]
        return torch.stack([x, along[..., 1], along[..., 1], y], -1).unflatten(-1, (2, 2))


def face_features(scores: Tensor, axes: Axes) -> Tensor:
    """(B, K, 4): the logarithms of score and size of each landmark, and their means over the face."""
    own = torch.stack([scores.clamp(min=TINY).log(), (axes.log_minor + axes.log_major) / 2], -1)
    return torch.cat([own, own.mean(1, keepdim=True).expand_as(own)], -1)


def visibility_features(scores: Tensor, axes: Axes) -> Tensor:
    """(B, 2K): the logarithms of all scores and of all traces."""
    return torch.cat([scores.clamp(min=TINY).log(), torch.logaddexp(axes.log_minor, axes.log_major)], -1)
