"""What the converters of annotated face sets share: problems with file and line, .pts files, image checks, the json.

A converter reads an official folder into :class:`Face` s, lets :func:`check_faces` compare them with their images, and
hands them to :func:`write_splits`. Everything that is wrong goes through :class:`Problems`, which stops in strict mode
and otherwise counts what was left out.
"""
import hashlib
import io
import json
import os
import re
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np
import yaml
from PIL import Image
from tqdm import tqdm

MIN_IMAGE_SIDE = 16  # pixels; a smaller image holds no face that could be annotated
IMAGE_SUFFIXES = ('.jpg', '.png')
_EXIF_ORIENTATION = 0x0112
OFFICIAL = Path(__file__).resolve().parents[2] / 'mmfld' / 'datasets' / 'official.yml'


class ConversionError(Exception):
    """The conversion cannot go on."""


class Problem(ValueError):
    """Something wrong with one face, or with a file that holds many.

    Args:
        kind (str): Under this name it is counted, e.g. ``'missing image'``.
        message (str): What was found and what was expected.
        file (Path): Where it was found.
        line (int | str, optional): 1-based line of ``file``, or the place in a MATLAB file as MATLAB writes it, e.g.
            ``'bbox(17, :)'``; None if it is about the whole file.
    """

    def __init__(self, kind: str, message: str, file: Path, line: Union[int, str, None] = None) -> None:
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
        line (int | str, optional): The line or place that holds the face; None if the file holds only this face.
        point_lines (Sequence[int | str | None]): The line or place of each landmark; None if the file has no lines.
        attributes (dict): Name -> 0 or 1.
        visible (ndarray, optional): (K,) int, 0 not annotated, 1 occluded, 2 visible, as in COCO. None: occlusion is
            not told, all landmarks get 1.
        fields (dict): Further fields of the annotation in the json; they replace those of :func:`to_coco`.
    """
    image: str
    points: np.ndarray
    part: str
    file: Path
    line: Union[int, str, None]
    point_lines: Sequence[Union[int, str, None]]
    attributes: Dict[str, int] = field(default_factory=dict)
    visible: Optional[np.ndarray] = None
    fields: Dict[str, Any] = field(default_factory=dict)

    @property
    def coco_visibility(self) -> np.ndarray:
        """(K,) int, ``visible`` or, as in MMPose's files for 300W and WFLW, all 1."""
        return np.ones(len(self.points), int) if self.visible is None else self.visible

    def problem(self, kind: str, message: str) -> Problem:
        return Problem(kind, message, self.file, self.line)


@dataclass(frozen=True)
class Split:
    """One json file: its name, which faces are in it, and how many there are officially (None: no such number)."""
    file_name: str
    selects: Callable[[Face], bool]
    count: Optional[int]


def official_count(file_name: str) -> int:
    """Official number of faces of an annotation file; what checks data before a training knows the same."""
    return _official_counts()[file_name]


@lru_cache(maxsize=None)
def _official_counts() -> Dict[str, int]:
    # not by mmfld.datasets, which needs torch and OpenMMLab
    content = yaml.safe_load(OFFICIAL.read_text(encoding='utf-8'))
    return {Path(path).name: facts['faces'] for data_set in content.values()
            for path, facts in data_set['files'].items() if 'faces' in facts}


def parse_number(text: str, kind: str, file: Path, line: int) -> float:
    """A finite float; otherwise a :class:`Problem` of the given kind ('coordinate' gives 'non-numeric coordinate')."""
    try:
        number = float(text)
    except ValueError:
        raise Problem(f'non-numeric {kind}', f'found {text!r}, expected a number', file, line) from None
    if not np.isfinite(number):
        raise Problem(f'non-finite {kind}', f'found {text!r}, expected a finite number', file, line)
    return number


