"""``mmfld reproduce``: a paper's tables."""

from ..engine.endings import run_tool
from .tool import call_tool

TOOL = 'projects/reproduce/run.py'


def main(argv: list[str]) -> int:
    return call_tool('mmfld reproduce', TOOL, argv, run_tool)
