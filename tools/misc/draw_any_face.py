"""Draws what README shows of ``FaceLandmarker``: a face that is turned, one that is small, and one that is covered.

    python tools/misc/draw_any_face.py .github/faces.jpg

All are the photograph of Grace Hopper that comes with matplotlib (James S. Davis, U.S. Navy, public domain). The three
are found in one picture, in one call; the small one is drawn again beneath, magnified.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from matplotlib.cbook import get_sample_data

from mmfld.runtime import FaceLandmarker
from mmfld.runtime.drawing import draw_faces

SIZE = (1200, 430)  # of the picture
ANGLE = 140.0  # degrees clockwise, of the turned face
SMALL = 0.2  # its size beside the others
MAGNIFIED = 4
NOSE_AND_BELOW = slice(250, 345), slice(200, 345)  # rows and columns of the photograph


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', type=Path, metavar='FILE')
    args = parser.parse_args()
    photo = cv2.imread(get_sample_data('grace_hopper.jpg', asfileobj=False))[:430]
    picture = np.full((SIZE[1], SIZE[0], 3), 255, np.uint8)
    place(picture, photo, (200, 215), 0.85, ANGLE)
    place(picture, photo, (600, 110), SMALL)
    covered = photo.copy()
    covered[NOSE_AND_BELOW] = (140, 120, 90)
    place(picture, covered, (1000, 215), 0.85)

    landmarker = FaceLandmarker(orientation='mixed')
    faces = sorted(landmarker(picture), key=lambda face: face.box[0])
    drawn = draw_faces(picture, faces)
    small = next((face for face in faces if face.box[3] - face.box[1] < 60), None)
    if small is not None:
        magnify(drawn, picture, small)
    for face in faces:
        print(
            f'{face.box[3] - face.box[1]:.0f} pixels high, turned by {face.angle:.0f} degrees, landmarks score '
            f'{face.scores.mean():.2f}'
        )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(args.out), drawn):
        raise SystemExit(f'{args.out}: OpenCV cannot write this image')


def place(
    picture: np.ndarray, photo: np.ndarray, middle: tuple[float, float], scale: float, angle: float = 0.0
) -> None:
    """Draw a photograph on a picture, turned clockwise."""
    height, width = photo.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -angle, scale)
    matrix[:, 2] += np.array(middle) - (width / 2, height / 2)
    size = picture.shape[1::-1]
    mask = cv2.warpAffine(np.ones((height, width), np.uint8), matrix, size) > 0
    source = cv2.GaussianBlur(photo, (0, 0), 0.4 / scale) if scale < 0.5 else photo
    picture[mask] = cv2.warpAffine(source, matrix, size, borderMode=cv2.BORDER_REPLICATE)[mask]


def magnify(drawn: np.ndarray, picture: np.ndarray, face, side: int | None = 200) -> None:
    """Draw a face once more, larger, at the bottom of the picture."""
    x, y = (face.box[:2] + face.box[2:]) / 2
    half = side / MAGNIFIED / 2
    matrix = np.array([[MAGNIFIED, 0, -MAGNIFIED * (x - half)], [0, MAGNIFIED, -MAGNIFIED * (y - half)]])
    view = cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_CUBIC)
    for point in face.landmarks @ matrix[:, :2].T + matrix[:, 2]:
        cv2.circle(view, tuple(round(float(v) * 16) for v in point), 2 * 16, (0, 255, 0), -1, cv2.LINE_AA, 4)
    top, left = drawn.shape[0] - side - 5, round(x - side / 2)
    drawn[top : top + side, left : left + side] = view


if __name__ == '__main__':
    main()
