"""``mmfld benchmark``: how long landmarks take on this machine."""

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ..counts import how_many
from ..runtime import FaceLandmarker, FaceTracker
from ..runtime.images import read_image
from .arguments import MODEL_HELP, finite, whole, wrong_arguments

BATCHES = (1, 4, 16)
PICTURE, VIDEO = (1280, 720), (640, 480)  # pixels
FRAMES = 50
ROUNDS = 5  # in which all take turns, as a machine is not equally fast all the time
COLUMNS = ('model', 'what', 'threads', 'median, ms', '90 % below, ms')


class Timed(NamedTuple):
    """Attributes: model, what is timed, threads, what is called, and what is called before a round of it."""

    model: str
    what: str
    threads: int
    call: Callable[[], object]
    prepare: Callable[[], object] = bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('picture', metavar='PICTURE', help='an image with one face')
    parser.add_argument('--model', nargs='+', metavar='FILE.onnx', default=[None], help=MODEL_HELP)
    parser.add_argument('--threads', type=whole, nargs='+', default=[1, 2, 4], metavar='N', help='default: 1 2 4')
    parser.add_argument(
        '--backend', nargs='+', default=['auto'], help='one or more of auto (default), onnxruntime and openvino'
    )
    parser.add_argument(
        '--precision', nargs='+', default=['float32'], help='float32 (default) or, with OpenVINO, bfloat16, or both'
    )
    parser.add_argument('--detector', default='centerface', help='default: centerface')
    parser.add_argument('--seconds', type=finite, default=2.0, help='for each row; default: 2')
    parser.add_argument(
        '--inferencer',
        action='store_true',
        help='also FaceLandmarkInferencer and FaceLandmarkTracker in torch, with the Haar cascades of '
        'OpenCV 4, which were the only way before',
    )


def run(args: argparse.Namespace) -> int:
    """Print a table, all of it measured in turns; then ratios, and the memory."""
    with wrong_arguments():
        image = read_image(args.picture)
        if args.seconds <= 0:
            raise ValueError(f'--seconds: found {args.seconds}, expected a positive number')
    whole, frames = _on_canvas(image, PICTURE), _video(image)
    memory = [f'{_memory():.0f} MB after the import']
    timed: list[Timed] = []
    for threads, model, (backend, precision) in product(args.threads, args.model, _combined(args)):
        with wrong_arguments():
            landmarker = FaceLandmarker(model, args.detector, backend, threads, precision)
            calls = _landmarker_calls(landmarker, whole, frames)
        name = f'{Path(model).stem if model else "default"}, {landmarker.model.network.backend}, {precision}'
        timed += [Timed(name, what, threads, call) for what, call in calls.items()]
    for one in timed:
        one.call()
    memory.append(f'{_memory():.0f} MB at the peak')
    before: list[Timed] = []
    if args.inferencer:
        import torch

        for threads in args.threads:
            prepare = partial(torch.set_num_threads, threads)
            prepare()
            for what, call in _inferencer_calls(whole, frames).items():
                before.append(Timed('inferencer, torch', what, threads, call, prepare))
        memory.append(f'{_memory():.0f} MB with torch')
    laps = _in_turns([*timed, *before], args.seconds)
    print(' | '.join(COLUMNS))
    for one, times in zip([*timed, *before], laps):
        median, high = np.quantile(times, [0.5, 0.9]) * 1e3
        print(f'{one.model} | {one.what} | {one.threads} | {median:.2f} | {high:.2f}')
    medians = {(one.model, one.what, one.threads): float(np.median(times)) for one, times in zip(timed, laps)}
    for one, times in zip(before, laps[len(timed) :]):
        for (model, what, threads), median in medians.items():
            if (what, threads) == (one.what, one.threads):
                print(f'{model}: {what}, {threads} threads: {np.median(times) / median:.2f} times as fast')
    print(f'memory: {", ".join(memory)}')
    return 0


def _combined(args: argparse.Namespace) -> list[tuple[str, str]]:
    """Backends and precisions, without those of several that do not go together."""
    pairs = list(product(args.backend, args.precision))
    return [pair for pair in pairs if pair != ('onnxruntime', 'bfloat16')] or pairs


