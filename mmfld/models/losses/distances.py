"""Distances between predicted and annotated landmarks, in the form the STAR reference code gives them."""

import math

import torch
from torch import Tensor

THRESHOLD = 0.01  # s of smooth-l1 and omega of Wing, in units of [-1, 1]
WING_CURVATURE = 2.0


def l1(errors: Tensor) -> Tensor:
    """Mean of the absolute components."""
    return errors.abs().mean(-1)


def l2(errors: Tensor) -> Tensor:
    """Mean of the squared components."""
    return (errors**2).mean(-1)


def smooth_l1(errors: Tensor) -> Tensor:
    """``0.5 / s |e|^2`` for Euclidean lengths ``|e|`` below s = 0.01, ``|e| - 0.5 s`` above (STAR paper, Eq. 8).

    >>> [round(value, 4) for value in smooth_l1(torch.tensor([[0.004, 0.0], [0.03, 0.04]])).tolist()]
    [0.0008, 0.045]
    """
    length = torch.linalg.vector_norm(errors, dim=-1)
    return torch.where(length < THRESHOLD, 0.5 / THRESHOLD * length**2, length - 0.5 * THRESHOLD)


def wing(errors: Tensor) -> Tensor:
    """``omega ln(1 + |e| / 2)`` for lengths ``|e|`` below omega = 0.01, ``|e| - C`` above (Wing loss, CVPR 2018)."""
    length = torch.linalg.vector_norm(errors, dim=-1)
    offset = THRESHOLD * (1 - math.log1p(THRESHOLD / WING_CURVATURE))
    return torch.where(length < THRESHOLD, THRESHOLD * torch.log1p(length / WING_CURVATURE), length - offset)


DISTANCES = dict(l1=l1, l2=l2, smooth_l1=smooth_l1, wing=wing)


def get_distance(name: str):
    """The function ``errors (..., D) -> (...)`` of that name: ``'l1'``, ``'l2'``, ``'smooth_l1'`` or ``'wing'``."""
    if name not in DISTANCES:
        raise ValueError(f'unknown distance {name!r}, expected one of {tuple(DISTANCES)}')
    return DISTANCES[name]
