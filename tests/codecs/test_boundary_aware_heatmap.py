"""BoundaryAwareHeatmap: what it encodes, and pixels from heatmaps."""

import numpy as np
import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS

from mmfld.codecs import BoundaryAwareHeatmap
from mmfld.codecs.boundary_maps import edge_maps, point_maps
from mmfld.structures import get_layout

DECODERS = ('expectation', 'argmax', 'quarter_shift', 'local_soft_argmax')


@pytest.fixture
def keypoints(face_of) -> np.ndarray:
    return face_of('cofw29')[None]


def peak_at(*cells, size=(64, 64), dtype=torch.float32) -> torch.Tensor:
    """(1, K, h, w) zero but for one cell each."""
    maps = torch.zeros(1, len(cells), size[1], size[0], dtype=dtype)
    for k, (x, y) in enumerate(cells):
        maps[0, k, y, x] = 1
    return maps


def test_builds_by_name_with_its_defaults():
    assert KEYPOINT_CODECS.build(dict(type='BoundaryAwareHeatmap')).layout.name == 'wflw98'


def test_shapes(keypoints):
    encoded = BoundaryAwareHeatmap('cofw29').encode(keypoints)
    assert {key: value.shape for key, value in encoded.items()} == dict(
        keypoint_labels=(1, 29, 2), keypoint_weights=(1, 29), point_heatmaps=(29, 64, 64), edge_heatmaps=(7, 64, 64)
    )


def test_dtypes(keypoints):
    encoded = BoundaryAwareHeatmap('cofw29').encode(keypoints.astype(np.float64))
    assert {key: value.dtype for key, value in encoded.items()} == dict.fromkeys(encoded, np.float32)


@pytest.mark.parametrize('name', ['wflw98', '300w68', 'cofw29'])
def test_labels_equal_the_reference(golden_targets, name):
    golden = golden_targets[name]
    labels = BoundaryAwareHeatmap(name).encode(golden['points'][None])['keypoint_labels']
    np.testing.assert_allclose(labels[0], golden['norm_points'], atol=1e-6)


def test_labels_are_clamped_to_the_image(keypoints):
    keypoints[0, :2] = [-50, 300]
    labels = BoundaryAwareHeatmap('cofw29').encode(keypoints)['keypoint_labels']
    assert labels[0, :2].tolist() == [[-1, 1]] * 2


def test_maps_are_those_of_the_functions(keypoints):
    encoded = BoundaryAwareHeatmap('cofw29', (128, 192), (32, 48)).encode(keypoints / 2)
    np.testing.assert_array_equal(encoded['point_heatmaps'], point_maps(keypoints[0] / 2, (128, 192), (32, 48)))
    np.testing.assert_array_equal(
        encoded['edge_heatmaps'], edge_maps(keypoints[0] / 2, get_layout('cofw29'), (128, 192), (32, 48))
    )


def test_weights_are_zero_where_not_annotated(keypoints):
    visible = np.full((1, 29), 2.0)
    visible[0, [3, 7]] = 0
    weights = BoundaryAwareHeatmap('cofw29').encode(keypoints, visible)['keypoint_weights']
    assert np.flatnonzero(weights[0] == 0).tolist() == [3, 7] and set(np.unique(weights)) == {0, 1}


def test_weights_are_one_without_visibility(keypoints):
    assert (BoundaryAwareHeatmap('cofw29').encode(keypoints)['keypoint_weights'] == 1).all()


def test_wrong_number_of_landmarks(keypoints):
    with pytest.raises(ValueError, match=r'layout cofw29 has 29 landmarks, got keypoints of shape \(1, 28, 2\)'):
        BoundaryAwareHeatmap('cofw29').encode(keypoints[:, :28])


def test_unknown_decoder():
    with pytest.raises(ValueError, match="unknown decoder 'dark'"):
        BoundaryAwareHeatmap(decoder='dark')


@pytest.mark.parametrize('decoder', ['expectation', 'argmax', 'quarter_shift'])
def test_decodes_known_cells_to_pixels(decoder):
    codec = BoundaryAwareHeatmap('cofw29', (192, 256), (48, 64), decoder=decoder)
    keypoints, _ = codec.batch_decode(peak_at((0, 0), (47, 63), (10, 20), size=(48, 64)))
    expected = [[-0.5, -0.5], [191.5, 255.5], [10 * 192 / 47 - 0.5, 20 * 256 / 63 - 0.5]]
    np.testing.assert_allclose(keypoints[0][0], expected, atol=1e-3)


def test_window_and_temperature_reach_the_local_soft_argmax():
    maps = peak_at((10, 20), (30, 30))
    maps[0, 0, 20, 12] = 0.5  # two cells away: outside a window of 3
    far = BoundaryAwareHeatmap(decoder='local_soft_argmax', window=3, temperature=0.01).batch_decode(maps)[0][0]
    np.testing.assert_allclose(
        far[0], [[10 * 256 / 63 - 0.5, 20 * 256 / 63 - 0.5], [30 * 256 / 63 - 0.5, 30 * 256 / 63 - 0.5]], atol=1e-3
    )


def test_scores_are_the_maxima():
    maps = torch.tensor([0.25, 0.5])[None, :, None, None] * peak_at((1, 2), (3, 4))
    assert BoundaryAwareHeatmap().batch_decode(maps)[1][0].tolist() == [[0.25, 0.5]]


def test_batch_decode_gives_one_array_a_face():
    keypoints, scores = BoundaryAwareHeatmap().batch_decode(torch.rand(3, 5, 64, 64))
    assert [array.shape for array in keypoints + scores] == [(1, 5, 2)] * 3 + [(1, 5)] * 3


def test_decode_is_batch_decode_of_one():
    codec, maps = BoundaryAwareHeatmap(), torch.rand(5, 64, 64)
    np.testing.assert_array_equal(codec.decode(maps)[0], codec.batch_decode(maps[None])[0][0])


@pytest.mark.parametrize('decoder', DECODERS)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_maps_give_float32_arrays(decoder, dtype):
    keypoints, scores = BoundaryAwareHeatmap(decoder=decoder).batch_decode(peak_at((10, 20), dtype=dtype))
    assert (keypoints[0].dtype, scores[0].dtype) == (np.float32, np.float32)


def test_landmarks_that_are_not_annotated_are_not_drawn(face_of):
    codec, points = BoundaryAwareHeatmap('300w68'), face_of('300w68')
    visible = np.ones((1, 68))
    visible[0, [8, 37]] = 0
    visible[0, 17:22] = 0
    wild = points.copy()
    wild[visible[0] == 0] = 3.0  # such as a zero in the annotation file

    encoded = codec.encode(wild[None], visible)
    whole = codec.encode(points[None])
    empty = encoded['point_heatmaps'].any(axis=(1, 2)) == 0
    np.testing.assert_array_equal(empty, visible[0] == 0)
    assert not encoded['edge_heatmaps'][1].any()  # no landmark of the right eyebrow is left
    assert encoded['edge_heatmaps'][0].any()
    # the chin's curve passes by the missing landmark within a cell, instead of running to the corner
    assert encoded['edge_heatmaps'][0][:20, :8].sum() <= whole['edge_heatmaps'][0][:20, :8].sum() + 1e-3
    np.testing.assert_array_equal(encoded['edge_heatmaps'][6:], whole['edge_heatmaps'][6:])
