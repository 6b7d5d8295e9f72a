"""The formats of annotations, which of them a file is in, and from one to another."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ..counts import how_many
from . import cvat_files, imglab_files
from .annotations import NamedFace, in_one_order
from .coco_files import read_coco, write_coco
from .csv_files import read_csv, write_csv
from .cvat_files import read_cvat
from .face_sets import check_faces
from .image_files import Size
from .imglab_files import read_imglab, write_imglab
from .labelme_files import read_labelme, write_labelme
from .problems import ConversionError, Problem, Problems
from .pts_files import read_pts_faces, walk, write_pts
from .text_files import read_content
from .xml_files import read_xml


class Format(NamedTuple):
    """How a format is read and, if it is, written.

    Attributes:
        origin (float): Where it has the middle of the first pixel, x and y.
        read (Callable): From a path, the folder of images and problems to faces.
        write (Callable, optional): Faces with the sizes of their images, to a path.
    """

    origin: float
    read: Callable[[Path, Path, Problems], Iterator[NamedFace]]
    write: Callable[[Path, Sequence[tuple[NamedFace, Size | None]], Path, bool, Problems], None] | None = None


# CVAT and labelme draw on a canvas, on which the first pixel goes from 0 to 1
FORMATS = dict(
    coco=Format(0.0, read_coco, write_coco),
    csv=Format(0.0, read_csv, write_csv),
    cvat=Format(0.5, read_cvat),
    imglab=Format(0.0, read_imglab, write_imglab),
    labelme=Format(0.5, read_labelme, write_labelme),
    pts=Format(1.0, read_pts_faces, write_pts),
)
OF_SUFFIX = {'.csv': 'csv', '.tsv': 'csv', '.pts': 'pts'}
WRITTEN = {'.csv': 'csv', '.json': 'coco', '.xml': 'imglab', '': 'pts'}
OF_ROOT = {cvat_files.ROOT: 'cvat', imglab_files.ROOT: 'imglab'}


def convert(
    src: Path,
    out: Path,
    problems: Problems,
    *,
    source: str | None = None,
    target: str | None = None,
    images: Path | None = None,
    names: Sequence[str] | None = None,
    origin: float | None = None,
    out_origin: float | None = None,
    look: bool = True,
    overwrite: bool = False,
) -> None:
    """Read annotations of one format and write them in another.

    Args:
        src, out (Path): Files, or folders of ``.pts`` and of labelme's files.
        problems (Problems): Takes what is left out.
        source, target (str, optional): Keys of ``FORMATS``. Default to those that the files are, and are called.
        images (Path, optional): The folder that names of images in COCO-style json are relative to. Defaults to that of
            ``src``.
        names (Sequence[str], optional): Landmarks and their order. Default: see :func:`.annotations.in_one_order`.
        origin, out_origin (float, optional): Where ``src`` and ``out`` have the middle of the first pixel. Default to
            those of the formats.
        look (bool): Whether to look at the images: they are there, and points lie in them. Defaults to True.
        overwrite (bool): Whether files that are there may be replaced. Defaults to False.

    Raises:
        ConversionError, Problem: If nothing can be converted.
    """
    if not src.exists():
        raise ConversionError(f'{src}: does not exist')
    source, target = source or found_format(src), target or wanted_format(out)
    read, write = FORMATS[source], FORMATS[target]
    if write.write is None:
        raise ConversionError(f'{target} is not written, expected one of {", ".join(_written())}')
    if images is None:
        images = src if src.is_dir() else src.parent
    elif not images.is_dir():
        raise ConversionError(f'--images {images}: found no folder')
    shift = read.origin if origin is None else origin
    found = [face.moved(-shift) for face in read.read(src, images, problems)]
    if not found:
        raise ConversionError(f'{src}: {source}: found no face that can be used, nothing is written')
    found = in_one_order(found, names, problems)
    checked = check_faces(found, images, problems) if look else list(_annotated(found, problems))
    if not checked:
        raise ConversionError(f'{src}: none of the faces can be used, nothing is written')
    first = checked[0][0]
    told = f': {", ".join(first.names)}' if first.names else ''
    print(f'{src}: {source}, {how_many(len(checked), "face")} of {how_many(len(first.points), "landmark")}{told}')
    shift = write.origin if out_origin is None else out_origin
    write.write(out, [(face.moved(shift), size) for face, size in checked], images, overwrite, problems)


def _annotated(faces: Sequence[NamedFace], problems: Problems) -> Iterator[tuple[NamedFace, Size | None]]:
    """Faces that have a landmark, and the sizes that their files tell."""
    for face in faces:
        if face.coco_visibility.any():
            yield face, face.size
        else:
            problems.leave_out(face.problem('face without points', 'found no annotated landmark'))


def found_format(path: Path) -> str:
    """The format of a file or folder, by suffix and content.

    Raises:
        ConversionError, Problem: If it is none, or a folder holds files of two.
    """
    if path.is_dir():
        suffixes = {Path(name).suffix.lower() for _, names in walk(path) for name in names}
        kinds = [kind for suffix, kind in (('.pts', 'pts'), ('.json', 'labelme')) if suffix in suffixes]
        if len(kinds) != 1:
            found = 'both' if kinds else 'neither'
            raise ConversionError(f'{path}: found {found}, expected .pts files or the json files of labelme: --from')
        return kinds[0]
    suffix = path.suffix.lower()
    if suffix in OF_SUFFIX:
        return OF_SUFFIX[suffix]
    if suffix == '.json':
        return _of_json(path)
    if suffix == '.xml':
        tag = read_xml(path).tag
        if tag in OF_ROOT:
            return OF_ROOT[tag]
        raise ConversionError(f'{path}: found <{tag}>, expected <dataset> of imglab or <annotations> of CVAT')
    raise ConversionError(
        f'{path}: found suffix {path.suffix!r}, expected a .json, .xml, .csv or .pts file, or a folder of .pts or '
        f'labelme files: --from tells one of {", ".join(FORMATS)}'
    )


def _of_json(path: Path) -> str:
    try:
        content = json.loads(read_content(path))
    except (ValueError, RecursionError) as error:
        if isinstance(error, Problem):
            raise
        raise ConversionError(f'{path}: found no valid json ({error})') from error
    if isinstance(content, dict) and 'shapes' in content:
        return 'labelme'
    if isinstance(content, dict) and 'annotations' in content:
        return 'coco'
    raise ConversionError(f'{path}: found neither "annotations" of COCO-style json nor "shapes" of labelme')


def wanted_format(path: Path) -> str:
    """The format to write, by the suffix.

    Raises:
        ConversionError: If it tells none.
    """
    if path.suffix.lower() not in WRITTEN:
        raise ConversionError(
            f'{path}: found suffix {path.suffix!r}, expected .json (COCO), .xml (imglab), .csv or a folder for .pts '
            f'files: --to tells one of {", ".join(_written())}'
        )
    return WRITTEN[path.suffix.lower()]


def _written() -> list[str]:
    return [name for name, kind in FORMATS.items() if kind.write]
