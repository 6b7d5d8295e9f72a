"""Makes environments one after the other, runs the fast tests and a rehearsal in each, and writes their table.

    python tools/misc/try_environments.py --only python-3.12 numpy-2   # a row of requirements/environments.yml each
    python tools/misc/try_environments.py --table                      # only writes what was measured into README.md

What a row does not say is as tools/setup_env.sh has it. An environment is deleted when it has been tried; its log stays
in ``work_dirs/environments``. Results are kept in requirements/environments.yml under ``tried``: the versions that were
there, the tests that passed and failed, and the rehearsal. Ends with status 1 if something failed.
"""

import argparse
import datetime
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

REPOSITORY = Path(__file__).resolve().parents[2]
LIST = REPOSITORY / 'requirements' / 'environments.yml'
PAGE = REPOSITORY / 'README.md'
WORK = REPOSITORY / 'work_dirs' / 'environments'
FAST = [
    'tests/test_compat.py',
    'tests/structures',
    'tests/codecs',
    'tests/runtime',
    'tests/apis',
    'tests/evaluation',
    'tests/engine/test_rows.py',
    'tests/engine/test_stoppable_train_loop.py',
]
REHEARSED = [f'{paper}:mini' for paper in ('structured', 'star', 'subpixel', 'attentive1d')]
SHOWN = ('python', 'torch', 'numpy', 'opencv', 'mmengine', 'mmcv', 'mmpose')
PACKAGES = dict(
    torch=('torch',),
    numpy=('numpy',),
    opencv=('opencv-python-headless', 'opencv-python'),
    mmengine=('mmengine', 'onedl-mmengine'),
    mmcv=('mmcv-lite', 'mmcv', 'onedl-mmcv'),
    mmpose=('mmpose',),
)
MARKS = '<!-- environments: python tools/misc/try_environments.py --table -->', '<!-- /environments -->'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--only', nargs='+', metavar='ROW', help='names in requirements/environments.yml; default: all')
    parser.add_argument('--table', action='store_true', help='only write the table')
    parser.add_argument('--keep', action='store_true', help='keep the environments')
    args = parser.parse_args()
    yaml = YAML()
    content = yaml.load(LIST.read_text(encoding='utf-8'))
    rows = content['environments']
    unknown = set(args.only or ()) - rows.keys()
    if unknown:
        parser.error(f'{LIST}: found no {", ".join(sorted(unknown))}; there are: {", ".join(rows)}')
    failed = []
    for name in [] if args.table else args.only or rows:
        print(f'== {name}', flush=True)
        result = attempt(name, dict(rows[name] or {}), args.keep)
        print(f'   {result}', flush=True)
        rows[name] = {**{key: value for key, value in (rows[name] or {}).items() if key != 'tried'}, 'tried': result}
        if not (result.get('rehearsal') == 'ok' and result.get('failed') == 0):
            failed.append(name)
        with open(LIST, 'w', encoding='utf-8') as file:
            yaml.dump(content, file)
    text, n = re.subn(
        f'(?s){re.escape(MARKS[0])}.*?{re.escape(MARKS[1])}',
        lambda _: '\n'.join([MARKS[0], *table(rows), MARKS[1]]),
        PAGE.read_text(encoding='utf-8'),
    )
    if n != 1:
        sys.exit(f'{PAGE}: found {n} places between {MARKS[0]} and {MARKS[1]}, expected 1')
    PAGE.write_text(text, encoding='utf-8')
    return 1 if failed else 0


