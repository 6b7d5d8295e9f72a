"""What was measured of weights, as commands take it: with which scores a face is upright, or none, and the licence."""

import argparse

from .arguments import finite

MEASURED = ('sure', 'min_score', 'licence')


def add_measured_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--sure',
        type=finite,
        metavar='SCORE',
        help='mean score of the landmarks from which on a face is the right way up (measure_orientations.py); default '
        'of this and the next two: what the checkpoint says',
    )
    parser.add_argument(
        '--min-score',
        type=finite,
        metavar='SCORE',
        help='mean score of the landmarks below which what a detector proposes is no face (measure_detection.py)',
    )
    parser.add_argument('--licence', help='of the weights')


def given_measured(args: argparse.Namespace) -> dict[str, float | str]:
    """Those of :data:`MEASURED` that were given."""
    return {name: getattr(args, name) for name in MEASURED if getattr(args, name) is not None}
