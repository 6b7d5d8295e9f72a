"""Convert COFW (29 points) from its official colour .mat files to images and MMPose's COCO-style json.

    python tools/dataset_converters/convert_cofw.py SRC [--out data/cofw] [--strict | --allow-left-out]

SRC holds ``COFW_train_color.mat`` (1345 faces) and ``COFW_test_color.mat`` (507), of which one may be absent. Written
are ``<out>/images/000001.png`` to ``001852.png``, the training faces first, which are MMPose's numbers, and then
``cofw_train.json`` and ``cofw_test.json`` in ``<out>/annotations``. PNG keeps the pixels as they are.

The .mat files count pixels from 1, the json counts from 0. A landmark has v = 1 if it is annotated as occluded and
v = 2 otherwise, as in MMPose's files. The official box of a face stands as ``face_box``, [x, y, w, h]; ``bbox`` is the
tight box of the landmarks. :mod:`convert_cofw68` adds the annotation of the test faces with 68 points.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from mmfld.conversion.face_sets import Face, Split, check_faces, official_count, write_splits
from mmfld.conversion.image_files import own_images
from mmfld.conversion.mat_files import finite_row, load_cell, load_mat73, row_name, to_flags, to_numbers
from mmfld.conversion.problems import ConversionError, Problem, Problems, add_arguments, run

NUM_POINTS = 29
OFFICIAL_COUNTS = {part: official_count(f'cofw_{part}.json') for part in ('train', 'test')}
# of the names of the fields
SUFFIX = dict(train='Tr', test='T')
# the first number of the images
FIRST_IMAGE = dict(train=1, test=1 + OFFICIAL_COUNTS['train'])


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('src', type=Path, metavar='SRC', help='folder that holds COFW_{train,test}_color.mat')
    parser.add_argument('--out', type=Path, default=Path('data/cofw'), help='default: %(default)s')
    add_arguments(parser)
    args = parser.parse_args(argv)
    return run(lambda problems: convert(args.src, args.out, problems), args)


def convert(src: Path, out: Path, problems: Problems) -> None:
    """Read, check and write; see the module."""
    images = own_images(out)
    faces = []
    for part in OFFICIAL_COUNTS:
        path = src / f'COFW_{part}_color.mat'
        if path.is_file():
            faces += read_part(path, part, images, problems)
        else:
            print(f'{path}: absent')
    if not faces:
        raise ConversionError(f'{src}: found no face, expected COFW_train_color.mat or COFW_test_color.mat')
    checked = check_faces(faces, images, problems)
    splits = [
        Split(f'cofw_{part}.json', lambda face, part=part: face.part == part, count)
        for part, count in OFFICIAL_COUNTS.items()
    ]
    write_splits(out, splits, checked, src, problems)


def image_stem(part: str, index: int) -> str:
    """File name without suffix of an image, by its index from 0 in the training or test part."""
    return f'{FIRST_IMAGE[part] + index:06d}'


def read_part(path: Path, part: str, images: Path, problems: Problems) -> Iterator[Face]:
    """The faces of one .mat file in its order; their images are written to the folder ``images``."""
    images_name, points_name, boxes_name = names = [f'{name}{SUFFIX[part]}' for name in ('Is', 'phis', 'bboxes')]
    content = load_mat73(path, names)
    phis = to_numbers(content[points_name], (None, 3 * NUM_POINTS), points_name, path)
    boxes = to_numbers(content[boxes_name], (len(phis), 4), boxes_name, path)
    cells = content[images_name]
    if cells.dtype != object:
        raise Problem('wrong type', f'found {cells.dtype}, expected a cell array of images', path, images_name)
    if cells.size != len(phis):
        raise Problem(
            'count', f'found {cells.size} images, expected {len(phis)} as {points_name} has rows', path, images_name
        )
    if len(phis) > OFFICIAL_COUNTS[part]:
        raise Problem('count', f'found {len(phis)} faces, expected {OFFICIAL_COUNTS[part]}', path, points_name)
    images.mkdir(parents=True, exist_ok=True)
    for index in tqdm(range(len(phis)), f'{part} faces', unit='face'):
        name = f'{image_stem(part, index)}.png'
        place = row_name(points_name, index)
        try:
            x, y, occluded = finite_row(phis, index, points_name, path).reshape(3, NUM_POINTS)
            left, top, width, height = finite_row(boxes, index, boxes_name, path).tolist()
            face = Face(
                name,
                np.stack([x, y], axis=1) - 1,
                part,
                path,
                place,
                [place] * NUM_POINTS,
                visible=np.where(to_flags(occluded, path, place), 1, 2),
                fields=dict(face_box=[left - 1, top - 1, width, height]),
            )
            image = Image.fromarray(read_image(path, images_name, index))
        except Problem as problem:
            problems.leave_out(problem)
        else:
            save_image(image, images / name)
            yield face


def read_image(path: Path, name: str, index: int) -> np.ndarray:
    """The image in a cell, (H, W, 3) RGB or (H, W) uint8."""
    pixels, place = load_cell(path, name, index), f'{name}{{{index + 1}}}'
    if pixels.dtype != np.uint8:
        raise Problem('unreadable image', f'found {pixels.dtype}, expected uint8', path, place)
    if pixels.ndim != 2 and not (pixels.ndim == 3 and pixels.shape[2] == 3) or 0 in pixels.shape:
        raise Problem(
            'unreadable image',
            f'found {" x ".join(map(str, pixels.shape))}, expected height x width or height x width x 3',
            path,
            place,
        )
    return np.ascontiguousarray(pixels)


def save_image(image: Image.Image, path: Path) -> None:
    """Write an image.

    Raises:
        ConversionError: If it cannot be written.
    """
    try:
        image.save(path)
    except OSError as error:
        raise ConversionError(f'{path}: cannot be written ({error})') from error


if __name__ == '__main__':
    sys.exit(main())
