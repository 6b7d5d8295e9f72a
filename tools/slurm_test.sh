#!/usr/bin/env bash
# usage: tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [arguments of tools/test.py]
# GPUS (8), GPUS_PER_NODE (8), CPUS_PER_TASK (5) and SRUN_ARGS say what to ask Slurm for.
set -euo pipefail
(($# >= 4)) || { sed -n '2s/^# //p' "${BASH_SOURCE[0]}" >&2; exit 2; }
partition=$1 job=$2 config=$3 checkpoint=$4
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
gpus_per_node=${GPUS_PER_NODE:-8}
# shellcheck disable=SC2086  # SRUN_ARGS is a list of arguments
exec srun --partition="$partition" --job-name="$job" --ntasks="${GPUS:-8}" --ntasks-per-node="$gpus_per_node" \
    --gres="gpu:$gpus_per_node" --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$tools/test.py" "$config" "$checkpoint" --launcher slurm "${@:5}"
