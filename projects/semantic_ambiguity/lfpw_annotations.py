"""Annotations of LFPW by three people: ``kbvt_lfpw_v1_test.csv`` (Belhumeur et al., CVPR 2011)."""

import csv
import math
from pathlib import Path

import numpy as np

from mmfld.structures import get_layout

LAYOUT = get_layout('cofw29')
# the columns of the file that make up the layout, in its order; left and right are those of the picture
NAMES = (
    'left_eyebrow_out right_eyebrow_out left_eyebrow_in right_eyebrow_in left_eyebrow_center_top '
    'left_eyebrow_center_bottom right_eyebrow_center_top right_eyebrow_center_bottom left_eye_out right_eye_out '
    'left_eye_in right_eye_in left_eye_center_top left_eye_center_bottom right_eye_center_top '
    'right_eye_center_bottom left_eye_pupil right_eye_pupil left_nose_out right_nose_out nose_center_top '
    'nose_center_bottom left_mouth_out right_mouth_out mouth_center_top_lip_top mouth_center_top_lip_bottom '
    'mouth_center_bottom_lip_top mouth_center_bottom_lip_bottom chin'
).split()
EARS = 'left_ear_top right_ear_top left_ear_bottom right_ear_bottom left_ear_canal right_ear_canal'.split()
HEADER = ['imgurl', 'worker'] + [f'{name}_{field}' for name in NAMES[:-1] + EARS + NAMES[-1:] for field in 'xyt']
WORKERS = ('worker_0', 'worker_1', 'worker_2')


def read_annotations(path: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """All faces with three annotators; the rows with their average are checked and left out.

    Returns:
        tuple:
        - points (ndarray): (F, 3, 29, 2) float64 image pixels, in the order of the layout.
        - visible (ndarray): (F, 3, 29) bool, flag 0 in the file.
        - num_skipped (int): Faces with fewer than three annotators.

    Raises:
        ValueError: If the file differs from the format, with its line and column.
    """
    faces: dict[str, dict] = {}
    with open(path, newline='') as file:
        lines = csv.reader(file, delimiter='\t')
        header = next(lines, [])
        if len(header) != len(HEADER):
            raise ValueError(f'{path}, line 1: found {len(header)} columns, expected {len(HEADER)}')
        for number, (found, expected) in enumerate(zip(header, HEADER), 1):
            if found != expected:
                raise ValueError(f'{path}, line 1, column {number}: found {found!r}, expected {expected!r}')
        for row in lines:
            where = f'{path}, line {lines.line_num}'
            if len(row) != len(HEADER):
                raise ValueError(f'{where}: found {len(row)} columns, expected {len(HEADER)}')
            url, worker = row[:2]
            if worker not in ('average', *WORKERS):
                raise ValueError(f"{where}, column 'worker': found {worker!r}, expected 'average' or one of {WORKERS}")
            face = faces.setdefault(url, {})
            if worker in face:
                raise ValueError(f'{where}: found {worker!r} of {url} a second time, expected one row each')
            face[worker] = [_number(text, name, where) for text, name in zip(row[2:], HEADER[2:])]
    complete = [[face[worker] for worker in WORKERS] for face in faces.values() if face.keys() >= set(WORKERS)]
    if not complete:
        raise ValueError(f'{path}: found no face with the annotators {WORKERS}, expected at least one')
    values = np.array(complete).reshape(len(complete), len(WORKERS), -1, 3)
    values = np.delete(values, range(len(NAMES) - 1, len(NAMES) - 1 + len(EARS)), axis=2)
    return values[..., :2], values[..., 2] == 0, len(faces) - len(complete)


def _number(text: str, column: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f'{where}, column {column!r}: found {text!r}, expected a finite number')
    if column.endswith('_t') and value not in (0, 1, 2, 3):
        raise ValueError(f'{where}, column {column!r}: found {text!r}, expected 0, 1, 2 or 3')
    return value
