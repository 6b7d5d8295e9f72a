"""Compare evaluations in one CED picture, from the per-image errors that ``FaceAlignmentMetric(out_dir=...)`` saves."""

import argparse
import csv

import numpy as np

from mmfld.counts import how_many
from mmfld.evaluation import draw_ced


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('files', nargs='+', help='per_image_errors.csv of each evaluation')
    parser.add_argument('--legend', nargs='+', help='a label for each file, its path by default')
    parser.add_argument('--threshold', type=float, default=0.1, help='end of the x axis, of FR and of AUC, a fraction')
    parser.add_argument('--subset', help='only images with this attribute, e.g. large_pose')
    parser.add_argument('--legacy', action='store_true', help='FR and AUC as the STAR reference code computes them')
    parser.add_argument('--out', default='ced.png', help='the picture')
    args = parser.parse_args()
    if args.legend is None:
        args.legend = args.files
    if len(args.legend) != len(args.files):
        parser.error(f'--legend has {how_many(len(args.legend), "label")} for {how_many(len(args.files), "file")}')
    if len(set(args.legend)) != len(args.legend):
        parser.error(f'two curves have the same label: {args.legend}')
    return args


def read_errors(path: str, subset: str = None) -> np.ndarray:
    """(N, ) per-image errors as fractions; images without one, which the metric has left out, are none.

    Raises:
        ValueError: If a column is missing or no image is in the subset.
    """
    with open(path, newline='', encoding='utf-8') as file:
        reader = csv.DictReader(file)
        columns = reader.fieldnames or []
        for column in ('nme_percent', subset):
            if column is not None and column not in columns:
                raise ValueError(f'{path}: no column {column!r}, found {columns}')
        errors = [
            float(row['nme_percent']) / 100
            for row in reader
            if row['nme_percent'] and (subset is None or row[subset] == '1')
        ]
    if not errors:
        raise ValueError(f'{path}: no images' + (f' with {subset} = 1' if subset else ''))
    return np.array(errors)


def main():
    args = parse_args()
    errors = {label: read_errors(path, args.subset) for label, path in zip(args.legend, args.files)}
    draw_ced(errors, args.threshold, args.legacy).savefig(args.out)
    print(f'wrote {args.out}')


if __name__ == '__main__':
    main()
