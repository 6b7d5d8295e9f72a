"""``mmfld export``: a checkpoint as an ONNX file."""

import argparse
import sys
from contextlib import redirect_stdout
from hashlib import sha256
from pathlib import Path

from ..runtime.landmarker import DEFAULT_MODEL
from ..runtime.onnx_file import read_metadata
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
        help='mean score of the landmarks from which on a face is the right way up',
    )
    parser.add_argument(
        '--min-score',
        type=finite,
        metavar='SCORE',
        help='mean score of the landmarks below which what a detector proposes is no face',
    )
    parser.add_argument('--licence', help='of the weights, for the metadata; default: not stated')


def run(args: argparse.Namespace) -> int:
    from ..apis.onnx_export import export_onnx

    given = {name: getattr(args, name) for name in FIELDS if getattr(args, name) is not None}
    fields = {**known_fields(args.checkpoint), **given}
    with redirect_stdout(sys.stderr):
        export_onnx(args.config, args.checkpoint, args.path, args.half, args.flip_test, fields)
    return 0


def known_fields(checkpoint: str) -> dict[str, str]:
    """What is known of the weights that come with the package."""
    metadata = read_metadata(DEFAULT_MODEL.read_bytes())
    is_default = Path(checkpoint).is_file() and sha256(Path(checkpoint).read_bytes()).hexdigest() == metadata['sha256']
    return {name: metadata[name] for name in FIELDS} if is_default else {}
