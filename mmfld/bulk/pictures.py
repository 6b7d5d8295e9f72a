"""The pictures of a part, from files, tar shards and parquet."""

import tarfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import PurePosixPath
from typing import NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..runtime.images import decode_image
from ..runtime.media import IMAGE_SUFFIXES
from .inputs import Part, locate

Content = bytes | str  # of a picture, or why there is none
Item = TypeVar('Item')


class Picture(NamedTuple):
    """A picture, or why it cannot be read.

    Args:
        name (str): Its file; a member of a tar shard is called SHARD/MEMBER and a row of parquet FILE/ROW, from 0.
        image (ndarray | str): (H, W, 3) uint8 in BGR, or the reason.
    """

    name: str
    image: np.ndarray | str


def read_part(part: Part, count: int) -> Iterator[list[Picture]]:
    """The pictures of a part, ``count`` at a time, which a thread reads while those before are worked on.

    A file that is not there, that may not be read or that is no picture is broken. Any other trouble of a file system
    is none of the picture, and passes.

    Raises:
        OSError: If a file system fails.
    """
    pictures = (_decode(name, content) for file in part.files for name, content in READERS[part.kind](file))
    return _ahead(iter(lambda: list(islice(pictures, count)), []))


def _read_image(file: str) -> Iterator[tuple[str, Content]]:
    system, path = locate(file)
    try:
        yield file, system.cat_file(path)
    except FileNotFoundError:
        yield file, f'image {file} does not exist'
    except (PermissionError, IsADirectoryError) as error:
        yield file, f'{file}: {error.strerror or error}'


def _read_tar(file: str) -> Iterator[tuple[str, Content]]:
    """The members that are images by their suffix."""
    system, path = locate(file)
    names = set()
    try:
        with system.open(path) as stream, tarfile.open(fileobj=stream, mode='r:', errors='replace') as tar:
            for member in tar:
                inside = PurePosixPath(member.name)
                if not member.isfile() or inside.suffix.lower() not in IMAGE_SUFFIXES or inside.name.startswith('.'):
                    continue
                name = f'{file}/{member.name}'
                if name in names:
                    yield name, f'{name}: found a second member of this name'
                else:
                    names.add(name)
                    yield name, tar.extractfile(member).read()
            stream.seek(tar.offset)
            if len(stream.read(tarfile.BLOCKSIZE)) < tarfile.BLOCKSIZE:  # tarfile takes this for the end, too
                raise EOFError('it has no end')
    except FileNotFoundError:
        yield file, f'shard {file} does not exist'
    except (tarfile.TarError, EOFError) as error:
        yield file, f'{file}: not a complete tar file, after {len(names)} images ({error})'
    else:
        if not names:
            yield file, f'{file}: found no image in this tar file'


def _read_parquet(file: str) -> Iterator[tuple[str, Content]]:
    """The rows of the column with the images, as bytes or, as Hugging Face's datasets have them, structs of these."""
    system, path = locate(file)
    row = 0
    try:
        with system.open(path) as stream, pq.ParquetFile(stream) as table:
            column = _image_column(table.schema_arrow, file)
            for batch in table.iter_batches(16, columns=[column]):
                for value in batch.column(0).to_pylist():
                    content = value['bytes'] if isinstance(value, dict) else value
                    yield f'{file}/{row}', f'{file}/{row}: no image in this row' if content is None else content
                    row += 1
    except FileNotFoundError:
        yield file, f'shard {file} does not exist'
    except ValueError as error:  # of which Arrow's are
        yield file, f'{file}: cannot be read after {row} rows ({error})'


def _image_column(schema: pa.Schema, file: str) -> str:
    columns = [
        field.name
        for field in schema
        if _is_binary(field.type)
        or (
            pa.types.is_struct(field.type)
            and any(part.name == 'bytes' and _is_binary(part.type) for part in field.type)
        )
    ]
    if len(columns) != 1 and 'image' not in columns:
        raise ValueError(
            f"found {len(columns)} columns of bytes among {', '.join(schema.names)}, expected one, or one named 'image'"
        )
    return columns[0] if len(columns) == 1 else 'image'


def _is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


READERS: dict[str, Callable[[str], Iterator[tuple[str, Content]]]] = dict(
    images=_read_image, tar=_read_tar, parquet=_read_parquet
)


def _decode(name: str, content: Content) -> Picture:
    if isinstance(content, str):
        return Picture(name, content)
    try:
        return Picture(name, decode_image(content, name))
    except (ImportError, ValueError) as error:
        return Picture(name, str(error))


def _ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The items, none of which may be None, each made in a thread while the one before is used."""
    items = iter(items)
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item
