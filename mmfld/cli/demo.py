"""``mmfld demo``: landmarks in the browser."""

import argparse

from .arguments import finite, whole, wrong_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--model',
        nargs='+',
        default=[],
        metavar='FILE',
        help='to choose among, the first at the start: FILE.onnx of mmfld export, CHECKPOINT.pth or, if its config is '
        'not in it, CONFIG,CHECKPOINT.pth; default: the model of the package, and where OpenMMLab is installed its '
        'checkpoint',
    )
    parser.add_argument(
        '--host', default='127.0.0.1', help='0.0.0.0 lets others in who reach this machine; default: 127.0.0.1'
    )
    parser.add_argument('--port', type=whole, help='default: 7860, or the next one that is free')
    parser.add_argument('--threads', type=whole, help="default: the backend's choice")
    parser.add_argument('--max-megabytes', type=finite, default=50, help='of an upload; default: 50')
    parser.add_argument(
        '--max-megapixels', type=finite, default=25, help='of a picture or a frame of a video; default: 25'
    )
    parser.add_argument('--max-seconds', type=finite, default=30, help='of a video; default: 30')


def run(args: argparse.Namespace) -> int:
    """Serve until it is stopped."""
    from ..demo.limits import Limits
    from ..demo.server import serve, wait

    with wrong_arguments():
        if args.port is not None and args.port > 65535:
            raise ValueError(f'found --port {args.port}, expected one from 1 to 65535')
        limits = Limits(args.max_megabytes, args.max_megapixels, args.max_seconds)
    with serve(args.model, args.host, args.port, args.threads, limits) as url:
        print(f'{url} (Ctrl-C ends it)', flush=True)
        wait()
    return 0
