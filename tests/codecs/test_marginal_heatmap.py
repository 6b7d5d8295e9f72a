"""MarginalHeatmap: the example of quantisation in its paper, marginals of 2-D Gaussians, round trips and mirroring."""

import numpy as np
import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS

from mmfld.codecs import MarginalHeatmap
from mmfld.codecs.continuous_heatmap import gaussian_maps
from mmfld.structures import cells_to_pixels, pixels_to_cells

LENGTHS = (64, 128, 256, 384, 512, 640, 768)
GRIDS = ('proportional', 'half_pixel')


@pytest.fixture
def keypoints() -> np.ndarray:
    """(1, 20, 2) float32 in an image of 256 x 256, more than 3 sigma inside."""
    return np.random.default_rng(0).uniform(20, 235, (1, 20, 2)).astype(np.float32)


def errors_in_bins(codec: MarginalHeatmap, keypoints: np.ndarray) -> np.ndarray:
    """(K, 2) absolute differences between landmarks and what their maps decode to."""
    encoded = codec.encode(keypoints)
    decoded, _ = codec.decode(*(torch.from_numpy(encoded[f'keypoint_{axis}_labels'][0]) for axis in 'xy'))
    return np.abs(decoded - keypoints)[0] * codec.length / np.array(codec.input_size)


def test_builds_by_name_with_the_values_of_the_paper():
    codec = KEYPOINT_CODECS.build(dict(type='MarginalHeatmap'))
    assert (codec.length, codec.sigma, codec.decoder, codec.grid) == (768, 12, 'argmax', 'proportional')


@pytest.mark.parametrize('factor', [0.5, 3.0])
def test_quantisation_error_of_the_example_in_the_paper(golden_dir, factor):
    golden = np.load(golden_dir / 'formula_vectors.npz')
    point = np.array([142.84, 188.72])
    bins = np.floor(pixels_to_cells(point, int(factor * 256), 256, 'proportional'))
    error = np.linalg.norm(cells_to_pixels(bins, int(factor * 256), 256, 'proportional') - point)
    assert error == pytest.approx(float(golden[f'quant_E_{factor}']), abs=1e-9)


def test_shapes_and_dtypes(keypoints):
    encoded = MarginalHeatmap().encode(keypoints.astype(np.float64), np.ones((1, 20)))
    assert {key: (value.shape, value.dtype) for key, value in encoded.items()} == dict(
        keypoint_x_labels=((1, 20, 768), np.float32),
        keypoint_y_labels=((1, 20, 768), np.float32),
        keypoint_weights=((1, 20), np.float32),
    )


@pytest.mark.parametrize('grid', GRIDS)
def test_maps_equal_the_formula(keypoints, grid):
    codec = MarginalHeatmap((192, 256), 384, sigma=5.0, grid=grid)
    shift = 0 if grid == 'proportional' else 0.5
    encoded = codec.encode(keypoints[:, :1])
    for axis, side, pixel in zip('xy', (192, 256), keypoints[0, 0].tolist()):
        centre = (pixel + shift) * 384 / side - shift
        expected = [np.exp(-((b - centre) ** 2) / (2 * 5.0**2)) for b in range(384)]
        np.testing.assert_allclose(encoded[f'keypoint_{axis}_labels'][0, 0], expected, atol=1e-5)


def test_maps_are_the_marginals_of_the_joint_gaussian_but_for_a_factor(keypoints):
    codec = MarginalHeatmap((256, 256), 128, sigma=2.0)
    x, y = codec.batch_encode(torch.from_numpy(keypoints).double())
    joint = gaussian_maps(codec.centres(torch.from_numpy(keypoints).double()), (128, 128), 2.0)
    factor = 2.0 * (2 * np.pi) ** 0.5  # the other axis, summed
    np.testing.assert_allclose(joint.sum(-2).numpy(), factor * x.numpy(), atol=1e-5)
    np.testing.assert_allclose(joint.sum(-1).numpy(), factor * y.numpy(), atol=1e-5)


