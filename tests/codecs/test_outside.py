"""Landmarks that lie outside the network input: the same choice in every codec."""

import numpy as np
import pytest
from mmpose.registry import KEYPOINT_CODECS

from mmfld.codecs.boundary_maps import edge_maps
from mmfld.structures import get_layout

CODECS = (
    'BoundaryAwareHeatmap',
    'ImageAwareSmoothing',
    'ContinuousHeatmap',
    'MarginalHeatmap',
    'BoundaryMarginalHeatmap',
)
# on the outer border, just beyond it, far out on each side, and where no coordinate is known
POINTS = np.array([(-0.5, 255.5), (-0.51, 100), (100, 255.6), (-700, 20), (300, -300), (np.nan, np.nan)], np.float32)
CLAMPED = np.array([(-0.5, 255.5), (-0.5, 100), (100, 255.5), (-0.5, 20), (255.5, -0.5)], np.float32)


def build(name: str, **options):
    if 'Boundary' in name or 'Smoothing' in name:
        options.update(layout='300w68')
    return KEYPOINT_CODECS.build(dict(type=name, **options))


@pytest.fixture
def face(face_of):
    """(1, 68, 2), the first six landmarks as in POINTS, and their visibility."""
    keypoints, visible = face_of('300w68')[None].copy(), np.ones((1, 68), np.float32)
    keypoints[0, :6], visible[0, 5] = POINTS, 0
    return keypoints, visible


@pytest.mark.parametrize('name', CODECS)
def test_ignored_landmarks_have_weight_0(face, name):
    weights = build(name, outside='ignore').encode(*face)['keypoint_weights']
    assert weights[0, :6].tolist() == [1, 0, 0, 0, 0, 0] and weights[0, 6:].all()


@pytest.mark.parametrize('name', CODECS)
def test_clamped_landmarks_count_as_if_on_the_border(face, name):
    keypoints, visible = face
    codec = build(name)
    encoded = codec.encode(keypoints, visible)
    assert encoded['keypoint_weights'][0].tolist() == visible[0].tolist()
    moved = keypoints.copy()
    moved[0, :5] = CLAMPED
    expected = codec.encode(moved, visible)
    # not the boundaries, which go through the landmarks where they are, nor what is drawn at random
    same = encoded.keys() - {
        'edge_heatmaps',
        'keypoint_samples',
        'boundary_x_labels',
        'boundary_y_labels',
        'boundary_weights',
    }
    for key in same:
        np.testing.assert_allclose(encoded[key], expected[key], atol=1e-6, err_msg=key)


def test_labels_are_smoothed_around_the_clamped_landmark(face):
    keypoints, visible = face
    moved = keypoints.copy()
    moved[0, :5] = CLAMPED
    codec, samples = build('ImageAwareSmoothing', mode='image_unaware', num_samples=200), []
    for points in (keypoints, moved):
        np.random.seed(0)
        samples.append(codec.encode(points, visible)['keypoint_samples'])
    np.testing.assert_allclose(*samples, atol=1e-6)
    # half of them inside, the others on the border
    assert 0.3 < (samples[0][0, 3, :, 0] > -1).mean() < 0.7


@pytest.mark.parametrize(
    'name, keys',
    [
        ('BoundaryAwareHeatmap', ['point_heatmaps']),
        ('ContinuousHeatmap', ['heatmaps']),
        ('MarginalHeatmap', ['keypoint_x_labels', 'keypoint_y_labels']),
    ],
)
def test_ignored_landmarks_have_no_map(face, name, keys):
    encoded = build(name, outside='ignore').encode(*face)
    for key in keys:
        drawn = encoded[key].reshape(68, -1).any(1)
        assert drawn.tolist() == [True] + [False] * 5 + [True] * 62


def test_edges_go_through_landmarks_outside_whatever_they_count_for(face_of):
    moved = face_of('300w68')[None] - [60, 0]
    assert (moved < -0.5).any()
    clamped, ignored = (
        build('BoundaryAwareHeatmap', outside=outside).encode(moved)['edge_heatmaps'] for outside in ('clamp', 'ignore')
    )
    np.testing.assert_array_equal(ignored, clamped)
    np.testing.assert_array_equal(ignored, edge_maps(moved[0], get_layout('300w68'), (256, 256), (64, 64)))


@pytest.mark.parametrize('name', CODECS)
def test_unknown_choice(name):
    with pytest.raises(ValueError, match="unknown outside 'drop', expected one of .'clamp', 'ignore'.$"):
        build(name, outside='drop')
