"""Crop rules, the one warp, and the photometric transforms."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmpose.registry import TRANSFORMS

from mmfld.datasets.transforms import (
    FaceAffine,
    GetFaceCrop,
    RandomBoxBlur,
    RandomByteNoise,
    RandomChannelGain,
    RandomFaceSimilarity,
    RandomGamma,
    RandomOcclusion,
    crop_matrix,
)
from mmfld.structures import get_layout

STAR = Path(__file__).parents[3] / 'configs/wflw/star_hg4.py'
BOX = np.array([[10.0, 20.0, 50.0, 100.0]], np.float32)


@pytest.fixture(autouse=True)
def seed():
    np.random.seed(0)


@pytest.fixture
def image() -> np.ndarray:
    """Random but smooth, (120, 160, 3) uint8."""
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (9, 9), 2)


@pytest.fixture
def geometry(golden_dir) -> dict:
    return dict(np.load(golden_dir / 'geometry.npz'))


def crop_of(box, **options) -> dict:
    return GetFaceCrop(**options).transform(dict(bbox=np.array(box, np.float32)))


# ------------------------------------------------------------------------------------------------ crop rules
@pytest.mark.parametrize(
    'rule, center, side',
    [
        ('longer_side', (30, 60), 80),
        ('landmark_height', (30, 60), 80),
        ('face_220', (30, 60), 80 * 256 / 220),
        ('hrnet_1.25', (30, 60), 100),
        ('fan', (30, 60 - 0.12 * 80), 120 * 200 / 195),
    ],
)
@pytest.mark.parametrize('padding', [1.0, 1.1])
def test_crop_rules(rule, center, side, padding):
    found = crop_of(BOX, rule=rule, padding=padding)
    np.testing.assert_allclose(found['bbox_center'], [center])
    np.testing.assert_allclose(found['bbox_scale'], [[side * padding] * 2], rtol=1e-6)


@pytest.mark.parametrize(
    'rule, side', [('longer_side', 80), ('landmark_height', 40), ('face_220', 80 * 256 / 220), ('hrnet_1.25', 100)]
)
def test_crop_rules_of_a_wide_box(rule, side):
    np.testing.assert_allclose(crop_of([[20, 10, 100, 50]], rule=rule)['bbox_scale'], [[side] * 2], rtol=1e-6)


FACE = np.array([[0.0, 10.0, 60.0, 110.0]], np.float32)


@pytest.mark.parametrize(
    'layout, options, center, side',
    [
        # the landmarks of these two do not span the face
        ('aflw19', dict(face_box=FACE), (30, 60), 100),
        ('cofw29', dict(face_box=FACE), (30, 60), 100),
        # as in inference: larger and, AFLW's, higher than the landmarks' box of 40 x 80
        ('aflw19', {}, (30, 60 - 0.07 * 80), 1.28 * 80),
        ('cofw29', {}, (30, 60), 1.14 * 80),
        ('300w68', dict(face_box=FACE), (30, 60), 80),
        ('wflw98', dict(face_box=FACE), (30, 60), 80),
    ],
)
def test_face_220_makes_the_face_220_pixels_and_not_its_landmarks(layout, options, center, side):
    found = GetFaceCrop(rule='face_220', layout=layout).transform(dict(bbox=BOX, **options))
    np.testing.assert_allclose(found['bbox_center'], [center], rtol=1e-6)
    np.testing.assert_allclose(found['bbox_scale'], [[side * 256 / 220] * 2], rtol=1e-6)


def test_other_rules_start_from_the_landmarks():
    found = GetFaceCrop(rule='landmark_height', layout='cofw29').transform(dict(bbox=BOX, face_box=FACE))
    np.testing.assert_allclose(found['bbox_scale'], [[80, 80]])


@pytest.mark.parametrize('name, layout, before', [('aflw', 'aflw19', (290, 271)), ('cofw', 'cofw29', (247, 255))])
def test_faces_of_the_samples_are_220_pixels(shared_dir, name, layout, before):
    """Before: what the landmarks' box would make of the annotated face."""
    folder = shared_dir / 'data/mmpose_samples' / name
    for ann, pixels in zip(json.loads((folder / f'test_{name}.json').read_text())['annotations'], before):
        points = np.reshape(ann['keypoints'], (-1, 3))[:, :2]
        if 'box_size' in ann:
            middle, size = np.array(ann['center']), np.full(2, ann['box_size'])
        else:
            middle, size = np.add(ann['bbox'][:2], np.divide(ann['bbox'][2:], 2)), np.array(ann['bbox'][2:])
        sample = dict(
            bbox=np.concatenate([points.min(0), points.max(0)])[None],
            face_box=np.concatenate([middle - size / 2, middle + size / 2])[None],
        )
        found = [
            size.max() * 256 / GetFaceCrop('face_220', layout=layout).transform(one)['bbox_scale'][0, 0]
            for layout, one in ((layout, sample), ('300w68', sample), (layout, dict(bbox=sample['bbox'])))
        ]
        assert found[:2] == pytest.approx([220, pixels], abs=0.5)
        # the estimate without a box of the face
        assert found[2] == pytest.approx(220, rel=0.04)


