"""Trains one row of the comparison, tests it once on the common set, and writes ``results/NAME.json`` beside this file.

    python projects/benchmark_300w/run.py ROW [--seed 0] [--lr 4e-3]

ROW is one of ``rows.yml``. Run it in the root of the repository. An interrupted training goes on when the command is
repeated, and what is finished is not done again. The seed is that of the weights, of the order of the faces and of
their augmentation. The epoch is selected on the 200 held-out training faces.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from mmengine.runner import Runner

import mmfld  # noqa: F401  prepares the environment and registers the components
from mmfld.engine.launch import adapt_to_cpu
from mmfld.engine.rows import read_config, read_rows
from mmfld.visualization import read_training_log

PROJECT = Path(__file__).resolve().parent
RESULTS = PROJECT / 'results'
TRAIN = PROJECT.parents[1] / 'tools/train.py'
WORK_DIR = Path('work_dirs/benchmark_300w')
ROWS = read_rows(PROJECT / 'rows.yml').rows


def run_name(row: str, seed: int, lr: float | None = None) -> str:
    return row + (f'_lr-{lr:g}' if lr else '') + f'_seed-{seed}'


def train(row: str, seed: int, lr: float | None, folder: Path) -> None:
    """Train to the end, from where an earlier call was interrupted."""
    config = str(ROWS[row])
    last = folder / f'epoch_{read_config(config).train_cfg.max_epochs}.pth'
    if last.is_file():
        print(f'{folder}: trained already', flush=True)
        return
    rate = [f'optim_wrapper.optimizer.lr={lr}'] if lr else []
    subprocess.run(
        [
            sys.executable,
            str(TRAIN),
            config,
            '--work-dir',
            str(folder),
            '--resume',
            '--cfg-options',
            f'randomness.seed={seed}',
            *rate,
        ],
        check=True,
    )
    if not last.is_file():
        sys.exit(f'{folder}: the training was stopped before its end; the same command goes on')


def selection_curve(folder: Path) -> dict[int, float]:
    """NME on the selection faces after each epoch, in percent."""
    points = read_training_log(folder)['NME']['points']
    return {int(epoch): round(value, 4) for epoch, value in sorted(points.items())}


def test(row: str, checkpoint: Path) -> dict[str, float]:
    """NME, FR and AUC on the common set, in percent but for the AUC."""
    cfg = read_config(str(ROWS[row]))
    cfg.update(
        work_dir=str(checkpoint.parent / 'test' / row), load_from=str(checkpoint), log_level='WARNING', launcher='none'
    )
    adapt_to_cpu(cfg)
    metrics = Runner.from_cfg(cfg).test()
    return {key: round(metrics[key], 4) for key in ('NME', 'FR', 'AUC')}


def run(row: str, seed: int = 0, lr: float | None = None) -> dict:
    """Train and test a row, and write down its result."""
    path = RESULTS / f'{run_name(row, seed, lr)}.json'
    if path.is_file():
        print(f'{path} is there already', flush=True)
        return json.loads(path.read_text())
    trained_as = ROWS[row].trained_as or row
    folder = WORK_DIR / run_name(trained_as, seed, lr)
    train(trained_as, seed, lr, folder)
    curve = selection_curve(folder)
    epoch = min(curve, key=curve.get)
    cfg = read_config(str(ROWS[trained_as]))
    result = dict(
        row=row,
        trained_as=trained_as,
        seed=seed,
        lr=lr or cfg.optim_wrapper.optimizer.lr,
        epochs=cfg.train_cfg.max_epochs,
        selected_epoch=epoch,
        common=test(row, folder / f'epoch_{epoch}.pth'),
        selection_nme=curve,
    )
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + '\n')
    print(f'{path}: {result["common"]}', flush=True)
    return result


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('row', choices=ROWS)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--lr', type=float, help="peak learning rate; default: the schedule's")
    args = parser.parse_args(argv)
    run(args.row, args.seed, args.lr)


if __name__ == '__main__':
    main()
