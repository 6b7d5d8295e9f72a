"""Convert the near-frontal faces of Menpo 2D from its official .pts files to MMPose's COCO-style json.

    python tools/dataset_converters/convert_menpo.py SRC [--out data/menpo] [--strict | --allow-left-out] [--zero-based]

SRC holds the training images of the Menpo 2D challenge, directly or in folders, each with a ``.pts`` of the same name
beside it. Those of 68 points, in the order of 300W, are the near-frontal faces. As in the papers that measure on Menpo
(KDN, LUVLi and others), all of them are a *test* set: ``<out>/annotations/face_landmarks_menpo_test.json`` with 6679
faces. ``<out>/images`` is a link to SRC. Profile faces have 39 points of another scheme; they are counted and left out.
``.pts`` files count pixels from 1, the json counts from 0 (``--zero-based`` for files that already do).
"""

import argparse
import sys
from pathlib import Path

from mmfld.conversion.face_sets import Face, Split, check_faces, official_count, write_splits
from mmfld.conversion.image_files import link_images
from mmfld.conversion.problems import ConversionError, Problem, Problems, add_arguments, run
from mmfld.conversion.pts_files import pts_with_images, read_pts, walk

NUM_POINTS, NUM_PROFILE_POINTS = 68, 39
OFFICIAL_COUNT = official_count('face_landmarks_menpo_test.json')


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('src', type=Path, metavar='SRC', help='folder that holds the images and .pts files')
    parser.add_argument('--out', type=Path, default=Path('data/menpo'), help='default: %(default)s')
    parser.add_argument('--zero-based', action='store_true', help='the .pts files count pixels from 0, not from 1')
    add_arguments(parser)
    args = parser.parse_args(argv)
    return run(lambda problems: convert(args.src, args.out, args.zero_based, problems), args)


def convert(src: Path, out: Path, zero_based: bool, problems: Problems) -> None:
    """Read, check and write; see the module."""
    faces = read_faces(src, zero_based, problems)
    if not faces:
        raise ConversionError(f'{src}: found no face, expected images and .pts files of {NUM_POINTS} points')
    link_images(out, src)
    splits = [Split('face_landmarks_menpo_test.json', lambda face: True, OFFICIAL_COUNT)]
    write_splits(out, splits, check_faces(faces, src, problems), src, problems)


def read_faces(src: Path, zero_based: bool, problems: Problems) -> list[Face]:
    """The near-frontal faces of SRC and its folders, in the order of folders and names."""
    faces, num_profiles = [], 0
    for folder in sorted(folder for folder, _ in walk(src)):
        for path, image in pts_with_images(folder, problems):
            try:
                points, lines = read_pts(path, (NUM_POINTS, NUM_PROFILE_POINTS))
            except Problem as problem:
                problems.leave_out(problem)
                continue
            if len(points) == NUM_PROFILE_POINTS:
                num_profiles += 1
                continue
            name = image.relative_to(src).as_posix()
            faces.append(Face(name, points if zero_based else points - 1, str(folder), path, None, lines))
    print(f'profile faces of {NUM_PROFILE_POINTS} points, not converted: {num_profiles}')
    return faces


if __name__ == '__main__':
    sys.exit(main())
