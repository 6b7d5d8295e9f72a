"""The variance of coordinates."""

import csv

import numpy as np
import pytest

from mmfld.evaluation.functional import coordinate_variances
from mmfld.structures import get_layout

LAYOUT = get_layout('300w68')


def faces(n=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 100, (n, 68, 2))


def test_variances_equal_a_naive_loop():
    points, visible = faces(), np.random.default_rng(1).random((5, 68)) < 0.8
    visible[:, list(LAYOUT.eye_corners)] = True
    visible[3, 36] = False  # a face without an eye corner does not count
    found = coordinate_variances(np.where(visible[..., None], points, 0), visible, LAYOUT)
    for k in range(68):
        values = []
        for i in (0, 1, 2, 4):
            if visible[i, k]:
                eyes = np.hypot(*(points[i, 36] - points[i, 45]))
                values.append((points[i, k] - points[i][visible[i]].mean(axis=0)) / eyes)
        np.testing.assert_allclose(found[k], np.var(values, axis=0))


def test_place_and_size_of_a_face_do_not_matter():
    points, visible = faces(), np.ones((5, 68), bool)
    moved = points * np.arange(1, 6)[:, None, None] + np.arange(10).reshape(5, 1, 2)
    np.testing.assert_allclose(
        coordinate_variances(moved, visible, LAYOUT), coordinate_variances(points, visible, LAYOUT)
    )


def test_landmark_that_no_face_shows():
    visible = np.ones((5, 68), bool)
    visible[:, 3] = False
    missing = np.isnan(coordinate_variances(faces(), visible, LAYOUT)).all(axis=1)
    assert np.flatnonzero(missing).tolist() == [3]


@pytest.mark.parametrize('part', ['valid_common', 'valid_challenge', 'test'])
def test_variances_of_the_contour_are_the_highest_on_300w(shared_dir, part):
    """As the attentive paper says of the faces of 300VW."""
    with open(shared_dir / f'data/300w_csv/face_landmarks_300w_{part}.csv') as file:
        points = np.array(
            [[float(row[f'original_{k}_{axis}']) for k in range(68) for axis in 'xy'] for row in csv.DictReader(file)]
        ).reshape(-1, 68, 2)
    variances = coordinate_variances(points, np.ones(points.shape[:2], bool), LAYOUT)
    areas = {name: variances[list(indices)].mean(axis=0) for name, indices in LAYOUT.areas.items()}
    for name, of_area in areas.items():
        assert name == 'contour' or (of_area < areas['contour']).all()
