"""Looks at environment and data, and says what will go wrong before hours are spent; see ``--help``."""

import sys

from mmfld.cli.main import main

if __name__ == '__main__':
    sys.exit(main(['doctor', *sys.argv[1:]]))
