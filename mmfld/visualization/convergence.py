"""How much sooner one run is where another one is: a metric over epochs, as Fig. 3 of the structured paper."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

Curve = dict[int, float]  # value by epoch


class Comparison(NamedTuple):
    """At ``epoch`` the first run has ``value``, which the second one has at epoch ``needed``; None if it never has."""

    epoch: float
    value: float
    needed: float | None


def epochs_to_reach(curve: Curve, value: float) -> float | None:
    """The first epoch, interpolated, at which a falling curve is down at ``value``; None if it never is."""
    epochs = sorted(curve)
    if curve[epochs[0]] <= value:
        return float(epochs[0])
    for before, after in zip(epochs, epochs[1:]):
        if curve[after] <= value:
            return before + (after - before) * (curve[before] - value) / (curve[before] - curve[after])
    return None


def value_at(curve: Curve, epoch: float) -> float:
    """A curve's value at an epoch, interpolated; a ValueError if the curve does not reach there."""
    epochs = sorted(curve)
    if not epochs[0] <= epoch <= epochs[-1]:
        raise ValueError(f'found no epoch {epoch:g}, expected one from {epochs[0]:g} to {epochs[-1]:g}')
    return float(np.interp(epoch, epochs, [curve[one] for one in epochs]))


def compare_curves(first: Curve, second: Curve, epochs: Sequence[float]) -> list[Comparison]:
    """When the second run has what the first one has at some epochs."""
    values = [value_at(first, epoch) for epoch in epochs]
    return [Comparison(epoch, value, epochs_to_reach(second, value)) for epoch, value in zip(epochs, values)]


def draw_curves(axis: Axes, curves: dict[str, Curve], comparisons: Sequence[Comparison] = ()) -> None:
    """Draw curves by label, and an arrow for each comparison that came out in favour of the second run."""
    for label, curve in curves.items():
        epochs = sorted(curve)
        axis.plot(epochs, [curve[epoch] for epoch in epochs], '.-' if len(epochs) < 100 else '-', label=label)
    for epoch, value, needed in comparisons:
        if needed and needed < epoch:
            axis.annotate(
                '',
                (needed, value),
                (epoch, value),
                arrowprops=dict(arrowstyle='->', linestyle='--', shrinkA=0, shrinkB=0),
            )
            axis.text(
                (needed + epoch) / 2,
                value * 1.01,
                f'{epoch / needed:.1f} times fewer',
                ha='center',
                va='bottom',
                fontsize=8,
            )
    axis.set(xlabel='epoch', yscale='log')
    axis.locator_params(axis='x', integer=True)
    axis.yaxis.set_major_formatter('{x:g}')
    axis.yaxis.set_minor_formatter('{x:g}')
    axis.grid(alpha=0.3, which='both')
    axis.legend(fontsize=8)
