#!/usr/bin/env bash
# Lint, format and types by the settings in pyproject.toml. Sets up ./.venv, with the versions of requirements/lint.txt;
# without network once that is done.
#   bash tools/lint.sh          # says what is wrong
#   bash tools/lint.sh --fix    # mends what can be mended
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case ${1:-} in
'') fix= check=--check ;;
--fix) fix=--fix check= ;;
*) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}" >&2 && exit 2 ;;
esac
bash tools/setup_env.sh

stamp=.venv/mmfld_lint
if ! cmp -s requirements/lint.txt $stamp; then
    echo "[lint] installing requirements/lint.txt into ./.venv"
    .venv/bin/python -m pip install -qq --disable-pip-version-check --no-input -r requirements/lint.txt
    cp requirements/lint.txt $stamp
fi

status=0
.venv/bin/ruff check --quiet $fix . || status=1
.venv/bin/ruff format --quiet $check . || status=1
.venv/bin/mypy || status=1
exit $status
