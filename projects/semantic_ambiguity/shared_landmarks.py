"""The landmarks that 300W's 68 points and the 29 of LFPW share, and their spreads in the frame of the face.

Compared are those of the layout ``cofw25`` that are one landmark of each scheme. Left out are the middles of the lids
and the pupils, which are means of several of the 68: what a model says of each does not say how far the errors of
neighbours go together, and so nothing of the direction of their mean's. The wings of the nose are not among the 68.
"""

from typing import NamedTuple

import numpy as np
from lfpw_annotations import LAYOUT, NAMES
from spreads import Spread, boundary_axes, spread_of_covariances, spread_of_samples

from mmfld.structures import get_conversion, get_layout

SHARED = get_layout('cofw25')
MODELS = get_layout('300w68')
FROM_ANNOTATORS, FROM_MODELS = get_conversion(LAYOUT, SHARED), get_conversion(MODELS, SHARED)
COMPARED = np.flatnonzero((FROM_MODELS.weights.any(-1)).sum(-1) == 1)
SHARED_NAMES = [NAMES[k] for k in FROM_ANNOTATORS.indices[:, 0]]


class Frame(NamedTuple):
    """F faces with the eye line horizontal and the inter-ocular distance 1.

    Attributes:
        eye_line (ndarray): (F, ) complex pixels.
        shapes (ndarray): (F, 25) complex, around 0.
        axes (ndarray): (F, 25) complex, along the boundaries; 0 at landmarks that are not compared.
    """

    eye_line: np.ndarray
    shapes: np.ndarray
    axes: np.ndarray


def frame(points: np.ndarray) -> Frame:
    """Of landmarks (F, 25, 2) in pixels.

    Along is as in :func:`~spreads.boundary_axes`, and for the nose and the chin parallel to the eye line: the 29 points
    have the nose between its wings on one curve, and the chin on none.
    """
    points = points @ [1, 1j]
    eye_line = points[:, SHARED.eye_corners[1]] - points[:, SHARED.eye_corners[0]]
    shapes = (points - points.mean(1, keepdims=True)) / eye_line[:, None]
    axes = boundary_axes(shapes, SHARED)
    axes[:, SHARED.areas['nose'] + SHARED.areas['contour']] = 1
    axes[:, np.setdiff1d(np.arange(SHARED.num_keypoints), COMPARED)] = 0
    return Frame(eye_line, shapes, axes)


def annotators(points: np.ndarray) -> tuple[Spread, Frame]:
    """Of annotations (F, A, 29, 2) in pixels by A people."""
    points = FROM_ANNOTATORS.keypoints(points)
    faces = frame(points.mean(1))
    deviations = (points - points.mean(1, keepdims=True)) @ [1, 1j] / faces.eye_line[:, None, None]
    return spread_of_samples(deviations), faces


def in_frame(covariances: np.ndarray, faces: Frame) -> Spread:
    """Of covariances (F, 25, 2, 2) in squared pixels."""
    return spread_of_covariances(covariances, faces.eye_line)


def errors_in_frame(errors: np.ndarray, faces: Frame) -> Spread:
    """Of errors (F, 25, 2) in pixels: from what they are in the mean of all faces."""
    errors = errors @ [1, 1j] / faces.eye_line[:, None]
    errors = errors - errors.mean(0)
    return Spread(abs(errors) ** 2, errors**2)
