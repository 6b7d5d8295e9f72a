"""Faces drawn into a picture."""

from collections.abc import Sequence

import cv2
import numpy as np

from ..uncertainty.measures import ellipse_radius
from .landmarker import Face

POINT, BOX = (0, 255, 0), (0, 255, 255)
ELLIPSE, HIDDEN = (255, 160, 0), (0, 0, 255)  # of what is visible, and of what is covered rather than not
HELD = 0.68  # of landmarks, by the ellipses
SUBPIXEL = 4  # bits behind the point of OpenCV's coordinates


def draw_ellipses(
    image: np.ndarray,
    landmarks: np.ndarray,
    covariances: np.ndarray,
    visible: np.ndarray | None = None,
    degrees_of_freedom: float = np.inf,
    thickness: int = 1,
) -> None:
    """Draw, in place, the ellipses that should hold 68 % of the landmarks; red where one is rather covered than not.

    Args:
        image (ndarray): (H, W, 3) uint8 in BGR.
        landmarks (ndarray): (K, 2) in pixels.
        covariances (ndarray): (K, 2, 2) of their errors, squared pixels.
        visible (ndarray, optional): (K, ) probability that nothing covers the landmark.
        degrees_of_freedom (float): Of the errors' t distribution. Defaults to a Gaussian.
    """
    values, vectors = np.linalg.eigh(np.asarray(covariances, float))
    axes = ellipse_radius(HELD, degrees_of_freedom) * np.sqrt(values.clip(min=0))[:, ::-1]
    angles = np.rad2deg(np.arctan2(vectors[:, 1, 1], vectors[:, 0, 1]))
    for k, ((x, y), (major, minor), angle) in enumerate(zip(np.asarray(landmarks, float), axes, angles)):
        if np.isfinite((x, y, major)).all() and max(abs(x), abs(y), major) < 2**15:
            colour = HIDDEN if visible is not None and visible[k] < 0.5 else ELLIPSE
            cv2.ellipse(image, ((x, y), (2 * major, 2 * minor), angle), colour, thickness, cv2.LINE_AA)


def draw_faces(
    image: np.ndarray, faces: Sequence[Face], boxes: bool = False, degrees_of_freedom: float | None = None
) -> np.ndarray:
    """A copy of an image (H, W, 3) uint8 in BGR with the landmarks of faces, and with ``boxes`` their boxes, in sizes
    that go with the faces. A face that is followed has its number beside it. With the ``degrees_of_freedom`` of a
    calibrated model, and faces of it, there are the ellipses of :func:`draw_ellipses`."""
    image = image.copy()
    for face in faces:
        size = float((face.box[2:] - face.box[:2]).max())
        radius, thickness = max(1.0, size / 150), max(1, round(size / 200))
        if degrees_of_freedom is not None and face.covariances is not None:
            draw_ellipses(image, face.landmarks, face.covariances, face.visible, degrees_of_freedom, thickness)
        for x, y in face.landmarks:
            if np.isfinite((x, y)).all() and max(abs(x), abs(y)) < 2**20:
                cv2.circle(
                    image,
                    (round(float(x) * 2**SUBPIXEL), round(float(y) * 2**SUBPIXEL)),
                    round(radius * 2**SUBPIXEL),
                    POINT,
                    -1,
                    cv2.LINE_AA,
                    SUBPIXEL,
                )
        x1, y1, x2, y2 = (round(float(value)) for value in face.box)
        if boxes:
            cv2.rectangle(image, (x1, y1), (x2, y2), BOX, thickness)
        if face.track_id is not None:
            scale = max(0.4, size / 200)
            cv2.putText(
                image,
                f'{face.track_id}{"" if face.is_confirmed else "?"}',
                (x1, round(y1 - 5 * scale)),
                cv2.FONT_HERSHEY_SIMPLEX,
                scale,
                BOX,
                max(1, round(2 * scale)),
                cv2.LINE_AA,
            )
    return image
