"""ImageAwareSmoothing: the distribution of its samples, and decoding of raw scores."""

import numpy as np
import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS

from mmfld.codecs import BoundaryAwareHeatmap, ImageAwareSmoothing
from mmfld.codecs.boundary_maps import distance_map
from mmfld.codecs.label_smoothing import covariances, point_patch, smoothing_stages
from mmfld.structures import Boundary, FaceLayout, normalize, normalized_to_cells

MANY = 20000  # samples; the standard error of a variance is 1 %
LINE = FaceLayout(
    name='line',
    num_keypoints=5,
    flip_pairs=(),
    boundaries=(Boundary('line', tuple(range(5))),),
    eye_corners=(0, 4),
    pupils=None,
    areas=dict(line=tuple(range(5))),
)


@pytest.fixture(autouse=True)
def seed():
    np.random.seed(0)


@pytest.fixture
def keypoints(face_of) -> np.ndarray:
    return face_of('cofw29')[None]


def sampled_covariances(codec, keypoints) -> np.ndarray:
    """(K, 2, 2) in cells^2, around the annotation and not around the mean."""
    samples = normalized_to_cells(codec.encode(keypoints)['keypoint_samples'][0].astype(np.float64), 64, codec.grid)
    shifts = samples - normalized_to_cells(normalize(keypoints[0], 256), 64, codec.grid)[:, None]
    return np.einsum('ksi,ksj->kij', shifts, shifts) / shifts.shape[1]


def test_builds_by_name_with_its_defaults():
    codec = KEYPOINT_CODECS.build(dict(type='ImageAwareSmoothing'))
    assert (codec.mode, codec.gamma, codec.num_samples, codec.patch_radius) == ('image_aware', 0.01, 10, 8)


@pytest.mark.parametrize('mode, samples', [('image_aware', 10), ('image_unaware', 10), ('none', 1)])
def test_shape_and_dtype_of_samples(keypoints, mode, samples):
    encoded = ImageAwareSmoothing('cofw29', mode=mode).encode(keypoints)['keypoint_samples']
    assert (encoded.shape, encoded.dtype) == ((1, 29, samples, 2), np.float32)


def test_encodes_also_what_its_base_does(keypoints):
    visible = np.ones((1, 29))
    visible[0, 3] = 0
    base = BoundaryAwareHeatmap('cofw29').encode(keypoints, visible)
    encoded = ImageAwareSmoothing('cofw29').encode(keypoints, visible)
    for key in base:
        np.testing.assert_array_equal(encoded[key], base[key], err_msg=key)


def test_every_label_of_the_encoding_is_packed(keypoints):
    codec = ImageAwareSmoothing('cofw29')
    assert set(codec.encode(keypoints)) == set(codec.label_mapping_table) | set(codec.field_mapping_table)


def test_the_labels_are_the_same_without_maps(keypoints):
    encoded = []
    for attention_maps in (True, False):
        np.random.seed(0)
        encoded.append(ImageAwareSmoothing('cofw29', attention_maps=attention_maps).encode(keypoints))
    full, labels = encoded
    assert set(labels) == set(full) - {'point_heatmaps', 'edge_heatmaps'}
    for key, value in labels.items():
        np.testing.assert_array_equal(value, full[key], err_msg=key)


def test_without_smoothing_the_sample_is_the_annotation(keypoints):
    encoded = ImageAwareSmoothing('cofw29', mode='none').encode(keypoints)
    np.testing.assert_array_equal(encoded['keypoint_samples'][:, :, 0], encoded['keypoint_labels'])


@pytest.mark.parametrize('gamma', [0.01, 0.001])
def test_image_aware_covariance_equals_the_loops(keypoints, loops, gamma):
    codec = ImageAwareSmoothing('cofw29', gamma=gamma, num_samples=MANY)
    edges = loops.loop_refine_edges(loops.loop_edge_maps(keypoints[0], codec.layout).max(0).astype(np.float64))
    expected = gamma * loops.loop_covariances(edges, (keypoints[0] + 0.5) / 4 - 0.5, codec.patch_radius)
    found = sampled_covariances(codec, keypoints)
    np.testing.assert_allclose(found, expected, atol=0.05 * np.trace(expected, axis1=1, axis2=2).max())


@pytest.mark.parametrize('attention_maps', [True, False])
def test_covariance_along_the_distance_transform(keypoints, attention_maps):
    codec = ImageAwareSmoothing('cofw29', edges='distance_transform', num_samples=MANY, attention_maps=attention_maps)
    edges = distance_map(keypoints[0], codec.layout, (256, 256), (64, 64))
    stages = smoothing_stages(edges[None], (keypoints[0] + 0.5) / 4 - 0.5, codec.patch_radius)
    expected = 0.01 * stages.covariances
    np.random.seed(0)
    found = sampled_covariances(codec, keypoints)
    np.testing.assert_allclose(found, expected, atol=0.05 * np.trace(expected, axis1=1, axis2=2).max())
    # another distribution than that of the thin lines
    line = sampled_covariances(ImageAwareSmoothing('cofw29', num_samples=MANY), keypoints)
    assert abs(np.trace(line, axis1=1, axis2=2) / np.trace(expected, axis1=1, axis2=2) - 1).max() > 0.1


