"""BoundaryMarginalHeatmap: lines of known density, curves against an exact sum over segments, and what is packed."""

import numpy as np
import pytest
import torch
from mmpose.datasets.transforms import GenerateTarget, PackPoseInputs
from mmpose.registry import KEYPOINT_CODECS
from scipy.special import ndtr

from mmfld.codecs import BoundaryMarginalHeatmap, MarginalHeatmap
from mmfld.codecs.boundary_maps import boundary_curve
from mmfld.structures import Boundary, FaceLayout, get_layout

LAYOUTS = ('wflw98', '300w68', 'cofw29', 'aflw19')


def lines(*boundaries: Boundary, num_keypoints: int = 4):
    """A layout with these boundaries."""
    return FaceLayout('lines', num_keypoints, (), boundaries, (0, 1), None, dict(face=tuple(range(num_keypoints))))


def encode_line(points, closed: bool = False, **options) -> dict:
    """The one boundary through all points."""
    layout = lines(Boundary('line', tuple(range(len(points))), closed), num_keypoints=len(points))
    return BoundaryMarginalHeatmap(layout, **options).encode(np.array(points, np.float32)[None])


def scaled(density: np.ndarray) -> np.ndarray:
    return density / density.max()


def exact_density(curve: np.ndarray, closed: bool, length: int, sigma: float) -> np.ndarray:
    """Arc length of a polyline (m, 2), in bins, over each bin of an axis: (2, length)."""
    if closed:
        curve = np.concatenate([curve, curve[:1]])
    bins, density = np.arange(length), np.zeros((2, length))
    for start, end in zip(curve[:-1], curve[1:]):
        for axis in range(2):
            a, b = start[axis], end[axis]
            if abs(a - b) > 1e-6:
                share = (ndtr((bins - a) / sigma) - ndtr((bins - b) / sigma)) / (b - a)
            else:
                share = np.exp(-0.5 * ((bins - a) / sigma) ** 2) / (sigma * (2 * np.pi) ** 0.5)
            density[axis] += np.linalg.norm(end - start) * share
    return density


def test_builds_by_name_with_its_defaults():
    codec = KEYPOINT_CODECS.build(dict(type='BoundaryMarginalHeatmap'))
    assert (codec.layout.name, codec.length, codec.sigma) == ('300w68', 768, 12)


@pytest.mark.parametrize('name', LAYOUTS)
def test_a_sample_gets_the_labels(face_of, name):
    layout = get_layout(name)
    K, E = layout.num_keypoints, layout.num_boundaries
    results = dict(
        img=np.zeros((256, 256, 3), np.uint8),
        keypoints=face_of(name)[None].astype(np.float32),
        keypoints_visible=np.ones((1, K), np.float32),
        dataset_keypoint_weights=np.ones(K, np.float32),
    )
    results['transformed_keypoints'] = results['keypoints']
    encoder = dict(type='BoundaryMarginalHeatmap', layout=name, length=128)
    labels = PackPoseInputs()(GenerateTarget(encoder)(results))['data_samples'].gt_instance_labels
    assert {key: (tuple(value.shape), value.dtype) for key, value in labels.items()} == {
        key: (shape, torch.float32)
        for key, shape in dict(
            keypoint_x_labels=(1, K, 128),
            keypoint_y_labels=(1, K, 128),
            keypoint_weights=(1, K),
            boundary_x_labels=(1, E, 128),
            boundary_y_labels=(1, E, 128),
            boundary_weights=(1, E),
        ).items()
    }


def test_landmarks_are_encoded_as_without_boundaries(face_of):
    keypoints, options = face_of('300w68')[None].astype(np.float32), dict(length=384, grid='half_pixel')
    encoded = BoundaryMarginalHeatmap('300w68', **options).encode(keypoints)
    for key, value in MarginalHeatmap(**options).encode(keypoints).items():
        np.testing.assert_array_equal(encoded[key], value)


def test_a_level_line_is_even_over_x_and_a_gaussian_over_y():
    encoded = encode_line([(50, 100), (200, 100)])
    bins = np.arange(768)
    even = ndtr((bins - 150) / 12) - ndtr((bins - 600) / 12)
    np.testing.assert_allclose(encoded['boundary_x_labels'][0, 0], scaled(even), atol=0.015)
    np.testing.assert_allclose(encoded['boundary_y_labels'][0, 0], np.exp(-0.5 * ((bins - 300) / 12) ** 2), atol=1e-5)


