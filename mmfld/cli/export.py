"""``mmfld export``: a checkpoint as an ONNX file."""

import argparse
import sys
from contextlib import redirect_stdout

from .measured import add_measured_arguments, given_measured


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
    add_measured_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from ..apis.onnx_export import export_onnx

    with redirect_stdout(sys.stderr):
        export_onnx(args.config, args.checkpoint, args.path, args.half, args.flip_test, given_measured(args))
    return 0
