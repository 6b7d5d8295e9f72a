"""How a model bears harder pictures: small, tilted, dark, covered, blurred, compressed, grey or coloured faces.

    python tools/analysis_tools/measure_robustness.py ANNOTATIONS.json IMAGES [--model FILE.onnx] [--every N]

Each face is shown in each variant of :mod:`mmfld.robustness`, the same in every run, with the tight box of its
landmarks, or with ``--detected`` where the detector finds it; ``jittered`` are the faces as they are, whose boxes are
moved and sized by up to 10 %, without a second look. NME is in percent of the inter-ocular distance, a mean over faces;
"above 8" the share of faces with a larger one, in percent; "ratio" is the NME against that of ``common``, the faces as
they are. For covered faces "hidden" is the share of covered landmarks, and "AUROC" how well the scores of landmarks
tell them from visible ones (of all faces together). With ``--detected`` the faces that are not found are left out,
"found" says how many percent are. Neither torch nor an OpenMMLab package is needed.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from annotated_faces import add_arguments, nme, read_faces
from tqdm import tqdm

from mmfld.robustness import VARIANTS, Varied, jittered, vary
from mmfld.runtime import Face, FaceLandmarker
from mmfld.runtime.boxes import overlaps, tight_box
from mmfld.uncertainty.measures import auroc

JITTERED = 'jittered'
JITTER = 0.1
WRONG = 8.0  # percent
COLUMNS = ('variant', 'NME', 'above 8', 'ratio', 'hidden', 'AUROC', 'found')
Faces = Sequence[tuple[np.ndarray, np.ndarray]]
OVERLAP = 0.3  # of the box of an annotated face and that of an answer, which is then this face's


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which variants, and where the boxes come from."""
    add_arguments(parser)
    parser.add_argument(
        '--variants',
        nargs='+',
        choices=(*VARIANTS, JITTERED),
        metavar='VARIANT',
        help=f'of {", ".join((*VARIANTS, JITTERED))}; default: all',
    )
    parser.add_argument('--detected', action='store_true', help='boxes of the detector, not those of the annotations')
    parser.add_argument('--csv', type=Path, metavar='FILE', help='write the table, too')


def chosen_variants(parser: argparse.ArgumentParser, args: argparse.Namespace) -> list[str]:
    """Those that were asked for, by default all, the faces as they are first; a detector's boxes are not moved."""
    variants = args.variants or (VARIANTS if args.detected else (*VARIANTS, JITTERED))
    if args.detected and JITTERED in variants:
        parser.error(f'--variants {JITTERED} moves boxes that are given, which --detected does without')
    return list(dict.fromkeys(('common', *variants)))


def landmarker_of(args: argparse.Namespace, **options: Any) -> FaceLandmarker:
    """As the arguments say."""
    if not args.detected:
        options['detector'] = 'whole_image'
    return FaceLandmarker(args.model, threads=args.threads, **options)


def find(
    landmarker: FaceLandmarker, variant: str, faces: Faces, is_detected: bool = False
) -> tuple[list[Varied], list[Face]]:
    """The faces in a variant, and what is found in them; of detected faces, those that are found."""
    name = 'common' if variant == JITTERED else variant
    varied, found = [], []
    for start in tqdm(range(0, len(faces), landmarker.batch_size), desc=variant, leave=False):
        part = [vary(name, *face, start + n) for n, face in enumerate(faces[start : start + landmarker.batch_size])]
        boxes = [tight_box(one.landmarks) for one in part]
        if variant == JITTERED:
            boxes = [jittered(box, JITTER, JITTER, start + n) for n, box in enumerate(boxes)]
        given = None if is_detected else [box[None] for box in boxes]
        answers = landmarker.batch([one.image for one in part], given, 0 if variant == JITTERED else None)
        for one, box, answered in zip(part, boxes, answers):
            face = _nearest(box, answered) if is_detected else answered[0]
            if face is not None:
                varied.append(one)
                found.append(face)
    if not found:
        raise ValueError(f'{variant}: none of {len(faces)} faces was found')
    return varied, found


def _nearest(box: np.ndarray, answered: Sequence[Face]) -> Face | None:
    """The answer that is the face in a box, None if there is none."""
    if not answered:
        return None
    shared = overlaps(box[None], np.stack([face.box for face in answered]))[0]
    return answered[shared.argmax()] if shared.max() > OVERLAP else None


def row(
    variant: str, varied: Sequence[Varied], found: Sequence[Face], eyes: Sequence[int], clean: float, total: int
) -> list:
    """A row of :data:`COLUMNS`, of those found of ``total`` faces."""
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
        len(found) / total * 100,
    ]


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument('--orientation', default='auto')
    args = parser.parse_args(argv)
    variants = chosen_variants(parser, args)
    landmarker = landmarker_of(args, orientation=args.orientation)
    eyes = landmarker.model.layout.eye_corners
    faces = [
        (image, landmarks + args.keypoint_offset)
        for image, landmarks in read_faces(args.annotations, args.images, args.every)
    ]
    print(f'{len(faces)} faces')
    print(' | '.join(COLUMNS))
    rows = []
    for variant in variants:
        clean = rows[0][1] if rows else 1.0
        rows.append(row(variant, *find(landmarker, variant, faces, args.detected), eyes, clean, len(faces)))
        if len(rows) == 1:
            rows[0][3] = 1.0
        tqdm.write(' | '.join([variant, *(f'{value:.3f}' for value in rows[-1][1:])]))
    if args.csv:
        args.csv.parent.mkdir(parents=True, exist_ok=True)
        with open(args.csv, 'w', newline='', encoding='utf-8') as file:
            csv.writer(file).writerows([COLUMNS, *([one[0], *(f'{value:.4f}' for value in one[1:])] for one in rows)])


if __name__ == '__main__':
    main()
