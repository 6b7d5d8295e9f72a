"""How a model bears harder pictures: small, tilted, dark, covered, blurred, compressed, grey or coloured faces.

    python tools/analysis_tools/measure_robustness.py ANNOTATIONS.json IMAGES [--model FILE.onnx] [--every N]

Each face is shown in each variant of :mod:`mmfld.robustness`, the same in every run, with the tight box of its
landmarks; ``jittered`` are the faces as they are, whose boxes are moved and sized by up to 10 %, without a second look.
NME is in percent of the inter-ocular distance, a mean over faces; "above 8" the share of faces with a
larger one, in percent; "ratio" is the NME against that of ``common``, the faces as they are. For covered faces "hidden"
is the share of covered landmarks, and "AUROC" how well the scores of landmarks tell them from visible ones (of all
faces together). Neither torch nor an OpenMMLab package is needed.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from annotated_faces import add_arguments, nme, read_faces
from tqdm import tqdm

from mmfld.robustness import VARIANTS, Varied, jittered, vary
from mmfld.runtime import Face, FaceLandmarker
from mmfld.runtime.boxes import tight_box
from mmfld.uncertainty.measures import auroc

JITTERED = 'jittered'
JITTER = 0.1
WRONG = 8.0  # percent
COLUMNS = ('variant', 'NME', 'above 8', 'ratio', 'hidden', 'AUROC')
Faces = Sequence[tuple[np.ndarray, np.ndarray]]


def find(landmarker: FaceLandmarker, variant: str, faces: Faces) -> tuple[list[Varied], list[Face]]:
    """The faces in a variant, and what is found in them."""
    name = 'common' if variant == JITTERED else variant
    varied, found = [], []
    for start in tqdm(range(0, len(faces), landmarker.batch_size), desc=variant, leave=False):
        part = [vary(name, *face, start + n) for n, face in enumerate(faces[start : start + landmarker.batch_size])]
        boxes = [tight_box(one.landmarks) for one in part]
        if variant == JITTERED:
            boxes = [jittered(box, JITTER, JITTER, start + n) for n, box in enumerate(boxes)]
        answers = landmarker.batch(
            [one.image for one in part], [box[None] for box in boxes], 0 if variant == JITTERED else None
        )
        varied += part
        found += [face for (face,) in answers]
    return varied, found


def row(variant: str, varied: Sequence[Varied], found: Sequence[Face], eyes: Sequence[int], clean: float) -> list:
    """A row of :data:`COLUMNS`."""
    errors = np.array([nme(face.landmarks, one.landmarks, eyes) for one, face in zip(varied, found)])
    visible = np.concatenate([one.visible for one in varied])
    scores = np.concatenate([face.scores for face in found])
    return [
        variant,
        errors.mean(),
        (errors > WRONG).mean() * 100,
        errors.mean() / clean,
        (~visible).mean() * 100,
        auroc(scores, visible),
    ]


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument(
        '--variants',
        nargs='+',
        choices=(*VARIANTS, JITTERED),
        default=(*VARIANTS, JITTERED),
        metavar='VARIANT',
        help=f'of {", ".join((*VARIANTS, JITTERED))}; default: all',
    )
    parser.add_argument('--orientation', default='auto')
    parser.add_argument('--csv', type=Path, metavar='FILE', help='write the table, too')
    args = parser.parse_args(argv)
    landmarker = FaceLandmarker(args.model, 'whole_image', threads=args.threads, orientation=args.orientation)
    eyes = landmarker.model.layout.eye_corners
    faces = [
        (image, landmarks + args.keypoint_offset)
        for image, landmarks in read_faces(args.annotations, args.images, args.every)
    ]
    print(f'{len(faces)} faces')
    print(' | '.join(COLUMNS))
    rows = []
    for variant in dict.fromkeys(('common', *args.variants)):
        clean = rows[0][1] if rows else 1.0
        rows.append(row(variant, *find(landmarker, variant, faces), eyes, clean))
        if len(rows) == 1:
            rows[0][3] = 1.0
        tqdm.write(' | '.join([variant, *(f'{value:.3f}' for value in rows[-1][1:])]))
    if args.csv:
        args.csv.parent.mkdir(parents=True, exist_ok=True)
        with open(args.csv, 'w', newline='', encoding='utf-8') as file:
            csv.writer(file).writerows([COLUMNS, *([one[0], *(f'{value:.4f}' for value in one[1:])] for one in rows)])


if __name__ == '__main__':
    main()
