"""The state of ``random`` and ``numpy.random``, from which augmentation draws, set from a few integers."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np


@contextmanager
def random_state(key: Sequence[int]) -> Iterator[None]:
    """Within the ``with`` block both states are those of the key; after it they are what they were before.

    Args:
        key (Sequence[int]): Non-negative, such as (seed, epoch, index).
    """
    before = random.getstate(), np.random.get_state()
    for_random, for_numpy = np.random.SeedSequence(key).generate_state(2)
    random.seed(int(for_random))
    np.random.seed(for_numpy)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