def test_hrnet_rule_rounds_outwards():
    # MMPose's WFLW sample
    found = crop_of([[440.696, 122.173, 524.604, 206.402]], rule='hrnet_1.25')
    assert (found['bbox_center'].tolist(), found['bbox_scale'].tolist()) == ([[482.5, 164.5]], [[85 * 1.25] * 2])


def test_hrnet_rule_gives_the_crop_in_mmposes_file(shared_dir):
    content = json.loads((shared_dir / 'data/mmpose_samples/wflw/test_wflw.json').read_text())
    for annotation in content['annotations']:
        points = np.array(annotation['keypoints']).reshape(-1, 3)[:, :2]
        found = crop_of([[*points.min(0), *points.max(0)]], rule='hrnet_1.25')
        np.testing.assert_allclose(found['bbox_center'][0], annotation['center'])
        np.testing.assert_allclose(found['bbox_scale'][0] / 1.25, 200 * annotation['scale'], rtol=1e-6)


def test_crops_are_float32():
    found = crop_of(BOX.astype(np.float64))
    assert (found['bbox_center'].dtype, found['bbox_scale'].dtype) == (np.float32, np.float32)


def test_unknown_rule():
    with pytest.raises(ValueError, match="unknown crop rule 'tight', expected one of .*'landmark_height'"):
        GetFaceCrop(rule='tight')


@pytest.mark.parametrize(
    'rule, box',
    [
        ('landmark_height', [10, 20, 50, 20]),
        ('longer_side', [10, 20, 10, 20]),
        ('longer_side', [10, 20, 50, np.nan]),
        ('longer_side', [np.nan, 20, 50, 40]),
        ('face_220', [10, 20, 50, np.nan]),
    ],
)
def test_empty_box_names_the_image(rule, box):
    with pytest.raises(ValueError, match='face7.jpg: the landmark box .* is empty'):
        GetFaceCrop(rule).transform(dict(bbox=np.array([box], np.float32), img_path='face7.jpg'))


# ------------------------------------------------------------------------------------------------ the warp
@pytest.mark.parametrize('number', range(3))
def test_crop_matrix_equals_the_reference(geometry, number):
    scale, x, y = geometry['boxes'][number]
    side = 200 * scale
    found = crop_of([[x - 10, y - side / 2, x + 10, y + side / 2]])
    matrix = crop_matrix(found['bbox_center'][0], found['bbox_scale'][0], 0, (256, 256))
    np.testing.assert_allclose(matrix, geometry['crop_matrices'][number][:2], atol=1e-3)


