"""From what a detector frames to the boxes of landmarks: what its ``BoxCalibration`` is fitted to.

    python tools/analysis_tools/calibrate_detector.py DETECTOR ANNOTATIONS.json IMAGES [--every 7]

Prints the median shift and scale over the faces that the detector frames (overlap above 0.3 with the tight box of the
annotated landmarks), in parts of its box, how far they spread, how high boxes are, and of a detector that finds points
the weights of its ``PointCalibration``. Use faces that nothing is tested
on. Neither torch nor an OpenMMLab package is needed.
"""

import argparse
from pathlib import Path

import numpy as np
from measure_orientations import read_faces
from tqdm import tqdm

from mmfld.runtime.boxes import middle_and_size, overlaps, tight_box
from mmfld.runtime.detection import BoxCalibration, PointCalibration, build_detector

LEAST_OVERLAP = 0.3
MAD = 1.4826  # median absolute deviations of a normal distribution in its standard deviation


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
    framed, true, landmarks_of, faces = [], [], [], list(read_faces(args.annotations, args.images, args.every))
    for image, landmarks in tqdm(faces, unit='face'):
        box = tight_box(landmarks + args.keypoint_offset)
        boxes = np.asarray(find(image))
        shared = overlaps(box[None], boxes)[0]
        if (shared > LEAST_OVERLAP).any():
            framed.append(boxes[shared.argmax()])
            true.append(box)
            landmarks_of.append(landmarks + args.keypoint_offset)
    if not framed:
        raise SystemExit(f'{args.detector}: found none of {len(faces)} faces')
    rows, true = np.array(framed), np.array(true)
    framed = rows[:, :4]
    fitted = BoxCalibration.fit(framed, true)
    (middle, size), (true_middle, true_size) = middle_and_size(framed), middle_and_size(true)
    print(f'{len(framed)} of {len(faces)} faces are framed')
    for name, median, values in (
        ('shift', fitted.shift, (true_middle - middle) / size),
        ('scale', fitted.scale, true_size / size),
    ):
        spread = MAD * np.median(np.abs(values - median), axis=0)
        print(f'{name} in x and y: {median[0]:.3f}, {median[1]:.3f}; spread {spread[0]:.3f}, {spread[1]:.3f}')
    print(f'height by width, 5th percentile: {np.quantile(size[:, 1] / size[:, 0], 0.05):.3f}')
    if rows.shape[1] > 5:
        by_points = PointCalibration.fit(framed, rows[:, 5:].reshape(len(rows), -1, 2), np.array(landmarks_of))
        print('by points:', np.round(by_points.weights, 3).tolist())


if __name__ == '__main__':
    main()
