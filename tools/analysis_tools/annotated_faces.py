"""Faces of a COCO file, which of them a tool looks at, and the error of what is found; for the tools here that need
neither torch nor OpenMMLab."""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which faces are looked at, and by what."""
    parser.add_argument('annotations', type=Path, help='COCO file of the faces')
    parser.add_argument('images', type=Path, help='folder that its file names are in')
    parser.add_argument('--model', help='of mmfld export, or the name of a model of the package; default: its first')
    parser.add_argument(
        '--keypoint-offset',
        type=float,
        nargs=2,
        default=(0.0, 0.0),
        metavar=('X', 'Y'),
        help='moves the annotations, in pixels of the picture as it is; the model of the package was trained with -1 0',
    )
    parser.add_argument('--every', type=int, default=1, help='only each N-th face')
    parser.add_argument('--threads', type=int)


def read_faces(annotations: Path, images: Path, every: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Image and landmarks of every ``every``-th face of a COCO file.

    Raises:
        FileNotFoundError: If an image cannot be read.
    """
    content = json.loads(annotations.read_text(encoding='utf-8'))
    names = {image['id']: image['file_name'] for image in content['images']}
    for face in content['annotations'][::every]:
        path = images / names[face['image_id']]
        image = cv2.imread(str(path))
        if image is None:
            raise FileNotFoundError(f'{path}: no image that OpenCV can read')
        yield image, np.array(face['keypoints'], np.float64).reshape(-1, 3)[:, :2]


def nme(predicted: np.ndarray, landmarks: np.ndarray, eyes: Sequence[int]) -> float:
    """Percent of the distance of the outer corners of the eyes."""
    distance = np.linalg.norm(landmarks[eyes[0]] - landmarks[eyes[1]])
    return float(np.linalg.norm(predicted - landmarks, axis=1).mean() / distance * 100)