@pytest.fixture
def similarity(geometry, monkeypatch) -> dict:
    """The reference's first crop after turning by 0.2 rad clockwise, scale 1.1 and a shift of (5, -3) of 256 pixels."""
    scale, x, y = geometry['boxes'][0]
    results = dict(
        bbox_center=np.array([[x, y]], np.float32),
        bbox_scale=np.full((1, 2), 200 * scale, np.float32),
        img=geometry['image'],
        keypoints=geometry['points'][None],
    )
    monkeypatch.setattr(
        np.random,
        'standard_normal',
        lambda size: np.array([-np.rad2deg(0.2) / 18, 1, 5 / 256 / 0.05, -3 / 256 / 0.05])[:size],
    )
    return RandomFaceSimilarity(rotation=18.0, scale=0.1, shift=0.05).transform(results)


def test_similarity_equals_the_reference(geometry, similarity):
    matrix = crop_matrix(
        similarity['bbox_center'][0], similarity['bbox_scale'][0], similarity['bbox_rotation'][0], (256, 256)
    )
    np.testing.assert_allclose(matrix, (geometry['geo_fixed'] @ geometry['crop_matrices'][0])[:2], atol=1e-4)


def test_warped_points_equal_the_reference(geometry, similarity):
    points = FaceAffine((256, 256)).transform(similarity)['transformed_keypoints']
    np.testing.assert_allclose(points[0], geometry['points_out'], atol=1e-3)


def test_warped_image_equals_the_reference(geometry, similarity):
    warped = FaceAffine((256, 256)).transform(similarity)['img']
    difference = abs(warped.reshape(256, 256).astype(int) - geometry['image_gray_out'])
    # OpenCV interpolates with weights of 1/32 pixel
    assert difference.max() <= 8 and difference.mean() < 0.05


def similarity_draws(**options) -> np.ndarray:
    """(4000, 4) angles in degrees, magnifications less 1, and shifts in sides of the crop."""
    draws = []
    for _ in range(4000):
        results = RandomFaceSimilarity(**options).transform(
            dict(bbox_center=np.array([[100.0, 50.0]]), bbox_scale=np.array([[80.0, 80.0]]))
        )
        scale = 80 / results['bbox_scale'][0, 0]
        # the old centre in the new crop, from the middle
        moved = crop_matrix(
            results['bbox_center'][0], results['bbox_scale'][0], results['bbox_rotation'][0], (256, 256)
        ) @ [100, 50, 1]
        draws.append([results['bbox_rotation'][0], scale - 1, *((moved - 127.5) / 256)])
    return np.array(draws)


def test_similarity_is_drawn_with_its_standard_deviations():
    draws = similarity_draws(rotation=18.0, scale=0.1, shift=0.05) / [18, 0.1, 0.05, 0.05]
    np.testing.assert_allclose(np.mean(draws, axis=0), np.zeros(4), atol=0.08)
    np.testing.assert_allclose(np.cov(np.transpose(draws)), np.eye(4), atol=0.12)


def test_uniform_similarity_fills_its_range():
    draws = similarity_draws(rotation=30.0, scale=0.15, shift=0.1, distribution='uniform') / [30, 0.15, 0.1, 0.1]
    np.testing.assert_allclose(abs(draws).max(0), np.ones(4), atol=0.005)
    np.testing.assert_allclose(np.mean(draws, axis=0), np.zeros(4), atol=0.04)
    np.testing.assert_allclose(np.cov(np.transpose(draws)), np.eye(4) / 3, atol=0.03)


def test_similarity_with_a_seed_depends_on_the_face_alone():
    similarity = RandomFaceSimilarity(seed=0)

    def crop(id):
        return similarity(dict(bbox_center=np.zeros((1, 2)), bbox_scale=np.ones((1, 2)), id=id))['bbox_center']

    first, second, again = crop(5), crop(6), crop(5)
    np.testing.assert_array_equal(first, again)
    assert (first != second).all()


def test_unknown_distribution():
    with pytest.raises(ValueError, match="distribution must be 'normal' or 'uniform', got 'gauss'"):
        RandomFaceSimilarity(distribution='gauss')


def test_similarity_with_probability_zero_changes_nothing():
    results = dict(bbox_center=np.array([[100.0, 50.0]]), bbox_scale=np.array([[80.0, 80.0]]))
    assert RandomFaceSimilarity(prob=0).transform(dict(results)) == results


