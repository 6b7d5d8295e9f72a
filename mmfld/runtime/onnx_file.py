"""ONNX files without any package for the format, which is a message of protocol buffers."""

from collections.abc import Iterator
from typing import NamedTuple

PREFIX = 'mmfld.'  # of what this package writes into a file
POINTER = b'version https://git-lfs.github.com/spec/'
# numbers of fields in the messages of the format
GRAPH, METADATA = 7, 14  # of a model
WEIGHTS, INPUT = 5, 11  # of a graph
NAME_OF_WEIGHTS, NAME_OF_INPUT = 8, 1
KEY, VALUE = 1, 2  # of metadata


def read_metadata(model: bytes, name: str = 'model') -> dict[str, str]:
    """What an ONNX file says of itself under names that begin with ``mmfld.``.

    Raises:
        ValueError: If it is no such file.
    """
    if model.startswith(POINTER):
        raise ValueError(f'{name}: found a pointer of git-lfs, expected the model itself: run `git lfs pull`')
    if model.startswith(b'PK'):
        raise ValueError(f'{name}: found a zip file, such as a checkpoint, expected what `mmfld export` makes of it')
    try:
        pairs = [
            {part.number: bytes(part.content).decode() for part in _fields(field.content)}
            for field in _fields(memoryview(model))
            if field.number == METADATA
        ]
    except (IndexError, ValueError) as error:
        raise ValueError(f'{name}: not an ONNX file ({error})') from error
    found = {pair.get(KEY, ''): pair.get(VALUE, '') for pair in pairs}
    return {key[len(PREFIX) :]: value for key, value in found.items() if key.startswith(PREFIX)}


def with_fixed_weights(model: bytes) -> bytes:
    """A model that lists its weights as inputs, as old ones do, without that.

    Otherwise a caller may give others, and onnxruntime computes nothing with them beforehand: CenterFace takes 1.7
    times as long.
    """
    (graph,) = (field for field in _fields(memoryview(model)) if field.number == GRAPH)
    parts = list(_fields(graph.content))
    weights = {_text(part, NAME_OF_WEIGHTS) for part in parts if part.number == WEIGHTS}
    kept, at = b'', 0
    for part in parts:
        if part.number == INPUT and _text(part, NAME_OF_INPUT) in weights:
            kept += graph.content[at : part.begin]
            at = part.end
    kept += graph.content[at:]
    return model[: graph.begin] + _key(GRAPH) + _as_bytes(len(kept)) + kept + model[graph.end :]


class _Field(NamedTuple):
    """Attributes: number, content, and where in the message the field begins, with its key, and ends."""

    number: int
    content: memoryview
    begin: int
    end: int


def _fields(message: memoryview) -> Iterator[_Field]:
    """The fields of a message that have a length, in order, without copies."""
    at = 0
    while at < len(message):
        begin = at
        key, at = _number(message, at)
        kind = key & 7
        if kind == 0:
            _, at = _number(message, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        elif kind == 2:
            length, at = _number(message, at)
            if at + length > len(message):
                raise ValueError(f'found {len(message) - at} bytes of a field of {length}')
            yield _Field(key >> 3, message[at : at + length], begin, at + length)
            at += length
        else:
            raise ValueError(f'found the unknown kind of field {kind}')


def _text(field: _Field, number: int) -> str:
    """A field of the message in a field, '' without it."""
    return next((bytes(part.content).decode() for part in _fields(field.content) if part.number == number), '')


def _key(number: int) -> bytes:
    """Of a field that has a length."""
    return _as_bytes(number << 3 | 2)


def _number(message: memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _as_bytes(number: int) -> bytes:
    """As :func:`_number` reads it."""
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    return bytes([*written, number])
