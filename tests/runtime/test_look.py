"""A face looks like itself a moment later, and unlike others."""

import cv2
import numpy as np

from mmfld.runtime.look import likeness, look
from mmfld.synthetic import SyntheticFaceGenerator

GENERATOR = SyntheticFaceGenerator(5, flags='none')


def seen(index, change=lambda image: image, shift=0.0):
    face = GENERATOR[index]
    return look(change(face.image), face.keypoints['300w68'] + shift, 0.0)


def test_light_blur_and_landmarks_that_scatter_change_little():
    for index in range(4):
        face = seen(index)
        for other in (
            seen(index, lambda image: (image * 0.5).astype(np.uint8)),
            seen(index, lambda image: cv2.GaussianBlur(image, (9, 9), 3)),
            seen(index, shift=3.0),
        ):
            assert likeness(face, other) > 0.9


def test_others_are_unlike():
    faces = [seen(index) for index in range(8)]
    found = [likeness(faces[i], faces[j]) for i in range(8) for j in range(i)]
    assert np.mean(np.array(found) < 0.65) > 0.9


def test_a_turned_face_looks_as_upright():
    face = GENERATOR[0]
    matrix = cv2.getRotationMatrix2D((127.5, 127.5), -40, 1)  # clockwise
    points = face.keypoints['300w68'] @ matrix[:, :2].T + matrix[:, 2]
    turned = cv2.warpAffine(face.image, matrix, (256, 256))
    assert likeness(look(turned, points, 40.0), look(face.image, face.keypoints['300w68'], 0.0)) > 0.9


def test_nothing_to_see_is_like_all():
    assert look(np.full((40, 40, 3), 90, np.uint8), np.array([[5.0, 5.0], [30.0, 30.0]]), 0.0) is None
    assert likeness(None, seen(0)) == likeness(seen(0), None) == 1