def test_crop_borders_are_the_input_borders():
    matrix = crop_matrix(np.array([30.0, 60.0]), np.array([80.0, 80.0]), 0, (256, 256))
    # the crop of side 80 reaches from -10 to 70, the input from -0.5 to 255.5
    np.testing.assert_allclose(matrix @ [[-10, 70], [20, 100], [1, 1]], [[-0.5, 255.5]] * 2)


def test_positive_rotation_turns_the_face_anticlockwise():
    right = crop_matrix(np.zeros(2), np.full(2, 256.0), 90, (256, 256)) @ [10, 0, 1]
    np.testing.assert_allclose(right, [127.5, 117.5], atol=1e-9)


def warp(image, points, size, box=BOX, **extra) -> dict:
    results = dict(crop_of(box), img=image, keypoints=np.array(points, np.float32), **extra)
    return FaceAffine(size).transform(results)


@pytest.mark.parametrize('size', [(256, 256), (128, 128), (192, 256)])
def test_estimator_maps_predictions_back(image, size):
    points = np.random.uniform(0, 120, (1, 29, 2))
    results = warp(image, points, size)
    back = (
        results['transformed_keypoints'] / results['input_size'] * results['input_scale']
        + results['input_center']
        - 0.5 * results['input_scale']
    )
    np.testing.assert_allclose(back, points, atol=1e-3)


def test_image_and_points_are_warped_alike():
    image = np.zeros((120, 160, 3), np.uint8)
    cv2.circle(image, (35, 71), 6, (255, 255, 255), -1)
    results = warp(image, [[[35, 71]]], (256, 256), bbox_rotation=np.array([25.0]))
    rows, columns = np.nonzero(results['img'][..., 0] > 127)
    np.testing.assert_allclose([columns.mean(), rows.mean()], results['transformed_keypoints'][0, 0], atol=0.1)


def test_outside_of_the_image_is_black(image):
    results = warp(np.full_like(image, 255), [[[0, 0]]], (256, 256), box=[[-50, -50, 30, 30]])
    assert results['img'][100, 100].tolist() == [0, 0, 0] and results['img'][200, 200].tolist() == [255] * 3


def test_narrow_input_keeps_the_proportions(image):
    results = warp(image, [[[30, 60], [40, 70]]], (192, 256))
    (moved,) = np.diff(results['transformed_keypoints'][0], axis=0)
    assert results['img'].shape == (256, 192, 3) and moved[0] == pytest.approx(moved[1])


def test_without_keypoints_the_image_alone_is_warped(image):
    results = FaceAffine((64, 64)).transform(dict(crop_of(BOX), img=image))
    assert results['img'].shape == (64, 64, 3) and 'transformed_keypoints' not in results


# ------------------------------------------------------------------------------------------------ flip
def flip(image, keypoints, layout) -> dict:
    init_default_scope('mmpose')
    return TRANSFORMS.build(dict(type='RandomFlip', prob=1.0)).transform(
        dict(
            img=image,
            img_shape=image.shape[:2],
            keypoints=keypoints[None].copy(),
            keypoints_visible=np.ones((1, len(keypoints))),
            flip_indices=list(get_layout(layout).flip_indices),
            bbox_center=np.array([[40.0, 30.0]], np.float32),
        )
    )


# for COFW the reference mirrors about the image border instead of the middle of the pixels: one pixel further
@pytest.mark.parametrize('layout, name, extra', [('wflw98', 'WFLW', 0), ('300w68', '300W', 0), ('cofw29', 'COFW', 1)])
def test_flip_equals_the_reference(golden_dir, geometry, layout, name, extra):
    points = np.load(golden_dir / f'targets_{name}.npz')['points']
    found = flip(np.zeros((256, 256, 3), np.uint8), points, layout)['keypoints'][0]
    np.testing.assert_allclose(found + [extra, 0], geometry[f'flip_{name}'], atol=1e-4)


