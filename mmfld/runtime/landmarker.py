"""Landmarks of all faces in an image, whichever way up they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..counts import how_many
from ..shipped import DEFAULT, FOLDER, shipped_file, shipped_names
from .arguments import check_number, check_path, check_whole
from .boxes import given_boxes, tight_box, warn_of_no_faces
from .copies import deep_copy, pickled_state
from .crops import covariances_to_image, crop_matrix, crop_of_box, eye_angle, sample, to_image, turn, visible_in_image
from .detection import Detector, WholeImage, build_detector
from .images import Image, read_image
from .model import LandmarkModel
from .network import Network, check_settings
from .orientation import Crops, Fit, Orientation, align, align_detected, check_orientation, detect, objects, rounds_of

DEFAULT_MODEL = FOLDER / f'{DEFAULT}.onnx'
"""The model that comes with the package; the README beside it says what it is and what it may be used for."""


@dataclass
class Face:
    """A face in an image.

    Args:
        landmarks (ndarray): (K, 2) float32, x and y in pixels, centres of pixels at integers.
        scores (ndarray): (K, ) float32 of the landmarks; what they mean depends on the model's method.
        box (ndarray): (4, ) float32, x1, y1, x2, y2, the tight box of the landmarks.
        score (float): Of the detector, in [0, 1]; 1 where the box was given.
        angle (float): Degrees, from -180 to 180, by which the face is turned clockwise in the image, by its eyes.
        track_id (int, optional): Of a face that is followed.
        is_confirmed (bool): Whether the detector has seen a face that is followed more than once.
        covariances (ndarray, optional): (K, 2, 2) float32, squared pixels, (x, y) order, of the landmarks' errors, if
            the model is calibrated; else of the distribution that each landmark is read from, which says which way it
            spreads and not how far the landmark is off. None if the model has none.
        visible (ndarray, optional): (K, ) float32 probability that nothing covers the landmark, 0 outside of the
            picture; None if the model is not calibrated.
    """

    landmarks: np.ndarray
    scores: np.ndarray
    box: np.ndarray
    score: float
    angle: float
    track_id: int | None = None
    is_confirmed: bool = True
    covariances: np.ndarray | None = None
    visible: np.ndarray | None = None


class FaceLandmarker:
    """Finds faces and their landmarks, without torch and OpenMMLab.

    >>> landmarker = FaceLandmarker()
    >>> for face in landmarker('photo.jpg'):
    ...     print(face.landmarks.shape, face.scores.shape, face.box.shape, face.score > 0.5)
    (68, 2) (68,) (4,) True

    One object serves several threads, can be copied and pickled if its detector can, works on in a forked process, and
    is closed by a ``with`` statement.

    Args:
        model (str | Path | LandmarkModel, optional): A file that ``mmfld export`` has written, or the name of a model
            that comes with the package, see :func:`mmfld.shipped.shipped_names`. Defaults to the model
            that comes with the package (68 landmarks; for non-commercial research, as the faces it was trained on).
        detector (str | callable): See :func:`mmfld.runtime.detection.build_detector`. Defaults to ``'centerface'``.
        backend, threads, precision: Of both networks, see :class:`mmfld.runtime.network.Network`.
        orientation (str | float): ``'auto'``: faces may be turned by any angle. ``'mixed'``: and those of one image
            differently, so that the detector looks at each image four times. ``'upright'``: neither faces nor crops are
            turned. An angle in degrees: all are turned clockwise by about that. Defaults to ``'auto'``.
        min_score (float, optional): Least mean score of the landmarks of a face; what a detector proposes below it is
            none. Defaults to what the model says, or to all, as with the detector ``'whole_image'``.
        batch_size (int): Faces that go through the network together. Defaults to 16.
        detector_weights (str | Path, optional): Checkpoint of a detector of MMDetection; a URL is downloaded.

    Raises:
        FileNotFoundError, ImportError: If the model or a package that was asked for is not there.
        ValueError: If an argument has no meaning.
    """

    def __init__(
        self,
        model: str | Path | LandmarkModel | None = None,
        detector: str | Detector = 'centerface',
        backend: str = 'auto',
        threads: int | None = None,
        precision: str = 'float32',
        orientation: Orientation = 'auto',
        min_score: float | None = None,
        batch_size: int = 16,
        detector_weights: str | Path | None = None,
    ) -> None:
        check_orientation(orientation)
        check_settings(backend, threads, precision)
        check_whole('batch_size', batch_size)
        if min_score is not None:
            check_number('min_score', min_score)
        self.model = _opened(model, backend, threads, precision)
        if self.model.layout.eye_corners is None:
            if orientation not in ('auto', 'upright'):
                raise ValueError(
                    f'found orientation={orientation!r}, but layout {self.model.layout.name!r} has no eye '
                    "corners, which tell how a face is turned: expected 'upright'"
                )
            orientation = 'upright'
        self.detector = build_detector(
            detector, detector_weights, threads=threads, backend=backend, precision=precision
        )
        self.orientation = orientation
        if min_score is None and not isinstance(self.detector, WholeImage):
            min_score = self.model.min_score
        self.min_score = -np.inf if min_score is None else min_score
        self.batch_size = batch_size

    def __call__(self, image: Image, boxes: np.ndarray | None = None, refine: int | None = None) -> list[Face]:
        """The faces of one image.

        Args:
            image (str | Path | ndarray | PIL.Image): File, array, see :func:`mmfld.runtime.images.read_image`, or
                picture of Pillow.
            boxes (ndarray, optional): (N, 4) landmark boxes x1, y1, x2, y2 in pixels, instead of a detector's.
            refine (int, optional): How often the crop is taken again from the landmarks. Defaults to once, or where
                boxes are given not at all, and up to three times where it is far from what the landmarks say, unless
                the orientation is ``'upright'``.

        Returns:
            list[Face]: With boxes, one for each; else those that are faces, best first.
        """
        (faces,) = self.batch([image], None if boxes is None else [boxes], refine)
        return faces

    def close(self) -> None:
        """Give up the memory and the threads of its networks; a later call opens them anew."""
        for owner in (self.model, self.detector):
            network = getattr(owner, 'network', None)
            if isinstance(network, Network):
                network.close()

    def __getstate__(self) -> dict[str, Any]:
        return pickled_state(self)

    def __deepcopy__(self, memo: dict) -> 'FaceLandmarker':
        return deep_copy(self, memo)

    def __enter__(self) -> 'FaceLandmarker':
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def batch(
        self, images: Sequence[Image], boxes: Sequence[np.ndarray] | None = None, refine: int | None = None
    ) -> list[list[Face]]:
        """The faces of several images, which go through the network together; see :meth:`__call__`."""
        if isinstance(images, (str, Path, np.ndarray)) or not hasattr(images, '__len__'):
            raise TypeError(f'images: found {type(images).__name__}, expected a list of images')
        arrays = [read_image(image) for image in images]
        if refine is not None:
            check_whole('refine', refine, 0)
        if boxes is not None and len(boxes) != len(arrays):
            raise ValueError(f'boxes: found those of {how_many(len(boxes), "image")}, expected {len(arrays)}')
        if not arrays:
            return []
        fit_crops = partial(self.fit, arrays)
        rounds = rounds_of(refine, 1 if boxes is None else 0, self.orientation)
        settings = (self.model.layout, self.orientation, self.model.sure, rounds)
        if boxes is not None:
            given = [given_boxes(of_image, image.shape[1::-1], 'boxes') for of_image, image in zip(boxes, arrays)]
            of_face, found = np.repeat(np.arange(len(arrays)), list(map(len, given))), np.concatenate(given)
            fit, _ = align(fit_crops, of_face, found, *settings)
            warn_of_no_faces(fit.scores, self.model.min_score, 'boxes')
            certain, is_face = found[:, 4], np.full(len(found), True)
        else:
            detections = detect(self.detector, arrays, self.orientation)
            fit, crops, certain = align_detected(fit_crops, self.detector, arrays, detections, *settings)
            of_face = crops.image
            is_face = fit.scores.mean(axis=1) >= self.min_score
        angles = eye_angle(fit.landmarks, self.model.layout)
        faces: list[list[Face]] = [[] for _ in arrays]
        for n in sorted(np.flatnonzero(is_face), key=lambda n: -certain[n]):
            faces[of_face[n]].append(
                Face(
                    fit.landmarks[n],
                    fit.scores[n],
                    tight_box(fit.landmarks[n]),
                    float(certain[n]),
                    float(angles[n]),
                    **fit.more[n],
                )
            )
        return faces

    def fit(self, images: Sequence[np.ndarray], crops: Crops, states: Sequence | None = None) -> Fit:
        """Landmarks of crops of images (H, W, 3) uint8 in BGR, in pixels of these; ``more`` are their
        ``covariances`` and ``visible``, see :class:`Face`.

        Args:
            images (Sequence[ndarray]): Those that ``crops.image`` counts.
            crops (Crops): Of N faces.
            states (Sequence, optional): N states after the frame before, see :class:`LandmarkModel`.
        """
        size, matrices = self.model.input_size, self.matrices(crops)
        pixels = np.zeros((len(matrices), size[1], size[0], 3), np.uint8)
        for index in np.unique(crops.image):
            of_image = np.flatnonzero(crops.image == index)
            pixels[of_image] = sample(images[index], matrices[of_image], size)
        remembered = (np.stack(states),) if states and states[0] is not None else ()
        parts = [
            self.model(*(array[start : start + self.batch_size] for array in (pixels, *remembered)))
            for start in range(0, max(len(pixels), 1), self.batch_size)
        ]
        landmarks, scores, covariances, states, visible = (_joined(part, len(pixels)) for part in zip(*parts))
        landmarks = to_image(landmarks, matrices).astype(np.float32)
        if isinstance(covariances, np.ndarray):
            covariances = covariances_to_image(covariances, matrices).astype(np.float32)
        if isinstance(visible, np.ndarray):
            sides = np.array([images[index].shape[1::-1] for index in crops.image]).reshape(-1, 2)
            visible = visible_in_image(visible, landmarks, sides)
        more = [dict(covariances=spread, visible=seen) for spread, seen in zip(covariances, visible)]
        return Fit(landmarks, scores, objects(states), objects(more))

    def matrices(self, crops: Crops) -> np.ndarray:
        """(N, 2, 3) from the pixels of the images to those of the crops that the model sees."""
        model = self.model
        centers, sides = crop_of_box(crops.box, model.crop_rule, model.crop_padding, model.layout)
        centers, sides = turn(centers[:, None], -crops.angle)[:, 0], np.maximum(sides, 1.0)
        return np.array(
            [
                crop_matrix(center, (side, side), angle, model.input_size)
                for center, side, angle in zip(centers, sides, crops.angle)
            ]
        ).reshape(-1, 2, 3)


def _opened(model: Any, backend: str, threads: int | None, precision: str) -> LandmarkModel:
    """A model as it is given, or from its file."""
    if hasattr(model, 'layout'):
        return model
    return LandmarkModel(model_file(model), backend, threads, precision)


def model_file(model: str | Path | None) -> str | Path:
    """The file of a model that is given by its path, or by the name of one that comes with the package; by default the
    first of these.

    Raises:
        FileNotFoundError: If it is a name that neither a file nor a model of the package has.
    """
    if model is None:
        return DEFAULT_MODEL
    check_path('model', model)
    file = shipped_file(model, '.onnx') or model
    if isinstance(file, str) and file == Path(file).stem and not Path(file).exists():  # meant as a name
        raise FileNotFoundError(
            f'model {file!r} is no file, and none of the models that come with the package: '
            + (
                f'it comes as a checkpoint for FaceLandmarkInferencer, of which `mmfld export CONFIG {checkpoint} '
                'FILE.onnx` makes a model, with the config that README.md beside it names'
                if (checkpoint := shipped_file(file, '.pth'))
                else f'found {", ".join(shipped_names(".onnx"))}'
            )
        )
    return file


def _joined(parts: Sequence[Any], count: int) -> Any:
    """One array of those of several calls, or None as often as there are faces."""
    return [None] * count if parts[0] is None else np.concatenate(parts)
