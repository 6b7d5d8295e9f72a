"""``mmfld track``: faces followed through a video, a camera's pictures or a folder of frames."""

import argparse

from . import predict, predict_bulk

run = predict.run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    predict.add_common_arguments(parser)
    bulk = argparse.ArgumentParser()
    predict_bulk.add_arguments(bulk)
    parser.set_defaults(track=True, **vars(bulk.parse_args([])))
