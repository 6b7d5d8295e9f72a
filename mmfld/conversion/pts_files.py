"""``.pts`` files, the images beside them, and what else lies in a data set of them."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .image_files import COPY_MARK, is_image
from .problems import Problem, Problems, shown
from .text_files import parse_number, read_lines


def is_hidden(name: str) -> bool:
    """Whether a file or folder is none of the data set, such as what macOS leaves beside each file."""
    return name.startswith('.') or name == '__MACOSX'


def by_stem(folder: Path, selects: Callable[[Path], bool]) -> dict[str, list[Path]]:
    """The files of a folder that are selected, by their name without suffix, in the order of the names."""
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if not is_hidden(path.name) and selects(path):
            files.setdefault(path.stem, []).append(path)
    return files


def pts_with_images(folder: Path, problems: Problems) -> Iterator[tuple[Path, Path]]:
    """The ``.pts`` files of a folder in the order of their names, each with the image of the same name.

    Images without ``.pts`` and names with several images or ``.pts`` files are reported. Where there is no image, the
    path is that of the missing one, which :func:`check_faces` reports.

    Yields:
        tuple: Path of the ``.pts`` file, path of the image.
    """
    images = by_stem(folder, is_image)
    points_files = by_stem(folder, lambda path: path.suffix.lower() == '.pts')
    for stem in sorted(images.keys() - points_files.keys()):
        problems.leave_out(Problem('missing points', f'no {stem}.pts beside the image', images[stem][0]))
    for stem, paths in tqdm(points_files.items(), folder.name, unit='file', leave=False):
        found = images.get(stem, [folder / f'{stem}.jpg'])
        for kind, several in (('ambiguous image', found), ('ambiguous points', paths)):
            if len(several) > 1:
                problems.leave_out(
                    Problem(kind, f'found {" and ".join(p.name for p in several)}, expected one', paths[0])
                )
                break
        else:
            yield paths[0], found[0]


def walk(src: Path) -> Iterator[tuple[Path, list[str]]]:
    """A folder and those below, sorted, each once whatever links lead to it, with the names of its files.

    What is hidden is passed over, and copies that :func:`~image_files.link_images` made.
    """
    seen = {src.resolve()}
    for folder, folders, files in os.walk(src, followlinks=True):
        if COPY_MARK in files:
            folders.clear()
            continue
        new = {name: (Path(folder) / name).resolve() for name in sorted(folders) if not is_hidden(name)}
        folders[:] = [name for name, path in new.items() if path not in seen]
        seen.update(new.values())
        yield Path(folder), sorted(name for name in files if not is_hidden(name))


def report_unread_folders(src: Path, read: Iterable[Path], problems: Problems, ending: str = '.pts') -> None:
    """Report folders with faces that nobody read.

    Args:
        src (Path): All below it is looked at.
        read (Iterable[Path]): The folders that were read. Images alone are faces only in folders within these.
        problems (Problems): Takes the folders, each with the number of its faces.
        ending (str): Of files with points.
    """
    read = {folder.resolve() for folder in read}
    for folder, names in walk(src):
        path = folder.resolve()
        if path in read:
            continue
        faces = {name[: -len(ending)] for name in names if name.lower().endswith(ending)}
        if not read.isdisjoint(path.parents):
            faces |= {Path(name).stem for name in names if is_image(Path(name))}
        if faces:
            problems.leave_out(
                Problem(
                    'folder not read',
                    f'found images or *{ending} of {len(faces)} faces, expected them where --help says',
                    folder,
                ),
                len(faces),
            )


def read_pts(path: Path, num_points: Sequence[int] = (68,)) -> tuple[np.ndarray, list[int]]:
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
    decoded = ((number, line.decode(errors='replace').strip()) for number, line in read_lines(path))
    lines = [(number, line) for number, line in decoded if line]
    header = (
        (r'version:\s*1(\.0)?', 'version: 1'),
        (r'n_points:\s*[0-9]+', f'n_points: {expected_count}'),
        (r'\{', '{'),
    )
    for index, (pattern, expected) in enumerate(header):
        number, line = lines[index] if index < len(lines) else (index + 1, '')
        if not re.fullmatch(pattern, line):
            raise Problem('bad header', f'found {shown(line)}, expected {expected!r}', path, number)
    number, line = lines[1]
    digits = line.split(':')[1].strip()
    announced = {str(count): count for count in num_points}.get(digits.lstrip('0'))
    if announced is None:
        found = digits if len(digits) <= 9 else f'{digits[:9]}... ({len(digits)} digits)'
        raise Problem('wrong point count', f'found n_points: {found}, expected {expected_count}', path, number)

    body = lines[len(header) :]
    end = next((index for index, (_, line) in enumerate(body) if line == '}'), None)
    if end is None:
        raise Problem('no closing brace', "found the end of the file, expected '}'", path, lines[-1][0])
    if end != announced:
        raise Problem('wrong point count', f'found {end} points, expected {announced}', path, body[end][0])
    points = []
    for number, line in body[:end]:
        fields = line.split()
        if len(fields) != 2:
            raise Problem('bad point', f'found {shown(line)}, expected two numbers', path, number)
        points.append([parse_number(text, 'coordinate', path, number) for text in fields])
    return np.array(points), [number for number, _ in body[:end]]
