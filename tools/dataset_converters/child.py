"""Calls functions in a process of its own, so that a library that crashes over a damaged file takes nothing along.

The process is started once and again after a crash: starting it takes longer than reading most files. It ends when its
standard input does, so with this process, however that ends.
"""
import atexit
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from threading import Timer
from typing import Any, Callable, Optional

TIMEOUT = 300.  # seconds

_process: Optional[subprocess.Popen] = None


class ChildError(Exception):
    """The function raised an error, crashed, or did not return in time."""


def call(function: Callable, *args: Any, timeout: float = TIMEOUT) -> Any:
    """What a function returns in the other process; it and its arguments are pickled. For one thread only.

    Raises:
        ChildError: If it returns nothing; says why.
    """
    global _process
    if _process is None:
        _process = subprocess.Popen([sys.executable, str(Path(__file__).resolve())], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE)
        atexit.register(_process.stdin.close)
    process, timer = _process, Timer(timeout, _process.kill)
    timer.start()
    try:
        pickle.dump((function, args), process.stdin)
        process.stdin.flush()
        value, error = pickle.load(process.stdout)
    except (OSError, EOFError, pickle.UnpicklingError):
        in_time = timer.is_alive()
        process.kill()
        status, _process = process.wait(), None
        how = signal.Signals(-status).name if status < 0 else f'status {status}'
        raise ChildError(f'the library that reads it crashed: {how}' if in_time else
                         f'reading it took longer than {timeout:g} s') from None
    finally:
        timer.cancel()
    if error is not None:
        raise ChildError(error)
    return value


def _serve() -> None:
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
