"""Trains the models of this study one after the other: for each seed, one with and one without STAR.

    python projects/semantic_ambiguity/train.py {300w,synthetic} [--methods soft_argmax star] [--seeds 0 1 2 3 4]

Run it in the root of the repository. A model's folder is WORK_DIR/DATA/METHOD_seedN. Finished models are skipped and an
interrupted one goes on, so the command can be stopped and repeated. The seed is that of the weights, of the order of
the faces and of their augmentation. The rendered faces, whose annotations are noisy along the facial boundaries, are
made on the first use.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from predictions import METHODS, WORK_DIR, final_checkpoint, run_folder

PROJECT = Path(__file__).resolve().parent
ROWS = PROJECT / 'rows.yml'
TOOLS = PROJECT.parents[1] / 'tools'
FACES = ('data/synthetic_noise', '--boundary-noise', '0.03', '--train', '1600', '--test', '400')


def train_command(dataset: str, method: str, seed: int, work_dir: Path, options: Sequence[str] = ()) -> list[str]:
    """The call of ``tools/train.py`` for one model; ``options`` are further KEY=VALUE of the config."""
    return [
        sys.executable,
        str(TOOLS / 'train.py'),
        f'{ROWS}:{dataset}_{method}',
        '--work-dir',
        str(run_folder(work_dir, dataset, method, seed)),
        '--resume',
        '--cfg-options',
        f'randomness.seed={seed}',
        *options,
    ]


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('dataset', choices=('300w', 'synthetic'))
    parser.add_argument('--methods', nargs='+', choices=METHODS, default=METHODS, help='default: %(default)s')
    parser.add_argument('--seeds', nargs='+', type=int, default=range(5), metavar='N', help='default: 0 1 2 3 4')
    parser.add_argument('--work-dir', type=Path, default=WORK_DIR, help='default: %(default)s')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=(),
        metavar='KEY=VALUE',
        help='for all models, e.g. train_cfg.max_epochs=1; take another --work-dir for such trials',
    )
    args = parser.parse_args(argv)

    if args.dataset == 'synthetic':
        converter = TOOLS / 'dataset_converters' / 'make_synthetic_faces.py'
        subprocess.run([sys.executable, str(converter), *FACES], check=True)
    for seed in args.seeds:
        # the methods alternate, so that an early stop leaves pairs
        for method in args.methods:
            folder = run_folder(args.work_dir, args.dataset, method, seed)
            if final_checkpoint(folder):
                print(f'{folder}: finished already', flush=True)
                continue
            print(f'{folder}: training', flush=True)
            subprocess.run(train_command(args.dataset, method, seed, args.work_dir, args.cfg_options), check=True)


if __name__ == '__main__':
    main()
