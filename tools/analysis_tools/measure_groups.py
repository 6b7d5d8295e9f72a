"""On which faces a model errs: its error by the pose, by how far eyes and mouth are open, and by the size of the face.

    python tools/analysis_tools/measure_groups.py ANNOTATIONS.json IMAGES [--model FILE.onnx] [--every N]

Pose and openings are those that :class:`mmfld.applications.FaceMeasures` tells of the annotated landmarks, angles in
degrees; ``docs/howto/pose_and_crops.md`` defines them. The side is the longer one of the landmarks' box, in pixels.
NME is in percent of the inter-ocular distance, with that box; "above 8" is the share of faces with a larger one, in
percent. Neither torch nor an OpenMMLab package is needed.
"""

import argparse
import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from annotated_faces import add_arguments, nme, read_faces
from tqdm import tqdm

from mmfld.applications import FaceMeasures
from mmfld.runtime import FaceLandmarker
from mmfld.runtime.boxes import tight_box

WRONG = 8.0  # percent
COLUMNS = ('of', 'from', 'below', 'faces', 'NME', 'above 8')
Measured = dict[str, float]
# what is measured, and where groups end
GROUPS: dict[str, tuple[Callable[[Measured], float], Sequence[float]]] = {
    'yaw': (lambda told: abs(told['yaw']), (0, 10, 20, 30, 45, 90)),
    'pitch': (lambda told: abs(told['pitch']), (0, 10, 20, 90)),
    'roll': (lambda told: abs(told['roll']), (0, 10, 20, 30, 180)),
    'mouth opening': (lambda told: told['mouth_opening'], (0, 0.1, 0.3, 0.6, np.inf)),
    'eye opening': (lambda told: min(told['right_eye_opening'], told['left_eye_opening']), (0, 0.15, 0.2, 0.3, np.inf)),
    'longer side': (lambda told: told['side'], (0, 100, 150, 200, np.inf)),
}


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument('--csv', type=Path, metavar='FILE', help='write the table, too')
    args = parser.parse_args(argv)
    landmarker = FaceLandmarker(args.model, 'whole_image', threads=args.threads)
    measures = FaceMeasures(landmarker.model.layout)
    eyes = landmarker.model.layout.eye_corners
    told, errors = [], []
    for image, annotated in tqdm(read_faces(args.annotations, args.images, args.every), 'faces', leave=False):
        landmarks = annotated + args.keypoint_offset
        box = tight_box(landmarks)
        (face,) = landmarker(image, boxes=box[None])
        as_annotated = replace(face, landmarks=landmarks, covariances=None, visible=None)
        told.append({**measures(as_annotated), 'side': float((box[2:] - box[:2]).max())})
        errors.append(nme(face.landmarks, landmarks, eyes))
    rows = table(told, np.array(errors))
    print(' | '.join(COLUMNS))
    for row in rows:
        print(' | '.join([row[0], *(f'{value:g}' for value in row[1:4]), *(f'{value:.2f}' for value in row[4:])]))
    if args.csv:
        args.csv.parent.mkdir(parents=True, exist_ok=True)
        with open(args.csv, 'w', newline='', encoding='utf-8') as file:
            csv.writer(file).writerows([COLUMNS, *rows])


def table(told: Sequence[Measured], errors: np.ndarray) -> list[list]:
    """Rows of :data:`COLUMNS`: all faces, and each group that has some."""
    rows = [['all', np.nan, np.nan, *_row(errors)]]
    for name, (value_of, ends) in GROUPS.items():
        values = np.array([value_of(one) for one in told])
        for low, high in zip(ends, ends[1:]):
            inside = (values >= low) & (values < high)
            if inside.any():
                rows.append([name, low, high, *_row(errors[inside])])
    return rows


def _row(errors: np.ndarray) -> list[float]:
    return [len(errors), errors.mean(), (errors > WRONG).mean() * 100]


if __name__ == '__main__':
    main()
