"""What the set-up of an environment says while it works; a program that installs nothing stands in for Python."""

import os
import re
import subprocess
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / 'tools/setup_env.sh'
PYTHON = """#!/usr/bin/env bash
case "$*" in
*find_spec*) exit 1 ;;
*'pip install'*)
    echo "$*" >>"$0.calls"
    [[ " $* " != *"$BROKEN"* ]] || { echo 'ERROR: No matching distribution found' >&2; exit 1; }
    [[ " $* " == *' -qq '* ]] || echo 'Requirement already satisfied: a'
    [[ " $* " == *' -qq '* ]] || echo 'Downloading a-1-py3-none-any.whl (21 MB)'
    ;;
*'mmfld.__version__'*) echo '[setup] ready' ;;
*sys.prefix*) echo environment ;;
esac
"""


@pytest.fixture
def set_up(tmp_path):
    """Runs the tool with an output; its exit status, its standard error and what pip was called with."""
    python = tmp_path / 'python'
    python.write_text(PYTHON)
    python.chmod(0o755)

    def set_up(stdout, broken='nothing'):
        environment = {**os.environ, 'PYTHON': str(python), 'BROKEN': f' {broken}'}
        done = subprocess.run(
            ['bash', str(TOOL), '--active'], env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True
        )
        return done.returncode, done.stderr, Path(f'{python}.calls').read_text().splitlines()

    return set_up


def test_a_log_has_a_line_for_each_step_and_for_the_time_that_it_took(set_up, tmp_path):
    with open(tmp_path / 'log', 'w') as log:
        assert set_up(log)[0] == 0
    assert re.sub(r'took \d+ s', 'took N s', (tmp_path / 'log').read_text()).splitlines() == [
        '[setup] using the active environment, environment',
        '[setup] installing torch (200 MB without CUDA, several GB with it; see MMFLD_TORCH_INDEX)',
        '[setup]   took N s',
        '[setup] installing what OpenMMLab and the tests need',
        '[setup]   took N s',
        '[setup] installing mmengine mmcv-lite mmdet mmpose',
        '[setup]   took N s',
        '[setup] installing mmfld itself, editable',
        '[setup]   took N s',
        '[setup] importing all of it',
        '[setup] ready',
    ]


def test_a_terminal_shows_what_is_downloaded(set_up):
    controller, terminal = os.openpty()
    status, _, calls = set_up(terminal)
    os.close(terminal)
    shown = os.read(controller, 1 << 16).decode()
    os.close(controller)
    assert status == 0 and shown.count('\r\x1b[KDownloading a-1-py3-none-any.whl (21 MB)\r\x1b[K') == len(calls)
    assert 'already satisfied' not in shown


@pytest.mark.parametrize('on_terminal', [True, False])
def test_what_pip_cannot_install_ends_it(set_up, on_terminal):
    controller, terminal = os.openpty()
    status, error, calls = set_up(terminal if on_terminal else subprocess.DEVNULL, broken='torch')
    os.close(terminal)
    os.close(controller)
    assert (status, error, len(calls)) == (1, 'ERROR: No matching distribution found\n', 1)
