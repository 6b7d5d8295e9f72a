"""Chooses a hyper-parameter by cross-validation on the training faces, as the attentive paper chose gamma and lambda.

    python tools/misc/cross_validate.py configs/300vw/attentive1d_hg4.py --values model.head.gamma=0.1,0.2,0.3,0.4,0.5
    python tools/misc/cross_validate.py configs/300vw/attentive1d_tracker.py --values model.refinement.decay=0.2,0.3 \\
        --cfg-options load_from='work_dirs/cross_validation/DETECTOR/model.head.gamma=0.4/fold-{fold}/epoch_10.pth'

The training annotations of the data set that is tested are split into folds, by images, or by whole videos, whose
frames are alike. For each value and each fold a model is trained on the others, all epochs, and tested on this one; at
the end stands the mean NME of each value. ``{fold}`` in an option is the number of the fold: weights to start from
should not have seen it. What was interrupted goes on when the command is repeated, and what is finished is not done
again.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from zlib import crc32

import numpy as np
from mmengine import Config, dump, load
from terminaltables import GithubFlavoredMarkdownTable

from mmfld.engine.endings import run_tool
from mmfld.engine.launch import latest_checkpoint
from mmfld.engine.rows import REPOSITORY, read_config


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file or row of a table')
    parser.add_argument('--values', required=True, metavar='KEY=V1,V2,...', help='the option and what it is to be')
    parser.add_argument('--folds', type=int, default=10, help='default: %(default)s')
    parser.add_argument('--work-dir', type=Path, help='default: work_dirs/cross_validation/NAME')
    parser.add_argument('--gpus', type=int, default=1, help='processes of a training')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='further options')
    parser.add_argument('--dry-run', action='store_true', help='split, print the commands, and start nothing')
    args = parser.parse_args(argv)
    key, equals, values = args.values.partition('=')
    if not equals or not all(values.split(',')):
        parser.error(f'--values is {args.values!r}, expected KEY=V1,V2,...')
    cfg = read_config(args.config)
    work_dir = args.work_dir or Path('work_dirs/cross_validation') / args.config.replace('/', '_').removesuffix('.py')
    if cfg.get('starts_from') and not any(
        option.startswith('load_from=') and '{fold}' in option for option in args.cfg_options
    ):
        parser.error(
            f'{args.config} starts from weights of {cfg.starts_from}, which may have seen the fold that is '
            'held out: say which have not, --cfg-options load_from=...{fold}...'
        )
    try:
        place, ann_file = training_annotations(cfg)
        same_runs(
            work_dir,
            dict(
                folds=args.folds,
                gpus=args.gpus,
                options=args.cfg_options,
                annotations=crc32(ann_file.read_bytes()) if ann_file.is_file() else None,
            ),
        )
        folds = write_folds(ann_file, args.folds, work_dir.absolute() / 'folds')
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))

    errors: dict[str, list[float]] = {value: [] for value in values.split(',')}
    for value, found in errors.items():
        for fold, (train, held_out) in enumerate(folds):
            options = [
                f'{key}={value}',
                f'{place}={train}',
                f'val_dataset.ann_file={held_out}',
                f'test_dataset.ann_file={held_out}',
                *(option.replace('{fold}', str(fold)) for option in args.cfg_options),
            ]
            folder = work_dir / f'{key}={value}' / f'fold-{fold}'
            found.append(nme(args.config, folder, options, args.gpus, args.dry_run))
    if not args.dry_run:
        table = [
            [key, 'NME', 'deviation over folds'],
            *([value, f'{np.mean(found):.3f}', f'{np.std(found, ddof=1):.3f}'] for value, found in errors.items()),
        ]
        print(GithubFlavoredMarkdownTable(table).table)
        print(f'best: {min(errors, key=lambda value: np.mean(errors[value]))}')
    return 0


def training_annotations(cfg: Config) -> tuple[str, Path]:
    """The option that names the training annotations of the data set that is tested, and the file.

    Raises:
        ValueError: If none of the training data, or more than one, lie where the test data do.
    """
    parts = cfg.train_dataset.get('datasets')
    places = (
        {'train_dataset': cfg.train_dataset}
        if parts is None
        else {f'train_dataset.datasets.{number}': part for number, part in enumerate(parts)}
    )
    root = cfg.test_dataset.data_root
    own = [place for place, part in places.items() if part.get('data_root') == root]
    if len(own) != 1:
        raise ValueError(f'found {len(own)} training sets in {root}, where the test set lies, expected one')
    return f'{own[0]}.ann_file', Path(root) / places[own[0]].ann_file


def same_runs(work_dir: Path, settings: dict) -> None:
    """Note what the runs in a folder have in common; raise a ValueError if those that are there have something else."""
    path = work_dir / 'settings.json'
    if path.is_file():
        found = json.loads(path.read_text(encoding='utf-8'))
        if found != settings:
            raise ValueError(f'{work_dir} has runs with {found}, expected {settings}: choose another --work-dir')
        return
    work_dir.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings), encoding='utf-8')


def write_folds(ann_file: Path, folds: int, folder: Path) -> list[tuple[Path, Path]]:
    """Write the annotations of each fold and of all others; returns their files, (others, fold) for each fold.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If there are fewer images or videos than folds.
    """
    if not ann_file.is_file():
        raise FileNotFoundError(f'{ann_file} does not exist: docs/howto/add_a_data_set.md says how data are converted')
    annotations = load(ann_file)
    fold_of = split(annotations['images'], folds)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for fold in range(folds):
        for part, path in (('train', folder / f'train-{fold}.json'), ('test', folder / f'test-{fold}.json')):
            kept = {image for image, own in fold_of.items() if (own == fold) == (part == 'test')}
            dump(
                dict(
                    annotations,
                    images=[image for image in annotations['images'] if image['id'] in kept],
                    annotations=[one for one in annotations['annotations'] if one['image_id'] in kept],
                ),
                path,
            )
        files.append((folder / f'train-{fold}.json', folder / f'test-{fold}.json'))
    return files


def split(images: list[dict], folds: int) -> dict[int, int]:
    """The fold of each image, by its id: in an order drawn with seed 0, each image or whole video, the largest first,
    goes to the fold that has the fewest images."""
    groups: dict[str, list[int]] = {}
    for image in images:
        groups.setdefault(image.get('video', image['id']), []).append(image['id'])
    if not 2 <= folds <= len(groups):
        raise ValueError(f'found {folds} folds of {len(groups)} images or videos, expected 2 to {len(groups)}')
    shuffled = [list(groups.values())[index] for index in np.random.RandomState(0).permutation(len(groups))]
    load_of, fold_of = np.zeros(folds, int), {}
    for group in sorted(shuffled, key=len, reverse=True):
        fold = int(load_of.argmin())
        load_of[fold] += len(group)
        fold_of.update(dict.fromkeys(group, fold))
    return fold_of


def nme(config: str, folder: Path, options: list[str], gpus: int, dry_run: bool) -> float:
    """Train on the other folds, if that is not done, and test on this one."""
    result = folder / 'result.json'
    if not result.is_file():
        tools = REPOSITORY / 'tools'
        start = (
            [sys.executable, str(tools / 'train.py'), config]
            if gpus == 1
            else ['bash', str(tools / 'dist_train.sh'), config, str(gpus)]
        )
        command(dry_run, *start, '--work-dir', str(folder), '--no-validate', '--resume', '--cfg-options', *options)
        checkpoint = folder / 'CHECKPOINT' if dry_run else latest_checkpoint(folder)
        command(
            dry_run,
            sys.executable,
            str(tools / 'test.py'),
            config,
            str(checkpoint),
            '--work-dir',
            str(folder),
            '--out',
            str(result),
            '--cfg-options',
            *options,
        )
        if dry_run:
            return float('nan')
    return json.loads(result.read_text(encoding='utf-8'))['NME']


def command(dry_run: bool, *words: str) -> None:
    print(' '.join(words), flush=True)
    if not dry_run:
        subprocess.run(words, check=True)


if __name__ == '__main__':
    sys.exit(run_tool(main))
