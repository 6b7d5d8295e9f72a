"""``.pts`` files, the images beside them, and what else lies in a data set of them."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..counts import how_many
from .annotations import NamedFace
from .image_files import COPY_MARK, Size, is_image
from .problems import Problem, Problems, shown
from .text_files import check_free, parse_number, read_lines, write_text

FURTHER_FACE = re.compile(r'\.face[0-9]+$')  # of an image: a stem, as a file holds one face


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


def pts_with_images(
    folder: Path, problems: Problems, images_folder: Path | None = None, is_complete: bool = True
) -> Iterator[tuple[Path, Path]]:
    """The ``.pts`` files of a folder in the order of their names, each with the image of the same name.

    That lies beside it, or in ``images_folder``. ``NAME.face2.pts`` without one of its own is of the image ``NAME``.

    Images without ``.pts`` and names with several images or ``.pts`` files are reported; the former as faces that are
    left out where the set ``is_complete``, which has a face in every image. Where there is no image, the path is that
    of the missing one, which :func:`check_faces` reports.

    Yields:
        tuple: Path of the ``.pts`` file, path of the image.
    """
    images_folder = images_folder or folder
    images = by_stem(images_folder, is_image) if images_folder.is_dir() else {}
    points_files = by_stem(folder, lambda path: path.suffix.lower() == '.pts')
    for stem in points_files:
        of_image = FURTHER_FACE.sub('', stem)
        if stem not in images and of_image in images:
            images[stem] = images[of_image]
    for stem in sorted(images.keys() - points_files.keys()):
        if is_complete:
            problems.leave_out(Problem('missing points', f'no {stem}.pts beside the image', images[stem][0]))
        else:
            problems.note(Problem('image without faces', f'found no {stem}.pts in {folder}', images[stem][0]))
    for stem, paths in tqdm(points_files.items(), folder.name, unit='file', leave=False):
        found = images.get(stem, [images_folder / f'{FURTHER_FACE.sub("", stem)}.jpg'])
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
                    f'found images or *{ending} of {how_many(len(faces), "face")}, expected them where --help says',
                    folder,
                ),
                len(faces),
            )


def read_pts(path: Path, num_points: Sequence[int] | None = (68,)) -> tuple[np.ndarray, list[int]]:
    """Read a ``.pts`` file.

    Args:
        path (Path): The file.
        num_points (Sequence[int], optional): How many points it may hold. None: any number but none.

    Returns:
        tuple: (K, 2) float64 as they stand in the file, and the line of each.

    Raises:
        Problem: If the file is not such a file.
    """
    expected_count = 'a number of points' if num_points is None else ' or '.join(map(str, num_points))
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
    told = digits.lstrip('0')
    if num_points is None:
        announced = int(told) if told and len(told) <= 9 else None
    else:
        announced = {str(count): count for count in num_points}.get(told)
    if announced is None:
        found = digits if len(digits) <= 9 else f'{digits[:9]}... ({len(digits)} digits)'
        raise Problem('wrong point count', f'found n_points: {found}, expected {expected_count}', path, number)

    body = lines[len(header) :]
    end = next((index for index, (_, line) in enumerate(body) if line == '}'), None)
    if end is None:
        raise Problem('no closing brace', "found the end of the file, expected '}'", path, lines[-1][0])
    if end != announced:
        raise Problem('wrong point count', f'found {how_many(end, "point")}, expected {announced}', path, body[end][0])
    points = []
    for number, line in body[:end]:
        fields = line.split()
        if len(fields) != 2:
            raise Problem('bad point', f'found {shown(line)}, expected two numbers', path, number)
        points.append([parse_number(text, 'coordinate', path, number) for text in fields])
    return np.array(points), [number for number, _ in body[:end]]


def read_pts_faces(path: Path, images: Path, problems: Problems) -> Iterator[NamedFace]:
    """The faces of a file, or of all in a folder and those below, each beside its image.

    Args:
        path (Path): Folder or file.
        images (Path): Where the images are: the folder itself, or one of the same folders below.
        problems (Problems): Takes what is left out.
    """
    if path.is_dir():
        pairs = [
            pair
            for folder in sorted(folder for folder, _ in walk(path))
            for pair in pts_with_images(folder, problems, images / folder.relative_to(path), is_complete=False)
        ]
    else:
        beside = by_stem(images, is_image) if images.is_dir() else {}
        stem = path.stem if path.stem in beside else FURTHER_FACE.sub('', path.stem)
        pairs = [(path, beside.get(stem, [images / f'{stem}.jpg'])[0])]
    for file, image in pairs:
        try:
            points, lines = read_pts(file, None)
        except Problem as problem:
            problems.leave_out(problem)
        else:
            yield NamedFace(image.relative_to(images).as_posix(), points, file.parent.name, file, None, lines)


def write_pts(
    out: Path, faces: Sequence[tuple[NamedFace, Size | None]], images: Path, overwrite: bool, problems: Problems
) -> None:
    """Write ``out/NAME.pts`` for each face, further ones of an image as ``NAME.face2.pts``, and so on.

    A face with a landmark that is not annotated is left out, as the format cannot say so, and so are faces of an image
    whose name differs from another's in its suffix alone.

    Raises:
        ConversionError: If a file is there already, before anything is written, or cannot be written.
    """
    files: dict[Path, str] = {}
    image_of: dict[Path, str] = {}  # the name of its first face
    for face, _ in faces:
        image_of.setdefault((out / face.image).with_suffix('.pts'), face.image)
    for face, _ in faces:
        missing = np.flatnonzero(face.coco_visibility == 0)
        if len(missing):
            name = face.names[missing[0]] if face.names else missing[0]
            problems.leave_out(
                face.problem('missing landmark', f'found no landmark {name}, expected all of them in a .pts file')
            )
            continue
        stem = out / face.image
        number, path = 1, stem.with_suffix('.pts')
        if image_of[path] != face.image:
            problems.leave_out(
                face.problem('two images of one name', f'found {face.image} beside {image_of[path]}, one {path.name}')
            )
            continue
        while path in files or image_of.get(path, face.image) != face.image:
            number += 1
            path = stem.with_suffix(f'.face{number}.pts')
        lines = [f'{x:.6f} {y:.6f}' for x, y in face.points]
        files[path] = '\n'.join(['version: 1', f'n_points: {len(lines)}', '{', *lines, '}', ''])
    for path in files:
        check_free(path, overwrite)
    for path, text in files.items():
        write_text(path, text, overwrite)
    print(f'{out}: {how_many(len(files), "face")}, one a file')
