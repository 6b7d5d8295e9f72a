"""Which pictures there are, and which of them go together."""

import os
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

import fsspec
import pyarrow as pa
from fsspec.implementations.local import LocalFileSystem

from ..runtime.media import IMAGE_SUFFIXES

SHARDS = {'.tar': 'tar', '.parquet': 'parquet'}
SCHEMA = pa.schema([('part', pa.int32()), ('kind', pa.string()), ('file', pa.string()), ('size', pa.int64())])


class Part(NamedTuple):
    """What one worker does at a time.

    Args:
        number (int): From 0.
        kind (str): ``'images'``, ``'tar'`` or ``'parquet'``.
        files (list[str]): Several images, or one shard.
    """

    number: int
    kind: str
    files: list[str]


def locate(name: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """The file system of a path, or of a URI such as ``s3://bucket/key``, and the path in it.

    Raises:
        ImportError: If fsspec needs a package for this kind of URI that is not installed.
    """
    if '://' not in name:  # fsspec would split a::b
        return LocalFileSystem(), os.path.abspath(name)
    return fsspec.url_to_fs(name)


def list_inputs(inputs: Sequence[str]) -> dict[str, int | None]:
    """The files that inputs stand for, each once, and their sizes in bytes.

    Args:
        inputs (Sequence[str]): Paths or URIs of images, ``.tar`` or ``.parquet`` shards, folders of these with all
            their subfolders, or lists: ``.txt`` files with one of the first three a line. Paths in a list start from
            its folder, what has another suffix is taken for an image, and files in it have no size here, as nobody has
            looked for them yet.

    Raises:
        FileNotFoundError: If an input does not exist.
        ValueError: If it is of another kind, empty, holds a link to a folder, or a name that is no UTF-8.
    """
    found: dict[str, int | None] = {}
    for item in inputs:
        system, path = locate(item)
        if not system.exists(path):
            raise FileNotFoundError(f'input {item} does not exist')
        suffix = _suffix(path)
        if system.isdir(path):
            files = {
                file: size
                for file, size in _walk(system, path)
                if _suffix(file) in (*IMAGE_SUFFIXES, *SHARDS) and not PurePosixPath(file).name.startswith('.')
            }
            if not files:
                raise ValueError(
                    f'folder {item}: found nothing to read, expected files ending in '
                    f'{", ".join((*IMAGE_SUFFIXES, *SHARDS))}'
                )
        elif suffix == '.txt':
            files = dict.fromkeys(_read_list(system, path))
            if not files:
                raise ValueError(f'list {item}: found no line, expected one for each image or shard')
        elif suffix in (*IMAGE_SUFFIXES, *SHARDS):
            files = {_name(system, path): system.size(path)}
        else:
            raise ValueError(
                f'input {item}: found suffix {suffix!r}, expected an image ({", ".join(IMAGE_SUFFIXES)}), '
                f'a shard ({", ".join(SHARDS)}), a list (.txt) or a folder'
            )
        found.update((name, size) for name, size in files.items() if size is not None or name not in found)
    for name in found:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f'input {name!r}: found a name that is no UTF-8, which tables cannot hold') from error
    return found


def divide(files: dict[str, int | None], part_size: int) -> pa.Table:
    """A table of :data:`SCHEMA` that depends on nothing but which files there are: ``part_size`` images a part, in the
    order of their names, then the shards, each a part."""
    images = sorted(name for name in files if _suffix(name) not in SHARDS)
    shards = sorted(name for name in files if _suffix(name) in SHARDS)
    first_shard = -(-len(images) // part_size)
    rows = dict(
        part=[*(n // part_size for n in range(len(images))), *range(first_shard, first_shard + len(shards))],
        kind=['images'] * len(images) + [SHARDS[_suffix(name)] for name in shards],
        file=images + shards,
        size=[files[name] for name in images + shards],
    )
    return pa.table(rows, SCHEMA)


def parts_of(table: pa.Table) -> list[Part]:
    """The parts that a table of :data:`SCHEMA` tells of."""
    parts: list[Part] = []
    for number, kind, file in zip(*(table[name].to_pylist() for name in ('part', 'kind', 'file'))):
        if not parts or parts[-1].number != number:
            parts.append(Part(number, kind, []))
        parts[-1].files.append(file)
    return parts


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def _walk(system: fsspec.AbstractFileSystem, folder: str) -> Iterator[tuple[str, int | None]]:
    """All files below a folder and their sizes."""
    if not _is_local(system):
        for file, info in system.find(folder, detail=True).items():
            yield _name(system, file), info['size']
        return
    for path, folders, files in os.walk(folder, onerror=_raise):  # fsspec passes over folders that may not be read
        for name in folders:
            if os.path.islink(os.path.join(path, name)):
                raise ValueError(
                    f'folder {folder}: found {os.path.join(path, name)}, a link to a folder, which is not '
                    'followed: name it as an input of its own, and move the link away'
                )
        for name in files:
            file = os.path.join(path, name)
            yield file, os.path.getsize(file) if os.path.exists(file) else None


def _raise(error: OSError) -> None:
    raise error


def _is_local(system: fsspec.AbstractFileSystem) -> bool:
    return isinstance(system, LocalFileSystem)


def _name(system: fsspec.AbstractFileSystem, path: str) -> str:
    """How tables name a file: the whole path, with the kind of file system unless it is the local one."""
    return path if _is_local(system) else system.unstrip_protocol(path)


def _read_list(system: fsspec.AbstractFileSystem, path: str) -> Iterator[str]:
    """The names of the files in a list."""
    name = _name(system, path)
    folder = name.rpartition('/')[0]
    try:
        lines = system.cat_file(path).decode('utf-8-sig').splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f'list {name}: found bytes that are no UTF-8 ({error.reason})') from error
    for line in filter(None, map(str.strip, lines)):
        if '://' in line:
            yield line
        elif '://' in folder:
            yield f'{folder}/{line}'
        else:
            yield os.path.normpath(os.path.join(folder, line))
