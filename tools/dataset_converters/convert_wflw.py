"""Convert WFLW from its official lists to MMPose's COCO-style json.

    python tools/dataset_converters/convert_wflw.py SRC [--out data/wflw] [--strict | --allow-left-out]

SRC holds ``WFLW_images`` and ``WFLW_annotations`` (or its folder ``list_98pt_rect_attr_train_test`` directly), as the
two official archives unpack. Written are, in ``<out>/annotations``, ``face_landmarks_wflw_train.json`` (7500 faces),
``face_landmarks_wflw_test.json`` (2500) and the six subsets of the test faces by flag,
``face_landmarks_wflw_test_{largepose,expression,illumination,makeup,occlusion,blur}.json``; and ``<out>/images``, a
link to ``WFLW_images``. The flags stand in each annotation as ``attributes``, so that the test file alone gives the
subset results too.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mmfld.conversion.face_sets import Face, Split, check_faces, official_count, write_splits
from mmfld.conversion.image_files import link_images
from mmfld.conversion.problems import ConversionError, Problem, Problems, add_arguments, run, shown
from mmfld.conversion.text_files import check_image_name, decode_line, parse_number, read_lines

NUM_POINTS = 98
LIST_FOLDER = 'list_98pt_rect_attr_train_test'
# name of the attribute -> name of the official subset, in the order of the flags
FLAGS = dict(
    large_pose='largepose',
    expression='expression',
    illumination='illumination',
    make_up='makeup',
    occlusion='occlusion',
    blur='blur',
)
# a line: coordinates of the landmarks, rectangle of a detector, flags, image
NUM_COORDINATES, NUM_RECTANGLE = 2 * NUM_POINTS, 4
NUM_FIELDS = NUM_COORDINATES + NUM_RECTANGLE + len(FLAGS) + 1
OFFICIAL_COUNTS = {
    **{part: official_count(f'face_landmarks_wflw_{part}.json') for part in ('train', 'test')},
    **{subset: official_count(f'face_landmarks_wflw_test_{subset}.json') for subset in FLAGS.values()},
}


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('src', type=Path, metavar='SRC', help='folder that holds WFLW_images and WFLW_annotations')
    parser.add_argument('--out', type=Path, default=Path('data/wflw'), help='default: %(default)s')
    add_arguments(parser)
    args = parser.parse_args(argv)
    return run(lambda problems: convert(args.src, args.out, problems), args)


def convert(src: Path, out: Path, problems: Problems) -> None:
    """Read, check and write; see the module."""
    root = src / 'WFLW_images'
    if not root.is_dir():
        raise ConversionError(f'{src}: found no folder WFLW_images, expected the images of WFLW in it')
    folders = [src / 'WFLW_annotations' / LIST_FOLDER, src / LIST_FOLDER]
    lists = next((folder for folder in folders if folder.is_dir()), None)
    if lists is None:
        raise ConversionError(f'{src}: found neither WFLW_annotations/{LIST_FOLDER} nor {LIST_FOLDER}')
    faces = []
    for part in ('train', 'test'):
        path = lists / f'list_98pt_rect_attr_{part}.txt'
        if path.is_file():
            faces += read_list(path, part, problems)
        else:
            print(f'{path}: absent')
    if not faces:
        raise ConversionError(f'{lists}: found no face, expected list_98pt_rect_attr_train.txt or _test.txt')
    link_images(out, root)
    checked = check_faces(faces, root, problems)
    splits = [
        Split(f'face_landmarks_wflw_{part}.json', lambda face, part=part: face.part == part, OFFICIAL_COUNTS[part])
        for part in ('train', 'test')
    ]
    splits += [
        Split(
            f'face_landmarks_wflw_test_{subset}.json',
            lambda face, flag=flag: face.part == 'test' and face.attributes[flag] == 1,
            OFFICIAL_COUNTS[subset],
        )
        for flag, subset in FLAGS.items()
    ]
    write_splits(out, splits, checked, src, problems)


def read_list(path: Path, part: str, problems: Problems) -> Iterator[Face]:
    """The faces of one official list, in its order.

    Raises:
        Problem: If it cannot be read or is empty.
    """
    lines = list(read_lines(path))
    if not lines:
        raise Problem('empty list', 'found no line, expected one for each face', path)
    for number, line in lines:
        try:
            yield read_line(decode_line(line, path, number), part, path, number)
        except Problem as problem:
            problems.leave_out(problem)


def read_line(line: str, part: str, path: Path, number: int) -> Face:
    """Parse one face; ``path`` and ``number`` say where the line stands."""
    fields = line.split()
    if len(fields) != NUM_FIELDS:
        raise Problem(
            'wrong point count',
            f'found {len(fields)} fields, expected {NUM_FIELDS}: {NUM_COORDINATES} '
            f'coordinates of {NUM_POINTS} points, {NUM_RECTANGLE} of a rectangle, {len(FLAGS)} flags and '
            'an image',
            path,
            number,
        )
    coordinates = fields[:NUM_COORDINATES]
    rectangle = fields[NUM_COORDINATES : NUM_COORDINATES + NUM_RECTANGLE]
    flags = fields[NUM_COORDINATES + NUM_RECTANGLE : -1]
    points = np.array([parse_number(text, 'coordinate', path, number) for text in coordinates]).reshape(-1, 2)
    for text in rectangle:  # not used, but a line whose rectangle is damaged is not to be trusted
        parse_number(text, 'rectangle', path, number)
    for name, flag in zip(FLAGS, flags):
        if flag not in ('0', '1'):
            raise Problem('bad flag', f'found {shown(flag)} for {name}, expected 0 or 1', path, number)
    return Face(
        check_image_name(fields[-1], path, number),
        points,
        part,
        path,
        number,
        [number] * NUM_POINTS,
        {name: int(flag) for name, flag in zip(FLAGS, flags)},
    )


if __name__ == '__main__':
    sys.exit(main())