@pytest.mark.parametrize('layout', ['wflw98', '300w68', 'cofw29', 'aflw19'])
def test_flipped_landmarks_stay_on_their_pixels(image, layout):
    points = np.random.default_rng(0).integers(0, 120, (get_layout(layout).num_keypoints, 2)).astype(np.float32)
    flipped = flip(image, points, layout)
    columns, rows = flipped['keypoints'][0].astype(int).T
    before = image[points[:, 1].astype(int), points[:, 0].astype(int)]
    np.testing.assert_array_equal(flipped['img'][rows, columns], before[list(get_layout(layout).flip_indices)])


def test_flip_moves_the_crop_along(image):
    assert flip(image, np.zeros((19, 2), np.float32), 'aflw19')['bbox_center'].tolist() == [[160 - 1 - 40, 30]]


# ------------------------------------------------------------------------------------------------ photometric
PHOTOMETRIC = (RandomOcclusion, RandomBoxBlur, RandomGamma, RandomByteNoise, RandomChannelGain)


@pytest.mark.parametrize('transform', PHOTOMETRIC)
def test_probability_zero_leaves_the_image(image, transform):
    found = transform(prob=0).transform(dict(img=image.copy()))['img']
    np.testing.assert_array_equal(found, image)


@pytest.mark.parametrize('transform', PHOTOMETRIC)
def test_probability_one_changes_nearly_every_image(image, transform):
    changed = [(transform(prob=1).transform(dict(img=image.copy()))['img'] != image).any() for _ in range(50)]
    # a blur kernel of 0 or 1 pixels (of at most 7) changes nothing
    assert np.mean(changed) > 0.6


@pytest.mark.parametrize('transform', PHOTOMETRIC)
def test_probability_is_kept(image, transform):
    instance, drawn = transform(prob=0.3), []
    instance.augment = lambda img: drawn.append(1) or img
    for _ in range(2000):
        instance.transform(dict(img=image))
    assert len(drawn) / 2000 == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize('transform', PHOTOMETRIC)
def test_shape_and_dtype_are_kept(image, transform):
    for _ in range(20):
        found = transform(prob=1).transform(dict(img=image.copy()))['img']
        assert (found.shape, found.dtype) == (image.shape, np.uint8)


@pytest.mark.parametrize('transform', PHOTOMETRIC)
def test_same_seed_same_image(image, transform):
    found = []
    for _ in range(2):
        np.random.seed(5)
        found.append(transform(prob=1).transform(dict(img=image.copy()))['img'])
    np.testing.assert_array_equal(*found)


def occlude(*draws, monkeypatch) -> list:
    """Rows and columns of the black rectangle for given draws: relative height and width, then y and x in [0, 1)."""
    uniform, rand = iter(draws[:2]), iter(draws[2:])
    monkeypatch.setattr(np.random, 'uniform', lambda low, high: next(uniform))
    monkeypatch.setattr(np.random, 'rand', lambda: next(rand))
    img = RandomOcclusion(prob=1).augment(np.full((256, 256, 3), 255, np.uint8))
    rows, columns = np.nonzero((img == 0).all(2))
    assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)  # a full rectangle
    return [rows.min(), rows.max(), columns.min(), columns.max()]


def test_occlusion_of_the_reference_inside(monkeypatch):
    # int(128 * 0.5) = 64, int(128 * 0.4) = 51; centre int(255 * 0.5) = 127, int(255 * 0.6) = 153
    assert occlude(0.5, 0.4, 0.5, 0.6, monkeypatch=monkeypatch) == [127 - 32, 127 + 32, 153 - 25, 153 + 25]


def test_occlusion_of_the_reference_over_the_border(monkeypatch):
    assert occlude(0.8, 0.6, 0.0, 0.999, monkeypatch=monkeypatch) == [0, 51, 254 - 38, 255]


def test_box_blur_is_a_box_blur(image, monkeypatch):
    monkeypatch.setattr(np.random, 'rand', lambda: 0.7)
    found = RandomBoxBlur(prob=1).augment(image)  # int(160 * 0.05 * 0.7) = 5
    np.testing.assert_allclose(found[60, 80], image[58:63, 78:83].mean((0, 1)), atol=0.51)


