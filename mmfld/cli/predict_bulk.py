"""``mmfld predict --ray``: tables of the faces in more pictures than one process can do."""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path

from ..counts import how_many
from ..runtime import FaceLandmarker
from ..runtime.landmarker import model_file
from .arguments import whole, wrong_arguments

SHOWN = 20  # of what could not be read


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('millions of pictures', 'parquet tables, by Ray; see mmfld/bulk/README.md')
    group.add_argument(
        '--ray',
        action='store_true',
        help='images, folders with their subfolders, tar and parquet shards, or lists of these (.txt)',
    )
    group.add_argument('--workers', type=whole, help='that share the work; default: one for each CPU')
    group.add_argument('--part-size', type=whole, help='images in a part, of which none is lost; default: 1000')
    group.add_argument('--address', help='of a Ray cluster; default: RAY_ADDRESS, or this machine')


def check(args: argparse.Namespace) -> None:
    """Complain of arguments that do not go together."""
    if args.ray:
        wrong = [name for name in ('draw', 'track', 'strict', 'measure') if getattr(args, name)]
        wrong += ['format csv'] if args.format == 'csv' else []
        if wrong:
            raise ValueError(f'--{wrong[0]} does not go with --ray')
    else:
        wrong = [name for name in ('workers', 'part_size', 'address') if getattr(args, name) is not None]
        if wrong:
            raise ValueError(f'--{wrong[0].replace("_", "-")} needs --ray')


def run(args: argparse.Namespace) -> int:
    """Predict all inputs; 1 if one could not be read or a part could not be done."""
    from ..bulk import predict_in_bulk

    threads = args.threads or 1
    model = Path(model_file(args.model)).absolute()
    make = partial(
        FaceLandmarker,
        model,
        args.detector,
        args.backend,
        threads,
        args.precision,
        args.orientation,
        detector_weights=args.detector_weights,
    )
    with wrong_arguments():
        network = make().model.network
    digest = sha256(network.model).hexdigest()
    settings = dict(
        model=digest,
        detector=args.detector,
        orientation=args.orientation,
        backend=network.backend,
        precision=network.precision,
    )
    if args.detector_weights is not None:
        settings.update(detector_weights=args.detector_weights)
    size = {} if args.part_size is None else dict(part_size=args.part_size)
    summary = predict_in_bulk(
        args.inputs,
        args.out,
        partial(_make, make, digest),
        settings,
        workers=args.workers,
        threads=threads,
        address=args.address,
        **size,
    )
    print(f'{how_many(summary.faces, "face")} in {how_many(summary.images, "image")}')
    for _, reason in summary.broken[:SHOWN]:
        print(f'not read: {reason}', file=sys.stderr)
    if len(summary.broken) > SHOWN:
        print(
            f'not read: {len(summary.broken) - SHOWN} more, all of them in {args.out}/broken.parquet', file=sys.stderr
        )
    for part, reason in summary.failed:
        print(f'not done: part {part}: {reason}', file=sys.stderr)
    return 1 if summary.broken or summary.failed else 0


def _make(make: Callable[[], FaceLandmarker], digest: str) -> FaceLandmarker:
    """A landmarker, if the file of its model is the same here as where the run began."""
    landmarker = make()
    found = sha256(landmarker.model.network.model).hexdigest()
    if found != digest:
        raise ValueError(f'model: found a file with the SHA-256 {found} on a worker, expected {digest}')
    return landmarker
