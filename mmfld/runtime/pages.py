"""Files that hold several pictures where one is asked for."""

import struct
import warnings
from typing import Any

KINDS = {b'II*\0': '<', b'MM\0*': '>'}  # orders of bytes of a TIFF
SUBFILE, SMALLER = 254, 1  # tag of a page, and the bit that says that it is another in fewer pixels


def count_pages(content: bytes) -> int:
    """Of a TIFF, without those that are smaller versions of another; 1 of other files, and of what cannot be read."""
    order = KINDS.get(content[:4])
    if order is None:
        return 1
    pages, seen = 0, set()
    try:
        (at,) = struct.unpack_from(f'{order}I', content, 4)
        while at and at not in seen:
            seen.add(at)
            (count,) = struct.unpack_from(f'{order}H', content, at)
            entries = (struct.unpack_from(f'{order}HHII', content, at + 2 + 12 * n) for n in range(count))
            pages += not any(tag == SUBFILE and value & SMALLER for tag, _, _, value in entries)
            (at,) = struct.unpack_from(f'{order}I', content, at + 2 + 12 * count)
    except struct.error:
        pass  # whoever reads it will say so
    return max(pages, 1)


def is_animated_png(content: bytes) -> bool:
    return content[:4] == b'\x89PNG' and b'acTL' in content[: max(0, content.find(b'IDAT'))]


def warn_of_frames(name: str, count: Any = 'several') -> None:
    """Of an animation that is read as a picture."""
    warnings.warn(f'{name}: found an animation of {count} frames, of which the first is taken', stacklevel=4)
