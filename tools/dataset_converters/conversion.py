"""What the converters of annotated face sets share: problems with file and line, image checks, writing the json.

A converter reads an official folder into :class:`Face` s, lets :func:`check_faces` compare them with their images, and
hands them to :func:`write_splits`. Everything that is wrong goes through :class:`Problems`, which stops in strict mode
and otherwise counts what was left out.
"""
import hashlib
import io
import json
import os
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Optional, Sequence, Tuple

import numpy as np
from PIL import Image
from tqdm import tqdm

MIN_IMAGE_SIDE = 16  # pixels; a smaller image holds no face that could be annotated
_EXIF_ORIENTATION = 0x0112


class ConversionError(Exception):
    """The conversion cannot go on."""


class Problem(ValueError):
    """Something wrong with one face.

    Args:
        kind (str): Under this name it is counted, e.g. ``'missing image'``.
        message (str): What was found and what was expected.
        file (Path): Where it was found.
        line (int, optional): 1-based line of ``file``; None if it is about the whole file.
    """

    def __init__(self, kind: str, message: str, file: Path, line: Optional[int] = None) -> None:
        super().__init__(f'{file}{"" if line is None else f":{line}"}: {kind}: {message}')
        self.kind = kind


class Problems:
    """Collects problems, or stops at the first one if ``strict``."""

    def __init__(self, strict: bool) -> None:
        self.strict = strict
        self.left_out = Counter()
        self.others = Counter()

    def leave_out(self, problem: Problem) -> None:
        """A face cannot be used."""
        self._report(problem, self.left_out)

    def note(self, problem: Problem) -> None:
        """Something is wrong that costs no face, e.g. a count."""
        self._report(problem, self.others)

    def _report(self, problem: Problem, counter: Counter) -> None:
        if self.strict:
            raise ConversionError(f'stopped at the first problem (--strict): {problem}')
        counter[problem.kind] += 1
        tqdm.write(str(problem), file=sys.stderr)

    def closing_report(self) -> str:
        lines = [f'faces left out: {sum(self.left_out.values())}']
        lines += [f'  {count:6d}  {kind}' for kind, count in sorted(self.left_out.items())]
        if self.others:
            lines.append(f'other problems: {sum(self.others.values())}')
            lines += [f'  {count:6d}  {kind}' for kind, count in sorted(self.others.items())]
        return '\n'.join(lines)


@dataclass
class Face:
    """One annotated face.

    Args:
        image (str): File name relative to the image root, with forward slashes.
        points (ndarray): (K, 2) float64 in pixels, pixel centres at integers from 0.
        part (str): The part of the data set that the face comes from.
        file (Path): The annotation file.
        line (int, optional): The line that holds the face; None if the file holds only this face.
        point_lines (Sequence[int]): The line of each landmark.
        attributes (dict): Name -> 0 or 1.
    """
    image: str
    points: np.ndarray
    part: str
    file: Path
    line: Optional[int]
    point_lines: Sequence[int]
    attributes: Dict[str, int] = field(default_factory=dict)

    def problem(self, kind: str, message: str) -> Problem:
        return Problem(kind, message, self.file, self.line)


@dataclass(frozen=True)
class Split:
    """One json file: its name, which faces are in it, and how many there are officially (None: no such number)."""
    file_name: str
    selects: Callable[[Face], bool]
    count: Optional[int]


def parse_number(text: str, kind: str, file: Path, line: int) -> float:
    """A finite float; otherwise a :class:`Problem` of the given kind ('coordinate' gives 'non-numeric coordinate')."""
    try:
        number = float(text)
    except ValueError:
        raise Problem(f'non-numeric {kind}', f'found {text!r}, expected a number', file, line) from None
    if not np.isfinite(number):
        raise Problem(f'non-finite {kind}', f'found {text!r}, expected a finite number', file, line)
    return number


def link_images(out: Path, root: Path) -> None:
    """Make ``out/images`` a link to the image root.

    Raises:
        ConversionError: If ``out/images`` exists and is something else.
    """
    link = out / 'images'
    if link.is_symlink() or link.exists():
        if link.resolve() != root.resolve():
            raise ConversionError(f'{link}: found {link.resolve()}, expected a link to {root.resolve()}; '
                                  'remove it or choose another --out')
        return
    out.mkdir(parents=True, exist_ok=True)
    link.symlink_to(root.resolve(), target_is_directory=True)


def check_faces(faces: Sequence[Face], root: Path, problems: Problems) -> List[Tuple[Face, Tuple[int, int]]]:
    """Decode all images and keep the faces that pass every check.

    A face is a duplicate if an earlier one has the same points in an image of the same content.

    Args:
        faces (list[Face]): In the order in which they are to be written.
        root (Path): ``Face.image`` is relative to it.
        problems (Problems): Takes the faces that do not pass.

    Returns:
        list: Pairs of a face and the (width, height) of its image.
    """
    names = list(dict.fromkeys(face.image for face in faces))
    of_image: Dict[str, List[Face]] = {name: [] for name in names}
    for face in faces:
        of_image[face.image].append(face)

    sizes: Dict[str, Tuple[int, int]] = {}
    first_seen: Dict[tuple, Face] = {}
    passed = set()
    # decoding and hashing release the interpreter lock, so threads use all cores
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            contents = pool.map(_read_image, (root / name for name in names))
            for name, (size, digest, unreadable) in zip(names, tqdm(contents, 'images', len(names), unit='image')):
                sizes[name] = size
                for face in of_image[name]:
                    try:
                        if unreadable:
                            raise face.problem(*unreadable)
                        _check_geometry(face, size)
                        twin = first_seen.setdefault((digest, face.points.tobytes()), face)
                        if twin is not face:
                            raise face.problem('duplicate face', f'found the same points and image content as in '
                                               f'{twin.file}{"" if twin.line is None else f":{twin.line}"}')
                    except Problem as problem:
                        problems.leave_out(problem)
                    else:
                        passed.add(id(face))
        finally:
            pool.shutdown(cancel_futures=True)
    return [(face, sizes[face.image]) for face in faces if id(face) in passed]


