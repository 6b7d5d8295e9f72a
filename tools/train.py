"""Trains a model, as ``mmfld train``; see ``--help``. For several GPUs or CPU processes: ``tools/dist_train.sh``."""

import os
import signal
import sys

if __name__ == '__main__':

    def end(number, _):
        """By the signal itself, status 143 in a shell: there is nothing that a next command could take for trained."""
        os.write(2, b'SIGTERM: the training ends before its first step: nothing was trained yet.\n')
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, end)  # before the imports, which take their time

import argparse

from mmfld.cli.train import add_arguments
from mmfld.engine.endings import run_tool
from mmfld.engine.training import train


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False, description='Train a model')
    add_arguments(parser)
    args = parser.parse_args()
    try:
        train(args)
    except BaseException:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # something may be trained
        raise
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # all is saved, and there is nothing left to end


if __name__ == '__main__':
    sys.exit(run_tool(main))
