"""``mmfld calibrate``: how far off the landmarks of a checkpoint may be."""

from ..engine.endings import run_tool
from .tool import call_tool

TOOL = 'tools/analysis_tools/calibrate.py'


def main(argv: list[str]) -> int:
    return call_tool('mmfld calibrate', TOOL, argv, run_tool)
