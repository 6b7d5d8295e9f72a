#!/usr/bin/env bash
# usage: tools/analysis_tools/trial_run.sh MINUTES CONFIG [CONFIG ...]
#
# What a machine gives, before a long run is started on it. For each config step times, peak memory and what mixed
# precision and torch.compile change beside them (compare_precision.py), then MINUTES of training in mixed precision and
# the NME of every epoch. Repeated, it goes on with the training. All is in work_dirs/trial_run/NAME_OF_THE_CONFIG.
#
#   STEPS     of each comparison; default 60, 0 leaves it out
#   COMPILE   empty leaves torch.compile out
#   OPTIONS   further arguments of tools/train.py and compare_precision.py, such as --cfg-options
#   PYTHON    default python3
set -euo pipefail
(($# >= 2)) || { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0" && exit 2; }
minutes=$1 && shift
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=${PYTHON:-python3} options=(${OPTIONS-})

for config; do
    folder=work_dirs/trial_run/$(basename "$(dirname "$config")")_$(basename "$config" .py)
    mkdir -p "$folder"
    if ((${STEPS-60})); then
        "$python" tools/analysis_tools/compare_precision.py "$config" --data dataset --amp ${COMPILE---compile} \
            --steps "${STEPS-60}" "${options[@]}" | tee "$folder/precision.txt"
    fi
    timeout "${minutes}m" "$python" tools/train.py "$config" --amp --resume --work-dir "$folder" "${options[@]}" ||
        (($? == 124)) # out of time
    echo "$config"
    cat "$folder"/*/*.log 2>/dev/null | grep -o 'Epoch(val).*NME.*' || echo 'no epoch was finished'
done
