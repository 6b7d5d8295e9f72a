"""Convert MERL-RAV, AFLW with 68 landmarks and their visibility, from its .pts files to MMPose's COCO-style json.

    python tools/dataset_converters/convert_merl_rav.py SRC [--out data/merl_rav] [--strict | --allow-left-out]
        [--one-based]

SRC is ``merl_rav_organized``, which the scripts of MERL-RAV make from its labels and the images of AFLW: the folders
``{frontal,left,lefthalf,right,righthalf}/{trainset,testset}``, each image with a ``.pts`` of the same name. Written are
``<out>/annotations/face_landmarks_merl_rav_train.json`` (15,449 faces) and ``..._test.json`` (3865), and
``<out>/images``, a link to SRC. The attributes ``frontal``, ``half_profile`` and ``profile`` form the subsets that the
LUVLi paper (Kumar et al., CVPR 2020) reports.

The json tells the visibility as COCO does:

    x y       2   visible
    -x -y     1   hidden by something, a hand or hair; annotated at (x, y)
    -1 -1     0   hidden by the face itself, not annotated; 0 0 0 in the json

Nothing says that these files count pixels from 1 as those of 300W do; the numbers are taken as they stand
(``--one-based`` subtracts 1).
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mmfld.conversion.face_sets import Face, Split, check_faces, official_count, write_splits
from mmfld.conversion.image_files import link_images
from mmfld.conversion.problems import ConversionError, Problem, Problems, add_arguments, run
from mmfld.conversion.pts_files import pts_with_images, read_pts, report_unread_folders

# folder -> attribute
POSES = dict(frontal='frontal', left='profile', lefthalf='half_profile', right='profile', righthalf='half_profile')
OFFICIAL_COUNTS = {part: official_count(f'face_landmarks_merl_rav_{part}.json') for part in ('train', 'test')}


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('src', type=Path, metavar='SRC', help='folder that holds frontal, left, lefthalf, ...')
    parser.add_argument('--out', type=Path, default=Path('data/merl_rav'), help='default: %(default)s')
    parser.add_argument('--one-based', action='store_true', help='the .pts files count pixels from 1, not from 0')
    add_arguments(parser)
    args = parser.parse_args(argv)
    return run(lambda problems: convert(args.src, args.out, args.one_based, problems), args)


def convert(src: Path, out: Path, one_based: bool, problems: Problems) -> None:
    """Read, check and write; see the module."""
    faces = []
    for split in OFFICIAL_COUNTS:
        for pose in POSES:
            folder = src / pose / f'{split}set'
            if folder.is_dir():
                faces += read_part(folder, src, one_based, problems)
            else:
                print(f'{pose}/{split}set: absent')
    report_unread_folders(src, (src / pose / f'{split}set' for split in OFFICIAL_COUNTS for pose in POSES), problems)
    if not faces:
        raise ConversionError(
            f'{src}: found no face, expected folders such as frontal/trainset with images and .pts files'
        )
    link_images(out, src)
    splits = [
        Split(
            f'face_landmarks_merl_rav_{split}.json',
            lambda face, ending=f'/{split}set': face.part.endswith(ending),
            count,
        )
        for split, count in OFFICIAL_COUNTS.items()
    ]
    write_splits(out, splits, check_faces(faces, src, problems), src, problems)


def read_part(folder: Path, src: Path, one_based: bool, problems: Problems) -> Iterator[Face]:
    """The faces of one folder of SRC in the order of their names."""
    attributes = {attribute: int(attribute == POSES[folder.parent.name]) for attribute in dict.fromkeys(POSES.values())}
    for path, image in pts_with_images(folder, problems):
        try:
            values, lines = read_pts(path)
            points, visible = split_signs(values, path, lines)
        except Problem as problem:
            problems.leave_out(problem)
        else:
            points[visible > 0] -= one_based
            yield Face(
                image.relative_to(src).as_posix(),
                points,
                folder.relative_to(src).as_posix(),
                path,
                None,
                lines,
                attributes,
                visible,
            )


def split_signs(values: np.ndarray, path: Path, lines: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Take the numbers of a file apart into positions and visibility.

    Args:
        values (ndarray): (K, 2) as they stand in the file.
        path (Path): The file.
        lines (Sequence[int]): The line of each landmark.

    Returns:
        tuple: (K, 2) float64 positions, 0 where there is none, and (K,) int visibility 0, 1 or 2.

    Raises:
        Problem: If a landmark has one positive and one negative number.
    """
    negative = (values < 0).any(axis=1)
    mixed = np.flatnonzero(negative & (values > 0).any(axis=1))
    if len(mixed):
        x, y = values[mixed[0]]
        raise Problem(
            'mixed signs',
            f'found {x:g} {y:g} for landmark {mixed[0]}, expected two numbers of one sign, which tells the visibility',
            path,
            lines[mixed[0]],
        )
    not_annotated = (values == -1).all(axis=1)
    visible = np.where(not_annotated, 0, np.where(negative, 1, 2))
    return np.where(not_annotated[:, None], 0, np.abs(values)), visible


if __name__ == '__main__':
    sys.exit(main())
