"""Convert 300W from its official folders and .pts files to MMPose's COCO-style json.

    python tools/dataset_converters/convert_300w.py SRC [--out data/300w] [--strict] [--zero-based] [--holdout 200]

SRC holds ``afw``, ``helen/{trainset,testset}``, ``lfpw/{trainset,testset}``, ``ibug`` and, for the private test set,
``Test`` or ``300W`` with ``01_Indoor`` and ``02_Outdoor``. Folders may be absent. Written are, in
``<out>/annotations``, with the official number of faces:

    face_landmarks_300w_train.json             3148   afw, helen/trainset, lfpw/trainset
    face_landmarks_300w_valid.json              689   the next two together ("full")
    face_landmarks_300w_valid_common.json       554   helen/testset, lfpw/testset
    face_landmarks_300w_valid_challenge.json    135   ibug
    face_landmarks_300w_test.json               600   private: 01_Indoor, 02_Outdoor

and ``<out>/images``, a link to SRC. Faces of the three valid files have the attributes ``common`` and ``challenge``.
``.pts`` files count pixels from 1, the json counts from 0 (``--zero-based`` for files that already do).

``--holdout N`` also divides the training faces: the N whose ``file_name`` has the smallest SHA-256 go to
``face_landmarks_300w_select.json``, for choosing a model without the test set, the others to
``face_landmarks_300w_fit.json``. (afw has photographs with several faces as several files, which may be divided.)
"""
import argparse
import hashlib
import re
import sys
from pathlib import Path
from typing import Iterator, List, Tuple

import numpy as np
from conversion import ConversionError, Face, Problem, Problems, Split, check_faces, link_images, parse_number, run, \
    write_splits

NUM_POINTS = 68
IMAGE_SUFFIXES = ('.jpg', '.png')
TRAIN = ('afw', 'helen/trainset', 'lfpw/trainset')
COMMON = ('helen/testset', 'lfpw/testset')
CHALLENGE = ('ibug', )
PRIVATE = ('Test/01_Indoor', 'Test/02_Outdoor', '300W/01_Indoor', '300W/02_Outdoor')
OFFICIAL_COUNTS = dict(train=3148, valid=689, valid_common=554, valid_challenge=135, test=600)


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('src', type=Path, metavar='SRC', help='folder that holds afw, helen, lfpw, ...')
    parser.add_argument('--out', type=Path, default=Path('data/300w'), help='default: %(default)s')
    parser.add_argument('--strict', action='store_true', help='stop at the first problem')
    parser.add_argument('--zero-based', action='store_true', help='the .pts files count pixels from 0, not from 1')
    parser.add_argument('--holdout', type=int, default=0, metavar='N',
                        help='also divide the training faces into fit and select, with N faces in select')
    args = parser.parse_args(argv)
    return run(lambda problems: convert(args.src, args.out, args.zero_based, args.holdout, problems), args.strict)


def convert(src: Path, out: Path, zero_based: bool, holdout: int, problems: Problems) -> None:
    """Read, check and write; see the module."""
    faces = []
    for part in (*TRAIN, *COMMON, *CHALLENGE, *PRIVATE):
        faces += read_part(src, part, zero_based, problems)
    if not faces:
        raise ConversionError(f'{src}: found no face, expected folders such as {", ".join(TRAIN)} with .pts files')
    for part in (*TRAIN, *COMMON, *CHALLENGE):
        if not (src / part).is_dir():
            print(f'{part}: absent')
    if not any((src / part).is_dir() for part in PRIVATE):
        print(f'{" and ".join(PRIVATE[:2])}: absent')
    link_images(out, src)
    checked = check_faces(faces, src, problems)
    splits = [
        Split(f'face_landmarks_300w_{name}.json', lambda face, parts=parts: face.part in parts, OFFICIAL_COUNTS[name])
        for name, parts in (('train', TRAIN), ('valid', COMMON + CHALLENGE), ('valid_common', COMMON),
                            ('valid_challenge', CHALLENGE), ('test', PRIVATE))
    ]
    if holdout:
        train = [face.image for face, _ in checked if face.part in TRAIN]
        if not 0 < holdout < len(train):
            raise ConversionError(f'--holdout: found {holdout}, expected 1 to {len(train) - 1}, as there are '
                                  f'{len(train)} training faces')
        selected = choose_holdout(train, holdout)
        splits += [
            Split('face_landmarks_300w_fit.json',
                  lambda face: face.part in TRAIN and face.image not in selected, None),
            Split('face_landmarks_300w_select.json', lambda face: face.image in selected, None),
        ]
    write_splits(out, splits, checked, src, problems)


def choose_holdout(file_names: List[str], number: int) -> set:
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
    images = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in IMAGE_SUFFIXES:
            images.setdefault(path.stem, []).append(path)
    points_files = {path.stem: path for path in sorted(folder.glob('*.pts'))}
    for stem in sorted(images.keys() - points_files.keys()):
        problems.leave_out(Problem('missing points', f'no {stem}.pts beside the image', images[stem][0]))
    for stem, path in points_files.items():
        try:
            if len(images.get(stem, ())) > 1:
                raise Problem('ambiguous image', f'found {" and ".join(p.name for p in images[stem])}, expected one',
                              path)
            points, lines = read_pts(path)
            # a missing image is reported by the check that opens all images
            image = images.get(stem, [folder / f'{stem}{IMAGE_SUFFIXES[0]}'])[0]
        except Problem as problem:
            problems.leave_out(problem)
        else:
            yield Face(image.relative_to(src).as_posix(), points if zero_based else points - 1, part, path, None, lines,
                       attributes)


def read_pts(path: Path) -> Tuple[np.ndarray, List[int]]:
    """Read a ``.pts`` file of 68 points.

    Returns:
        tuple: (68, 2) float64 as they stand in the file, and the line of each.
    """
    # encodings vary among the parts, but only in comments that some tools add
    text = path.read_text(encoding='utf-8-sig', errors='replace')
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    header = ((r'version:\s*1', 'version: 1'), (r'n_points:\s*\d+', f'n_points: {NUM_POINTS}'), (r'\{', '{'))
    for index, (pattern, expected) in enumerate(header):
        number, line = lines[index] if index < len(lines) else (index + 1, '')
        if not re.fullmatch(pattern, line):
            raise Problem('bad header', f'found {line!r}, expected {expected!r}', path, number)
    number, line = lines[1]
    announced = int(line.split(':')[1])
    if announced != NUM_POINTS:
        raise Problem('wrong point count', f'found n_points: {announced}, expected {NUM_POINTS}', path, number)

    body = lines[len(header):]
    end = next((index for index, (_, line) in enumerate(body) if line == '}'), None)
    if end is None:
        raise Problem('no closing brace', "found the end of the file, expected '}'", path, lines[-1][0])
    if end != NUM_POINTS:
        raise Problem('wrong point count', f'found {end} points, expected {NUM_POINTS}', path, body[end][0])
    points = []
    for number, line in body[:end]:
        fields = line.split()
        if len(fields) != 2:
            raise Problem('bad point', f'found {line!r}, expected two numbers', path, number)
        points.append([parse_number(text, 'coordinate', path, number) for text in fields])
    return np.array(points), [number for number, _ in body[:end]]


if __name__ == '__main__':
    sys.exit(main())
