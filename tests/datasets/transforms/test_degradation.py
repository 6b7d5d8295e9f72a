"""Augmentation for small, dark, compressed, moved and covered pictures."""

import cv2
import numpy as np
import pytest
from mmpose.registry import TRANSFORMS

from mmfld.datasets.transforms import RandomBrightness, RandomCover, RandomJPEG, RandomLowResolution, RandomMotionBlur

ALL = (RandomBrightness, RandomCover, RandomJPEG, RandomLowResolution, RandomMotionBlur)


@pytest.fixture
def image() -> np.ndarray:
    """(96, 128, 3), of soft structure."""
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3)).astype(np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 1.5), None, 0, 255, cv2.NORM_MINMAX)


def fine_structure(image: np.ndarray) -> float:
    return float(np.abs(np.diff(image.astype(float), axis=1)).mean())


@pytest.mark.parametrize('kind', ALL)
def test_registered_random_and_never_in_place(image, kind):
    before = image.copy()
    transform = TRANSFORMS.build(dict(type=kind.__name__, prob=1.0))
    np.random.seed(0)
    first, other = (transform.transform(dict(img=image))['img'] for _ in range(2))
    np.random.seed(0)
    np.testing.assert_array_equal(transform.transform(dict(img=image))['img'], first)
    assert (first != other).any() and (first != image).any()
    assert first.shape == image.shape and first.dtype == np.uint8 and first.flags.c_contiguous
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(kind(prob=0.0).transform(dict(img=image))['img'], image)


def test_low_resolution_keeps_what_its_side_can_hold(image):
    np.random.seed(0)
    step = np.zeros_like(image)
    step[:, 64:] = 200  # an edge in the middle stays there, and an even area even
    found = RandomLowResolution(1.0, 0.25, 0.25).augment(step)
    assert (found[:, :56] == 0).all() and (found[:, 72:] == 200).all()
    np.testing.assert_allclose(found[:, 63].astype(int) + found[:, 64], 200, atol=2)
    assert fine_structure(RandomLowResolution(1.0, 0.25, 0.25).augment(image)) < 0.6 * fine_structure(image)


def test_sides_are_log_uniform(image, monkeypatch):
    np.random.seed(0)
    resize, sides = cv2.resize, []
    monkeypatch.setattr(cv2, 'resize', lambda image, size, **kind: sides.append(size[0]) or resize(image, size, **kind))
    transform = RandomLowResolution(1.0, 0.1, 0.4)
    for _ in range(300):
        transform.augment(image)
    small = np.array(sides[::2]) / 128
    assert 0.09 < small.min() < 0.11 and 0.37 < small.max() < 0.41
    assert np.median(small) == pytest.approx(0.2, abs=0.02)


def test_brightness_is_a_factor_that_is_log_uniform():
    np.random.seed(0)
    image = np.full((2, 2, 3), 200, np.uint8)
    image[0, 0] = 100
    transform, found = RandomBrightness(1.0, 0.1, 0.4), []
    for _ in range(300):
        dark = transform.augment(image)
        np.testing.assert_allclose(dark[0, 0].astype(int) * 2, dark[1, 1], atol=1)
        found.append(dark[1, 1, 0] / 200)
    assert 0.09 < min(found) < 0.11 and 0.37 < max(found) < 0.41 and np.median(found) == pytest.approx(0.2, abs=0.02)


def test_lower_quality_is_worse(image):
    worst, best = (RandomJPEG(1.0, quality, quality).augment(image).astype(float) for quality in (5, 95))
    assert np.abs(worst - image).mean() > 4 * np.abs(best - image).mean() > 0


def test_motion_keeps_the_mean_and_smears_up_to_its_length():
    np.random.seed(0)
    dot = np.zeros((101, 101, 3), np.uint8)
    dot[50, 50] = 255
    lengths = []
    for _ in range(60):
        rows, columns = np.nonzero(RandomMotionBlur(1.0, 0.2).augment(dot)[..., 0] > 3)
        lengths.append(np.hypot(np.ptp(rows), np.ptp(columns)))
        assert abs(rows.mean() - 50) < 1 and abs(columns.mean() - 50) < 1
    assert 15 < max(lengths) <= 23


def test_covers_are_of_one_colour_or_of_the_picture_itself(image):
    np.random.seed(0)
    colours, shares = [], []
    for _ in range(90):
        found = RandomCover(1.0).augment(image)
        covered = (found != image).any(2)
        shares.append(covered.mean())
        colours.append(len(np.unique(found[covered], axis=0)))
    assert 0.5 < np.mean(np.array(colours) <= 1) < 0.8  # two of three fillings
    assert 0 < np.mean(shares) < 0.3 and max(shares) < 0.6


def test_covered_landmarks_are_told(image):
    np.random.seed(0)
    keypoints = np.random.uniform((-3, -3), (130, 98), (1, 200, 2)).astype(np.float32)
    columns, rows = np.round(keypoints[0]).astype(int).clip(0, (127, 95)).T
    shares = []
    for _ in range(30):
        found = RandomCover(0.8).transform(dict(img=image, transformed_keypoints=keypoints))
        changed = (found['img'] != image).any(2)[rows, columns]
        assert found['keypoints_covered'].shape == (1, 200)
        # a cover may have a pixel's own colour by chance
        assert not (changed & ~found['keypoints_covered'][0]).any()
        shares.append(found['keypoints_covered'].mean())
    assert min(shares) == 0 and 0.05 < np.mean(shares) < 0.3
    assert 'keypoints_covered' not in RandomCover(1.0).transform(dict(img=image))
