"""What the commands that make synthetic sets share."""

import signal
from contextlib import suppress

from mmfld.conversion.synthetic_set import worker_map
from mmfld.sigterm import sigterm_does


def test_workers_end_where_sigterm_is_ignored():
    """Which they inherit; by SIGTERM the pool ends them, and then it waits for them."""
    with sigterm_does(signal.SIG_IGN):
        with worker_map(2, int) as over:
            assert list(over(abs, [-1, 2])) == [1, 2]
        with suppress(ZeroDivisionError), worker_map(2, int):
            raise ZeroDivisionError
