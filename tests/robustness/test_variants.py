"""Harder pictures of faces: where the landmarks are, which can be seen, and that a seed makes the same."""

import cv2
import numpy as np
import pytest

from mmfld.robustness import VARIANTS, jittered, vary
from mmfld.runtime.boxes import tight_box
from mmfld.runtime.crops import eye_angle
from mmfld.structures import get_layout

GEOMETRIC = ('common', 'small_48', 'small_24', 'tilted_30', 'tilted_45', 'tilted_90', 'tilted_180')
COVERS = ('covered', 'covered_bar', 'covered_hand', 'covered_patch')
DISC = 30  # the landmark that is the middle of a white disc


@pytest.fixture
def landmarks() -> np.ndarray:
    """(68, 2) in a box of 120 x 100 pixels from (60, 80), with level eyes."""
    points = np.random.default_rng(0).uniform((60, 80), (180, 180), (68, 2))
    points[:2] = (60, 80), (180, 180)
    points[[36, 45]] = (80, 100), (160, 100)
    points[DISC] = 130, 120
    return points


@pytest.fixture
def image(landmarks) -> np.ndarray:
    """(260, 240, 3), black but for a white disc."""
    return cv2.circle(np.zeros((260, 240, 3), np.uint8), (130, 120), 20, (255, 255, 255), cv2.FILLED)


def white(image: np.ndarray) -> np.ndarray:
    """(2, ) the middle of what is brighter than grey."""
    weights = image[..., 0].astype(float).clip(min=130) - 130
    rows, columns = np.indices(weights.shape)
    return np.array([(columns * weights).sum(), (rows * weights).sum()]) / weights.sum()


@pytest.mark.parametrize('variant', GEOMETRIC)
def test_landmarks_move_with_the_image(image, landmarks, variant):
    varied, moved, _ = vary(variant, image, landmarks, seed=3)
    np.testing.assert_allclose(white(varied), moved[DISC], atol=0.12)


@pytest.mark.parametrize('variant, angle', [('common', 0), ('tilted_30', 30), ('tilted_90', 90), ('tilted_180', 180)])
def test_tilted_is_clockwise_and_shows_all(image, landmarks, variant, angle):
    varied, moved, _ = vary(variant, image, landmarks, seed=0)
    assert abs(eye_angle(moved, get_layout('300w68'))) == pytest.approx(angle)
    if angle == 90:
        assert varied.shape == (240, 260, 3)
        np.testing.assert_array_equal(varied, np.rot90(image, -1))
    corners = np.array([(0, 0), (239, 0), (239, 259), (0, 259)], float)
    _, corners, _ = vary(variant, image, corners, seed=0)
    assert (corners >= -0.5).all() and (corners <= np.array(varied.shape[1::-1]) - 0.5).all()


@pytest.mark.parametrize('variant, side', [('small_48', 48), ('small_24', 24)])
def test_small_faces_lie_anywhere_in_the_canvas(image, landmarks, variant, side):
    places = []
    for seed in range(8):
        varied, moved, _ = vary(variant, image, landmarks, seed)
        assert varied.shape == (360, 480, 3)
        assert np.ptp(moved, axis=0).max() == pytest.approx(side, rel=0.02)
        assert (moved >= 0).all() and (moved <= (479, 359)).all()
        places.append(moved[DISC])
    assert np.ptp(places, axis=0).min() > 50
    np.testing.assert_array_equal(vary(variant, image, landmarks, 0)[1][DISC], places[0])


def test_other_variants_leave_the_landmarks(landmarks):
    image = np.random.default_rng(0).integers(0, 256, (260, 240, 3), np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 2)
    varied = {}
    for variant in ('dark', 'covered', 'blurred', 'moved', 'compressed', 'grey', 'cast'):
        varied[variant], same, visible = vary(variant, image, landmarks, seed=0)
        np.testing.assert_array_equal(same, landmarks)
        assert visible.all() or variant == 'covered'
    np.testing.assert_allclose(varied['dark'], 0.12 * image, atol=0.5)
    is_covered = (varied['covered'] != image).any(axis=2)
    rows, columns = np.nonzero(is_covered)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (130, 190, 48, 192)  # the box, from its middle
    assert (varied['covered'][is_covered] == 127).all()
    assert varied['blurred'].std() < 0.6 * image.std()
    assert varied['moved'].std() < 0.8 * image.std()
    assert np.ptp(varied['grey'], axis=2).max() == 0 and varied['grey'].mean() == pytest.approx(image.mean(), abs=3)
    gains = varied['cast'].mean((0, 1)) / image.mean((0, 1))
    np.testing.assert_allclose(sorted(gains), (0.5, 1, 1.6), atol=0.01)
    assert 0.5 < np.abs(varied['compressed'].astype(int) - image).mean() < 30


@pytest.mark.parametrize('variant', COVERS)
def test_what_is_covered_is_not_visible(image, landmarks, variant):
    image = np.random.default_rng(1).integers(20, 255, image.shape, np.uint8)
    shares = []
    for seed in range(6):
        varied, same, visible = vary(variant, image, landmarks, seed)
        np.testing.assert_array_equal(same, landmarks)
        columns, rows = np.round(landmarks).astype(int).T
        changed = (varied != image).any(axis=2)[rows, columns]
        np.testing.assert_array_equal(changed, ~visible)
        shares.append(visible.mean())
    assert 0.3 < np.mean(shares) < 0.95


def test_motion_blurs_along_one_direction():
    image = np.zeros((200, 200, 3), np.uint8)
    image[100, 100] = 255
    landmarks = np.array([[50.0, 50.0], [150.0, 150.0]])
    for seed in range(4):
        rows, columns = np.nonzero(vary('moved', image, landmarks, seed).image[..., 0])
        spread = np.linalg.eigvalsh(np.cov(np.stack([rows, columns])))
        assert spread[0] < 0.6 and np.hypot(np.ptp(rows), np.ptp(columns)) == pytest.approx(8, abs=2.1)


@pytest.mark.parametrize('variant', VARIANTS)
def test_a_seed_makes_the_same(image, landmarks, variant):
    before = image.copy()
    first, again = (vary(variant, image, landmarks, 5) for _ in range(2))
    for one, other in zip(first, again):
        np.testing.assert_array_equal(one, other)
    assert first.image.dtype == np.uint8 and first.visible.shape == (68,)
    np.testing.assert_array_equal(image, before)


def test_a_jittered_box_is_moved_and_sized_within_its_bounds(landmarks):
    box = tight_box(landmarks)
    boxes = np.stack([jittered(box, 0.1, 0.2, seed) for seed in range(200)])
    sides = boxes[:, 2:] - boxes[:, :2]
    shift = (boxes[:, 2:] + boxes[:, :2] - box[2:] - box[:2]) / 2 / (box[2:] - box[:2])
    ratio = sides / (box[2:] - box[:2])
    np.testing.assert_allclose(ratio[:, 0], ratio[:, 1])
    assert 0.9 <= ratio.min() < 0.91 and 1.09 < ratio.max() <= 1.1
    assert 0.19 < np.abs(shift).max() <= 0.2
    np.testing.assert_array_equal(boxes[3], jittered(box, 0.1, 0.2, 3))
