"""Images are complete, the right way up, and as large as the annotation file says."""

import cv2
import numpy as np
import PIL.Image
import pytest
from mmpose.registry import TRANSFORMS

from mmfld.datasets.transforms.load_face_image import LoadFaceImage

TURNED = 6  # EXIF: the camera was held so that the image has to be turned by a quarter, clockwise


@pytest.fixture
def image():
    small = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return cv2.resize(small, (60, 40), interpolation=cv2.INTER_CUBIC)


def save(path, image, orientation=None, **kwargs):
    exif = PIL.Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    PIL.Image.fromarray(image[..., ::-1]).save(path, exif=exif, **kwargs)
    return dict(img_path=str(path))


@pytest.mark.parametrize(
    'suffix, ignore',
    [('jpg', False), ('webp', False), ('png', False), ('tif', False), ('jpg', True), ('webp', True), ('png', True)],
)
def test_all_formats_are_turned_as_the_camera_was_held_or_none(tmp_path, image, suffix, ignore):
    results = LoadFaceImage(ignore)(save(tmp_path / f'face.{suffix}', image, TURNED, quality=100))
    expected = image if ignore else np.rot90(image, -1)
    assert results['img'].shape == expected.shape and results['img_shape'] == results['ori_shape'] == expected.shape[:2]
    assert np.abs(results['img'].astype(int) - expected).mean() < 6


def test_an_image_that_is_there_is_taken(image):
    results = TRANSFORMS.build(dict(type='LoadFaceImage', to_float32=True))(dict(img=image, img_path='nowhere.jpg'))
    assert results['img'] is image


def test_a_jpeg_that_is_cut_off_is_an_error(tmp_path, image):
    results = save(tmp_path / 'face.jpg', image)
    content = (tmp_path / 'face.jpg').read_bytes()
    (tmp_path / 'face.jpg').write_bytes(content[:-40])
    with pytest.raises(ValueError, match='face.jpg: found .* bytes of a JPEG that has no end'):
        LoadFaceImage()(results)
    with pytest.raises(FileNotFoundError, match='missing.jpg'):
        LoadFaceImage()(dict(img_path=str(tmp_path / 'missing.jpg')))


def test_an_image_of_another_size_than_the_annotation_file_says(tmp_path, image):
    results = save(tmp_path / 'face.png', image)
    assert LoadFaceImage()(dict(results, image_size=(60, 40)))['img'].shape == (40, 60, 3)
    with pytest.raises(ValueError, match='face.png: found 60 x 40 pixels, expected 61 x 40 as .* of the image.$'):
        LoadFaceImage()(dict(results, image_size=(61, 40)))


def test_points_that_were_annotated_on_stored_pixels(tmp_path, image):
    results = dict(save(tmp_path / 'face.jpg', image, TURNED), image_size=(60, 40))
    with pytest.raises(ValueError, match='found 40 x 60 pixels, expected 60 x 40 .* ignore_orientation=True'):
        LoadFaceImage()(dict(results))
    assert LoadFaceImage(ignore_orientation=True)(dict(results))['img'].shape == (40, 60, 3)


@pytest.mark.parametrize(
    'points, said',
    [
        (
            [[5, 5], [50, 30], [500, 20]],
            r'found a point at \(500, 20\), expected those of a face in or near .* 60 x 40',
        ),
        ([[5, 5], [50, 30], [20, -45]], r'found a point at \(20, -45\)'),
        ([[70, 5], [80, 30], [90, 20]], r'found all points outside, one at \(70, 5\)'),
    ],
)
def test_points_far_outside_are_an_error_where_the_file_says_no_size(tmp_path, image, points, said):
    results = save(tmp_path / 'face.png', image)
    points = np.array([points], np.float32)
    visible = np.ones((1, 3), np.float32)
    with pytest.raises(ValueError, match=f'face.png: {said}'):
        LoadFaceImage()(dict(results, keypoints=points, keypoints_visible=visible))
    visible[0, 2] = 0  # those that are not annotated may be anywhere
    if points[0, 0, 0] == 5:
        LoadFaceImage()(dict(results, keypoints=points, keypoints_visible=visible))


def test_points_a_little_outside_are_taken(tmp_path, image):
    results = save(tmp_path / 'face.png', image)
    points = np.array([[[-10, 5], [50, 30], [65, 50]]], np.float32)
    LoadFaceImage()(dict(results, keypoints=points, keypoints_visible=np.ones((1, 3), np.float32)))
