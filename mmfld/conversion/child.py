"""Calls functions in a process of its own: a library that crashes or hangs over a damaged file takes nothing along.

The process is started once and again after a crash: starting it takes longer than reading most files. It ends when its
standard input does, so with this process, however that ends.
"""

import atexit
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Timer
from types import ModuleType
from typing import IO, Any, cast

TIMEOUT = 60.0  # seconds
MEMORY = 8 * 2**30  # bytes of address space, as a damaged size can ask for any

_process: subprocess.Popen | None = None


class ChildError(Exception):
    """The function raised an error, crashed, or did not return in time."""


def call(function: Callable, *args: Any) -> Any:
    """What a function returns in the other process; it and its arguments are pickled. For one thread only.

    Raises:
        ChildError: If it returns nothing; says why.
    """
    global _process
    if _process is None:
        _process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(os.environ, OPENBLAS_NUM_THREADS='1'),
        )
    process, timer = _process, Timer(TIMEOUT, _process.kill)
    timer.start()
    try:
        stdin, stdout = cast('IO[bytes]', process.stdin), cast('IO[bytes]', process.stdout)
        pickle.dump((function, args), stdin)
        stdin.flush()
        value, error = pickle.load(stdout)
    except (OSError, EOFError, pickle.UnpicklingError):
        in_time = timer.is_alive()
        process.kill()
        process.communicate()
        status, _process = process.returncode, None
        how = signal.Signals(-status).name if status < 0 else f'status {status}'
        raise ChildError(
            f'the library that reads it crashed: {how}' if in_time else f'reading it took longer than {TIMEOUT:g} s'
        ) from None
    finally:
        timer.cancel()
    if error is not None:
        raise ChildError(error)
    return value


@atexit.register
def _end() -> None:
    if _process is not None:
        _process.kill()


def _serve() -> None:
    with suppress(ImportError, ValueError, OSError):  # Windows has no such limits, and macOS may refuse
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY if most == resource.RLIM_INFINITY else min(MEMORY, most), most))
    # the function lies in a module of mmfld; the package itself would import torch and OpenMMLab
    package = sys.modules['mmfld'] = ModuleType('mmfld')
    package.__path__ = [str(Path(__file__).resolve().parents[1])]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # that is for the other process
    answers = os.fdopen(os.dup(1), 'wb')
    os.dup2(2, 1)  # what a library prints is no answer
    while True:
        try:
            function, args = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = pickle.dumps((function(*args), None))
        except Exception as error:  # parsers raise whatever they stumble over: IndexError, zlib.error, ...
            answer = pickle.dumps((None, f'{type(error).__name__}: {error}'))
        answers.write(answer)
        answers.flush()


if __name__ == '__main__':
    _serve()