def test_image_unaware_covariance_is_isotropic(keypoints):
    found = sampled_covariances(ImageAwareSmoothing('cofw29', mode='image_unaware', num_samples=MANY), keypoints)
    variance = 0.01 * covariances(point_patch(8)[None])[0, 0, 0]
    np.testing.assert_allclose(found, np.broadcast_to(variance * np.eye(2), (29, 2, 2)), atol=0.05 * variance)


@pytest.mark.parametrize('degrees', [0, 30, 90, 135])
def test_samples_run_along_a_straight_boundary(degrees):
    direction = np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])
    # through the middle of a cell: a line between two rows of cells leaves no trace in the reference's edge map
    keypoints = (129.5 + np.linspace(-80, 80, 5)[:, None] * direction)[None]
    middle = sampled_covariances(ImageAwareSmoothing(LINE, num_samples=MANY), keypoints)[2]
    along = np.linalg.eigh(middle)[1][:, 1]
    assert abs(along @ direction) > np.cos(np.deg2rad(4))


def test_samples_of_an_end_point_have_the_annotation_as_mean():
    keypoints = np.stack([np.linspace(40, 200, 5), np.full(5, 100.0)], axis=1)[None]
    codec = ImageAwareSmoothing(LINE, num_samples=MANY)
    samples = normalized_to_cells(codec.encode(keypoints)['keypoint_samples'][0, 0].astype(np.float64), 64, codec.grid)
    annotation = normalized_to_cells(normalize(keypoints[0, 0], 256), 64, codec.grid)
    np.testing.assert_allclose(samples.mean(0), annotation, atol=5 * 0.2 / np.sqrt(MANY))


def test_samples_are_clamped_to_the_image(keypoints):
    samples = ImageAwareSmoothing('cofw29', gamma=1.0).encode(keypoints * 1.5 - 60)['keypoint_samples']
    assert (samples.min(), samples.max()) == (-1, 1)


def test_samples_are_drawn_anew(keypoints):
    codec = ImageAwareSmoothing('cofw29')
    first, second = (codec.encode(keypoints)['keypoint_samples'] for _ in range(2))
    assert (first != second).mean() > 0.9


@pytest.mark.parametrize('points', [np.full((1, 29, 2), 100.0), np.full((1, 29, 2), -999.0)])
def test_samples_of_degenerate_faces_are_finite(points):
    assert np.isfinite(ImageAwareSmoothing('cofw29').encode(points)['keypoint_samples']).all()


def test_wrong_number_of_landmarks(keypoints):
    with pytest.raises(ValueError, match='layout wflw98 has 98 landmarks'):
        ImageAwareSmoothing('wflw98').encode(keypoints)


def test_unknown_mode():
    with pytest.raises(ValueError, match="unknown mode 'aware', expected one of"):
        ImageAwareSmoothing(mode='aware')


def test_unknown_edges():
    with pytest.raises(ValueError, match="unknown edges 'thin', expected one of"):
        ImageAwareSmoothing(edges='thin')


def naive_softmax(scores: torch.Tensor, temperature: float) -> np.ndarray:
    values = np.exp((scores.double().numpy() - scores.double().numpy().max((2, 3), keepdims=True)) / temperature)
    return values / values.sum((2, 3), keepdims=True)


@pytest.mark.parametrize('temperature', [1.0, 0.3])
def test_expectation_is_of_the_softmax(temperature):
    scores = 5 * torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    keypoints, _ = ImageAwareSmoothing(decoder='expectation', temperature=temperature).batch_decode(scores)
    weights = naive_softmax(scores, temperature)
    cells = np.stack([(weights * np.arange(64)).sum((2, 3)), (weights * np.arange(64)[:, None]).sum((2, 3))], axis=-1)
    np.testing.assert_allclose(np.concatenate(keypoints), cells * 256 / 63 - 0.5, atol=1e-3)


@pytest.mark.parametrize('decoder', ['local_soft_argmax', 'argmax', 'expectation'])
@pytest.mark.parametrize('temperature', [1.0, 0.3])
def test_scores_are_probabilities_of_the_best_cell(decoder, temperature):
    scores = 5 * torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    _, found = ImageAwareSmoothing(decoder=decoder, temperature=temperature).batch_decode(scores)
    np.testing.assert_allclose(np.concatenate(found), naive_softmax(scores, temperature).max((2, 3)), rtol=1e-4)


def test_local_soft_argmax_is_of_the_softmax_in_the_window():
    scores = torch.zeros(1, 1, 64, 64)
    scores[0, 0, 20, 10], scores[0, 0, 20, 11] = 9.0, 8.0
    scores[0, 0, 20, 40] = 8.9  # far away
    keypoints, _ = ImageAwareSmoothing(temperature=0.5).batch_decode(scores)
    weights = np.exp(np.array([18.0, 16.0] + [0.0] * 23) - 18)  # of a window of 5 x 5
    x = 10 + weights[1] / weights.sum()
    np.testing.assert_allclose(keypoints[0][0, 0], [x * 256 / 63 - 0.5, 20 * 256 / 63 - 0.5], atol=1e-3)
