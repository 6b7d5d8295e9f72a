"""Every codec: what is encoded decodes to where it was, and what is not annotated leaves no trace."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmpose.registry import KEYPOINT_CODECS

import mmfld.codecs as codecs
from mmfld.codecs import ContinuousHeatmap, MarginalHeatmap
from mmfld.structures import cells_to_pixels, denormalize, get_layout, pixels_to_cells

LAYOUT = get_layout('aflw19')
K = LAYOUT.num_keypoints
W, H = 64, 48
HEATMAPS = dict(input_size=(W, H), heatmap_size=(16, 12))
BINS = dict(input_size=(W, H), length=192)
CODECS = {
    'BoundaryAwareHeatmap': dict(layout='aflw19', **HEATMAPS),
    'BoundaryMarginalHeatmap': dict(layout='aflw19', **BINS),
    'ContinuousHeatmap': HEATMAPS,
    'ImageAwareSmoothing': dict(layout='aflw19', **HEATMAPS),
    'MarginalHeatmap': BINS,
}
LABELS = ('BoundaryAwareHeatmap', 'ContinuousHeatmap', 'ImageAwareSmoothing')
all_codecs = pytest.mark.parametrize('name', CODECS)

WILD = np.float32([np.nan, np.inf, -np.inf, 1e30, -1e30, 1e12, 0])


def draw_face(seed, reach):
    """(1, K, 2) landmarks within the borders of the input, some exactly on them, some up to ``reach`` sides away."""
    rng = np.random.default_rng(seed)
    size = np.array([W, H])
    points = rng.uniform(-0.5, size - 0.5, (K, 2))
    ends = np.stack([np.full(2, -0.5), np.zeros(2), size / 2, size - 1.0, size - 0.5])
    points = np.where(rng.random((K, 2)) < 0.3, ends[rng.integers(0, 5, (K, 2)), [0, 1]], points)
    far = rng.uniform(-reach * size, (1 + reach) * size, (K, 2))
    return np.where(rng.random((K, 1)) < (0.3 if reach else 0), far, points).astype(np.float32)[None]


seeds = st.integers(0, 2**32 - 1)
faces = seeds.map(lambda seed: draw_face(seed, 0))
loose_faces = seeds.map(lambda seed: draw_face(seed, 1))


def build(name, **options):
    return KEYPOINT_CODECS.build(dict(type=name, **CODECS[name], **options))


def clamped(points):
    return np.clip(points, -0.5, np.array([W, H]) - 0.5)


def test_every_codec_is_tried():
    assert set(CODECS) == set(codecs.__all__)


@pytest.mark.parametrize(
    'encoding, decoder, middle, anywhere',
    [
        # cells that a landmark is off at most: in the middle of the map, and near the border, where a Gaussian is cut
        ('continuous', 'argmax', 0.5, 0.5),
        ('continuous', 'quarter_shift', 0.25, 0.5),
        ('continuous', 'local_soft_argmax', 0.035, 0.56),
        ('continuous', 'expectation', 0.05, 0.75),
        ('rounded', 'argmax', 0.5, 0.5),
        ('rounded', 'local_soft_argmax', 0.5, 0.75),
        ('floored', 'argmax', 1.0, 1.0),
    ],
)
@given(points=faces)
def test_gaussians_decode_to_where_they_were_drawn(points, encoding, decoder, middle, anywhere):
    codec = ContinuousHeatmap(encoding=encoding, decoder=decoder, **HEATMAPS)
    decoded, scores = codec.decode(codec.encode(points)['heatmaps'])
    errors = np.abs(decoded - points).max(axis=-1) / 4
    cells = pixels_to_cells(points, (16, 12), (W, H), 'half_pixel')
    is_middle = ((cells > 5) & (cells < np.array([16, 12]) - 6)).all(axis=-1)
    assert errors.max() <= anywhere + 1e-4 and errors[is_middle].max(initial=0) <= middle + 1e-4
    assert ((scores > 0) & (scores <= 1)).all()


@pytest.mark.parametrize('name', ['MarginalHeatmap', 'BoundaryMarginalHeatmap'])
@pytest.mark.parametrize('decoder, middle, anywhere', [('argmax', 0.5, 0.5), ('local_soft_argmax', 2e-3, 0.9)])
@pytest.mark.parametrize('grid', ['proportional', 'half_pixel'])
@given(points=faces)
def test_marginals_decode_to_where_they_were_drawn(points, name, decoder, middle, anywhere, grid):
    codec = build(name, decoder=decoder, grid=grid)
    encoded = codec.encode(points)
    decoded, _ = codec.decode(encoded['keypoint_x_labels'], encoded['keypoint_y_labels'])
    bins = pixels_to_cells(points.astype(float), 192, (W, H), grid)
    # beyond the outermost bins nothing can be shown
    errors = np.abs(pixels_to_cells(decoded, 192, (W, H), grid) - bins.clip(0, 191))
    is_middle = (bins > 15) & (bins < 176)
    assert errors.max() <= anywhere + 1e-3 and errors[is_middle].max(initial=0) <= middle + 1e-3


@pytest.mark.parametrize('name', LABELS)
@given(points=loose_faces)
def test_labels_are_the_landmarks_clamped_to_the_image(points, name):
    labels = build(name).encode(points)['keypoint_labels']
    np.testing.assert_allclose(denormalize(labels, (W, H)), clamped(points), atol=1e-4)


@pytest.mark.parametrize('name', ['BoundaryAwareHeatmap', 'ImageAwareSmoothing'])
@given(points=loose_faces)
def test_point_maps_peak_at_the_landmarks(points, name):
    codec = build(name)
    maps = codec.encode(points)['point_heatmaps']
    peaks = np.stack(np.unravel_index(maps.reshape(K, -1).argmax(axis=1), maps.shape[1:])[::-1], axis=-1)
    # the Gaussian is drawn around whole pixels of a canvas of 4 a cell: half of one, or one more below 4.5
    errors = np.abs(peaks - pixels_to_cells(clamped(points[0]), (16, 12), (W, H), 'half_pixel'))
    assert errors.max() <= 0.5 + 1.5 / 4


@pytest.mark.parametrize('name', ['BoundaryAwareHeatmap', 'ImageAwareSmoothing'])
@given(points=faces)
def test_the_mean_of_a_map_decodes_exactly(points, name):
    codec = build(name, decoder='expectation')
    cells = pixels_to_cells(points[0].astype(float), (16, 12), (W, H), codec.grid)
    maps = np.zeros((K, 12, 16))
    low = np.floor(cells).astype(int).clip(0, [14, 10])
    part = cells - low
    for k, ((x, y), (u, v)) in enumerate(zip(low, part)):
        maps[k, y : y + 2, x : x + 2] = np.outer([1 - v, v], [1 - u, u])
    if name == 'ImageAwareSmoothing':  # decodes scores
        maps = np.log(np.maximum(maps, 1e-30))
    np.testing.assert_allclose(codec.decode(maps)[0][0], points[0], atol=1e-3)


@all_codecs
@given(seed=seeds)
def test_peaks_decode_to_their_cells_for_every_decoder_that_looks_for_them(name, seed):
    cells = np.random.default_rng(seed).integers(0, [16, 12], (K, 2))
    for decoder, off in (('argmax', 0.0), ('quarter_shift', 0.25), ('local_soft_argmax', 0.05)):
        if 'Marginal' in name:
            if decoder == 'quarter_shift':
                continue
            codec, bins = build(name, decoder=decoder, temperature=0.01), cells * 10
            decoded = codec.decode(np.eye(192)[bins[:, 0]], np.eye(192)[bins[:, 1]])[0][0]
            expected = cells_to_pixels(bins.astype(float), 192, (W, H), codec.grid)
        else:
            codec, maps = build(name, decoder=decoder), np.zeros((K, 12, 16))
            for one, (x, y) in zip(maps, cells):
                one[y, x] = 30
            decoded = codec.decode(maps)[0][0]
            expected = cells_to_pixels(cells.astype(float), (16, 12), (W, H), codec.grid)
        np.testing.assert_allclose(decoded, expected, atol=off * 6 + 1e-4)


@all_codecs
@pytest.mark.parametrize('outside', ['clamp', 'ignore'])
@given(points=loose_faces, seed=seeds)
def test_what_is_not_annotated_has_weight_0_and_leaves_no_trace(points, seed, name, outside):
    rng = np.random.default_rng(seed)
    left_out = rng.random(K) < 0.3
    visible = (~left_out[None]).astype(np.float32)
    codec = build(name, outside=outside)
    rest = np.where(left_out[None, :, None], WILD[rng.integers(0, len(WILD), (1, K, 2))], points)
    np.random.seed(0)
    expected = codec.encode(np.where(left_out[None, :, None], 20, points).astype(np.float32), visible)
    np.random.seed(0)
    found = codec.encode(rest, visible)
    is_inside = ((points >= -0.5) & (points <= np.array([W, H]) - 0.5)).all(axis=-1)
    weights = visible * (is_inside if outside == 'ignore' else 1)
    np.testing.assert_array_equal(found['keypoint_weights'], weights)
    for key, values in found.items():
        assert values.dtype == np.float32 and np.isfinite(values).all(), key
        if key in ('keypoint_labels', 'keypoint_samples'):
            counted = weights[0] > 0
            np.testing.assert_array_equal(values[0, counted], expected[key][0, counted])
        else:
            np.testing.assert_array_equal(values, expected[key])
    for key in ('heatmaps', 'point_heatmaps'):
        if key in found:
            assert not found[key][weights[0] == 0].any()
    for key in ('keypoint_x_labels', 'keypoint_y_labels'):
        if key in found:
            assert not found[key][weights == 0].any()


@pytest.mark.parametrize('name', ['ContinuousHeatmap', 'MarginalHeatmap'])
@given(points=faces)
def test_mirrored_maps_are_those_of_the_mirrored_face(points, name):
    mirrored = (points * [-1, 1] + [W - 1, 0]).astype(np.float32)
    if name == 'ContinuousHeatmap':
        maps = build(name).encode(mirrored)['heatmaps'][..., ::-1]
        np.testing.assert_allclose(maps, build(name).encode(points)['heatmaps'], atol=1e-4)
    else:
        for grid in ('half_pixel', 'proportional'):
            codec = MarginalHeatmap(grid=grid, **BINS)
            maps = codec.mirror(torch.from_numpy(codec.encode(mirrored)['keypoint_x_labels']))[0].numpy()
            expected = codec.encode(points)['keypoint_x_labels'][0]
            # before bin 0 of the mirrored map nothing is known
            known = 192 if grid == 'half_pixel' else 190
            np.testing.assert_allclose(maps[:, :known], expected[:, :known], atol=1e-4)
