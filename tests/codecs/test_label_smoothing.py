"""Label smoothing: filters against torchvision's definitions, covariances against loops and published statistics."""

import numpy as np
import pytest

from mmfld.codecs.boundary_maps import edge_maps
from mmfld.codecs.label_smoothing import covariances, point_patch, refine_edges, smoothing_stages
from mmfld.structures import get_layout, pixels_to_cells

SIZES = (256, 256), (64, 64)


@pytest.fixture
def edges(face_of) -> np.ndarray:
    return edge_maps(face_of('wflw98'), get_layout('wflw98'), *SIZES)


@pytest.fixture
def cells(face_of) -> np.ndarray:
    return pixels_to_cells(face_of('wflw98'), (64, 64), (256, 256), 'half_pixel')


def test_refine_edges_is_blur_and_sharpness_of_torchvision(edges, loops):
    edge = edges.max(0)
    np.testing.assert_allclose(refine_edges(edge), loops.loop_refine_edges(edge.astype(np.float64)), atol=1e-6)


def test_refine_edges_on_the_border_of_the_map(loops):
    edge = np.random.default_rng(0).random((20, 30), dtype=np.float32)
    np.testing.assert_allclose(refine_edges(edge), loops.loop_refine_edges(edge.astype(np.float64)), atol=1e-6)


@pytest.mark.parametrize('radius', [3, 8])
def test_covariances_equal_the_loops(edges, cells, loops, radius):
    stages = smoothing_stages(edges, cells, radius)
    expected = loops.loop_covariances(stages.refined_edge.astype(np.float64), cells, radius)
    np.testing.assert_allclose(stages.covariances, expected, atol=1e-6)


def test_covariances_outside_the_map_equal_the_loops(edges, cells, loops):
    cells = cells * 1.5 - 16
    stages = smoothing_stages(edges, cells, 8)
    expected = loops.loop_covariances(stages.refined_edge.astype(np.float64), cells, 8)
    np.testing.assert_allclose(stages.covariances, expected, atol=1e-6)


def test_covariance_of_a_skewed_patch():
    patch = np.zeros((1, 5, 5))
    patch[0, 2, 2] = patch[0, 3, 4] = 1  # half the mass at (0, 0), half at (2, 1)
    np.testing.assert_allclose(covariances(patch), [[[1, 0.5], [0.5, 0.25]]], atol=1e-12)


# radius -> mean standard deviation along the minor and the major axis in cells, on the reference's synthetic face
SPREADS = {3: (1.05, 1.07), 5: (1.14, 1.25), 8: (1.43, 1.79), 12: (2.13, 2.85)}


@pytest.mark.parametrize('radius', SPREADS)
def test_spread_on_the_synthetic_face(golden_targets, radius):
    golden = golden_targets['wflw98']
    cells = pixels_to_cells(golden['points'], (64, 64), (256, 256), 'half_pixel')
    variances = np.linalg.eigvalsh(smoothing_stages(golden['edge'], cells, radius).covariances)
    # 1 %: the statistics were taken with the landmarks on the heatmap's grid instead of the edge map's
    assert np.sqrt(variances).mean(0).tolist() == pytest.approx(SPREADS[radius], rel=0.01)


def test_without_edges_the_spread_is_that_of_the_point_patch():
    stages = smoothing_stages(np.zeros((9, 64, 64), np.float32), np.array([[20.0, 30.0]]), 8)
    np.testing.assert_allclose(stages.covariances, covariances(point_patch(8)[None]))


def test_point_patch():
    patch = point_patch(3)
    profile = np.exp(-(np.array([0, 1, 2, 1, 0])[[2, 1, 0, 1, 2]] ** 2) / (2 * 1.1**2))
    expected = np.zeros((7, 7))
    expected[1:6, 1:6] = profile[:, None] * profile
    np.testing.assert_allclose(patch, expected)


def test_patches_have_maximum_one(edges, cells):
    np.testing.assert_allclose(smoothing_stages(edges, cells, 8).edge_patches.max((1, 2)), 1, rtol=1e-6)


def test_patches_are_cut_around_the_landmarks(edges):
    stages = smoothing_stages(edges, np.array([[20.4, 30.6]]), 4)
    window = stages.refined_edge[31 - 4 : 31 + 5, 20 - 4 : 20 + 5]
    np.testing.assert_allclose(stages.edge_patches[0], window / window.max(), rtol=1e-6)


def test_joint_patch_weighs_the_edges_with_a_hundredth(edges, cells):
    stages = smoothing_stages(edges, cells, 8)
    np.testing.assert_allclose(stages.joint_patches, 0.01 * stages.edge_patches + stages.point_patch, rtol=1e-6)
