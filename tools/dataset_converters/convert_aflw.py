"""Convert AFLW with 19 points ("AFLW-Full") from its official list to MMPose's COCO-style json.

    python tools/dataset_converters/convert_aflw.py LIST IMAGES [--out data/aflw] [--strict | --allow-left-out]

LIST is ``AFLWinfo_release.mat`` of Zhu et al. ("Unconstrained Face Alignment via Cascaded Compositional Learning",
CVPR 2016), IMAGES the folder of AFLW that holds the folders ``0``, ``2`` and ``3``, ``aflw/data/flickr`` as AFLW
unpacks. Written are, in ``<out>/annotations``, with the official number of faces:

    face_landmarks_aflw_train.json           20000   the first 20000 of the list's permutation ``ra``
    face_landmarks_aflw_test.json             4386   the others
    face_landmarks_aflw_test_frontal.json     1314   those of the test faces that show all 19 landmarks

and ``<out>/images``, a link to IMAGES. The test faces have the attribute ``frontal``, so that the test file alone
gives the subset result too.

The errors of AFLW are normalised by the face box of the list, ``norm='box_side'`` of the metric: its side in pixels is
``box_size``, the square root of its area should it not be square. ``center`` and ``scale``, the side in units of 200
pixels, are of this box as in MMPose's files, and ``face_box`` is the box itself, [x, y, w, h]; ``bbox`` is the tight
box of the landmarks. The list gives all landmarks, also those that cannot be seen; these have v = 1, the others v = 2.
Coordinates are taken as they stand in the list, as in the files that MMPose publishes.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mmfld.conversion.face_sets import Face, Split, check_faces, official_count, write_splits
from mmfld.conversion.image_files import link_images
from mmfld.conversion.mat_files import finite_row, load_mat, row_name, to_flags, to_numbers
from mmfld.conversion.problems import ConversionError, Problem, Problems, add_arguments, run
from mmfld.conversion.text_files import check_image_name

NUM_POINTS = 19
IMAGE_FOLDERS = ('0', '2', '3')
OFFICIAL_COUNTS = {
    part: official_count(f'face_landmarks_aflw_{part}.json') for part in ('train', 'test', 'test_frontal')
}


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('list', type=Path, metavar='LIST', help='AFLWinfo_release.mat')
    parser.add_argument('images', type=Path, metavar='IMAGES', help='folder that holds the folders 0, 2 and 3')
    parser.add_argument('--out', type=Path, default=Path('data/aflw'), help='default: %(default)s')
    add_arguments(parser)
    args = parser.parse_args(argv)
    return run(lambda problems: convert(args.list, args.images, args.out, problems), args)


def convert(path: Path, images: Path, out: Path, problems: Problems) -> None:
    """Read, check and write; see the module."""
    if not any((images / folder).is_dir() for folder in IMAGE_FOLDERS):
        raise ConversionError(
            f'{images}: found none of the folders {", ".join(IMAGE_FOLDERS)}, expected the images of AFLW in them'
        )
    faces = list(read_list(path, problems))
    link_images(out, images)
    checked = check_faces(faces, images, problems)
    splits = [
        Split('face_landmarks_aflw_train.json', lambda face: face.part == 'train', OFFICIAL_COUNTS['train']),
        Split('face_landmarks_aflw_test.json', lambda face: face.part == 'test', OFFICIAL_COUNTS['test']),
        Split(
            'face_landmarks_aflw_test_frontal.json',
            lambda face: face.part == 'test' and face.attributes['frontal'] == 1,
            OFFICIAL_COUNTS['test_frontal'],
        ),
    ]
    write_splits(out, splits, checked, path, problems)


def read_list(path: Path, problems: Problems) -> Iterator[Face]:
    """The faces of the list in the order of its permutation."""
    content = load_mat(path, ['nameList', 'data', 'bbox', 'mask_new', 'ra'])
    data = to_numbers(content['data'], (None, 2 * NUM_POINTS), 'data', path)
    boxes = to_numbers(content['bbox'], (len(data), 4), 'bbox', path)
    masks = to_numbers(content['mask_new'], (len(data), NUM_POINTS), 'mask_new', path)
    names = content['nameList'].ravel()
    if len(names) != len(data):
        raise Problem('count', f'found {len(names)} names, expected {len(data)} as data has rows', path, 'nameList')
    order = to_numbers(content['ra'].ravel(), (len(data),), 'ra', path)
    if not np.array_equal(np.sort(order), np.arange(1, len(data) + 1)):
        raise Problem(
            'bad permutation',
            f'found numbers from {order.min():g} to {order.max():g} with '
            f'{len(np.unique(order))} different ones, expected each from 1 to {len(data)} once',
            path,
            'ra',
        )
    for rank, index in enumerate(tqdm(order.astype(int) - 1, 'faces', unit='face')):
        part = 'train' if rank < OFFICIAL_COUNTS['train'] else 'test'
        place = row_name('data', index)
        try:
            points = finite_row(data, index, 'data', path).reshape(2, NUM_POINTS).T
            visible = to_flags(masks[index], path, row_name('mask_new', index))
            fields = box_fields(finite_row(boxes, index, 'bbox', path).tolist(), path, index)
            image = image_name(names[index], path, index)
        except Problem as problem:
            problems.leave_out(problem)
        else:
            attributes = dict(frontal=int(visible.all())) if part == 'test' else {}
            yield Face(
                image, points, part, path, place, [place] * NUM_POINTS, attributes, np.where(visible, 2, 1), fields
            )


def image_name(cell: np.ndarray, path: Path, index: int) -> str:
    """The text in a cell of ``nameList``, e.g. ``'0/image00002.jpg'``."""
    text, place = np.asarray(cell), f'nameList{{{index + 1}}}'
    if text.dtype.kind != 'U' or text.size != 1:
        raise Problem('bad image name', f'found {text.dtype} of shape {text.shape}, expected a text', path, place)
    return check_image_name(str(text.item()), path, place)


def box_fields(box: Sequence[float], path: Path, index: int) -> dict:
    """The fields of the annotation that come from a row of ``bbox``: left, right, top and bottom."""
    left, right, top, bottom = box
    width, height = right - left, bottom - top
    if min(width, height) <= 0:
        raise Problem(
            'bad box',
            f'found {box}, expected xmin, xmax, ymin and ymax with xmin < xmax and ymin < ymax',
            path,
            row_name('bbox', index),
        )
    side = float(np.sqrt(width * height))
    return dict(
        box_size=side,
        center=[(left + right) / 2, (top + bottom) / 2],
        scale=side / 200,
        face_box=[left, top, width, height],
    )


if __name__ == '__main__':
    sys.exit(main())
