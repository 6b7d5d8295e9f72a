"""Convert COFW-68, the test faces of COFW annotated with 68 points, to MMPose's COCO-style json.

    python tools/dataset_converters/convert_cofw68.py SRC [--out data/cofw] [--strict | --allow-left-out]

SRC holds ``test_annotations`` with ``1_points.mat`` to ``507_points.mat``, and ``cofw68_test_bboxes.mat``: the folder
``COFW68_Data`` of the benchmark of Ghiasi and Fowlkes ("Occlusion Coherence", 2015). The images are the test images of
COFW in ``<out>/images``, as ``convert_cofw.py`` writes them or as MMPose publishes them; number 1 is ``001346``.
Written is ``<out>/annotations/cofw68_test.json`` in the layout of 300W.

The .mat files count pixels from 1, the json counts from 0. A landmark has v = 1 if it is annotated as occluded and
v = 2 otherwise. The box of a face in ``cofw68_test_bboxes.mat`` stands as ``face_box``, [x, y, w, h]; ``bbox`` is the
tight box of the landmarks, by which the errors of COFW-68 are normalised.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from convert_cofw import OFFICIAL_COUNTS, image_stem

from mmfld.conversion.face_sets import Face, Split, check_faces, write_splits
from mmfld.conversion.mat_files import finite_row, load_mat, row_name, to_flags, to_numbers
from mmfld.conversion.problems import ConversionError, Problem, Problems, add_arguments, run

NUM_POINTS = 68
IMAGE_SUFFIXES = ('.png', '.jpg')  # of convert_cofw.py and of MMPose


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'src', type=Path, metavar='SRC', help='folder that holds test_annotations and cofw68_test_bboxes.mat'
    )
    parser.add_argument(
        '--out', type=Path, default=Path('data/cofw'), help='folder with the images of COFW; default: %(default)s'
    )
    add_arguments(parser)
    args = parser.parse_args(argv)
    return run(lambda problems: convert(args.src, args.out, problems), args)


def convert(src: Path, out: Path, problems: Problems) -> None:
    """Read, check and write; see the module."""
    images = out / 'images'
    if not any((images / f'{image_stem("test", 0)}{suffix}').is_file() for suffix in IMAGE_SUFFIXES):
        raise ConversionError(
            f'{images}: found no {image_stem("test", 0)}{IMAGE_SUFFIXES[0]}, expected the test '
            'images of COFW; run convert_cofw.py first'
        )
    checked = check_faces(list(read_faces(src, images, problems)), images, problems)
    write_splits(out, [Split('cofw68_test.json', lambda face: True, OFFICIAL_COUNTS['test'])], checked, src, problems)


def read_faces(src: Path, images: Path, problems: Problems) -> Iterator[Face]:
    """The faces in the order of the test images of COFW, one for each box."""
    boxes_file = src / 'cofw68_test_bboxes.mat'
    boxes = to_numbers(load_mat(boxes_file, ['bboxes'])['bboxes'], (None, 4), 'bboxes', boxes_file)
    folder = src / 'test_annotations'
    paths = [folder / f'{index + 1}_points.mat' for index in range(len(boxes))]
    for path in sorted(set(folder.glob('*.mat')) - set(paths)):
        problems.leave_out(Problem('missing box', f'no row for it in {boxes_file}, which has {len(boxes)}', path))
    for index, path in enumerate(paths):
        try:
            content = load_mat(path, ['Points', 'Occ'])
            points = to_numbers(content['Points'], (NUM_POINTS, 2), 'Points', path)
            for landmark in range(NUM_POINTS):
                finite_row(points, landmark, 'Points', path)
            occluded = to_flags(to_numbers(content['Occ'], (1, NUM_POINTS), 'Occ', path)[0], path, 'Occ')
            left, top, width, height = finite_row(boxes, index, 'bboxes', boxes_file).tolist()
        except Problem as problem:
            problems.leave_out(problem)
        else:
            yield Face(
                find_image(images, image_stem('test', index)),
                points - 1,
                'test',
                path,
                None,
                [row_name('Points', landmark) for landmark in range(NUM_POINTS)],
                visible=np.where(occluded, 1, 2),
                fields=dict(face_box=[left - 1, top - 1, width, height]),
            )


def find_image(images: Path, stem: str) -> str:
    """The file name of an image; that it exists is for the check that opens all images."""
    names = [f'{stem}{suffix}' for suffix in IMAGE_SUFFIXES]
    return next((name for name in names if (images / name).is_file()), names[0])


if __name__ == '__main__':
    sys.exit(main())