def test_normalized_maps_sum_to_one(keypoints):
    encoded = MarginalHeatmap(normalize=True).encode(keypoints)
    np.testing.assert_allclose(encoded['keypoint_x_labels'].sum(-1), 1, atol=1e-5)
    np.testing.assert_allclose(encoded['keypoint_y_labels'].sum(-1), 1, atol=1e-5)


def test_faces_of_a_batch_are_encoded_alone(keypoints):
    codec, faces = MarginalHeatmap(length=128), torch.from_numpy(np.concatenate([keypoints, keypoints[:, ::-1] + 1]))
    for face, x, y in zip(faces, *codec.batch_encode(faces)):
        encoded = codec.encode(face[None].numpy())
        np.testing.assert_array_equal(encoded['keypoint_x_labels'][0], x.numpy())
        np.testing.assert_array_equal(encoded['keypoint_y_labels'][0], y.numpy())


@pytest.mark.parametrize('grid', GRIDS)
@pytest.mark.parametrize('length', LENGTHS)
def test_argmax_is_within_half_a_bin(keypoints, length, grid):
    assert errors_in_bins(MarginalHeatmap(length=length, grid=grid), keypoints).max() <= 0.5 + 1e-3


@pytest.mark.parametrize('grid', GRIDS)
@pytest.mark.parametrize('length', LENGTHS)
def test_local_soft_argmax_finds_the_place_within_a_bin(keypoints, length, grid):
    codec = MarginalHeatmap(length=length, grid=grid, decoder='local_soft_argmax')
    assert errors_in_bins(codec, keypoints).max() < (0.16 if codec.sigma == 1 else 0.05)


def test_a_narrow_input_has_the_same_number_of_bins_on_both_axes(keypoints):
    codec = MarginalHeatmap((192, 256), 384, decoder='local_soft_argmax')
    assert errors_in_bins(codec, keypoints * [0.75, 1]).max() < 0.05


@pytest.mark.parametrize('grid', GRIDS)
@pytest.mark.parametrize('length', LENGTHS)
def test_mirrored_maps_are_those_of_the_input_itself(keypoints, length, grid):
    codec = MarginalHeatmap(length=length, grid=grid)
    x, _ = codec.batch_encode(torch.from_numpy(keypoints))
    mirrored_x, _ = codec.batch_encode(torch.from_numpy([255, 0] + keypoints * [-1, 1]).float())
    # of half a bin between two, linear interpolation is wrong by 1/8 of the curvature
    torch.testing.assert_close(codec.mirror(mirrored_x), x, rtol=0, atol=1e-4 + 0.125 / codec.sigma**2)


def test_a_landmark_that_is_not_annotated_leaves_no_trace(keypoints):
    keypoints[0, 3] = np.nan
    visible = np.ones((1, 20), np.float32)
    visible[0, 3] = 0
    encoded = MarginalHeatmap().encode(keypoints, visible)
    assert (encoded['keypoint_weights'] == visible).all()
    assert not encoded['keypoint_x_labels'][0, 3].any() and not encoded['keypoint_y_labels'][0, 3].any()


def test_score_is_the_lower_of_the_two_maxima():
    x, y = torch.zeros(2, 768), torch.zeros(2, 768)
    x[0, 5], y[0, 7], x[1, 5], y[1, 7] = 0.5, 0.75, 1.0, 0.25
    keypoints, scores = MarginalHeatmap().decode(x, y)
    assert (keypoints * 3).round().tolist() == [[[5, 7]] * 2] and scores.tolist() == [[0.5, 0.25]]


def test_half_precision_is_decoded_to_float32():
    keypoints, scores = MarginalHeatmap().decode(*torch.rand(2, 3, 768).bfloat16())
    assert (keypoints.dtype, scores.dtype) == (np.float32, np.float32)


def test_maps_of_another_length():
    with pytest.raises(ValueError, match=r'expected maps of 768 bins, .*got \(1, 3, 384\)'):
        MarginalHeatmap().decode(*torch.zeros(2, 3, 384))


def test_unknown_decoder():
    with pytest.raises(ValueError, match="unknown decoder 'dark'"):
        MarginalHeatmap(decoder='dark')


def test_unknown_grid():
    with pytest.raises(ValueError, match="unknown grid 'align_corners'"):
        MarginalHeatmap(grid='align_corners')
