#!/usr/bin/env bash
# Sets up ./.venv and builds the site into docs/_build/html, which works from disk without network; warnings, and links
# within it that lead nowhere, are errors. What builds it (requirements/docs.txt) lies in docs/_build/env and sees ./.venv.
#   bash tools/build_docs.sh
# Notebooks are shown with the outputs that are in them. To make these anew:
#   PYTHONWARNINGS=ignore docs/_build/env/bin/jupyter execute --inplace docs/notebooks/*.ipynb
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash tools/setup_env.sh

env=docs/_build/env
stamp=$env/requirements.txt
if ! cmp -s requirements/docs.txt $stamp; then
    echo "[docs] installing what builds the site into $env"
    .venv/bin/python -m venv --clear $env
    $env/bin/python -m pip install -qq --disable-pip-version-check --no-input -r requirements/docs.txt
    .venv/bin/python - $env <<'EOF'
import sysconfig
import sys
from pathlib import Path

seen = sysconfig.get_path('purelib')
folder = sysconfig.get_path('purelib', vars=dict(base=sys.argv[1], platbase=sys.argv[1]))
(Path(folder) / 'project.pth').write_text(f'import site; site.addsitedir({seen!r})\n')
EOF
    cp requirements/docs.txt $stamp
fi

export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
$env/bin/python -W ignore -m sphinx -W --keep-going -q -b html -d docs/_build/doctrees docs docs/_build/html
$env/bin/python docs/_ext/check_links.py docs/_build/html
echo "[docs] docs/_build/html/index.html"
