"""Damage to the bytes of a file, as disks, transfers, editors and scripts do it, for fuzzers.

Every mutation takes the content and a :class:`random.Random`, on which alone it depends.
"""

import random
from collections.abc import Callable, Sequence

Mutation = Callable[[bytes, random.Random], bytes]

# what stands in the place of a number or a name in damaged text
HOSTILE = (
    b'nan',
    b'-inf',
    b'1e999',
    b'-1e308',
    b'1e6',
    b'-1e5',
    b'1e-4',
    b'0',
    b'-1',
    b'9' * 5000,
    b'1_0',
    b'0x10',
    b'1,5',
    b'',
    b'\0',
    b'\xff',
    b'\xc3\x28',
    '\u0663'.encode(),
    b'None',
    b'null',
    b'[]',
    b'true',
    b'{',
    b'}',
    b'"',
    b'..',
    b'../a.jpg',
    b'/etc/passwd',
    b'C:\\a.jpg',
    b'a' * 300,
    b'%s%n',
    b'1;2',
)


def flip_bits(content: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8)) if content else 0):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def truncate(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def empty(content: bytes, rng: random.Random) -> bytes:
    return b''


def overwrite(content: bytes, rng: random.Random) -> bytes:
    """A span of NULs, of 0xff or of noise, as in a sector that was lost."""
    start, length = rng.randrange(len(content) + 1), rng.choice((1, 4, 64))
    length = min(length, len(content) - start)
    span = rng.choice((b'\0' * length, b'\xff' * length, rng.randbytes(length)))
    return content[:start] + span + content[start + length :]


def insert(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + rng.choice((b'\0', b'\xff', b'\n', b'\r\n', b'\x1a', rng.randbytes(8))) + content[at:]


def cut_out(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content) + 1)
    return content[:start] + content[start + rng.choice((1, 2, 16, 100)) :]


def repeat(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content) + 1)
    end = start + rng.choice((1, 8, 200))
    return content[:end] + content[start:]


def replace_field(content: bytes, rng: random.Random) -> bytes:
    """Another number, text or nothing in the place of one."""
    return _edit_line(content, rng, lambda fields: _set(fields, rng.randrange(len(fields)), rng.choice(HOSTILE)))


def swap_fields(content: bytes, rng: random.Random) -> bytes:

    def swap(fields: list) -> list:
        a, b = rng.randrange(len(fields)), rng.randrange(len(fields))
        return _set(_set(fields, a, fields[b]), b, fields[a])

    return _edit_line(content, rng, swap)


def drop_field(content: bytes, rng: random.Random) -> bytes:
    return _edit_line(content, rng, lambda fields: _set(fields, rng.randrange(len(fields)), b''))


def repeat_line(content: bytes, rng: random.Random) -> bytes:
    lines = content.splitlines(True)
    index = rng.randrange(max(1, len(lines)))
    return b''.join(lines[: index + 1] + lines[index:])


def drop_line(content: bytes, rng: random.Random) -> bytes:
    lines = content.splitlines(True)
    index = rng.randrange(max(1, len(lines)))
    return b''.join(lines[:index] + lines[index + 1 :])


def empty_line(content: bytes, rng: random.Random) -> bytes:
    lines = content.splitlines(True)
    return b''.join(_set(lines, rng.randrange(len(lines)), b'\n')) if lines else content


def swap_lines(content: bytes, rng: random.Random) -> bytes:
    lines = content.splitlines(True)
    rng.shuffle(lines)
    return b''.join(lines)


def other_encoding(content: bytes, rng: random.Random) -> bytes:
    """As an editor of another system saves it."""
    text = content.decode()
    return rng.choice(
        (
            text.encode('utf-16'),
            text.encode('utf-8-sig'),
            text.replace('\n', '\r\n').encode(),
            text.replace('\n', '\r').encode(),
            text.replace('.', ',').encode(),
        )
    )


ANY_BYTES: Sequence[Mutation] = (flip_bits, flip_bits, truncate, empty, overwrite, insert, cut_out, repeat)
ANY_TEXT: Sequence[Mutation] = (
    replace_field,
    replace_field,
    replace_field,
    swap_fields,
    drop_field,
    repeat_line,
    drop_line,
    empty_line,
    swap_lines,
    other_encoding,
    *ANY_BYTES,
)


def mutate(content: bytes, mutations: Sequence[Mutation], seed: str) -> tuple[str, bytes]:
    """Damage a content in one or two ways.

    Args:
        content (bytes): Of an intact file.
        mutations (Sequence[Mutation]): Those to choose from.
        seed (str): The damage depends on it alone.

    Returns:
        tuple: Names of the mutations, and the content, which can be the same should they do nothing.
    """
    rng = random.Random(seed)
    first = rng.choice(mutations)
    chosen = [first] if rng.random() < 0.8 or first is other_encoding else [first, rng.choice(ANY_BYTES)]
    for mutation in chosen:
        content = mutation(content, rng)
    return ' and '.join(mutation.__name__ for mutation in chosen), content


def _set(items: list, index: int, item: bytes) -> list:
    return [*items[:index], item, *items[index + 1 :]]


def _edit_line(content: bytes, rng: random.Random, edit: Callable[[list], list]) -> bytes:
    """Change the fields of one line; they are kept apart by what separates them there, so commas or blanks."""
    lines = content.split(b'\n')
    index = rng.randrange(len(lines))
    separator = b',' if b',' in lines[index] else b' '
    lines[index] = separator.join(edit(lines[index].split(separator)))
    return b'\n'.join(lines)
