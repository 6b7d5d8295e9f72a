"""Freed memory is used again."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, torch
from mmfld.engine.heap import keep_freed_memory
if sys.argv[1] == 'keep':
    keep_freed_memory()
torch.ones(2**24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(12):  # one of them may find another place
    torch.ones(2**24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='the C library of Linux')
def test_a_buffer_of_64_mib_gets_no_new_pages():
    keeping, default = (
        int(subprocess.run([sys.executable, '-c', PROGRAM, which], capture_output=True, text=True, check=True).stdout)
        for which in ('keep', 'default')
    )
    assert keeping < default / 4
