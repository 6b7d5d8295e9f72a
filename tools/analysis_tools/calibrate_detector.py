"""From what a detector frames to the boxes of landmarks: what its ``BoxCalibration`` is fitted to.

    python tools/analysis_tools/calibrate_detector.py DETECTOR ANNOTATIONS.json IMAGES [--every 7]

Prints the median shift and scale over the faces that the detector frames (overlap above 0.3 with the tight box of the
annotated landmarks), in parts of its box, how far they spread, how high boxes are, and of a detector that finds points
the weights of its ``PointCalibration``. Those are fitted to each face as it is, turned by up to 35 degrees, and twice
with its lower part covered from anywhere between the eyes and the chin. Use faces that nothing is tested on. Neither
torch nor an OpenMMLab package is needed.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from annotated_faces import read_faces
from tqdm import tqdm

from mmfld.robustness.variants import Varied, tilted, under
from mmfld.runtime.boxes import middle_and_size, overlaps, tight_box
from mmfld.runtime.detection import BoxCalibration, PointCalibration, build_detector

LEAST_OVERLAP = 0.3
MAD = 1.4826  # median absolute deviations of a normal distribution in its standard deviation
TURNED = 35.0  # degrees, at most
COVERS = 2  # of a face


def views(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> Iterator[Varied]:
    """A face turned, and covered in part."""
    yield tilted(image, landmarks, rng, rng.uniform(-TURNED, TURNED))
    for _ in range(COVERS):
        yield covered_from_below(image, landmarks, rng)


def covered_from_below(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> Varied:
    """A rectangle up to somewhere between the eyes and the chin, of any colour, one of the picture's, or a piece of the
    picture upside down."""
    x1, y1, x2, y2 = tight_box(landmarks)
    (width, height), sides = (x2 - x1, y2 - y1), image.shape[:2]
    first = x1 - rng.uniform(-0.1, 0.3) * width, y1 + rng.uniform(0.35, 0.9) * height
    last = x2 + rng.uniform(-0.1, 0.3) * width, y2 + rng.uniform(0, 0.6) * height
    corners = (np.round(corner).astype(int).tolist() for corner in (first, last))
    cover = cv2.rectangle(np.zeros(sides, np.uint8), *corners, 1, cv2.FILLED)
    row, column = (int(rng.integers(side)) for side in sides)
    colours = rng.integers(0, 256, 3), image[row, column], np.roll(image, (row, column), (0, 1))[::-1]
    return under(image, landmarks, cover, colours[rng.integers(3)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('detector', help='by name, see mmfld.runtime.detection')
    parser.add_argument('--det-weights', metavar='CHECKPOINT', help='of a detector of MMDetection')
    parser.add_argument('annotations', type=Path, help='COCO file of the faces')
    parser.add_argument('images', type=Path, help='folder that its file names are in')
    parser.add_argument('--every', type=int, default=7, help='only each N-th face; default: 7')
    parser.add_argument(
        '--keypoint-offset',
        type=float,
        nargs=2,
        default=(0.0, 0.0),
        metavar=('X', 'Y'),
        help='moves the annotations, in pixels',
    )
    args = parser.parse_args()
    detector = build_detector(args.detector, args.det_weights)
    find = getattr(detector, 'raw', detector)
    faces = [
        Varied(image, landmarks + args.keypoint_offset, np.full(len(landmarks), True))
        for image, landmarks in read_faces(args.annotations, args.images, args.every)
    ]

    def frame(view: Varied) -> np.ndarray | None:
        """What the detector finds there, as a row."""
        boxes = np.asarray(find(view.image))
        shared = overlaps(tight_box(view.landmarks)[None], boxes)[0]
        return boxes[shared.argmax()] if (shared > LEAST_OVERLAP).any() else None

    framed, true = [], []
    for face in tqdm(faces, unit='face'):
        row = frame(face)
        if row is not None:
            framed.append(row)
            true.append(face.landmarks)
    if not framed:
        raise SystemExit(f'{args.detector}: found none of {len(faces)} faces')
    rows = np.array(framed)
    fitted = BoxCalibration.fit(rows[:, :4], tight_box(np.array(true)))
    (middle, size), (true_middle, true_size) = middle_and_size(rows[:, :4]), middle_and_size(tight_box(np.array(true)))
    print(f'{len(framed)} of {len(faces)} faces are framed')
    for name, median, values in (
        ('shift', fitted.shift, (true_middle - middle) / size),
        ('scale', fitted.scale, true_size / size),
    ):
        spread = MAD * np.median(np.abs(values - median), axis=0)
        print(f'{name} in x and y: {median[0]:.3f}, {median[1]:.3f}; spread {spread[0]:.3f}, {spread[1]:.3f}')
    print(f'height by width, 5th percentile: {np.quantile(size[:, 1] / size[:, 0], 0.05):.3f}')
    if rows.shape[1] > 5:
        for number, face in enumerate(tqdm(faces, unit='face', desc='turned and covered')):
            for view in views(face.image, face.landmarks, np.random.default_rng(number)):
                row = frame(view)
                if row is not None:
                    framed.append(row)
                    true.append(view.landmarks)
        rows = np.array(framed)
        by_points = PointCalibration.fit(rows[:, :4], rows[:, 5:].reshape(len(rows), -1, 2), np.array(true))
        print(f'by points, {len(rows)} views:')
        for weights in by_points.weights:
            print('({})'.format(', '.join(f'{weight:.3f}' for weight in weights)))


if __name__ == '__main__':
    main()
