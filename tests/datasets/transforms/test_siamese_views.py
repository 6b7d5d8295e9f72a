"""SiameseViews: what the views show, where their landmarks lie, and targets without augmentation."""

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope

from mmfld.datasets.transforms import FaceAffine, GetFaceCrop, SiameseViews
from mmfld.structures import get_layout, normalize

LAYOUT = get_layout('cofw29')
K = LAYOUT.num_keypoints
SIZE = (64, 64)
GEOMETRIC = [
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomFaceSimilarity', rotation=30.0, scale=0.15, shift=0.1, distribution='uniform'),
    dict(type='FaceAffine', input_size=SIZE),
]
AUGMENTATION = [*GEOMETRIC, dict(type='RandomChannelGain')]


@pytest.fixture(autouse=True)
def seed():
    init_default_scope('mmpose')
    np.random.seed(0)


@pytest.fixture
def face() -> dict:
    """Random points on a smooth random image, up to the crop rule."""
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.integers(0, 256, (120, 160, 3), dtype=np.uint8), (0, 0), 3)
    points = rng.uniform(30, 95, (1, K, 2)).astype(np.float32)
    return GetFaceCrop('face_220').transform(
        dict(
            img=image,
            img_shape=image.shape[:2],
            bbox=np.array([[30.0, 30.0, 95.0, 95.0]], np.float32),
            keypoints=points,
            keypoints_visible=np.ones((1, K), np.float32),
            flip_indices=list(LAYOUT.flip_indices),
        )
    )


def recorded(augmentation=GEOMETRIC, **options):
    """The transform, and a list that fills with the results of its augmentation."""
    transform, views = SiameseViews(augmentation, **options), []
    augment = transform.augmentation
    transform.augmentation = lambda results: views.append(augment(results)) or views[-1]
    return transform, views


# ------------------------------------------------------------------------------------------------ the views
@pytest.mark.parametrize('num_views', [1, 2, 3])
def test_views_stand_side_by_side(face, num_views):
    transform, views = recorded(AUGMENTATION, num_views=num_views)
    found = transform(face)['img']
    assert (found.shape, found.dtype) == ((64, num_views * 64, 3), np.uint8)
    np.testing.assert_array_equal(found, np.concatenate([view['img'] for view in views], axis=1))


def test_views_of_a_face_differ(face):
    found = SiameseViews(AUGMENTATION)(face)
    left, right = np.split(found['img'].astype(int), 2, axis=1)
    assert abs(left - right).mean() > 5
    assert abs(np.diff(found['view_matrices'], axis=0)).max() > 0.05


def test_views_are_mirrored_independently(face):
    flips = [tuple(SiameseViews(AUGMENTATION)(dict(face))['view_flips']) for _ in range(40)]
    assert set(flips) == {(False, False), (False, True), (True, False), (True, True)}


def test_same_seed_same_views(face):
    found = []
    for _ in range(2):
        np.random.seed(5)
        found.append(SiameseViews(AUGMENTATION)(dict(face)))
    for key in ('img', 'view_matrices', 'view_flips'):
        np.testing.assert_array_equal(found[0][key], found[1][key])


@pytest.mark.parametrize('size', [(64, 64), (48, 64)])
def test_matrices_take_the_landmarks_of_the_crop_to_the_views(face, size):
    transform, views = recorded([*GEOMETRIC[:2], dict(type='FaceAffine', input_size=size)], num_views=50)
    found = transform(face)
    crop = normalize(found['transformed_keypoints'][0], size)
    errors = []
    for view, matrix, flipped in zip(views, found['view_matrices'], found['view_flips']):
        points = (
            view['transformed_keypoints'][0][list(LAYOUT.flip_indices)] if flipped else view['transformed_keypoints'][0]
        )
        errors.append(abs(crop @ matrix[:, :2].T + matrix[:, 2] - normalize(points, size)).max() / 2 * max(size))
    assert 0 < found['view_flips'].sum() < 50
    assert max(errors) < 1e-3  # pixels


