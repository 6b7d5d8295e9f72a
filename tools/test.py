"""Evaluates a checkpoint on the test set of a config, as ``mmfld test``; see ``--help``."""

import argparse
import sys

from mmfld.cli.test import add_arguments
from mmfld.engine.endings import run_tool
from mmfld.engine.testing import test


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False, description='Test a model')
    add_arguments(parser)
    test(parser.parse_args())


if __name__ == '__main__':
    sys.exit(run_tool(main))
