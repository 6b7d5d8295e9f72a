"""What holds in every layout and conversion, for any points."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmfld.structures import FaceLayout, get_conversion, get_layout
from mmfld.structures.face_layout import _LAYOUTS
from mmfld.structures.layout_conversion import _MEANS

layouts = pytest.mark.parametrize('layout', _LAYOUTS.values(), ids=lambda layout: layout.name)
conversions = pytest.mark.parametrize('pair', _MEANS, ids=' -> '.join)
seeds = st.integers(0, 2**32 - 1)


def points_of(layout: FaceLayout, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-100, 20000, (layout.num_keypoints, 2))


@layouts
def test_flip_pairs_are_an_involution_without_fixed_points(layout):
    order = np.array(layout.flip_indices)
    assert (order[order] == np.arange(layout.num_keypoints)).all()
    assert (order != np.arange(layout.num_keypoints)).sum() == 2 * len(layout.flip_pairs)


@layouts
def test_boundaries_and_areas_name_points_that_exist(layout):
    named = [index for boundary in layout.boundaries for index in boundary.indices]
    named += [index for indices in layout.areas.values() for index in indices]
    assert 0 <= min(named) and max(named) < layout.num_keypoints


@conversions
@given(seed=seeds)
def test_a_conversion_stays_within_the_points_it_is_made_from(pair, seed):
    conversion = get_conversion(*pair)
    points = points_of(conversion.source, seed)
    found = conversion.keypoints(points)
    used = np.where(conversion.weights > 0, points[conversion.indices], np.nan)
    assert (found >= np.nanmin(used, axis=1) - 1e-6).all() and (found <= np.nanmax(used, axis=1) + 1e-6).all()


@conversions
@given(seed=seeds, shift=st.floats(-1e4, 1e4), scale=st.floats(0.01, 100))
def test_a_conversion_moves_and_grows_with_the_face(pair, seed, shift, scale):
    conversion = get_conversion(*pair)
    points = points_of(conversion.source, seed)
    np.testing.assert_allclose(
        conversion.keypoints(points * scale + shift),
        conversion.keypoints(points) * scale + shift,
        atol=1e-6 * 20000 * scale + 1e-6,
    )


@conversions
@given(seed=seeds)
def test_the_converted_mirrored_face_is_the_mirrored_converted_face(pair, seed):
    conversion = get_conversion(*pair)
    points = points_of(conversion.source, seed)
    mirrored = (points * [-1, 1])[list(conversion.source.flip_indices)]
    expected = (conversion.keypoints(points) * [-1, 1])[list(conversion.target.flip_indices)]
    np.testing.assert_allclose(conversion.keypoints(mirrored), expected, atol=1e-6)


@conversions
@given(seed=seeds)
def test_a_landmark_is_annotated_if_all_that_it_is_made_from_are(pair, seed):
    conversion = get_conversion(*pair)
    visible = (np.random.default_rng(seed).random(conversion.source.num_keypoints) < 0.8).astype(np.float32)
    hidden = np.where(visible[:, None] > 0, points_of(conversion.source, seed), np.nan)
    assert set(np.unique(conversion.scores(visible))) <= {0, 1}
    # not finite is exactly what depends on what is hidden
    finite = np.isfinite(conversion.keypoints(hidden)).all(axis=-1)
    np.testing.assert_array_equal(finite, conversion.scores(visible) > 0)


@layouts
def test_a_layout_converts_to_itself(layout):
    points = points_of(layout, 0)
    np.testing.assert_array_equal(get_conversion(layout, get_layout(layout.name)).keypoints(points), points)
