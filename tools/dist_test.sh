#!/usr/bin/env bash
# usage: tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [arguments of tools/test.py]
# One process per GPU; without CUDA the processes run on the CPU. NNODES, NODE_RANK, MASTER_ADDR, PORT: several machines.
set -euo pipefail
(($# >= 3)) || { sed -n '2s/^# //p' "${BASH_SOURCE[0]}" >&2; exit 2; }
config=$1 checkpoint=$2 processes=$3
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cores=$(($(getconf _NPROCESSORS_ONLN) / processes))
OMP_NUM_THREADS=${OMP_NUM_THREADS:-$((cores > 0 ? cores : 1))} exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" --nproc_per_node="$processes" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    "$tools/test.py" "$config" "$checkpoint" --launcher pytorch "${@:4}"
