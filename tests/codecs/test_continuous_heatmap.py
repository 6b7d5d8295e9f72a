"""ContinuousHeatmap: published vectors, MMPose's own Gaussians, quantised encodings, decoding on the same grid."""

import numpy as np
import pytest
import torch
from mmpose.codecs.utils import generate_unbiased_gaussian_heatmaps
from mmpose.registry import KEYPOINT_CODECS

from mmfld.codecs import ContinuousHeatmap
from mmfld.codecs.continuous_heatmap import gaussian_maps
from mmfld.structures import cells_to_pixels, denormalize

SIZES = dict(input_size=(192, 256), heatmap_size=(48, 64))


@pytest.fixture
def keypoints() -> np.ndarray:
    """(1, 20, 2) float32 in an image of 192 x 256."""
    return np.random.default_rng(0).uniform(8, [184, 248], (1, 20, 2)).astype(np.float32)


def pixels_of(cells, dtype=torch.float64) -> torch.Tensor:
    """Cells of 64 x 64 -> pixels of 256 x 256, (1, K, 2)."""
    return cells_to_pixels(torch.as_tensor(cells, dtype=dtype), 64, 256, 'half_pixel')[None]


def test_builds_by_name_with_the_values_of_the_paper():
    codec = KEYPOINT_CODECS.build(dict(type='ContinuousHeatmap'))
    assert (codec.sigma, codec.encoding, codec.decoder, codec.decoder_options) == (
        1.5,
        'continuous',
        'local_soft_argmax',
        dict(window=5, temperature=0.1),
    )


def test_equals_the_published_formula(golden_dir):
    golden = np.load(golden_dir / 'formula_vectors.npz')
    for sigma, of_sigma in zip(golden['sp_sigma'], golden['sp_decoded']):
        for window, expected in zip(golden['sp_windows'], of_sigma.swapaxes(0, 1)):
            codec = ContinuousHeatmap(sigma=float(sigma), window=int(window), temperature=1 / float(golden['sp_tau']))
            found = codec.cells(codec.batch_encode(pixels_of(golden['sp_centers'])))[0]
            np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


def test_shapes_and_dtypes(keypoints):
    encoded = ContinuousHeatmap(**SIZES).encode(keypoints.astype(np.float64), np.ones((1, 20)))
    assert {key: (value.shape, value.dtype) for key, value in encoded.items()} == dict(
        heatmaps=((20, 64, 48), np.float32),
        keypoint_weights=((1, 20), np.float32),
        keypoint_labels=((1, 20, 2), np.float32),
    )


def test_continuous_maps_and_weights_equal_mmpose_on_the_same_cells(keypoints):
    visible = np.ones((1, 20), np.float32)
    visible[0, 12] = 0
    codec = ContinuousHeatmap(**SIZES)
    encoded = codec.encode(keypoints, visible)
    cells = (keypoints + 0.5) / 4 - 0.5
    heatmaps, weights = generate_unbiased_gaussian_heatmaps((48, 64), cells, visible, 1.5)
    np.testing.assert_array_equal(encoded['keypoint_weights'], weights)
    np.testing.assert_allclose(encoded['heatmaps'], heatmaps, atol=1e-5)


def test_weights_are_one_without_visibility(keypoints):
    assert (ContinuousHeatmap(**SIZES).encode(keypoints)['keypoint_weights'] == 1).all()


def test_a_landmark_that_is_not_annotated_leaves_no_trace(keypoints):
    keypoints[0, 3] = np.nan
    visible = np.ones((1, 20))
    visible[0, 3] = 0
    assert not ContinuousHeatmap(**SIZES).encode(keypoints, visible)['heatmaps'][3].any()


def test_labels_are_the_unrounded_landmarks(keypoints):
    labels = ContinuousHeatmap(**SIZES, encoding='rounded').encode(keypoints)['keypoint_labels']
    np.testing.assert_allclose(denormalize(labels, (192, 256)), keypoints, atol=1e-4)