def _read_image(path: Path) -> Tuple[Optional[Tuple[int, int]], str, Optional[Tuple[str, str]]]:
    """(width, height) and content hash of an image, and (kind, message) if it cannot be used."""
    try:
        content = path.read_bytes()
        image = Image.open(io.BytesIO(content))
        image.load()  # unlike OpenCV, Pillow refuses a truncated file
    except FileNotFoundError:
        return None, '', ('missing image', f'{path} does not exist')
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:  # SyntaxError: a broken PNG
        return None, '', ('unreadable image', f'{path} does not decode ({error})')
    width, height = image.size
    if image.getexif().get(_EXIF_ORIENTATION, 1) >= 5:  # the loader turns such an image by 90 degrees
        width, height = height, width
    too_small = None
    if min(width, height) < MIN_IMAGE_SIDE:
        too_small = ('image too small', f'{path} has {width} x {height} pixels, expected {MIN_IMAGE_SIDE} or more')
    return (width, height), hashlib.sha256(content).hexdigest(), too_small


def _check_geometry(face: Face, size: Tuple[int, int]) -> None:
    """Raise if the face has no extent or a landmark is more than one box side outside of the image."""
    width, height = np.ptp(face.points, axis=0)
    if min(width, height) <= 0:
        raise face.problem('face without extent', f'found all landmarks within {width:g} x {height:g} pixels')
    # of the middle 90 %, since a stray landmark would widen the very box by which it is judged
    low, high = np.percentile(face.points, (5, 95), axis=0)
    side = (high - low).max()
    outside = np.maximum(-face.points, face.points - (np.array(size) - 1)).max(axis=1)
    if outside.max() > side:
        worst = int(outside.argmax())
        x, y = face.points[worst]
        raise Problem('landmark far outside', f'found landmark {worst} at ({x:g}, {y:g}) in an image of {size[0]} x '
                      f'{size[1]} pixels, expected less than one box side ({side:g}) outside',
                      face.file, face.point_lines[worst])


def write_splits(out: Path, splits: Iterable[Split], faces: Sequence[Tuple[Face, Tuple[int, int]]], source: Path,
                 problems: Problems) -> None:
    """Compare the counts with the official ones and write ``out/annotations/<file_name>`` for each split with faces.

    In strict mode nothing is written if one count is wrong.
    """
    chosen = [(split, [(face, size) for face, size in faces if split.selects(face)]) for split in splits]
    for split, members in chosen:
        if members and split.count not in (None, len(members)):
            counts = Counter(face.part for face, _ in members)
            parts = ', '.join(f'{count} from {part}' for part, count in counts.items())
            problems.note(Problem('count', f'{split.file_name}: found {len(members)} faces ({parts}), '
                                  f'expected {split.count} of the official split', source))
    for split, members in chosen:
        if not members:
            print(f'{split.file_name}: no face in {source}, not written')
            continue
        path = out / 'annotations' / split.file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(to_coco(members)), encoding='utf-8')
        print(f'{path}: {len(members)} faces')


def to_coco(members: Sequence[Tuple[Face, Tuple[int, int]]]) -> dict:
    """MMPose's COCO-style content; several faces of an image share its entry. Ids count from 1."""
    images: Dict[str, dict] = {}
    annotations = []
    for face, (width, height) in members:
        image = images.setdefault(
            face.image, dict(id=len(images) + 1, file_name=face.image, width=width, height=height))
        low, high = face.points.min(axis=0), face.points.max(axis=0)
        # box of whole pixels around the landmarks, in units of 200 pixels: HRNet's and MMPose's convention
        outer_low, outer_high = np.floor(low), np.ceil(high)
        annotation = dict(
            id=len(annotations) + 1,
            image_id=image['id'],
            category_id=1,
            # 6 decimals are what the official lists have; v = 1 as in MMPose's files for 300W and WFLW
            keypoints=[value for x, y in face.points.tolist() for value in (round(x, 6), round(y, 6), 1)],
            num_keypoints=len(face.points),
            bbox=np.concatenate([low, high - low]).round(6).tolist(),
            center=((outer_low + outer_high) / 2).tolist(),
            scale=float((outer_high - outer_low).max() / 200),
            area=float((high - low).prod().round(6)),
            iscrowd=0)
        if face.attributes:
            annotation['attributes'] = face.attributes
        annotations.append(annotation)
    return dict(
        categories=[dict(supercategory='person', id=1, name='face', keypoints=[], skeleton=[])],
        images=list(images.values()),
        annotations=annotations)


def run(convert: Callable[[Problems], None], strict: bool) -> int:
    """Call ``convert`` and print the closing report; the exit status of the command."""
    problems = Problems(strict)
    try:
        convert(problems)
    except ConversionError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(problems.closing_report())
    return 0
