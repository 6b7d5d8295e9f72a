#!/usr/bin/env bash
# usage: tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [arguments of tools/train.py]
# GPUS (8), GPUS_PER_NODE (8), CPUS_PER_TASK (5) and SRUN_ARGS say what to ask Slurm for.
set -euo pipefail
(($# >= 4)) || { sed -n '2s/^# //p' "${BASH_SOURCE[0]}" >&2; exit 2; }
partition=$1 job=$2 config=$3 work_dir=$4
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
gpus_per_node=${GPUS_PER_NODE:-8}
# shellcheck disable=SC2086  # SRUN_ARGS is a list of arguments
exec srun --partition="$partition" --job-name="$job" --ntasks="${GPUS:-8}" --ntasks-per-node="$gpus_per_node" \
    --gres="gpu:$gpus_per_node" --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$tools/train.py" "$config" --work-dir "$work_dir" --launcher slurm "${@:5}"