def test_matrices_take_the_image_of_the_crop_to_the_views(face):
    found = SiameseViews(GEOMETRIC, num_views=20)(dict(face))
    views = torch.from_numpy(np.stack(np.split(found['img'], 20, axis=1))).permute(0, 3, 1, 2).float()
    crop = torch.from_numpy(FaceAffine(SIZE).transform(face)['img']).permute(2, 0, 1).float()
    grid = F.affine_grid(torch.from_numpy(found['view_matrices']), list(views.shape), align_corners=False)
    back = F.grid_sample(views, grid, mode='bilinear', align_corners=False)
    inside = (grid.abs() < 0.95).all(-1)
    difference = (back - crop).abs().amax(1)[inside]
    # two interpolations in place of one and rounding; half a pixel of misplacement makes the mean about 3
    assert difference.mean() < 0.7 and difference.max() < 8


def test_without_augmentation_the_matrices_are_identities(face):
    found = SiameseViews(GEOMETRIC[-1:])(face)
    np.testing.assert_allclose(found['view_matrices'], np.stack([np.eye(3)[:2]] * 2), atol=1e-6)
    assert found['view_flips'].tolist() == [False, False]


def test_mirrored_crop_in_the_middle_of_the_image_is_a_mirrored_crop(face):
    face['bbox_center'] = np.array([[(160 - 1) / 2, 60]], np.float32)
    found = SiameseViews([dict(type='RandomFlip', prob=1.0), GEOMETRIC[-1]])(face)
    np.testing.assert_allclose(found['view_matrices'], np.stack([np.diag([-1, 1, 1])[:2]] * 2), atol=1e-6)
    assert found['view_flips'].tolist() == [True, True]


def test_dtypes(face):
    found = SiameseViews(AUGMENTATION, num_views=3)(face)
    assert (found['view_matrices'].shape, found['view_matrices'].dtype) == ((3, 2, 3), np.float32)
    assert (found['view_flips'].shape, found['view_flips'].dtype) == ((3,), bool)


# ------------------------------------------------------------------------------------------------ the targets
def test_targets_are_those_without_augmentation(face):
    expected = FaceAffine(SIZE).transform(dict(face))
    found = SiameseViews(AUGMENTATION)(face)
    for key in ('transformed_keypoints', 'input_size', 'input_center', 'input_scale'):
        np.testing.assert_array_equal(found[key], expected[key])


def test_the_face_stays_as_it_was(face):
    before = {key: np.copy(face[key]) for key in ('img', 'keypoints', 'keypoints_visible', 'bbox_center', 'bbox_scale')}
    image = face['img']
    found = SiameseViews(AUGMENTATION, num_views=8)(face)
    np.testing.assert_array_equal(image, before.pop('img'))
    for key, value in before.items():
        np.testing.assert_array_equal(found[key], value)
    assert 'bbox_rotation' not in found


def test_packed_with_its_targets(face):
    codec = dict(type='ContinuousHeatmap', input_size=SIZE, heatmap_size=(16, 16))
    packed = Compose(
        [
            dict(type='SiameseViews', augmentation=AUGMENTATION),
            dict(type='GenerateTarget', encoder=codec),
            dict(type='PackPoseInputs', meta_keys=('view_matrices', 'view_flips')),
        ]
    )(face)
    sample = packed['data_samples']
    assert packed['inputs'].shape == (3, 64, 128)
    assert (sample.metainfo['view_matrices'].shape, sample.metainfo['view_flips'].shape) == ((2, 2, 3), (2,))
    expected = normalize(FaceAffine(SIZE).transform(face)['transformed_keypoints'], SIZE)
    np.testing.assert_allclose(sample.gt_instance_labels.keypoint_labels, expected, atol=1e-6)


# ------------------------------------------------------------------------------------------------ arguments
@pytest.mark.parametrize('augmentation, number', [(GEOMETRIC[:2], 0), (GEOMETRIC + GEOMETRIC[-1:], 2)])
def test_augmentation_without_exactly_one_warp(augmentation, number):
    with pytest.raises(ValueError, match=f'expected one FaceAffine in the augmentation, found {number}'):
        SiameseViews(augmentation)
