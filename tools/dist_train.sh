#!/usr/bin/env bash
# usage: tools/dist_train.sh CONFIG PROCESSES [arguments of tools/train.py]
# One process per GPU; without CUDA the processes run on the CPU. NNODES, NODE_RANK, MASTER_ADDR, PORT: several machines.
# SIGTERM saves, and `--resume` goes on, if the log says so; torchrun ends with status 1 all the same, and kills what is
# not done after TORCH_ELASTIC_SHUTDOWN_TIMEOUT (30) seconds. By tools/slurm_train.sh, without it, the status is 0.
set -euo pipefail
(($# >= 2)) || { sed -n '2s/^# //p' "${BASH_SOURCE[0]}" >&2; exit 2; }
config=$1 processes=$2
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cores=$(($(getconf _NPROCESSORS_ONLN) / processes))
OMP_NUM_THREADS=${OMP_NUM_THREADS:-$((cores > 0 ? cores : 1))} exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" --nproc_per_node="$processes" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    "$tools/train.py" "$config" --launcher pytorch "${@:3}"