@pytest.mark.parametrize(
    'encoding, expected',
    [
        ('continuous', [[10.3, 20.75], [0.5, 63.4], [-0.4, 5.0]]),
        ('rounded', [[10, 21], [1, 63], [0, 5]]),
        ('floored', [[10, 20], [0, 63], [-1, 5]]),
    ],
)
def test_centres_of_the_encodings(encoding, expected):
    points = pixels_of([[10.3, 20.75], [0.5, 63.4], [-0.4, 5.0]])[0]
    np.testing.assert_allclose(ContinuousHeatmap(encoding=encoding).centres(points).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize('encoding', ['rounded', 'floored'])
def test_quantised_maps_peak_at_one_in_their_cell(keypoints, encoding):
    codec = ContinuousHeatmap(**SIZES, encoding=encoding)
    heatmaps = codec.encode(keypoints)['heatmaps']
    x, y = codec.centres(torch.from_numpy(keypoints))[0].long().numpy().T
    np.testing.assert_array_equal(heatmaps[np.arange(20), y, x], 1)


def test_gaussian_maps_equal_the_formula():
    centres = torch.tensor([[3.3, 5.8], [-1.0, 2.0]], dtype=torch.float64)
    found = gaussian_maps(centres, (8, 10), 1.3).numpy()
    expected = [
        [[np.exp(-((i - x) ** 2 + (j - y) ** 2) / (2 * 1.3**2)) for i in range(8)] for j in range(10)]
        for x, y in centres.tolist()
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_faces_of_a_batch_are_encoded_alone(keypoints):
    codec, faces = ContinuousHeatmap(**SIZES), torch.from_numpy(np.concatenate([keypoints, keypoints[:, ::-1] + 1]))
    for face, heatmaps in zip(faces, codec.batch_encode(faces)):
        np.testing.assert_array_equal(heatmaps.numpy(), codec.encode(face[None].numpy())['heatmaps'])


# mean distance in cells between a landmark and what its heatmap decodes to
@pytest.mark.parametrize(
    'options, expected',
    [
        (dict(), 0.030),
        (dict(sigma=1.0), 0.135),
        (dict(sigma=2.0), 0.009),
        (dict(decoder='quarter_shift'), 0.191),
        (dict(decoder='argmax'), 0.383),
        (dict(decoder='argmax', encoding='rounded'), 0.383),
        (dict(decoder='quarter_shift', encoding='rounded'), 0.383),  # a symmetric peak is not moved
        (dict(decoder='argmax', encoding='floored'), 0.765),
    ],
)
def test_error_of_encoding_and_decoding(options, expected):
    steps = (torch.arange(32) + 0.5) / 32 - 0.5  # all positions within a cell
    points = pixels_of(torch.cartesian_prod(30 + steps, 20 + steps), torch.float32).numpy()
    codec = ContinuousHeatmap(**options)
    decoded, _ = codec.decode(torch.from_numpy(codec.encode(points)['heatmaps']))
    assert np.linalg.norm(decoded - points, axis=-1).mean() / 4 == pytest.approx(expected, abs=0.002)


def test_global_soft_argmax_is_the_local_one_over_the_whole_map(keypoints):
    heatmaps = torch.from_numpy(ContinuousHeatmap(**SIZES).encode(keypoints)['heatmaps'])
    everywhere = ContinuousHeatmap(**SIZES, window=2 * 64 + 1).decode(heatmaps)[0]
    np.testing.assert_allclose(
        ContinuousHeatmap(**SIZES, decoder='expectation').decode(heatmaps)[0], everywhere, atol=1e-3
    )


@pytest.mark.parametrize('decoder', ['local_soft_argmax', 'expectation'])
def test_scores_are_the_maxima_of_the_heatmaps(decoder):
    maps = torch.zeros(1, 2, 64, 64)
    maps[0, [0, 1], 20, 30] = torch.tensor([0.25, 0.5])
    assert ContinuousHeatmap(decoder=decoder).batch_decode(maps)[1][0].tolist() == [[0.25, 0.5]]


def test_unknown_encoding():
    with pytest.raises(ValueError, match="unknown encoding 'ceiled'"):
        ContinuousHeatmap(encoding='ceiled')


def test_unknown_decoder():
    with pytest.raises(ValueError, match="unknown decoder 'dark'"):
        ContinuousHeatmap(decoder='dark')
