"""Trainings in processes of their own, to be killed and robbed."""

import gc
import multiprocessing
import os
import runpy
import signal
import sys
import time
from pathlib import Path

import mmpose.apis  # noqa: F401, which the first visualizer imports
import torch
import torch._dynamo  # which the first optimiser imports
import torch.utils.cpp_extension  # which MMEngine's list of the environment imports
from mmengine.config import config
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from mmfld.engine.stoppable_train_loop import dismiss_workers

TRAIN = Path(__file__).resolve().parents[2] / 'tools' / 'train.py'
context = multiprocessing.get_context('fork')  # what takes seconds to import is there


class Training:
    """``tools/train.py`` with the arguments, in a session of its own, in which its workers are too.

    Args:
        log (Path): Takes its output.
        arguments: Of the tool.
        limit (int, optional): Bytes that a file can have.
        processes (int): More than one are watched by torchrun's agent, as in ``tools/dist_train.sh``.
    """

    def __init__(self, log, *arguments, limit=None, processes=1):
        self.log = log
        self.process = context.Process(target=_run, args=(log, list(map(str, arguments)), limit, processes))
        self.process.start()

    def ranks(self):
        """Process ids of those that train, where they are several."""
        pid = self.process.pid
        return list(map(int, Path(f'/proc/{pid}/task/{pid}/children').read_text().split()))

    def wait_for(self, path, seconds=120):
        """Until a file is there."""
        end = time.monotonic() + seconds
        while not path.exists():
            assert self.process.is_alive() and time.monotonic() < end, self.said()
            time.sleep(0.005)

    def kill(self, number):
        """Send a signal to all processes of the training."""
        os.killpg(self.process.pid, number)

    def end(self, seconds=120):
        """Its exit status; -9 if a signal 9 ended it."""
        self.process.join(seconds)
        assert self.process.exitcode is not None, self.said()
        try:
            self.kill(signal.SIGKILL)  # workers that it left behind
        except ProcessLookupError:
            pass
        return self.process.exitcode

    def said(self):
        return self.log.read_text(errors='replace')[-6000:]


def _run(log, arguments, limit, processes):
    os.setsid()
    file = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(file, 1), os.dup2(file, 2)
    if limit:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    torch.set_num_threads(1)
    gc.freeze()  # what was there before is not looked through in each collection
    config.FormatCode = lambda text, **_: (text, False)  # half a second for a text that nobody reads here
    sys.argv = [str(TRAIN), *arguments]
    sys.stdout, sys.stderr = (open(number, 'w', buffering=1, closefd=False) for number in (1, 2))
    if processes == 1:
        return _train()
    sys.argv += ['--launcher', 'pytorch']
    where = dict(rdzv_endpoint='127.0.0.1:0', rdzv_backend='c10d', run_id='run')
    agent = LaunchConfig(1, 1, processes, **where, start_method='fork', max_restarts=0)
    elastic_launch(agent, _train)()


def _train():
    try:
        runpy.run_path(str(TRAIN), run_name='__main__')
    finally:
        dismiss_workers()  # which a process does at its exit, but not a forked one


def equal(one, other):
    """Whether two checkpoints, or parts of them, are the same to the last bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


def assert_same(folder, whole):
    """Both ended with the same checkpoints: names, weights, averaged weights, optimiser and schedules."""
    names = sorted(path.name for path in folder.glob('*.pth'))
    assert names == sorted(path.name for path in whole.glob('*.pth'))
    for name in names:
        one, other = (torch.load(place / name, weights_only=True) for place in (folder, whole))
        for key in one.keys() - {'meta', 'message_hub'}:  # which hold times
            assert equal(one[key], other[key]), (name, key)
