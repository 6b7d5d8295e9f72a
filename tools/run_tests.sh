#!/usr/bin/env bash
# Sets up ./.venv and runs the tests, in up to four processes; arguments go to pytest, e.g. tools/run_tests.sh
# tests/test_compat.py -k nms
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash tools/setup_env.sh
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} # each process computes with one thread
exec .venv/bin/python -m pytest -n auto --maxprocesses 4 --dist worksteal "$@"
