#!/usr/bin/env bash
# Sets up, then trains, evaluates and draws a small model on rendered faces: 6 to 17 minutes on two CPU cores.
#   bash tools/quickstart.sh
set -euo pipefail
cd "$(dirname "$0")/.."

bash tools/setup_env.sh
PATH="$PWD/.venv/bin:$PATH"

config=configs/synthetic/structured_hg2_mini.py
work_dir=work_dirs/quickstart

echo "== Rendering faces"
python -W ignore tools/dataset_converters/make_synthetic_faces.py data/synthetic --train 1600 --test 200
echo "== Training $config"
python -W ignore tools/train.py "$config" --work-dir "$work_dir" --resume
echo "== Evaluating on unseen faces"
checkpoint=$(cat "$work_dir/last_checkpoint")
python -W ignore tools/misc/summarize_run.py "$config" "$checkpoint" --out "$work_dir/summary.png"
echo "== Landmarks on a photograph that matplotlib ships, by the weights that come with the package"
photo=$(python -c "from matplotlib.cbook import get_sample_data as get; print(get('grace_hopper.jpg', asfileobj=False))")
python -W ignore tools/predict.py "$photo" --vis-out-dir "$work_dir/photo"
echo "Drawn: $work_dir/photo/grace_hopper.jpg"
