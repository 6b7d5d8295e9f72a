"""mmfld beside other tools, on the common test faces of 300W and on variants of them that are harder.

    pip install --no-deps --target DIR -r projects/compare_tools/requirements.txt
    PYTHONPATH=DIR python projects/compare_tools/run.py [--data-root data/300w] [--every 5] [--threads 2]

Each tool sees each variant in a process of its own, whose results are a file in ``work_dirs/compare_tools``. What is
there already is not measured again, so an interrupted run goes on; remove the folder after a change of code or
packages. A tool whose package is not installed is left out, with a sentence. Then writes ``results.csv``,
``comparison.png`` and the tables of the README beside this file.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from adapters import TOOLS
from data import VARIANTS, read_faces
from measure import NOT_INSTALLED
from report import write
from tqdm import tqdm

PROJECT = Path(__file__).resolve().parent
REPOSITORY = PROJECT.parents[1]


def is_done(path: Path, numbers: Sequence[int], threads: int) -> bool:
    """Whether a file holds the results of these faces, measured with so many threads."""
    if not path.is_file():
        return False
    result = json.loads(path.read_text())
    return result['threads'] == threads and [face['number'] for face in result['results']] == list(numbers)


def measure_alone(tool: str, variant: str, path: Path, args: argparse.Namespace) -> str | None:
    """Write the results of a tool, measured in a process of its own.

    Returns:
        str | None: The sentence that says what is not installed.

    Raises:
        RuntimeError: If the process fails for another reason.
    """
    packages = os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get('PYTHONPATH')])])
    environment = dict(os.environ, OMP_NUM_THREADS=str(args.threads), PYTHONWARNINGS='ignore', PYTHONPATH=packages)
    command = [
        sys.executable,
        str(PROJECT / 'measure.py'),
        tool,
        variant,
        str(path),
        '--data-root',
        str(args.data_root),
        '--every',
        str(args.every),
        '--threads',
        str(args.threads),
    ]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode == NOT_INSTALLED:
        return done.stdout.strip().splitlines()[-1]
    if done.returncode:
        raise RuntimeError(f'{tool} on {variant} ended with {done.returncode}:\n{done.stdout}')
    return None


def measure_all(tools: Sequence[str], args: argparse.Namespace) -> list[dict]:
    """Results of all tools on all variants, and of no tool on the faces as they are, for the memory."""
    numbers = [face.number for face in read_faces(args.data_root, args.every)]
    args.work_dir.mkdir(parents=True, exist_ok=True)
    results, missing = [], {}
    pairs = [('nothing', 'common'), *((tool, variant) for tool in tools for variant in VARIANTS)]
    for tool, variant in (progress := tqdm(pairs, unit='run')):
        progress.set_postfix_str(f'{tool}, {variant}')
        path = args.work_dir / f'{tool}_{variant}.json'
        if tool not in missing and not is_done(path, numbers, args.threads):
            if sentence := measure_alone(tool, variant, path, args):
                missing[tool] = sentence
        if tool not in missing:
            results.append(json.loads(path.read_text()))
    for sentence in missing.values():
        print(f'left out: {sentence}')
    if len(missing) == len(tools):
        raise SystemExit('no tool is installed: there is nothing to compare')
    return results


def main(argv: list[str] | None = None) -> list[dict]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data-root', type=Path, default=Path('data/300w'))
    parser.add_argument('--every', type=int, default=1, help='take every n-th face')
    parser.add_argument('--threads', type=int, default=2, help='of each tool, and cores')
    parser.add_argument(
        '--tools',
        nargs='+',
        choices=[tool for tool in TOOLS if tool != 'nothing'],
        default=[tool for tool in TOOLS if tool != 'nothing'],
    )
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/compare_tools'))
    parser.add_argument('--out', type=Path, default=PROJECT, help='a folder with a README.md that has the places')
    args = parser.parse_args(argv)
    results = measure_all(args.tools, args)
    return write(results, args.out)


if __name__ == '__main__':
    main()
