"""How well faces are found that are turned in the picture, by any angle.

    python tools/analysis_tools/measure_orientations.py ANNOTATIONS.json IMAGES [--every N] [--angles DEGREES ...]

Each picture is turned around its middle, on a larger black one, so that nothing of it is lost. For each angle,
clockwise:

* with the box: landmarks from the tight box of the turned annotation, as an application that knows it would ask;
* with the detector: found is a face of which some answer's mean error is below 8 % (that of the nearest answer counts).

NME is in percent of the inter-ocular distance, a mean over the faces (with the detector: over those found), "above 8"
the share of faces with a larger one, in percent; "extra" are further answers for 100 pictures, some of which are real
other faces. Neither torch nor an OpenMMLab package is needed.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from annotated_faces import add_arguments, nme, read_faces
from tqdm import tqdm

from mmfld.runtime import FaceLandmarker
from mmfld.runtime.boxes import tight_box
from mmfld.runtime.crops import turn

WRONG = 8.0  # percent
COLUMNS = ('angle', 'NME', 'above 8', 'detected NME', 'found and right', 'extra', 'angle off')


class Turned(NamedTuple):
    """Attributes: image (H, W, 3) uint8 in BGR; landmarks (K, 2) in its pixels."""

    image: np.ndarray
    landmarks: np.ndarray


def turned(image: np.ndarray, landmarks: np.ndarray, angle: float) -> Turned:
    """A picture, turned clockwise on a canvas that holds all of it."""
    height, width = image.shape[:2]
    corners = turn(
        np.array([[[0.0, 0.0], [width - 1.0, 0.0], [width - 1.0, height - 1.0], [0.0, height - 1.0]]]), -angle
    )[0]
    low = np.floor(corners.min(0))
    size = (np.ceil(corners.max(0)) - low + 1).astype(int)
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    matrix = np.array([[cos, -sin, -low[0]], [sin, cos, -low[1]]])
    return Turned(cv2.warpAffine(image, matrix, tuple(size.tolist())), turn(landmarks[None], -angle)[0] - low)


def measure(
    landmarker: FaceLandmarker, faces: Sequence[tuple[np.ndarray, np.ndarray]], angle: float, offset: Sequence[float]
) -> list[float]:
    """A row of :data:`COLUMNS`."""
    eyes = landmarker.model.layout.eye_corners
    given, detected, extra, off = [], [], 0, []
    for image, annotated in faces:
        picture, landmarks = turned(image, annotated + offset, angle)
        (face,) = landmarker(picture, tight_box(landmarks)[None])
        given.append(nme(face.landmarks, landmarks, eyes))
        errors = [nme(found.landmarks, landmarks, eyes) for found in landmarker(picture)]
        detected.append(min(errors, default=np.inf))
        extra += max(len(errors) - 1, 0)
        true_angle = np.rad2deg(np.arctan2(*(landmarks[eyes[1]] - landmarks[eyes[0]])[::-1]))
        off.append(abs((face.angle - true_angle + 180) % 360 - 180))
    given, detected = np.array(given), np.array(detected)
    right = detected <= WRONG
    return [
        angle,
        given.mean(),
        (given > WRONG).mean() * 100,
        detected[right].mean() if right.any() else np.nan,
        right.mean() * 100,
        extra / len(faces) * 100,
        float(np.median(off)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument('--detector', default='centerface')
    parser.add_argument('--orientation', default='auto')
    angles = parser.add_mutually_exclusive_group()
    angles.add_argument('--step', type=int, default=15, metavar='DEGREES', help='from 0 to 360; default: 15')
    angles.add_argument('--angles', type=int, nargs='+', metavar='DEGREES', help='only these')
    parser.add_argument('--csv', type=Path, metavar='FILE', help='write the table, too')
    args = parser.parse_args()
    landmarker = FaceLandmarker(args.model, args.detector, threads=args.threads, orientation=args.orientation)
    faces = list(read_faces(args.annotations, args.images, args.every))
    print(f'{len(faces)} faces')
    print(' | '.join(COLUMNS))
    rows = []
    for angle in tqdm(args.angles or range(0, 360, args.step), unit='angle'):
        rows.append(measure(landmarker, faces, angle, args.keypoint_offset))
        tqdm.write(' | '.join(f'{value:.2f}' for value in rows[-1]))
    if args.csv:
        args.csv.parent.mkdir(parents=True, exist_ok=True)
        with open(args.csv, 'w', newline='', encoding='utf-8') as file:
            csv.writer(file).writerows([COLUMNS, *([f'{value:.3f}' for value in row] for row in rows)])


if __name__ == '__main__':
    main()