def pts_with_images(folder: Path, problems: Problems) -> Iterator[Tuple[Path, Path]]:
    """The ``.pts`` files of a folder in the order of their names, each with the image of the same name.

    Images without ``.pts`` and ``.pts`` files with several images are reported. Where there is no image, the path is
    that of the missing one, which :func:`check_faces` reports.

    Yields:
        tuple: Path of the ``.pts`` file, path of the image.
    """
    images: Dict[str, List[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in IMAGE_SUFFIXES:
            images.setdefault(path.stem, []).append(path)
    points_files = {path.stem: path for path in sorted(folder.glob('*.pts'))}
    for stem in sorted(images.keys() - points_files.keys()):
        problems.leave_out(Problem('missing points', f'no {stem}.pts beside the image', images[stem][0]))
    for stem, path in tqdm(points_files.items(), folder.name, unit='file', leave=False):
        found = images.get(stem, [folder / f'{stem}{IMAGE_SUFFIXES[0]}'])
        if len(found) > 1:
            problems.leave_out(
                Problem('ambiguous image', f'found {" and ".join(p.name for p in found)}, expected one', path))
        else:
            yield path, found[0]


def read_pts(path: Path, num_points: Sequence[int] = (68, )) -> Tuple[np.ndarray, List[int]]:
    """Read a ``.pts`` file.

    Args:
        path (Path): The file.
        num_points (Sequence[int]): How many points it may hold.

    Returns:
        tuple: (K, 2) float64 as they stand in the file, and the line of each.

    Raises:
        Problem: If the file is not such a file.
    """
    expected_count = ' or '.join(map(str, num_points))
    # encodings vary among the parts, but only in comments that some tools add
    text = path.read_text(encoding='utf-8-sig', errors='replace')
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    header = ((r'version:\s*1(\.0)?', 'version: 1'), (r'n_points:\s*\d+', f'n_points: {expected_count}'), (r'\{', '{'))
    for index, (pattern, expected) in enumerate(header):
        number, line = lines[index] if index < len(lines) else (index + 1, '')
        if not re.fullmatch(pattern, line):
            raise Problem('bad header', f'found {line!r}, expected {expected!r}', path, number)
    number, line = lines[1]
    announced = int(line.split(':')[1])
    if announced not in num_points:
        raise Problem('wrong point count', f'found n_points: {announced}, expected {expected_count}', path, number)

    body = lines[len(header):]
    end = next((index for index, (_, line) in enumerate(body) if line == '}'), None)
    if end is None:
        raise Problem('no closing brace', "found the end of the file, expected '}'", path, lines[-1][0])
    if end != announced:
        raise Problem('wrong point count', f'found {end} points, expected {announced}', path, body[end][0])
    points = []
    for number, line in body[:end]:
        fields = line.split()
        if len(fields) != 2:
            raise Problem('bad point', f'found {line!r}, expected two numbers', path, number)
        points.append([parse_number(text, 'coordinate', path, number) for text in fields])
    return np.array(points), [number for number, _ in body[:end]]


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
                        check_geometry(face, size)
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


def check_geometry(face: Face, size: Tuple[int, int]) -> None:
    """Raise if the face has no extent or a landmark is more than one box side outside of the image."""
    annotated = np.flatnonzero(face.coco_visibility)
    if not len(annotated):
        raise face.problem('face without extent', 'found no annotated landmark')
    points = face.points[annotated]
    width, height = np.ptp(points, axis=0)
    if min(width, height) <= 0:
        raise face.problem('face without extent', f'found all landmarks within {width:g} x {height:g} pixels')
    # of the middle 90 %, since a stray landmark would widen the very box by which it is judged
    low, high = np.percentile(points, (5, 95), axis=0)
    side = (high - low).max()
    outside = np.maximum(-points, points - (np.array(size) - 1)).max(axis=1)
    if outside.max() > side:
        worst = int(annotated[outside.argmax()])
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
        write_json(out / 'annotations' / split.file_name, to_coco(members))


def write_json(path: Path, content: dict) -> None:
    """Write what :func:`to_coco` returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'{path.name}.part')  # an interrupted run leaves no half of a json
    part.write_text(json.dumps(content), encoding='utf-8')
    part.replace(path)
    print(f'{path}: {len(content["annotations"])} faces')


def to_coco(members: Sequence[Tuple[Face, Tuple[int, int]]]) -> dict:
    """MMPose's COCO-style content; several faces of an image share its entry. Ids count from 1."""
    images: Dict[str, dict] = {}
    annotations = []
    for face, (width, height) in members:
        image = images.setdefault(
            face.image, dict(id=len(images) + 1, file_name=face.image, width=width, height=height))
        visible = face.coco_visibility
        annotated = face.points[visible > 0]
        low, high = annotated.min(axis=0), annotated.max(axis=0)
        # box of whole pixels around the landmarks, in units of 200 pixels: HRNet's and MMPose's convention
        outer_low, outer_high = np.floor(low), np.ceil(high)
        annotation = dict(
            id=len(annotations) + 1,
            image_id=image['id'],
            category_id=1,
            # 6 decimals are what the official lists have
            keypoints=[value for (x, y), v in zip(face.points.tolist(), visible.tolist())
                       for value in (round(x, 6), round(y, 6), v)],
            num_keypoints=len(annotated),
            bbox=np.concatenate([low, high - low]).round(6).tolist(),
            center=((outer_low + outer_high) / 2).tolist(),
            scale=float((outer_high - outer_low).max() / 200),
            area=float((high - low).prod().round(6)),
            iscrowd=0)
        if face.attributes:
            annotation['attributes'] = face.attributes
        annotation.update(face.fields)
        annotations.append(annotation)
    return dict(
        categories=[dict(supercategory='person', id=1, name='face', keypoints=[], skeleton=[])],
        images=list(images.values()),
        annotations=annotations)


def run(convert: Callable[[Problems], None], strict: bool) -> int:
    """Call ``convert`` and print the closing report; the exit status of the command.

    A :class:`Problem` that comes through is about a file without which there is nothing to convert.
    """
    problems = Problems(strict)
    try:
        convert(problems)
    except (ConversionError, Problem) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(problems.closing_report())
    return 0