def _landmarker_calls(
    landmarker: FaceLandmarker, picture: np.ndarray, frames: list[np.ndarray]
) -> dict[str, Callable[[], object]]:
    """What is timed, by name.

    Raises:
        ValueError: If the detector does not find one face.
    """
    found = landmarker(picture)
    if len(found) != 1:
        raise ValueError(f'picture: the detector finds {how_many(len(found), "face")}, expected 1')
    box = found[0].box[None]
    crops = np.zeros((max(BATCHES), *landmarker.model.input_size[::-1], 3), np.uint8)
    tracker, film = FaceTracker(landmarker), _forever(frames)
    for frame in frames:  # until the face is confirmed, and the detector has run as often as it does
        tracker(frame)
    return {
        **{f'network, {batch} crops': lambda batch=batch: landmarker.model(crops[:batch]) for batch in BATCHES},
        'a face, box given': lambda: landmarker(picture, box),
        'picture of 1280 x 720 with a face': lambda: landmarker(picture),
        'detector': lambda: landmarker.detector(picture),
        'frame of 640 x 480, a face followed': lambda: tracker(next(film)),
    }


def _inferencer_calls(picture: np.ndarray, frames: list[np.ndarray]) -> dict[str, Callable[[], object]]:
    from ..apis import FaceLandmarkInferencer, FaceLandmarkTracker

    inferencer = FaceLandmarkInferencer(device='cpu', detector='opencv', orientation='upright')
    tracker, film = FaceLandmarkTracker(device='cpu', detector='opencv', orientation='upright'), _forever(frames)
    faces = next(inferencer(picture))['predictions'][0]
    if len(faces) != 1:
        raise ValueError(f'picture: the Haar cascades find {how_many(len(faces), "face")}, expected 1')
    points = np.array(faces[0]['keypoints'])
    box = [[*points.min(0), *points.max(0)]]
    for frame in frames:
        tracker.track(frame)
    return {
        'a face, box given': lambda: next(inferencer(picture, bboxes=box)),
        'picture of 1280 x 720 with a face': lambda: next(inferencer(picture)),
        'frame of 640 x 480, a face followed': lambda: tracker.track(next(film)),
    }


def _in_turns(timed: list[Timed], seconds: float) -> list[list[float]]:
    """Seconds of the calls of each."""
    laps: list[list[float]] = [[] for _ in timed]
    for number in range(1, ROUNDS + 1):
        print(f'round {number} of {ROUNDS}', file=sys.stderr, flush=True)
        for one, times in zip(timed, laps):
            one.prepare()
            one.call()
            end = time.perf_counter() + seconds / ROUNDS
            while True:
                start = time.perf_counter()
                one.call()
                times.append(time.perf_counter() - start)
                if time.perf_counter() >= end:
                    break
    return laps


def _on_canvas(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The image on a grey picture, as large as it gets there."""
    width, height = size
    shrink = min(width / image.shape[1], height / image.shape[0])
    image = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    canvas = np.full((height, width, 3), 128, np.uint8)
    y, x = (height - image.shape[0]) // 2, (width - image.shape[1]) // 2
    canvas[y : y + image.shape[0], x : x + image.shape[1]] = image
    return canvas


def _video(image: np.ndarray) -> list[np.ndarray]:
    """Frames in which the image moves to and fro by 20 pixels."""
    still = _on_canvas(image, VIDEO)
    return [np.roll(still, round(10 * np.sin(2 * np.pi * n / FRAMES)), axis=1) for n in range(FRAMES)]


def _forever(frames: list[np.ndarray]) -> Iterator[np.ndarray]:
    while True:
        yield from frames


def _memory() -> float:
    """Peak of this process so far in MB; not known on Windows."""
    status = Path('/proc/self/status')
    if status.exists():  # getrusage counts what ran in this process before as well
        return float(re.search(r'^VmHWM:\s+(\d+) kB', status.read_text(), re.MULTILINE)[1]) / 2**10
    try:
        import resource
    except ImportError:
        return float('nan')
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == 'darwin' else 2**10)
