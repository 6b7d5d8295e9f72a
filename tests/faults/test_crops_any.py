"""Crops of any box in an image of any size show what they say, and points in them go back to the image."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmfld.datasets.transforms import FaceAffine, GetFaceCrop
from mmfld.runtime.crops import CROP_RULES, crop_matrix, crop_of_box, sample, to_image, turn, warp
from mmfld.structures import get_layout, layout_names

LAYOUT = get_layout('300w68')
# (w, h), up to 20,000 x 3; none takes more than a MiB
long, thin, some = st.integers(1, 20000), st.integers(1, 3), st.integers(1, 300)
sizes = st.one_of(st.tuples(long, thin), st.tuples(thin, long), st.tuples(some, some))
angles = st.floats(-360, 360)
parts = st.floats(-1, 2)
# left upper corner, width and height, as parts of the image; at least half a pixel
boxes = st.tuples(parts, parts, st.floats(0.01, 3), st.floats(0.01, 3))
crop_sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


def positions(size):
    """(h, w, 3) float32 image whose pixels say x, y and 1."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, np.ones_like(x)], axis=-1).astype(np.float32)


def box_in(size, box):
    """x1, y1, x2, y2 in pixels."""
    x, y, width, height = np.array(box) * np.tile(size, 2)
    return np.array([x, y, x + max(width, 0.5), y + max(height, 0.5)])


@given(sizes, boxes, angles, crop_sizes)
def test_a_pixel_of_a_crop_is_the_pixel_of_the_image_that_the_matrix_names(size, box, angle, crop_size):
    box = box_in(size, box)
    center, side = crop_of_box(box, 'longer_side', 1.0, LAYOUT)
    scale = np.array([side, side * crop_size[1] / crop_size[0]])
    matrix = crop_matrix(center, scale, angle, crop_size)
    crop = warp(positions(size), matrix, crop_size)
    places = to_image(positions(crop_size)[..., :2].reshape(1, -1, 2).astype(float), matrix[None])[0]
    whole = crop[..., 2].ravel() > 1 - 1e-5  # others are mixed with what is outside
    # OpenCV samples at multiples of 1 / 32 pixel
    np.testing.assert_allclose(crop.reshape(-1, 3)[whole, :2], places[whole], atol=1 / 32 + 2e-3)
    inside = ((places > 0.1) & (places < np.array(size) - 1.1)).all(axis=1)
    assert whole[inside].all()


@given(sizes, boxes, angles, crop_sizes, st.sampled_from(sorted(CROP_RULES)), st.floats(0.5, 2))
def test_points_go_into_a_crop_and_back(size, box, angle, crop_size, rule, padding):
    box = box_in(size, box)
    center, side = crop_of_box(box, rule, padding, LAYOUT)
    assert np.isfinite(center).all() and side > 0
    matrix = crop_matrix(center, (side, side * crop_size[1] / crop_size[0]), angle, crop_size)
    points = box[:2] + (box[2:] - box[:2]) * np.array([[0, 0], [1, 1], [0.5, 0.5], [0.2, 0.9]])
    cropped = points @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(to_image(cropped[None], matrix[None])[0], points, atol=1e-6 * max(size))
    middle = (np.array(crop_size) - 1) / 2
    np.testing.assert_allclose(
        cropped, turn(points - center, angle) * crop_size[0] / side + middle, atol=1e-6 * max(size)
    )


@given(boxes, st.sampled_from(['longer_side', 'face_220', 'hrnet_1.25']), st.sampled_from(layout_names()))
def test_a_crop_cuts_no_landmark_off(box, rule, layout):
    box = box_in((300, 200), box).astype(np.float32)
    corners = box.reshape(2, 2)
    results = dict(img=np.zeros((200, 300, 3), np.uint8), img_path='face.jpg', bbox=box[None], keypoints=corners[None])
    results = FaceAffine(input_size=(64, 64)).transform(GetFaceCrop(rule, layout=layout).transform(results))
    cropped = results['transformed_keypoints'][0]
    assert (cropped >= -0.5 - 1e-2).all() and (cropped <= 63.5 + 1e-2).all()
    # as MMPose's estimators go back
    back = cropped / 64 * results['input_scale'] + results['input_center'] - results['input_scale'] / 2
    np.testing.assert_allclose(back, corners, atol=1e-2)


@given(sizes, boxes, st.lists(angles, min_size=1, max_size=3))
def test_crops_for_inference_are_those_of_training(size, box, angles):
    image = (np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3))).astype(np.uint8)
    center, side = crop_of_box(box_in(size, box), 'longer_side', 1.0, LAYOUT)
    matrices = [crop_matrix(center, (side, side), angle, (32, 32)) for angle in angles]
    for crop, angle in zip(sample(image, matrices, (32, 32)), angles):
        results = dict(
            img=image,
            img_path='face.jpg',
            bbox_center=center[None],
            bbox_scale=np.full((1, 2), side),
            bbox_rotation=np.array([angle]),
        )
        np.testing.assert_array_equal(FaceAffine(input_size=(32, 32)).transform(results)['img'], crop)
