"""The annotated faces that the tools are to find."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

ANNOTATIONS = 'annotations/face_landmarks_300w_valid_common.json'
NUM_LANDMARKS = 68
VARIANTS = (
    'common',
    'small_48',
    'small_24',
    'tilted_30',
    'tilted_90',
    'tilted_180',
    'dark',
    'covered',
    'blurred',
    'compressed',
)  # of mmfld.robustness


class AnnotatedFace(NamedTuple):
    """A face of the common test set.

    Args:
        number (int): In the annotation file, from 0.
        path (Path): Its image.
        landmarks (ndarray): (68, 2) float64 in pixels, whose centres are at integers.
    """

    number: int
    path: Path
    landmarks: np.ndarray


def read_faces(data_root: Path, every: int = 1) -> list[AnnotatedFace]:
    """Every n-th face of what ``tools/dataset_converters/convert_300w.py`` has written.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a face has other than 68 landmarks.
    """
    path = data_root / ANNOTATIONS
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist: tools/dataset_converters/convert_300w.py makes it')
    content = json.loads(path.read_text())
    names = {image['id']: image['file_name'] for image in content['images']}
    faces = []
    for number, annotation in list(enumerate(content['annotations']))[::every]:
        keypoints = np.array(annotation['keypoints'], np.float64)
        if keypoints.size != 3 * NUM_LANDMARKS:
            raise ValueError(
                f'{path}: keypoints of annotation {annotation["id"]}: found {keypoints.size} numbers, '
                f'expected x, y and visibility of {NUM_LANDMARKS} landmarks'
            )
        faces.append(
            AnnotatedFace(number, data_root / 'images' / names[annotation['image_id']], keypoints.reshape(-1, 3)[:, :2])
        )
    return faces
