"""Mirrored twice, everything is what it was; mirrored once, images, points and boxes are so together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.registry import DefaultScope
from mmpose.registry import TRANSFORMS

from mmfld.datasets.transforms import FaceAffine, GetFaceCrop, SiameseViews
from mmfld.structures import get_layout
from mmfld.structures.face_layout import _LAYOUTS

layouts = pytest.mark.parametrize('layout', sorted(_LAYOUTS))
sizes = st.one_of(
    st.tuples(st.integers(1, 20000), st.integers(1, 3)), st.tuples(st.integers(1, 200), st.integers(1, 200))
)
seeds = st.integers(0, 2**32 - 1)


def flip(direction='horizontal'):
    return TRANSFORMS.build(dict(type='mmpose.RandomFlip', prob=1.0, direction=direction))


def sample(layout, size, seed):
    """An image with noise, and a face that may reach out of it."""
    rng = np.random.default_rng(seed)
    layout = get_layout(layout)
    points = rng.uniform(-0.2, 1.2, (1, layout.num_keypoints, 2)) * size
    visible = (rng.random((1, layout.num_keypoints)) < 0.9).astype(np.float32)
    box = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
    return dict(
        img=rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8),
        img_shape=(size[1], size[0]),
        img_path='face.jpg',
        keypoints=points.astype(np.float32),
        keypoints_visible=visible,
        bbox=box.astype(np.float32),
        flip_indices=list(layout.flip_indices),
    )


@layouts
@given(size=sizes, seed=seeds)
def test_twice_mirrored_is_what_it_was(layout, size, seed):
    before = GetFaceCrop(layout=layout).transform(sample(layout, size, seed))
    after = flip().transform(flip().transform(dict(before)))
    for key in ('img', 'keypoints_visible'):
        np.testing.assert_array_equal(after[key], before[key])
    for key in ('keypoints', 'bbox', 'bbox_center', 'bbox_scale'):
        # single precision resolves 1 / 512 pixel at 20,000
        np.testing.assert_allclose(after[key], before[key], atol=4e-3)


@layouts
@given(size=sizes, seed=seeds)
def test_the_crop_of_a_mirrored_face_is_its_mirrored_crop(layout, size, seed):
    before = GetFaceCrop(layout=layout).transform(sample(layout, size, seed))
    affine = FaceAffine(input_size=(48, 48))
    mirrored = affine.transform(flip().transform(dict(before)))
    plain = affine.transform(dict(before))
    order = list(get_layout(layout).flip_indices)
    expected = plain['transformed_keypoints'][:, order] * [-1, 1] + [47, 0]
    np.testing.assert_allclose(mirrored['transformed_keypoints'], expected, atol=0.02)
    np.testing.assert_array_equal(mirrored['keypoints_visible'], before['keypoints_visible'][:, order])


@given(seed=seeds)
def test_the_pixels_of_a_mirrored_crop_are_the_mirrored_pixels(seed):
    # a smooth image, as OpenCV rounds places to 1 / 32 pixel
    before = sample('300w68', (60, 50), seed)
    y, x = np.mgrid[:50, :60]
    values = 127 + 60 * np.sin(x / 9 + seed % 7) + 60 * np.cos(y / 11)
    before['img'] = np.stack([values, np.ones_like(values)], axis=-1).astype(np.float32)
    before = GetFaceCrop().transform(before)
    affine = FaceAffine(input_size=(48, 48))
    mirrored = affine.transform(flip().transform(dict(before)))['img']
    expected = affine.transform(dict(before))['img'][:, ::-1]
    whole = (mirrored[..., 1] > 1 - 1e-5) & (expected[..., 1] > 1 - 1e-5)  # the others are mixed with what is outside
    np.testing.assert_allclose(mirrored[whole], expected[whole], atol=60 * (1 / 9 + 1 / 11) / 32)


@given(size=sizes, seed=seeds)
def test_a_face_box_that_is_not_mirrored_with_the_landmarks_is_an_error_where_it_counts(size, seed):
    before = sample('cofw29', size, seed)
    before['face_box'] = before['bbox'] + np.float32([[-2, 1, 3, 5]])
    mirrored = flip().transform(dict(before))
    with pytest.raises(ValueError, match='face.jpg: found GetFaceCrop after RandomFlip'):
        GetFaceCrop('face_220', layout='cofw29').transform(dict(mirrored))
    crop = GetFaceCrop('longer_side', layout='cofw29')
    x, y = crop.transform(dict(before))['bbox_center'][0]
    np.testing.assert_allclose(crop.transform(mirrored)['bbox_center'], [[size[0] - 1 - x, y]], atol=0.02)


@given(seed=seeds)
def test_views_tell_where_the_mirrored_points_lie(seed):
    before = GetFaceCrop().transform(sample('300w68', (120, 90), seed))
    steps = [
        dict(type='RandomFlip', prob=1.0),
        dict(type='RandomFaceSimilarity'),
        dict(type='FaceAffine', input_size=(48, 48)),
    ]
    with DefaultScope.overwrite_default_scope('mmpose'):
        views = SiameseViews(steps, num_views=1)
    np.random.seed(seed)
    results = views.transform(dict(before))
    np.random.seed(seed)
    view = views.augmentation(dict(before))
    assert results['view_flips'].tolist() == [True]
    in_crop = (2 * results['transformed_keypoints'][0] + 1) / 48 - 1
    matrix = results['view_matrices'][0]
    found = ((in_crop @ matrix[:, :2].T + matrix[:, 2] + 1) * 48 - 1) / 2
    order = list(get_layout('300w68').flip_indices)
    np.testing.assert_allclose(found[order], view['transformed_keypoints'][0], atol=0.02)
