"""``mmfld doctor``: what will go wrong, before hours are spent."""

import argparse
import json
from collections import Counter

from ..counts import how_many
from ..doctor import ERROR, NOTE, WARNING, examine
from .arguments import whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'config',
        nargs='?',
        metavar='CONFIG',
        help='as mmfld train takes it, also a row of a table; default: only the environment',
    )
    parser.add_argument(
        '--data',
        nargs='+',
        default=[],
        metavar='FILE.json',
        help='annotation files to look at as well, with images in ../images or beside; images of the '
        'first data set, the training data of a config, are looked for in all others',
    )
    parser.add_argument('--work-dir', help='where the training would write; default: where mmfld train does')
    parser.add_argument('--processes', type=whole, metavar='N', help='that train together; default: WORLD_SIZE, or 1')
    parser.add_argument('--no-step', action='store_true', help='take no training step for its memory and time')
    parser.add_argument(
        '--json',
        action='store_true',
        help='print a list of findings, each with severity, topic, message, advice and, of those that '
        'are about many annotations or images, all their ids',
    )
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='as of mmfld train')


def run(args: argparse.Namespace) -> int:
    """Print a line for each finding; 1 if there is an error."""
    found = []
    for finding in examine(args.config, args.data, args.cfg_options, args.work_dir, args.processes, not args.no_step):
        found.append(finding)
        if not args.json:
            print(finding, flush=True)
    counts = Counter(finding.severity for finding in found)
    if args.json:
        print(json.dumps([finding._asdict() for finding in found], indent=1))
    else:
        print(', '.join(how_many(counts[severity], severity) for severity in (ERROR, WARNING, NOTE)))
    return int(counts[ERROR] > 0)
