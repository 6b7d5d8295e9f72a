"""Point and edge maps against the reference's values and against the loop version, over sizes and odd inputs."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from mmfld.codecs.boundary_maps import boundary_curve, distance_map, edge_maps, point_maps
from mmfld.structures import Boundary, FaceLayout, get_layout, pixels_to_cells

SIZES = (256, 256), (64, 64)
GOLDEN = ('wflw98', '300w68', 'cofw29')
LAYOUTS = GOLDEN + ('aflw19',)
# a step of an 8-bit drawing, twice: what different versions of OpenCV may differ by
EDGE_TOLERANCE = 2 / 255


@pytest.mark.parametrize('name', GOLDEN)
def test_edge_maps_equal_the_reference(golden_targets, name):
    golden = golden_targets[name]
    maps = edge_maps(golden['points'], get_layout(name), *SIZES)
    np.testing.assert_allclose(maps, golden['edge'], atol=EDGE_TOLERANCE)


@pytest.mark.parametrize('name', GOLDEN)
def test_point_maps_equal_the_reference(golden_targets, name):
    golden = golden_targets[name]
    np.testing.assert_allclose(point_maps(golden['points'], *SIZES), golden['point'], atol=1e-3)


@pytest.mark.parametrize('name', GOLDEN)
def test_edge_loops_equal_the_reference(golden_targets, loops, name):
    golden = golden_targets[name]
    maps = loops.loop_edge_maps(golden['points'], get_layout(name))
    np.testing.assert_allclose(maps, golden['edge'], atol=EDGE_TOLERANCE)


@pytest.mark.parametrize('name', GOLDEN)
def test_point_loops_equal_the_reference(golden_targets, loops, name):
    golden = golden_targets[name]
    np.testing.assert_allclose(loops.loop_point_maps(golden['points']), golden['point'], atol=1e-3)


# magnification and shift: inside, over the lower right border, over the upper left border, tiny in a corner
PLACES = [(1, 0), (1.3, 40), (1.2, -60), (0.05, 240)]


@pytest.mark.parametrize('scale, shift', PLACES)
@pytest.mark.parametrize('name', LAYOUTS)
def test_edge_maps_equal_the_loops(face_of, loops, name, scale, shift):
    points = face_of(name) * scale + shift
    layout = get_layout(name)
    np.testing.assert_allclose(
        edge_maps(points, layout, *SIZES), loops.loop_edge_maps(points, layout), atol=EDGE_TOLERANCE
    )


@pytest.mark.parametrize('scale, shift', PLACES)
@pytest.mark.parametrize('name', LAYOUTS)
def test_point_maps_equal_the_loops(face_of, loops, name, scale, shift):
    points = face_of(name) * scale + shift
    np.testing.assert_allclose(point_maps(points, *SIZES), loops.loop_point_maps(points), atol=1e-6)


def test_point_maps_equal_the_loops_near_each_border(loops):
    places = np.concatenate([np.linspace(-1, 7, 33), np.linspace(248, 257, 37)])
    points = np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2)[::23]
    np.testing.assert_allclose(point_maps(points, *SIZES), loops.loop_point_maps(points), atol=1e-6)


def test_edge_maps_of_a_smaller_input_equal_the_loops(face_of, loops):
    points, layout = face_of('wflw98') / 2, get_layout('wflw98')
    np.testing.assert_allclose(
        edge_maps(points, layout, (128, 128), (32, 32)), loops.loop_edge_maps(points, layout, 128), atol=EDGE_TOLERANCE
    )


def test_point_maps_of_a_smaller_input_equal_the_loops(face_of, loops):
    points = face_of('wflw98') / 2
    np.testing.assert_allclose(point_maps(points, (128, 128), (32, 32)), loops.loop_point_maps(points, 128), atol=1e-6)


def test_edge_maps_of_a_smaller_input_are_those_of_the_doubled_face(face_of):
    points, layout = face_of('wflw98') / 2, get_layout('wflw98')
    doubled = edge_maps(2 * points + 0.5, layout, *SIZES)
    np.testing.assert_allclose(edge_maps(points, layout, (128, 128), (64, 64)), doubled, atol=EDGE_TOLERANCE)


def test_point_maps_of_a_smaller_input_are_those_of_the_doubled_face(face_of):
    points = face_of('wflw98') / 2
    np.testing.assert_array_equal(point_maps(points, (128, 128), (64, 64)), point_maps(2 * points + 0.5, *SIZES))


def test_edge_maps_of_a_narrow_input_are_part_of_the_square_ones(face_of):
    points, layout = face_of('wflw98') * 0.7, get_layout('wflw98')
    square = edge_maps(points, layout, *SIZES)
    np.testing.assert_allclose(edge_maps(points, layout, (192, 256), (48, 64)), square[..., :48], atol=1e-6)


def test_point_maps_of_a_narrow_input_are_part_of_the_square_ones(face_of):
    points = face_of('wflw98') * 0.7
    np.testing.assert_array_equal(point_maps(points, (192, 256), (48, 64)), point_maps(points, *SIZES)[..., :48])


def test_point_map_of_a_centre_on_a_pixel():
    (point,) = point_maps(np.array([[101.0, 102.0]]), *SIZES)
    # pixels 101 and 102 are the middle ones of cell 25
    profile = np.exp(-0.5 * np.array([0, 1]) ** 2 / 1.5**2).mean()
    np.testing.assert_allclose(point[25, 25], profile**2, rtol=1e-6)


def test_shapes_and_dtypes(face_of):
    points, layout = face_of('300w68'), get_layout('300w68')
    point, edge = point_maps(points, (192, 256), (48, 64)), edge_maps(points, layout, (192, 256), (48, 64))
    assert (point.shape, point.dtype, edge.shape, edge.dtype) == ((68, 64, 48), np.float32, (9, 64, 48), np.float32)


DEGENERATE = {
    'all the same': np.full((98, 2), 100.0),
    'two places': np.tile([[10.0, 20.0], [130.0, 140.0]], (49, 1)),
    'each landmark twice': np.repeat(np.random.default_rng(0).uniform(0, 255, (49, 2)), 2, axis=0),
    'a straight line': np.stack([np.linspace(0, 255, 98)] * 2, axis=1),
    'outside the image': np.random.default_rng(0).normal(700, 50, (98, 2)),
    'outside on both sides': np.random.default_rng(0).normal(0, 1e5, (98, 2)),
}


@pytest.mark.parametrize('case', DEGENERATE)
def test_edge_maps_of_degenerate_faces_equal_the_loops(loops, case):
    layout = get_layout('wflw98')
    np.testing.assert_allclose(
        edge_maps(DEGENERATE[case], layout, *SIZES), loops.loop_edge_maps(DEGENERATE[case], layout), atol=EDGE_TOLERANCE
    )


@pytest.mark.parametrize('count, closed', [(1, False), (1, True), (2, False), (2, True), (3, False)])
def test_curve_of_few_points_is_the_polyline(count, closed):
    points = np.random.default_rng(0).uniform(0, 255, (count, 2))
    expected = np.concatenate([points, points[:1]]) if closed else points
    np.testing.assert_array_equal(boundary_curve(points, closed), expected)


def test_curve_with_a_repeated_point_is_the_polyline():
    points = np.array([[0.0, 0], [10, 0], [10, 0], [20, 5], [30, 0]])
    np.testing.assert_array_equal(boundary_curve(points, closed=False), points)


@pytest.mark.parametrize('closed', [False, True])
def test_curve_goes_through_its_points(closed):
    points = np.random.default_rng(0).uniform(0, 255, (9, 2))
    np.testing.assert_allclose(boundary_curve(points, closed)[::5], points, atol=1e-9)


# --- distance map ----------------------------------------------------------------------------------------------------
LINE = FaceLayout(
    name='line',
    num_keypoints=5,
    flip_pairs=(),
    boundaries=(Boundary('line', tuple(range(5))),),
    eye_corners=(0, 4),
    pupils=None,
    areas=dict(line=tuple(range(5))),
)


def test_distance_map_of_a_straight_line():
    # from the middle of cell 10 to that of cell 30, in row 20
    points = np.stack([np.linspace(41.5, 121.5, 5), np.full(5, 81.5)], axis=1)
    found = distance_map(points, LINE, *SIZES)
    assert (found.shape, found.dtype) == ((64, 64), np.float32)
    across = np.exp([0, -0.5, -2])
    np.testing.assert_allclose(found[20:24, 15], [*across, 0], atol=1e-6)
    np.testing.assert_allclose(found[20, 30:34], [*across, 0], atol=1e-6)
    np.testing.assert_allclose(found[22, 32], np.exp(-4), atol=1e-6)  # sqrt(8) < 3 cells behind the end
    assert np.count_nonzero(found[:18]) == np.count_nonzero(found[:, :8]) == 0


@pytest.mark.parametrize('scale, shift', [(1, 0), (0.5, 10)])
@pytest.mark.parametrize('name', LAYOUTS)
def test_distance_map_is_that_of_the_distance_from_the_curves(face_of, name, scale, shift):
    layout, points = get_layout(name), face_of(name) * scale + shift
    found = distance_map(points, layout, *SIZES)
    curves = [boundary_curve(points[list(boundary.indices)], boundary.closed) for boundary in layout.boundaries]
    curves = [
        np.concatenate([curve, curve[:1]]) if boundary.closed else curve
        for boundary, curve in zip(layout.boundaries, curves)
    ]
    # 20 points on each straight piece
    steps = np.linspace(0, 1, 20)[:, None, None]
    dense = np.concatenate([(curve[:-1] + steps * np.diff(curve, axis=0)).reshape(-1, 2) for curve in curves])
    dense = pixels_to_cells(dense, (64, 64), (256, 256), 'half_pixel')
    rows, columns = np.indices((64, 64))
    distance = cKDTree(dense).query(np.stack([columns, rows], -1))[0]
    # a line of whole cells is up to the diagonal of half a cell beside the curve
    drawn = found > 0
    np.testing.assert_allclose(np.sqrt(-2 * np.log(found[drawn])), distance[drawn], atol=0.5**0.5)
    assert distance[~drawn].min() > 3 - 0.5**0.5


def test_distance_map_of_what_is_not_annotated_is_empty():
    points = np.full((5, 2), 100.0)
    annotated = np.array([True, False, False, False, False])
    assert distance_map(points, LINE, *SIZES, annotated).max() == 0
    annotated[3] = True
    assert distance_map(points, LINE, *SIZES, annotated).max() == 1
