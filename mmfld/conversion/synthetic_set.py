"""What the commands that make synthetic sets share: a record of the options, and workers that each have a generator.

``OUT/options.json`` holds the options of a set and whether it is complete. A complete set with the same options is left
alone, an interrupted one is made again, and a set with other options is an error unless it is to be overwritten.
"""

import json
import multiprocessing
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from ..sigterm import sigterm_does


def prepare(out: Path, options: dict, overwrite: bool, patterns: Sequence[str]) -> bool:
    """Make room for a set; True if it is there already.

    Args:
        out (Path): Folder of the set.
        options (dict): All on which it depends.
        overwrite (bool): Whether to replace another set.
        patterns (Sequence[str]): Of the files and folders of such a set in ``out``, which are removed.

    Raises:
        ValueError: If ``out`` holds another set, or something else, and ``overwrite`` is not set.
    """
    record = options_file(out)
    found = json.loads(record.read_text(encoding='utf-8')) if record.is_file() else None
    if found is not None:
        complete = found.pop('complete')
        if found == options and complete:
            return True
        if found != options and not overwrite:
            different = [
                f'{key} {found.get(key)!r}, not {options.get(key)!r}'
                for key in {**options, **found}
                if found.get(key) != options.get(key)
            ]
            raise ValueError(f'{record}: found a set with {", ".join(different)}; choose another folder or --overwrite')
    elif not overwrite and ((out / 'images').exists() or (out / 'annotations').exists()):
        raise ValueError(
            f'{out}: found images or annotations that this command did not make; choose another folder or --overwrite'
        )
    for pattern in patterns:
        for path in out.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    for folder in ('images', 'annotations'):
        (out / folder).mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(dict(options, complete=False)), encoding='utf-8')
    return False


def finish(out: Path, options: dict) -> None:
    """Record that the set is complete."""
    options_file(out).write_text(json.dumps(dict(options, complete=True)), encoding='utf-8')


def options_file(out: Path) -> Path:
    return out / 'options.json'


@contextmanager
def worker_map(workers: int, make_generator: Callable[[], Any], chunksize: int = 1) -> Iterator[Callable]:
    """``map`` in this process or over several, in order; each has its own :func:`generator`."""
    if workers == 1:
        _keep(make_generator())
        yield map
        return
    with sigterm_does(signal.SIG_DFL):  # by which the pool ends them; ignored, it would be inherited so
        # a forked process may inherit a lock of OpenCV's threads
        pool = multiprocessing.get_context('spawn').Pool(workers, _start_worker, (make_generator,))
    with pool:
        yield partial(pool.imap, chunksize=chunksize)


_generator: Any = None


def generator() -> Any:
    """What ``make_generator`` made in this worker."""
    return _generator


def _start_worker(make_generator: Callable[[], Any]) -> None:
    cv2.setNumThreads(1)
    _keep(make_generator())


def _keep(made: Any) -> None:
    global _generator
    _generator = made
