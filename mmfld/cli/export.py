"""``mmfld export``: a checkpoint as an ONNX file."""

import argparse
import sys
from contextlib import redirect_stdout

from .arguments import finite

FIELDS = ('sure', 'min_score', 'licence')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', metavar='CONFIG', help='of the model, or FILE.yml:ROW')
    parser.add_argument('checkpoint', metavar='CHECKPOINT')
    parser.add_argument('path', metavar='FILE.onnx', help='to write')
    parser.add_argument('--half', action='store_true', help='weights in half precision: half the size')
    parser.add_argument(
        '--flip-test',
        action=argparse.BooleanOptionalAction,
        default=None,
        help='average with the mirrored face; default: as the config tests',
    )
    parser.add_argument(
        '--sure',
        type=finite,
        metavar='SCORE',
        help='mean score of the landmarks from which on a face is the right way up; default of this and the next two: '
        'what the checkpoint says',
    )
    parser.add_argument(
        '--min-score',
        type=finite,
        metavar='SCORE',
        help='mean score of the landmarks below which what a detector proposes is no face',
    )
    parser.add_argument('--licence', help='of the weights')


def run(args: argparse.Namespace) -> int:
    from ..apis.onnx_export import export_onnx

    fields = {name: getattr(args, name) for name in FIELDS if getattr(args, name) is not None}
    with redirect_stdout(sys.stderr):
        export_onnx(args.config, args.checkpoint, args.path, args.half, args.flip_test, fields)
    return 0
