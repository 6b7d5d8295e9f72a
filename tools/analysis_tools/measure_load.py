"""Whether long runs stay as they begin: memory, open files and time, over thousands of pictures and frames.

    python tools/analysis_tools/measure_load.py                       # all parts
    python tools/analysis_tools/measure_load.py runtime --pictures 500

Rendered faces, by the weights that come with the package; each part runs in a process of its own:

- ``runtime``, ``inferencer``: pictures from files;
- ``tracker``, ``inferencer-tracker``: a video file of ``--minutes``;
- ``training``: ``--epochs`` over 64 faces, and in a line of their own its two ``workers``, which live as long as it;
- ``folder``: listing a folder of 100,000 pictures.

A line for each: growth is how much larger the resident memory is in the last quarter than in the third one (medians),
in MiB a 1,000 pictures or frames; files are those that are open at the end and were not in the middle; time is that of
an item in the last quarter against the second one.
Ends with status 1 if the growth reaches 1, or a file stays open.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
PARTS = ('runtime', 'inferencer', 'tracker', 'inferencer-tracker', 'training', 'folder')
FPS = 25
NAMES = 100_000
FACES = 64
FAMILY = 3  # a training and its workers


class Load(NamedTuple):
    """One row for each moment: how many items there were, MiB of memory, open files, and seconds since the start."""

    rows: np.ndarray

    def growth(self) -> float:
        third, last = np.array_split(self.rows, 4)[2:]
        return 1000 * float((np.median(last[:, 1]) - np.median(third[:, 1])) / (last[:, 0].mean() - third[:, 0].mean()))

    def files(self) -> int:
        return int(self.rows[-1, 2] - self.rows[len(self.rows) // 2, 2])

    def time_ratio(self) -> float:
        quarter = len(self.rows) // 4
        first, last = (np.diff(part[:, 3]).mean() for part in (self.rows[quarter : 2 * quarter], self.rows[-quarter:]))
        return float(last / first)


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('parts', nargs='*', default=[], metavar='PART', help=f'of {", ".join(PARTS)}; default: all')
    parser.add_argument('--pictures', type=int, default=2000)
    parser.add_argument('--minutes', type=float, default=10)
    parser.add_argument('--epochs', type=int, default=200)
    args = parser.parse_args(argv)
    unknown = set(args.parts) - set(PARTS)
    if unknown:
        parser.error(f'found no part {", ".join(sorted(unknown))}; there are {", ".join(PARTS)}')
    failed = False
    print(f'{"part":<20}{"items":>8}{"MiB":>8}{"growth":>9}{"files":>7}{"ms an item":>12}{"time":>7}')
    with tempfile.TemporaryDirectory() as folder:
        for part in args.parts or PARTS:
            if part == 'folder':
                print(f'{part:<20}{NAMES:>8}{"":>24}{list_names(Path(folder)):>10.2f} s')
                continue
            with ProcessPoolExecutor(1, get_context('spawn')) as pool:
                rows = pool.submit(run, part, Path(folder), args.pictures, args.minutes, args.epochs).result()
            for name, load in zip((part, 'workers'), map(Load, rows if rows.ndim == 3 else [rows])):
                failed |= load.growth() >= 1 or load.files() > 0
                items, memory, _, seconds = load.rows[-1]
                print(
                    f'{name:<20}{items:>8.0f}{memory:>8.0f}{load.growth():>9.2f}{load.files():>7}'
                    f'{1000 * seconds / items:>12.1f}{load.time_ratio():>7.2f}',
                    flush=True,
                )
    return int(failed)


def run(part: str, folder: Path, pictures: int, minutes: float, epochs: int) -> np.ndarray:
    """The load of one part."""
    if part == 'training':
        return train(folder, epochs)
    if part.endswith('tracker'):
        results, count = follow(part, make_video(folder, round(60 * FPS * minutes))), round(60 * FPS * minutes)
    else:
        results, count = find(part, [*islice(cycle(make_pictures(folder)), pictures)]), pictures
    rows, every, begin = [], max(1, count // 80), time.perf_counter()
    for number, _ in enumerate(results, 1):
        if number % every == 0:
            rows.append((number, memory(os.getpid()), len(os.listdir('/proc/self/fd')), time.perf_counter() - begin))
    return np.array(rows)


def find(part: str, paths: list[str]) -> Iterable:
    """Landmarks in pictures, one after the other."""
    if part == 'runtime':
        from mmfld.runtime import FaceLandmarker

        return map(FaceLandmarker(), paths)
    from mmfld.apis import FaceLandmarkInferencer

    return FaceLandmarkInferencer(show_progress=False)(paths)


def follow(part: str, video: Path) -> Iterable:
    """Landmarks in the frames of a video."""
    from mmfld.runtime.media import open_source

    frames = (frame.image for frame in open_source(str(video)))
    if part == 'tracker':
        from mmfld.runtime import FaceTracker

        return map(FaceTracker(), frames)
    from mmfld.apis import FaceLandmarkTracker

    return map(FaceLandmarkTracker().track, frames)


def train(folder: Path, epochs: int) -> np.ndarray:
    """A training, and its two workers, looked at twice a second: (2, M, 4)."""
    subprocess.run(
        [
            sys.executable,
            str(REPOSITORY / 'tools/dataset_converters/make_synthetic_faces.py'),
            str(folder),
            '--train',
            str(FACES),
            '--test',
            '4',
            '--image-size',
            '128',
        ],
        check=True,
        capture_output=True,
    )
    options = [f'{part}_dataset.data_root={folder}/' for part in ('train', 'val', 'test')]
    options += [
        f'train_cfg.max_epochs={epochs}',
        'train_dataloader.num_workers=2',
        'log_level=WARNING',
        'train_dataloader.batch_size=16',
        'model.backbone.width=16',
        'model.backbone.num_levels=2',
    ]
    process = subprocess.Popen(
        [
            sys.executable,
            str(REPOSITORY / 'tools/train.py'),
            'configs/synthetic/structured_hg2_mini.py',
            '--no-validate',
            '--no-scale',
            '--work-dir',
            str(folder / 'run'),
            '--cfg-options',
            *options,
        ],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    rows, begin = [], time.perf_counter()
    while process.poll() is None:
        time.sleep(0.5)
        done = epochs_of(folder / 'run')
        family = [process.pid, *map(int, children(process.pid))]
        if len(family) < FAMILY:  # it begins or ends
            continue
        try:
            now = [
                (
                    done * FACES,
                    sum(map(memory, members)),
                    sum(len(os.listdir(f'/proc/{one}/fd')) for one in members),
                    time.perf_counter() - begin,
                )
                for members in (family[:1], family[1:])
            ]
        except (FileNotFoundError, ProcessLookupError):  # it ends
            break
        if done and (not rows or done * FACES > rows[-1][0][0]):
            rows.append(now)
    if process.wait():
        raise RuntimeError(f'the training ended with status {process.returncode}: {process.stderr.read()[-2000:]}')
    return np.array(rows).transpose(1, 0, 2)


def epochs_of(folder: Path) -> int:
    """How many epochs a training has saved."""
    return max((int(path.stem.split('_')[1]) for path in folder.glob('epoch_*.pth')), default=0)


def children(process: int) -> list[str]:
    return Path(f'/proc/{process}/task/{process}/children').read_text().split()


def list_names(folder: Path) -> float:
    """Seconds until a folder of pictures is listed."""
    from mmfld.runtime.media import open_source

    names = folder / 'names'
    names.mkdir()
    for number in range(NAMES):
        (names / f'{number}.jpg').touch()
    begin = time.perf_counter()
    assert open_source(str(names)).length == NAMES
    return time.perf_counter() - begin


def memory(process: int) -> float:
    """MiB that a process has in memory."""
    return int(Path(f'/proc/{process}/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20


def make_pictures(folder: Path) -> list[str]:
    """Twenty pictures of one or several faces, of several sizes; their files."""
    from mmfld.synthetic import SyntheticFaceGenerator

    faces = SyntheticFaceGenerator(seed=0, image_size=192)
    paths = []
    for number in range(20):
        picture = cv2.hconcat([faces[3 * number + place].image for place in range(1 + number % 3)])
        paths.append(str(folder / f'{number}.jpg'))
        cv2.imwrite(paths[-1], cv2.resize(picture, None, fx=1 + number % 4 / 2, fy=1 + number % 4 / 2))
    return paths


def make_video(folder: Path, frames: int) -> Path:
    """A video of four faces that move, one after the other, again and again."""
    from mmfld.synthetic import SyntheticClipGenerator

    clips = SyntheticClipGenerator(seed=0, image_size=256, num_frames=50)
    images = [face.image for number in range(4) for face in clips[number]]
    path = folder / 'video.mp4'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), FPS, (256, 256))
    for image in islice(cycle(images), frames):
        writer.write(image)
    writer.release()
    return path


if __name__ == '__main__':
    sys.exit(main())
