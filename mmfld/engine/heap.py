"""Memory of the maps of one step serves the next one, on the CPU."""

import ctypes
import sys

# numbers in glibc's malloc.h
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> None:
    """Let the C library keep what is freed. By default it returns large buffers at once, and the system clears the
    pages of the next ones.

    Elsewhere than with glibc nothing happens.
    """
    if not sys.platform.startswith('linux'):
        return
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(M_TOP_PAD, 2**28)
