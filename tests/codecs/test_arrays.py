"""MMPose's contract of codecs: arrays in, arrays out, with the axis of instances; tensors as well."""

import numpy as np
import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS

import mmfld.codecs as codecs

K = 19
SIZES = dict(input_size=(64, 64), heatmap_size=(16, 16))
HEATMAPS = {
    'BoundaryAwareHeatmap': dict(layout='aflw19', **SIZES),
    'ContinuousHeatmap': SIZES,
    'ImageAwareSmoothing': dict(layout='aflw19', **SIZES),
}
MARGINALS = {
    'BoundaryMarginalHeatmap': dict(layout='aflw19', input_size=(64, 64), length=128),
    'MarginalHeatmap': dict(input_size=(64, 64), length=128),
}
DECODERS = {
    **{name: ('argmax', 'quarter_shift', 'local_soft_argmax', 'expectation') for name in HEATMAPS},
    **{name: ('argmax', 'local_soft_argmax') for name in MARGINALS},
}
CASES = [(name, decoder) for name, decoders in DECODERS.items() for decoder in decoders]


def maps_of(name: str, *batch: int) -> tuple:
    """What a network could give, as arrays."""
    shape = (K, 16, 16) if name in HEATMAPS else (K, 128)
    rng = np.random.default_rng(0)
    return tuple(rng.random((*batch, *shape)).astype(np.float32) for _ in range(1 if name in HEATMAPS else 2))


@pytest.fixture
def build():
    return lambda name, decoder: KEYPOINT_CODECS.build(
        dict(type=name, decoder=decoder, **{**HEATMAPS, **MARGINALS}[name])
    )


def test_every_codec_is_tried():
    assert set(DECODERS) == set(codecs.__all__)


@pytest.mark.parametrize('name, decoder', CASES)
def test_arrays_decode_to_arrays(build, name, decoder):
    keypoints, scores = build(name, decoder).decode(*maps_of(name))
    assert isinstance(keypoints, np.ndarray) and isinstance(scores, np.ndarray)
    assert (keypoints.shape, scores.shape) == ((1, K, 2), (1, K))
    assert (keypoints.dtype, scores.dtype) == (np.float32, np.float32)


@pytest.mark.parametrize('name, decoder', CASES)
def test_arrays_decode_as_tensors_do(build, name, decoder):
    codec, maps = build(name, decoder), maps_of(name, 3)
    found, expected = codec.batch_decode(*maps), codec.batch_decode(*map(torch.from_numpy, maps))
    assert len(found[0]) == len(found[1]) == 3
    for one, other in zip(found, expected):
        np.testing.assert_array_equal(one, other)
    for n in range(3):
        np.testing.assert_array_equal(codec.decode(*(part[n] for part in maps))[0], found[0][n])


@pytest.mark.parametrize('name', DECODERS)
def test_arrays_may_be_mirrored_views_or_read_only(build, name):
    codec, maps = build(name, 'argmax'), maps_of(name)
    mirrored = [part[..., ::-1] for part in maps]
    np.testing.assert_array_equal(codec.decode(*mirrored)[0], codec.decode(*map(np.ascontiguousarray, mirrored))[0])
    for part in maps:
        part.flags.writeable = False
    assert codec.decode(*maps)[0].shape == (1, K, 2)


@pytest.mark.parametrize('name', DECODERS)
def test_whole_numbers_are_maps_too(build, name):
    maps = [(255 * part).astype(np.uint8) for part in maps_of(name)]
    codec = build(name, 'local_soft_argmax')
    np.testing.assert_array_equal(codec.decode(*maps)[0], codec.decode(*(part.astype(np.float32) for part in maps))[0])


@pytest.mark.parametrize('name', MARGINALS)
def test_what_is_encoded_is_decoded_with_its_axis_of_faces(build, name):
    points = np.random.default_rng(0).uniform(5, 58, (1, K, 2)).astype(np.float32)
    codec = build(name, 'argmax')
    encoded = codec.encode(points)
    keypoints, scores = codec.decode(encoded['keypoint_x_labels'], encoded['keypoint_y_labels'])
    assert (keypoints.shape, scores.shape) == ((1, K, 2), (1, K))
    np.testing.assert_allclose(keypoints, points, atol=0.25 + 1e-4)  # half a bin


@pytest.mark.parametrize('name', DECODERS)
def test_maps_of_another_shape_are_an_error_that_says_which(build, name):
    codec, maps = build(name, 'argmax'), maps_of(name, 2)
    with pytest.raises(ValueError, match=r'expected (heat)?maps of .*, got \(2, 19, '):
        codec.batch_decode(*(part[..., :7] for part in maps))
    with pytest.raises(ValueError, match=r'expected (heat)?maps of .*, got \(1, 2, 19, '):
        codec.decode(*(part[None] if name in MARGINALS else part for part in maps))


@pytest.mark.parametrize('name, decoder', CASES)
def test_a_map_that_is_not_finite_has_no_landmark(build, name, decoder):
    """An argmax finds a place in any map, the first cell of one that is NaN."""
    maps = maps_of(name)
    for axis in maps:
        axis[3] = np.nan
        axis[5].flat[40] = np.nan
    keypoints, scores = build(name, decoder).decode(*maps)
    is_wrong = np.isin(np.arange(K), (3, 5))
    assert np.isnan(keypoints[0][is_wrong]).all() and np.isnan(scores[0][is_wrong]).all()
    assert np.isfinite(keypoints[0][~is_wrong]).all() and np.isfinite(scores[0][~is_wrong]).all()
