"""Faces drawn into a picture."""
from typing import Sequence

import cv2
import numpy as np

from .landmarker import Face

POINT, BOX = (0, 255, 0), (0, 255, 255)
SUBPIXEL = 4  # bits behind the point of OpenCV's coordinates


def draw_faces(image: np.ndarray, faces: Sequence[Face], boxes: bool = False) -> np.ndarray:
    """A copy of an image (H, W, 3) uint8 in BGR with the landmarks of faces, and with ``boxes`` their boxes, in sizes
    that go with the faces. A face that is followed has its number beside it."""
    image = image.copy()
    for face in faces:
        size = float((face.box[2:] - face.box[:2]).max())
        radius, thickness = max(1., size / 150), max(1, round(size / 200))
        for x, y in face.landmarks:
            if np.isfinite((x, y)).all() and max(abs(x), abs(y)) < 2**20:
                cv2.circle(image, (round(float(x) * 2**SUBPIXEL), round(float(y) * 2**SUBPIXEL)),
                           round(radius * 2**SUBPIXEL), POINT, -1, cv2.LINE_AA, SUBPIXEL)
        x1, y1, x2, y2 = (round(float(value)) for value in face.box)
        if boxes:
            cv2.rectangle(image, (x1, y1), (x2, y2), BOX, thickness)
        if face.track_id is not None:
            scale = max(0.4, size / 200)
            cv2.putText(image, f'{face.track_id}{"" if face.is_confirmed else "?"}', (x1, round(y1 - 5 * scale)),
                        cv2.FONT_HERSHEY_SIMPLEX, scale, BOX, max(1, round(2 * scale)), cv2.LINE_AA)
    return image