def test_largest_box_blur(monkeypatch):
    kernels = []
    monkeypatch.setattr(cv2, 'blur', lambda img, kernel: kernels.append(kernel) or img)
    for _ in range(300):
        RandomBoxBlur(prob=1).augment(np.zeros((256, 256, 3), np.uint8))
    assert set(kernels) == {(k, k) for k in range(2, 13)}


@pytest.mark.parametrize('gamma', [0.25, 1.0, 3.5])
def test_gamma_curve(monkeypatch, gamma):
    monkeypatch.setattr(np.random, 'uniform', lambda low, high: gamma)
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, 2)
    expected = (255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    np.testing.assert_array_equal(RandomGamma(prob=1).augment(ramp)[0, :, 0], expected)


def test_gamma_darkens_and_brightens_equally_often(image):
    brighter = [RandomGamma(prob=1).augment(image).mean() > image.mean() for _ in range(400)]
    assert np.mean(brighter) == pytest.approx(0.5, abs=0.1)


def test_byte_noise_blends(image, monkeypatch):
    monkeypatch.setattr(np.random, 'uniform', lambda low, high: 0.4)
    found = RandomByteNoise(prob=1).augment(image)
    noise = found - 0.6 * image
    # uniform bytes of weight 0.4
    assert noise.mean() == pytest.approx(0.4 * 127.5, abs=0.5)
    assert noise.std() == pytest.approx(0.4 * 256 / 12**0.5, rel=0.02)


def test_byte_noise_is_at_most_half(image):
    found = [RandomByteNoise(prob=1).augment(np.full_like(image, 200)) for _ in range(20)]
    assert min(img.min() for img in found) >= 100


def test_channel_gain_rounds_and_saturates(monkeypatch):
    gains = np.array([0.6, 1.0, 1.37])
    monkeypatch.setattr(np.random, 'uniform', lambda low, high, size: gains)
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, 2)
    expected = np.clip(np.rint(np.arange(256)[:, None] * gains), 0, 255)
    np.testing.assert_array_equal(RandomChannelGain().augment(ramp)[0], expected)


def test_channel_gains_are_independent_and_within_their_bounds():
    image = np.full((1, 1, 3), 100, np.uint8)
    gains = np.array([RandomChannelGain(low=0.6, high=1.4).augment(image)[0, 0] for _ in range(4000)]) / 100
    assert (gains.min(), gains.max()) == (0.6, 1.4)
    np.testing.assert_allclose(gains.mean(0), np.ones(3), atol=0.02)
    np.testing.assert_allclose(np.cov(gains.T), np.eye(3) * 0.8**2 / 12, atol=0.005)


# ------------------------------------------------------------------------------------------------ all together
def test_star_pipeline_gives_an_input_with_all_its_augmentation(image):
    init_default_scope('mmpose')
    steps = Config.fromfile(STAR).train_dataloader.dataset.pipeline[1:-2]  # between LoadImage and GenerateTarget
    for step in steps:
        if 'prob' in step:
            step['prob'] = 1.0
    points = np.random.uniform(30, 90, (1, 29, 2)).astype(np.float32)
    results = Compose(steps)(
        dict(
            img=image,
            img_shape=image.shape[:2],
            ori_shape=image.shape[:2],
            bbox=BOX,
            keypoints=points,
            keypoints_visible=np.ones((1, 29)),
            flip_indices=list(get_layout('cofw29').flip_indices),
        )
    )
    assert (results['img'].shape, results['img'].dtype) == ((256, 256, 3), np.uint8)
    assert results['transformed_keypoints'].shape == (1, 29, 2)


def test_grey_is_the_references(image):
    init_default_scope('mmpose')
    (step,) = [step for step in Config.fromfile(STAR).train_pipeline if step.type == 'RandomGrayscale']
    found = TRANSFORMS.build(dict(step, prob=1.0)).transform(dict(img=image))['img']
    expected = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)  # on a BGR image, as the reference does
    np.testing.assert_allclose(found.astype(int), np.stack([expected] * 3, axis=-1), atol=1)
