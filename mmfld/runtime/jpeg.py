"""Damage in JPEG files. Decoders fill up what is missing or show something else, with a warning that neither OpenCV nor
Pillow passes on.
"""

import io
import re
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np

TABLES, SCAN, INTERVAL, END = 0xC4, 0xDA, 0xDD, 0xD9  # markers, of one byte behind FF
FRAMES = set(range(0xC0, 0xD0)) - {TABLES, 0xC8, 0xCC}  # the header of a picture
SEQUENTIAL = {0xC0, 0xC1}
PROGRESSIVE = {0xC2, 0xCA}
ALL = 16  # bits of a coefficient, none of which is there yet
RESTARTS = range(0xD0, 0xD8)
SEGMENTS = {TABLES, SCAN, INTERVAL, 0xDB, 0xDC, 0xFE, *range(0xE0, 0xF0)}  # may come behind the first scan
MARKER = re.compile(rb'\xff[^\x00\xff]')
NOISE = bytes(np.random.default_rng(0).integers(0, 255, 64, np.uint8))  # that no marker is in
MISSING = 128  # grey value of a block that decoders have no bits for


class _Parts(NamedTuple):
    """Where things are in a file.

    Args:
        frame (int): Marker of the header of its picture.
        at (int): Offset of the picture's height in it, two bytes.
        markers (list[int]): Offsets of those that end some of its bits.
    """

    frame: int
    at: int
    markers: list[int]


def damage(content: bytes) -> str | None:
    """What a JPEG is or has that no whole one is or has, as the end of a sentence; None if nothing is seen.

    What is seen: an end or scans that are missing, bytes that cannot stand where they do, and, if Pillow is installed,
    bits that make more or fewer blocks than the picture has, as changed bits mostly do. Not seen: changes that leave
    their number as it is, of which nothing tells; the lack of no more than the last blocks; and with several scans
    (progressive) or restart intervals, blocks that are too many.
    """
    parts = _parts(content)
    if isinstance(parts, str):
        return parts
    if find_spec('PIL') is None:
        return None
    try:
        if parts.frame in SEQUENTIAL and len(parts.markers) == 1:
            return _miscounted(content, parts)
        return _too_few(content, parts)
    except Exception:  # decoders raise what they like, and whoever reads the picture will say so
        return None


def _parts(content: bytes) -> _Parts | str:
    at, frame, height, interval = 2, 0, 0, 0
    markers: list[int] = []
    bits_left: dict[int, list[int]] = {}  # of each channel's coefficients, where scans bring them bit by bit
    while at + 4 <= len(content):
        if content[at] != 0xFF:
            if markers:
                return f'is damaged: the byte {content[at]:02X} is behind bits of its picture, where FF must be'
            at = content.find(b'\xff', at)  # decoders skip what stands between the parts of a header
            if at < 0:
                break
        marker = content[at + 1]
        if marker in (0xFF, 0):  # padding
            at += 1
            continue
        if marker in FRAMES:
            frame, height = marker, at + 5
            if marker in PROGRESSIVE and at + 9 < len(content):
                bits_left = {channel: [ALL] * 64 for channel in content[at + 10 : at + 10 + 3 * content[at + 9] : 3]}
        elif marker == SCAN and bits_left:
            _take_scan(content[at + 4 : at + 2 + int.from_bytes(content[at + 2 : at + 4], 'big')], bits_left)
        elif marker == INTERVAL:
            interval = int.from_bytes(content[at + 4 : at + 6], 'big')
        at += 2 + int.from_bytes(content[at + 2 : at + 4], 'big')
        if marker != SCAN:
            continue
        restarts = 0
        for found in MARKER.finditer(content, at):
            at, marker = found.start(), content[found.start() + 1]
            markers.append(at)
            if marker == END:
                if any(map(any, bits_left.values())):
                    return 'is cut off: it lacks scans'
                return _Parts(frame, height, markers)
            if marker in SEGMENTS:
                break
            if not interval or marker != RESTARTS[restarts % len(RESTARTS)]:
                return f'is damaged: the marker FF {marker:02X} is among the bits of its picture'
            restarts += 1
        else:
            break
    return 'has no end: it is cut off'


def _take_scan(header: bytes, bits_left: dict[int, list[int]]) -> None:
    """Note what a scan brings: of some channels, a range of coefficients to some bit."""
    count = header[0] if header else 0
    if len(header) < 2 * count + 4:
        return
    first, last, bits = header[2 * count + 1 : 2 * count + 4]
    for channel in header[1 : 2 * count + 1 : 2]:
        for coefficient in range(first, min(last, 63) + 1):
            if channel in bits_left:
                bits_left[channel][coefficient] = bits & 15


def _miscounted(content: bytes, parts: _Parts) -> str | None:
    """Of a picture in one piece: decoded with one more row of units, that row has none of the bits, and the last of the
    others has some."""
    at = parts.at
    sampling = content[at + 6 : at + 6 + 3 * content[at + 4] : 3]  # of each channel, 4 bits across and 4 down
    across, down = (1, 1) if len(sampling) == 1 else (max(n >> 4 for n in sampling), max(n & 15 for n in sampling))
    rows = -(-int.from_bytes(content[at : at + 2], 'big') // (8 * down)) * down  # of blocks
    higher = (8 * (rows + down)).to_bytes(2, 'big')
    blocks = _grey(content[:at] + higher + content[at + 2 :], is_small=True)
    if len(blocks) != rows + down:  # less than a block wide
        return _too_few(content, parts)
    beyond = blocks[rows:, across:]  # the bits that fill the last byte may be read as a first unit
    if (beyond != beyond[-1:, -1:]).any():
        return 'is damaged: its bits make more than its picture'
    return _too_few(content, parts) if (blocks[rows - 1, -1] == MISSING).all() else None


def _too_few(content: bytes, parts: _Parts) -> str | None:
    """What follows the bits of a picture does not matter, unless some are missing."""
    ends = [0, *parts.markers, len(content)]
    noisy = NOISE.join(content[start:end] for start, end in zip(ends, ends[1:]))
    is_small = parts.frame in SEQUENTIAL
    if np.array_equal(_grey(content, is_small), _grey(noisy, is_small)):
        return None
    return 'is damaged: its bits do not make the whole of its picture'


def _grey(content: bytes, is_small: bool) -> np.ndarray:
    """(H, W) or with channels, by Pillow, which is silent; if it ``is_small``, one pixel a block."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as picture:
        picture.draft('L', (1, 1) if is_small else picture.size)
        return np.asarray(picture)