def attempt(name: str, row: dict, keep: bool) -> dict:
    """Make an environment and try it; what it was and what came out."""
    folder, log = WORK / name, WORK / f'{name}.log'
    shutil.rmtree(folder, ignore_errors=True)
    WORK.mkdir(parents=True, exist_ok=True)
    result = dict(date=datetime.date.today().isoformat())
    python = folder / 'bin' / 'python'
    environment = {
        **os.environ,
        'VIRTUAL_ENV': str(folder),
        'PATH': f'{python.parent}{os.pathsep}{os.environ["PATH"]}',
        'OMP_NUM_THREADS': '1',
        'MMFLD_CONSTRAINTS': str(constraints(row, WORK / f'{name}.txt')),
        'PYTHON': 'python',
        'PYTHONPATH': '',
        'CUDA_VISIBLE_DEVICES': '',
    }
    with open(log, 'w', encoding='utf-8') as output:

        def run(*command: str) -> subprocess.CompletedProcess:
            done = subprocess.run(
                command,
                cwd=REPOSITORY,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors='replace',
            )
            print('$', *command, done.stdout, sep='\n', file=output, flush=True)
            return done

        interpreter = f'python{row.get("python", "")}' if 'python' in row else sys.executable
        made = run(interpreter, '-m', 'venv', str(folder)) if shutil.which(interpreter) else None
        if made is None or made.returncode:
            sys.exit(f'{name}: {interpreter} is not on the PATH, or makes no environment ({log})')
        made = run('bash', 'tools/setup_env.sh', '--active', '--family', row.get('family', 'released'))
        if made.returncode:
            return {**result, 'failed': f'set-up: {(made.stdout.strip().splitlines() or ["?"])[-1][:150]}'}
        result.update(versions(run(str(python), '-m', 'pip', 'list', '--format=freeze').stdout))
        result['python'] = run(str(python), '-c', 'import platform; print(platform.python_version())').stdout.strip()
        said = run(str(python), '-m', 'pytest', '-q', '-n', '2', *FAST).stdout
        counts = {kind: int(count) for count, kind in re.findall(r'(\d+) (passed|failed|error)', said[-500:])}
        result['passed'] = counts.get('passed', 0)
        result['failed'] = counts.get('failed', 0) + counts.get('error', 0) if counts else 'the tests did not run'
        rehearsed = run(
            str(python),
            'projects/reproduce/run.py',
            'all',
            '--rehearse',
            '--only',
            *REHEARSED,
            '--work-dir',
            str(WORK / f'{name}-rehearsal'),
        )
        result['rehearsal'] = 'ok' if rehearsed.returncode == 0 else 'failed'
    if not keep:
        shutil.rmtree(folder)
    return result


def constraints(row: dict, path: Path) -> Path:
    """Write requirements/constraints.txt with the versions that a row says."""
    own = {
        distribution: str(row[package])
        for package, distributions in PACKAGES.items()
        if package in row
        for distribution in distributions
    }
    lines = [
        line
        for line in (REPOSITORY / 'requirements' / 'constraints.txt').read_text().splitlines()
        if re.split('[=<>]', line)[0] not in own
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join([*lines, *(f'{name}=={version}' for name, version in own.items())]) + '\n')
    return path


def versions(listed: str) -> dict:
    """By the names of :data:`SHOWN`, from what pip lists; a fork with its name."""
    found = dict(line.split('==', 1) for line in listed.splitlines() if '==' in line)
    return {
        package: found[name] if name in (package, 'opencv-python-headless') else f'{name} {found[name]}'
        for package, names in PACKAGES.items()
        for name in names
        if name in found
    }


def table(rows: dict) -> list:
    """Lines of markdown, for the rows that were tried."""
    lines = [f'| {" | ".join(SHOWN)} | tests | rehearsal | tried |', f'|{" --- |" * (len(SHOWN) + 3)}']
    for row in rows.values():
        tried = (row or {}).get('tried')
        if not tried:
            continue
        tests = (
            f'{tried["passed"]:,} passed' + (f', {tried["failed"]} failed' if tried['failed'] else '')
            if 'passed' in tried
            else tried['failed']
        )
        lines.append(
            f'| {" | ".join(str(tried.get(name, row.get(name, "-"))) for name in SHOWN)} | {tests} | '
            f'{tried.get("rehearsal", "-")} | {tried["date"]} |'
        )
    return lines


if __name__ == '__main__':
    sys.exit(main())
