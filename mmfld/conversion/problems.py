"""What is wrong with official files: problems that name file and line, their count, and the exit status.

Every converter goes through :func:`run` with the arguments of :func:`add_arguments`. It ends with status 1 if it left a
face out, unless told otherwise.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

MAX_SHOWN = 60  # characters of what was found


class ConversionError(Exception):
    """The conversion cannot go on."""


class Problem(ValueError):
    """Something wrong with one face, or with a file that holds many.

    Args:
        kind (str): Under this name it is counted, e.g. ``'missing image'``.
        message (str): What was found and what was expected.
        file (Path): Where it was found.
        line (int | str, optional): 1-based line of ``file``, or the place in a MATLAB file as MATLAB writes it, e.g.
            ``'bbox(17, :)'``; None if it is about the whole file.
    """

    def __init__(self, kind: str, message: str, file: Path, line: int | str | None = None) -> None:
        super().__init__(f'{file}{"" if line is None else f":{line}"}: {kind}: {message}')
        self.kind = kind


class Problems:
    """Collects problems, or stops at the first one if ``strict``."""

    def __init__(self, strict: bool) -> None:
        self.strict = strict
        self.left_out: Counter[str] = Counter()
        self.others: Counter[str] = Counter()

    def leave_out(self, problem: Problem, faces: int = 1) -> None:
        """One face, or several, cannot be used."""
        self._report(problem, self.left_out, faces)

    def note(self, problem: Problem) -> None:
        """Something is wrong that costs no face, e.g. a count."""
        self._report(problem, self.others, 1)

    def _report(self, problem: Problem, counter: Counter, count: int) -> None:
        if self.strict:
            raise ConversionError(f'stopped at the first problem (--strict): {problem}')
        counter[problem.kind] += count
        tqdm.write(str(problem), file=sys.stderr)

    def closing_report(self) -> str:
        lines = [f'faces left out: {sum(self.left_out.values())}']
        lines += [f'  {count:6d}  {kind}' for kind, count in sorted(self.left_out.items())]
        if self.others:
            lines.append(f'other problems: {sum(self.others.values())}')
            lines += [f'  {count:6d}  {kind}' for kind, count in sorted(self.others.items())]
        return '\n'.join(lines)


def shown(value: Any) -> str:
    """A value as messages show it: a text quoted, on one line, and not longer than can be read."""
    if isinstance(value, str):
        return repr(value) if len(value) <= MAX_SHOWN else f'{value[:MAX_SHOWN]!r}... ({len(value)} characters)'
    try:
        text = repr(value)
    except ValueError:  # Python does not write integers of thousands of digits
        return 'a number of thousands of digits'
    return text if len(text) <= MAX_SHOWN else f'{text[:MAX_SHOWN]}...'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a converter does with problems: ``--strict`` or ``--allow-left-out``."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        '--strict',
        action='store_true',
        help='stop at the first problem, or count that is not the official one, and write nothing',
    )
    group.add_argument('--allow-left-out', action='store_true', help='end with status 0 though faces were left out')


def run(convert: Callable[[Problems], None], args: argparse.Namespace) -> int:
    """Call ``convert``, and print the closing report and which annotation files are not of this run.

    A :class:`Problem` that comes through is about a file without which there is nothing to convert.

    Args:
        convert (Callable): Reads, checks and writes.
        args (Namespace): ``out`` and those of :func:`add_arguments`.

    Returns:
        int: The exit status of the command, 1 after an error and if faces were left out without ``allow_left_out``.
    """
    problems = Problems(args.strict)
    before = _stamps(args.out)
    error: Exception | str | None = None
    try:
        convert(problems)
    except (ConversionError, Problem, OSError) as caught:
        error = caught
    if error is None or problems.left_out or problems.others:
        print(problems.closing_report())
    after = _stamps(args.out)
    old = [path.name for path, stamp in before.items() if after.get(path) == stamp]
    if old:
        print(f'of an earlier run, and untouched, in {args.out / "annotations"}: {", ".join(old)}')
    if error is None and problems.left_out and not args.allow_left_out:
        error = f'left out {sum(problems.left_out.values())} of the faces, see above (--allow-left-out accepts that)'
    if error is not None:
        print(f'error: {error}', file=sys.stderr)
    return int(error is not None)


def _stamps(out: Path) -> dict[Path, tuple[int, int]]:
    """What changes when an annotation file is replaced."""
    states = {path: path.stat() for path in sorted((out / 'annotations').glob('*.json'))}
    return {path: (state.st_ino, state.st_mtime_ns) for path, state in states.items()}
