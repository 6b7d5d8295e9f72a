"""How a tool ends if something is wrong: with one sentence where that says it all, else with a traceback."""

import json
import logging
import os
import re
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any, NamedTuple

import torch
from mmengine.logging import MMLogger
from torch.distributed import DistError
from tqdm import tqdm

from ..repository import REPOSITORY
from ..unread import UNREAD, is_stdout_broken

# faults of the surroundings, wherever they come to light
SURROUNDINGS = (OSError, MemoryError, CalledProcessError, torch.OutOfMemoryError, DistError)
# those that PyTorch raises as a plain RuntimeError
WORKER_LOST, PROCESS_LOST = r'DataLoader worker \(pid', r'Connection (closed|reset) by peer'
OWN = (Path(__file__).resolve().parents[1], REPOSITORY / 'tools', REPOSITORY / 'projects')
IN_WORKER = re.compile(r'Caught \w+ in DataLoader worker process \d+\.\nOriginal Traceback')
FRAME = re.compile(r'^  File "(.+)", line \d+, in .*\n    (.*)$', re.M)


class Fault(NamedTuple):
    """Attributes: name of the error's class, its message, and file and source line that raised it."""

    kind: str
    message: str
    file: str
    line: str


def run_tool(main: Callable[[], Any]) -> int:
    """Call the ``main`` of a tool, and return the exit status of the command: that of ``main``, if it is one, or 0.

    An error of which the message says it all, see :func:`sentence_of`, ends it with status 1 and with that sentence as
    the last line. Its traceback is in the log file of the run, and with ``log_level='DEBUG'`` on the screen, too. Any
    other error goes on with its traceback, which is in the log file as well. If nobody reads stdout any more, it ends
    without a word, with the status 141.
    """
    try:
        status = main()
        return status if isinstance(status, int) else 0
    except KeyboardInterrupt:
        _say('interrupted')
        return 130
    except Exception as error:
        if isinstance(error, BrokenPipeError) and is_stdout_broken():
            return UNREAD
        logger = _write_to_log(error)
        if _comes_of_an_interruption(error):
            _say('interrupted')
            return 130
        sentence = sentence_of(error)
        if sentence is None:
            raise
        if logger is not None and any(handler.level <= logging.DEBUG for handler in logger.handlers):
            traceback.print_exc()
        _tell_torchrun(sentence)
        _say(f'error: {sentence}')
        return 1


def sentence_of(error: BaseException) -> str | None:
    """What a user has to know of an error, or None if it takes the traceback to know.

    The message is enough for faults of the surroundings (files, disks, memory, other processes), and for what this
    package and its tools raise on purpose: the traceback ends in a ``raise`` of theirs. Errors in workers of a data
    loader, of which PyTorch hands on the text of the traceback, are no others.
    """
    cause = error.__cause__
    if cause is not None and re.match(WORKER_LOST, str(error)) and re.match(WORKER_LOST, str(cause)):
        error = cause  # which names the signal
    kind, message, file, line = _fault(error)
    message = ' '.join(re.sub(r'^\[Errno \d+\] ', '', message).split())
    if kind == 'RuntimeError' and re.search(PROCESS_LOST, message):
        return f'another process of this run has ended, and says why itself ({message})'
    on_purpose = line.startswith('raise ') and any(Path(file).resolve().is_relative_to(folder) for folder in OWN)
    if on_purpose or isinstance(error, SURROUNDINGS) or kind == 'RuntimeError' and re.match(WORKER_LOST, message):
        return message or kind
    return None


def _comes_of_an_interruption(error: BaseException | None) -> bool:
    """Whether Ctrl-C was made another error, as MMEngine does while it formats a config."""
    return isinstance(error, KeyboardInterrupt) or error is not None and _comes_of_an_interruption(error.__context__)


def _fault(error: BaseException) -> Fault:
    message = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    if not IN_WORKER.match(message):
        frames = traceback.extract_tb(error.__traceback__)
        place = (frames[-1].filename, frames[-1].line or '') if frames else ('', '')
        return Fault(type(error).__name__, message, *place)
    *_, last = FRAME.finditer(message)
    # what follows the frames is not indented
    told = re.search(r'^\S.*', message[last.end() :], re.M | re.S)
    kind, _, text = (told[0] if told else message).partition(': ')
    return Fault(kind, text, *last.groups())


def _write_to_log(error: BaseException) -> MMLogger | None:
    """Write the traceback to the log file of the run; the logger, if the run has come so far as to have one."""
    if not MMLogger._instance_dict:
        return None
    logger = MMLogger.get_current_instance()
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            with suppress(OSError), open(handler.baseFilename, 'a', encoding='utf-8') as file:  # the disk may be full
                file.writelines(traceback.format_exception(error))
    return logger


def _tell_torchrun(sentence: str) -> None:
    """For the last lines of all, torchrun's report of which process failed first."""
    path = os.environ.get('TORCHELASTIC_ERROR_FILE')
    if path:
        report = dict(message=sentence, extraInfo=dict(py_callstack=sentence, timestamp=str(int(time.time()))))
        with suppress(OSError):
            Path(path).write_text(json.dumps(dict(message=report)), encoding='utf-8')


def _say(text: str) -> None:
    for bar in list(getattr(tqdm, '_instances', ())):
        bar.close()
    print(f'{Path(sys.argv[0]).name}: {text}', file=sys.stderr, flush=True)
