"""The newest of what comes faster than it is taken."""

from collections.abc import Generator, Iterable
from threading import Condition, Thread
from typing import Any


def newest(items: Iterable) -> Generator[Any, None, None]:
    """Yield items of an iterable that is read in a thread of its own; one that is not taken before the next comes is
    passed over, but for the last.

    The thread ends with the items, or at the first after this is closed, which waits for it. What the items raise is
    raised once those before are taken.
    """
    changed = Condition()
    waiting: list = []  # at most one
    is_closed = False
    ended: list[BaseException | None] = []

    def read() -> None:
        error = None
        try:
            for item in items:
                with changed:
                    if is_closed:
                        break
                    waiting[:] = [item]
                    changed.notify()
        except BaseException as caught:
            error = caught
        with changed:
            ended.append(error)
            changed.notify()

    reader = Thread(target=read, daemon=True)
    reader.start()
    try:
        while True:
            with changed:
                changed.wait_for(lambda: waiting or ended)
                if not waiting:
                    if ended[0] is not None:
                        raise ended[0]
                    return
                item = waiting.pop()
            yield item
    finally:
        with changed:
            is_closed = True
        reader.join()
