"""Convert 300W-LP, 300W rotated to large poses, from its official .mat files to MMPose's COCO-style json.

    python tools/dataset_converters/convert_300w_lp.py SRC [--out data/300wlp] [--points 2d] [--zero-based]
        [--strict | --allow-left-out] [--without-test-faces data/300w/annotations/face_landmarks_300w_valid.json]

SRC is the unpacked ``300W_LP``: the images in ``AFW``, ``HELEN``, ``IBUG`` and ``LFPW``, the landmarks of
``AFW/name.jpg`` in ``landmarks/AFW/name_pts.mat``. Written are ``<out>/annotations/face_landmarks_300wlp_train.json``
with 61,225 faces (5207, 37,676, 1786 and 16,556 of the four folders; all are for training), and ``<out>/images``, a
link to SRC.

300W-LP holds renderings of test faces as well: of all of ``ibug``, and of the test images of ``helen`` and ``lfpw``.
A network that has seen them is not to be tested on 300W. ``--without-test-faces FILE`` also writes
``face_landmarks_300wlp_train_without_test.json``, without the renderings of the images that FILE names, which is the
json of 300W's full test set by :mod:`convert_300w`: ``helen/testset/NAME.jpg`` is rendered as ``HELEN_NAME_0.jpg``,
``lfpw/testset/image_0001.png`` as ``LFPW_image_test_0001_0.jpg`` and ``ibug/NAME.jpg`` as ``IBUG_NAME_0.jpg``.

``--points`` chooses between the two sets of 68 points in a file: ``2d`` (``pts_2d``), whose contour follows the visible
outline of the face as in 300W, and ``3d`` (``pts_3d``), the projections of points on the head, which may be hidden.
The files come from MATLAB and count pixels from 1, the json counts from 0 (``--zero-based`` for files that already do).

Not read are the ``.mat`` beside an image (parameters of the 3-D model) and the mirrored images in ``AFW_Flip``, ...,
which have no landmark files: the training pipeline mirrors.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from tqdm import tqdm

from mmfld.conversion.face_sets import Face, Split, check_faces, official_count, write_splits
from mmfld.conversion.image_files import is_image, link_images
from mmfld.conversion.mat_files import finite_row, load_mat, row_name, to_numbers
from mmfld.conversion.problems import ConversionError, Problem, Problems, add_arguments, run, shown
from mmfld.conversion.pts_files import by_stem, is_hidden, report_unread_folders

NUM_POINTS = 68
PARTS = ('AFW', 'HELEN', 'IBUG', 'LFPW')
OFFICIAL_COUNT = official_count('face_landmarks_300wlp_train.json')
TEST_FOLDERS = ('helen/testset', 'lfpw/testset', 'ibug')  # of 300W


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('src', type=Path, metavar='SRC', help='folder that holds AFW, HELEN, IBUG, LFPW and landmarks')
    parser.add_argument('--out', type=Path, default=Path('data/300wlp'), help='default: %(default)s')
    parser.add_argument('--points', choices=('2d', '3d'), default='2d', help='pts_2d or pts_3d, default: %(default)s')
    parser.add_argument(
        '--without-test-faces',
        type=Path,
        metavar='FILE',
        help='also write a json without renderings of the images in this json of 300W',
    )
    parser.add_argument('--zero-based', action='store_true', help='the .mat files count pixels from 0, not from 1')
    add_arguments(parser)
    args = parser.parse_args(argv)
    return run(
        lambda problems: convert(
            args.src, args.out, f'pts_{args.points}', args.zero_based, args.without_test_faces, problems
        ),
        args,
    )


def convert(src: Path, out: Path, field: str, zero_based: bool, test_set: Path | None, problems: Problems) -> None:
    """Read, check and write; see the module."""
    of_test = renderings(test_set) if test_set else set()
    faces = []
    for part in PARTS:
        if not (src / part).is_dir():
            print(f'{part}: absent')
        faces += read_part(src, part, field, zero_based, problems)
        mirrored = sum(1 for _ in (src / f'{part}_Flip').glob('*.jpg'))
        if mirrored:
            print(f'{part}_Flip: {mirrored} mirrored images, not converted')
    report_unread_folders(
        src,
        (
            src / folder / f'{part}{ending}'
            for part in PARTS
            for folder in ('', 'landmarks')
            for ending in ('', '_Flip')
        ),
        problems,
        '_pts.mat',
    )
    if not faces:
        raise ConversionError(f'{src}: found no face, expected {", ".join(PARTS)} and landmarks')
    link_images(out, src)
    splits = [Split('face_landmarks_300wlp_train.json', lambda face: True, OFFICIAL_COUNT)]
    if test_set:
        left_out = [source(face.image) for face in faces if source(face.image) in of_test]
        if not left_out:
            raise ConversionError(
                f'{test_set}: found no image of which {src} has a rendering, expected the test set '
                'of 300W, such as helen/testset/296814969_3.jpg'
            )
        print(
            f'without test faces: {len(left_out)} renderings of {len(set(left_out))} of the {len(of_test)} test '
            'images are left out'
        )
        splits.append(
            Split('face_landmarks_300wlp_train_without_test.json', lambda face: source(face.image) not in of_test, None)
        )
    write_splits(out, splits, check_faces(faces, src, problems), src, problems)


def source(image: str) -> str:
    """``HELEN/HELEN_232194_1`` of the rendering ``HELEN/HELEN_232194_1_0.jpg``."""
    return image.rpartition('_')[0]


def renderings(test_set: Path) -> set[str]:
    """What :func:`source` gives for renderings of the images in a json of 300W.

    Raises:
        ConversionError: If the file cannot be read, or an image is none of a test set of 300W.
    """
    try:
        images = json.loads(test_set.read_text(encoding='utf-8'))['images']
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConversionError(f'{test_set}: cannot be read as COCO-style json ({error!r})') from error
    if not isinstance(images, list) or not images:
        raise ConversionError(f'{test_set}: images: found {shown(json.dumps(images))}, expected a list of images')
    found = set()
    for index, image in enumerate(images):
        name = image.get('file_name') if isinstance(image, dict) else None
        if not isinstance(name, str):
            raise ConversionError(
                f'{test_set}: images[{index}].file_name: found {shown(json.dumps(name))}, expected a '
                'name such as helen/testset/296814969_3.jpg'
            )
        name = PurePosixPath(name)
        if name.parent.as_posix() not in TEST_FOLDERS:
            raise ConversionError(f'{test_set}: found the image {name}, expected one in {", ".join(TEST_FOLDERS)}')
        part = name.parts[0].upper()
        found.add(f'{part}/{part}_{name.stem.replace("image_", "image_test_") if part == "LFPW" else name.stem}')
    return found


def read_part(src: Path, part: str, field: str, zero_based: bool, problems: Problems) -> Iterator[Face]:
    """The faces of one folder in the order of their names; none if it and its landmarks are absent."""
    folder = src / 'landmarks' / part
    images = by_stem(src / part, is_image) if (src / part).is_dir() else {}
    points_files = {
        path.name[: -len('_pts.mat')]: path for path in sorted(folder.glob('*_pts.mat')) if not is_hidden(path.name)
    }
    rows = [row_name(field, landmark) for landmark in range(NUM_POINTS)]
    for stem in sorted(images.keys() - points_files.keys()):
        problems.leave_out(Problem('missing points', f'{folder / stem}_pts.mat does not exist', images[stem][0]))
    for stem, path in tqdm(points_files.items(), part, unit='file', leave=False):
        # a missing image is reported by the check that opens all images
        found = images.get(stem, [src / part / f'{stem}.jpg'])
        try:
            if len(found) > 1:
                raise Problem('ambiguous image', f'found {" and ".join(p.name for p in found)}, expected one', path)
            points = read_points(path, field)
        except Problem as problem:
            problems.leave_out(problem)
        else:
            yield Face(f'{part}/{found[0].name}', points if zero_based else points - 1, part, path, None, rows)


def read_points(path: Path, field: str) -> np.ndarray:
    """Read 68 points from a ``.mat`` file.

    Returns:
        ndarray: (68, 2) float64 as they stand in the file.

    Raises:
        Problem: If the file or the field is not as it should be.
    """
    points = to_numbers(load_mat(path, [field])[field], (NUM_POINTS, 2), field, path)
    for landmark in np.flatnonzero(~np.isfinite(points).all(axis=1)):
        finite_row(points, landmark, field, path)  # raises
    return points


if __name__ == '__main__':
    sys.exit(main())
