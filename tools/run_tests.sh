#!/usr/bin/env bash
# Sets up ./.venv and runs the tests; arguments go to pytest, e.g. tools/run_tests.sh tests/test_compat.py -k nms
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash tools/setup_env.sh
exec .venv/bin/python -m pytest -c tests/pytest.ini --rootdir . "$@"
