"""Convert 300W from its official folders and .pts files to MMPose's COCO-style json.

    python tools/dataset_converters/convert_300w.py SRC [--out data/300w] [--strict | --allow-left-out]
        [--zero-based] [--trainval] [--holdout 200]

SRC holds ``afw``, ``helen/{trainset,testset}``, ``lfpw/{trainset,testset}``, ``ibug`` and, for the private test set,
``Test`` or ``300W`` with ``01_Indoor`` and ``02_Outdoor``, or these two directly. Folders may be absent. Written are,
in ``<out>/annotations``, with the official number of faces:

    face_landmarks_300w_train.json             3148   afw, helen/trainset, lfpw/trainset
    face_landmarks_300w_valid.json              689   the next two together ("full")
    face_landmarks_300w_valid_common.json       554   helen/testset, lfpw/testset
    face_landmarks_300w_valid_challenge.json    135   ibug
    face_landmarks_300w_test.json               600   private: 01_Indoor, 02_Outdoor
    face_landmarks_300w_trainval.json          3837   train and valid together, only with --trainval

and ``<out>/images``, a link to SRC. Faces of the three valid files have the attributes ``common`` and ``challenge``.
``.pts`` files count pixels from 1, the json counts from 0 (``--zero-based`` for files that already do).

The literature measures 300W in two ways. "Split II", the usual one, trains on ``train`` and tests on ``valid`` and its
two parts. "Split I" trains on ``trainval`` and tests on ``test``. As ``trainval`` holds the test faces of Split II, it
is written on request only.

``--holdout N`` also divides the training faces: the N whose ``file_name`` has the smallest SHA-256 go to
``face_landmarks_300w_select.json``, for choosing a model without the test set, the others to
``face_landmarks_300w_fit.json``. (afw has photographs with several faces as several files, which may be divided.)
"""

import argparse
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from mmfld.conversion.face_sets import Face, Split, check_faces, official_count, write_splits
from mmfld.conversion.image_files import link_images
from mmfld.conversion.problems import ConversionError, Problem, Problems, add_arguments, run
from mmfld.conversion.pts_files import pts_with_images, read_pts, report_unread_folders

TRAIN = ('afw', 'helen/trainset', 'lfpw/trainset')
COMMON = ('helen/testset', 'lfpw/testset')
CHALLENGE = ('ibug',)
PRIVATE = ('Test/01_Indoor', 'Test/02_Outdoor', '300W/01_Indoor', '300W/02_Outdoor', '01_Indoor', '02_Outdoor')
OFFICIAL_COUNTS = {
    part: official_count(f'face_landmarks_300w_{part}.json')
    for part in ('train', 'valid', 'valid_common', 'valid_challenge', 'test', 'trainval')
}


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('src', type=Path, metavar='SRC', help='folder that holds afw, helen, lfpw, ...')
    parser.add_argument('--out', type=Path, default=Path('data/300w'), help='default: %(default)s')
    parser.add_argument('--zero-based', action='store_true', help='the .pts files count pixels from 0, not from 1')
    parser.add_argument('--trainval', action='store_true', help='also write the training faces of Split I')
    parser.add_argument(
        '--holdout',
        type=int,
        default=0,
        metavar='N',
        help='also divide the training faces into fit and select, with N faces in select',
    )
    add_arguments(parser)
    args = parser.parse_args(argv)
    return run(
        lambda problems: convert(args.src, args.out, args.zero_based, args.trainval, args.holdout, problems), args
    )


def convert(src: Path, out: Path, zero_based: bool, trainval: bool, holdout: int, problems: Problems) -> None:
    """Read, check and write; see the module."""
    faces, parts = [], (*TRAIN, *COMMON, *CHALLENGE, *PRIVATE)
    for part in parts:
        faces += read_part(src, part, zero_based, problems)
    report_unread_folders(src, (src / part for part in parts), problems)
    if not faces:
        raise ConversionError(f'{src}: found no face, expected folders such as {", ".join(TRAIN)} with .pts files')
    for part in (*TRAIN, *COMMON, *CHALLENGE):
        if not (src / part).is_dir():
            print(f'{part}: absent')
    if not any((src / part).is_dir() for part in PRIVATE):
        print(f'{" and ".join(PRIVATE[:2])}: absent')
    link_images(out, src)
    checked = check_faces(faces, src, problems)
    parts_of = dict(train=TRAIN, valid=COMMON + CHALLENGE, valid_common=COMMON, valid_challenge=CHALLENGE, test=PRIVATE)
    if trainval:
        parts_of['trainval'] = TRAIN + COMMON + CHALLENGE
    splits = [
        Split(f'face_landmarks_300w_{name}.json', lambda face, parts=parts: face.part in parts, OFFICIAL_COUNTS[name])
        for name, parts in parts_of.items()
    ]
    if holdout:
        train = [face.image for face, _ in checked if face.part in TRAIN]
        if not 0 < holdout < len(train):
            raise ConversionError(
                f'--holdout: found {holdout}, expected 1 to {len(train) - 1}, as there are {len(train)} training faces'
            )
        selected = choose_holdout(train, holdout)
        splits += [
            Split('face_landmarks_300w_fit.json', lambda face: face.part in TRAIN and face.image not in selected, None),
            Split('face_landmarks_300w_select.json', lambda face: face.image in selected, None),
        ]
    write_splits(out, splits, checked, src, problems)


def choose_holdout(file_names: list[str], number: int) -> set:
    """The ``number`` names with the smallest SHA-256: fixed, and unrelated to what the images show."""
    return set(sorted(file_names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())[:number])


def read_part(src: Path, part: str, zero_based: bool, problems: Problems) -> Iterator[Face]:
    """The faces of one folder in the order of their names; none if the folder is absent."""
    folder = src / part
    if not folder.is_dir():
        return
    attributes = {}
    if part in COMMON + CHALLENGE:
        attributes = dict(common=int(part in COMMON), challenge=int(part in CHALLENGE))
    for path, image in pts_with_images(folder, problems):
        try:
            points, lines = read_pts(path)
        except Problem as problem:
            problems.leave_out(problem)
        else:
            yield Face(
                image.relative_to(src).as_posix(),
                points if zero_based else points - 1,
                part,
                path,
                None,
                lines,
                attributes,
            )


if __name__ == '__main__':
    sys.exit(main())
