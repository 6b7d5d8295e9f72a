"""What calibrated models of the package say of faces: how far each landmark may be off."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from torch import Tensor, nn

from mmfld.apis import FaceLandmarkInferencer
from mmfld.conversion.coco_files import read_coco
from mmfld.conversion.problems import Problems
from mmfld.models.heads.uncertain_head import UncertainHead
from mmfld.shipped import shipped_names
from mmfld.structures import FaceLayout
from mmfld.uncertainty.calibration import Uncertainty

METHODS = ('structured_mini', 'star_mini', 'subpixel_mini', 'attentive1d_mini')


class Faces(NamedTuple):
    """Attributes: F images (H, W, 3) uint8 BGR, and the annotated landmarks (F, K, 2) float64 pixels of each."""

    images: list[np.ndarray]
    points: np.ndarray


class Stated(NamedTuple):
    """Of one model.

    Attributes:
        landmarks (ndarray): (F, K, 2) float64 pixels.
        covariances (ndarray): (F, K, 2, 2) float64 of their errors, squared pixels, as the calibration makes them.
        maps (ndarray): The same before the calibration, i.e. of the network's maps.
    """

    landmarks: np.ndarray
    covariances: np.ndarray
    maps: np.ndarray


class Uncalibrated(nn.Module):
    """In the place of a calibration: the covariances of the maps as they are."""

    def forward(self, scores: Tensor, spread: Tensor) -> Uncertainty:
        return Uncertainty(spread, scores)


def models(names: Sequence[str] | None) -> list[str]:
    """Names of models of the package; without ``names`` the four methods, those of them that are there.

    Raises:
        ValueError: If there is no such model.
    """
    there = shipped_names('.pth')
    chosen = [name for name in METHODS if name in there] if names is None else list(dict.fromkeys(names))
    for name in chosen:
        if name not in there:
            raise ValueError(f'--models: found {name!r}, expected models of the package: {", ".join(there)}')
    if not chosen:
        raise ValueError(f'--models: found none of {", ".join(METHODS)} in the package, which has {", ".join(there)}')
    return chosen


def read_faces(annotations: Path, images: Path, layout: FaceLayout, every: int) -> Faces:
    """Every ``every``-th face of a COCO file; those that cannot be used are told on stderr.

    Raises:
        ValueError, FileNotFoundError: If a face has other landmarks, or an image cannot be read; and
            :class:`~mmfld.conversion.problems.Problem` if the file is none of COCO's.
    """
    found = list(read_coco(annotations, images, Problems(strict=False)))[::every]
    if not found:
        raise ValueError(f'{annotations}: found no face, expected at least one')
    pictures = []
    for face in found:
        if len(face.points) != layout.num_keypoints or not face.coco_visibility.all():
            raise ValueError(
                f'{annotations}, {face.line}: found {(face.coco_visibility > 0).sum()} annotated landmarks of '
                f'{len(face.points)}, expected all {layout.num_keypoints} of {layout.name}'
            )
        picture = cv2.imread(str(images / face.image))
        if picture is None:
            raise FileNotFoundError(f'{images / face.image}: found no image that OpenCV can read ({annotations})')
        pictures.append(picture)
    return Faces(pictures, np.stack([face.points for face in found]))


def ask(name: str, faces: Faces, layout: FaceLayout) -> Stated:
    """What the model ``name`` says of faces, in a layout that its landmarks can be converted to.

    Raises:
        ValueError: If the model is not calibrated.
    """
    inferencer = FaceLandmarkInferencer(
        name, device='cpu', detector='whole_image', layout=layout.name, orientation='upright'
    )
    head = inferencer.model.head
    if not isinstance(head, UncertainHead) or head.calibration is None:
        raise ValueError(f'--models: found {name!r} without a calibration, expected one, which mmfld calibrate adds')
    boxes = [[[*points.min(0), *points.max(0)]] for points in faces.points]

    def predict() -> tuple[np.ndarray, np.ndarray]:
        answers = [result['predictions'][0][0] for result in inferencer(faces.images, bboxes=boxes)]
        return tuple(
            np.array([face[name] for face in answers], float) for name in ('keypoints', 'keypoint_covariances')
        )

    landmarks, covariances = predict()
    head.calibration = Uncalibrated()
    return Stated(landmarks, covariances, predict()[1])
