"""Results that nobody reads any more, as after ``| head``."""

import os
import sys

UNREAD = 141  # the status of what ends by SIGPIPE, in a shell


def is_stdout_broken() -> bool:
    """Whether nobody reads stdout; if so, what is still printed goes nowhere, so that the interpreter ends silently."""
    try:
        print(flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False