def test_where_landmarks_lie_along_a_line_does_not_matter():
    even, uneven = encode_line([(40, 60), (100, 80), (160, 100)]), encode_line([(40, 60), (55, 65), (160, 100)])
    np.testing.assert_allclose(uneven['boundary_x_labels'], even['boundary_x_labels'], atol=1e-4)
    np.testing.assert_allclose(uneven['boundary_y_labels'], even['boundary_y_labels'], atol=1e-4)


def test_a_closed_boundary_has_its_last_part():
    corners = [(60, 60), (180, 60), (180, 200)]
    closed = encode_line(corners, closed=True)
    np.testing.assert_allclose(
        closed['boundary_x_labels'][0, 0],
        scaled(exact_density(3 * boundary_curve(np.array(corners, float), True), True, 768, 12)[0]),
        atol=0.01,
    )
    assert np.abs(closed['boundary_x_labels'] - encode_line(corners)['boundary_x_labels']).max() > 0.1


@pytest.mark.parametrize('length', [64, 768])
@pytest.mark.parametrize('name', LAYOUTS)
def test_boundaries_of_a_face_equal_the_sum_over_segments(face_of, name, length):
    points, layout = face_of(name), get_layout(name)
    codec = BoundaryMarginalHeatmap(layout, length=length)
    encoded = codec.encode(points[None].astype(np.float32))
    for e, boundary in enumerate(layout.boundaries):
        curve = boundary_curve(points[list(boundary.indices)], boundary.closed) * length / 256
        x, y = exact_density(curve, boundary.closed, length, codec.sigma)
        np.testing.assert_allclose(encoded['boundary_x_labels'][0, e], scaled(x), atol=0.015)
        np.testing.assert_allclose(encoded['boundary_y_labels'][0, e], scaled(y), atol=0.015)


@pytest.mark.parametrize('normalize', [False, True])
def test_maps_have_a_peak_of_one(face_of, normalize):
    encoded = BoundaryMarginalHeatmap('wflw98', normalize=normalize).encode(face_of('wflw98')[None])
    assert (encoded['boundary_weights'] == 1).all()
    assert (encoded['boundary_x_labels'].max(-1) == 1).all() and (encoded['boundary_y_labels'].max(-1) == 1).all()


def test_a_missing_landmark_leaves_its_boundary_out(face_of):
    keypoints, layout = face_of('300w68')[None].copy(), get_layout('300w68')
    expected = BoundaryMarginalHeatmap(layout).encode(keypoints)
    keypoints[0, 38] = np.nan  # of the right eye
    visible = np.ones((1, 68))
    visible[0, 38] = 0
    encoded = BoundaryMarginalHeatmap(layout).encode(keypoints, visible)
    weights = [boundary.name != 'right_eye' for boundary in layout.boundaries]
    assert encoded['boundary_weights'].tolist() == [weights]
    for key in ('boundary_x_labels', 'boundary_y_labels'):
        np.testing.assert_array_equal(encoded[key][0], expected[key][0] * np.array(weights)[:, None])


def test_boundaries_outside_the_image_are_left_out():
    layout = lines(Boundary('inside', (0, 1)), Boundary('outside', (2, 3)))
    points = np.array([[(10, 10), (50, 50), (-40, 100), (-1, 200)]], np.float32)
    encoded = BoundaryMarginalHeatmap(layout).encode(points)
    assert encoded['boundary_weights'].tolist() == [[1, 0]]
    assert not encoded['boundary_x_labels'][0, 1].any() and not encoded['boundary_y_labels'][0, 1].any()


@pytest.mark.parametrize('outside', ['clamp', 'ignore'])
def test_a_boundary_is_cut_off_at_the_border(outside):
    cut = encode_line([(-100.5, 100), (99.5, 100)], outside=outside)['boundary_x_labels']  # half of it inside
    inside = encode_line([(-0.5, 100), (99.5, 100)])['boundary_x_labels']
    np.testing.assert_allclose(cut, inside, atol=0.02)


def test_no_boundary_at_all(face_of):
    encoded = BoundaryMarginalHeatmap('300w68').encode(face_of('300w68')[None], np.zeros((1, 68)))
    assert not any(value.any() for value in encoded.values())


def test_a_boundary_without_extent_is_a_point():
    encoded = encode_line([(100, 100)] * 3)
    np.testing.assert_allclose(
        encoded['boundary_x_labels'][0, 0], np.exp(-0.5 * ((np.arange(768) - 300) / 12) ** 2), atol=1e-5
    )


def test_wrong_number_of_landmarks():
    with pytest.raises(ValueError, match=r'layout 300w68 has 68 landmarks, got keypoints of shape \(1, 98, 2\)'):
        BoundaryMarginalHeatmap('300w68').encode(np.zeros((1, 98, 2)))
