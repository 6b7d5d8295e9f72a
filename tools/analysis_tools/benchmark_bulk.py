"""Pictures per second of ``mmfld predict --ray`` by the number of workers.

    python tools/analysis_tools/benchmark_bulk.py --workers 1 2

Copies of one picture with a face, 512 x 600, unless a folder is given. "steady" is the rate once every worker has done
a part, "whole" counts the seconds that Ray and the workers need to start, too.
"""

import argparse
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path

from matplotlib.cbook import get_sample_data

from mmfld.bulk import predict_in_bulk
from mmfld.runtime import FaceLandmarker


def measure(inputs, workers: int, part_size: int) -> dict:
    """Pictures per second of a run with so many workers."""
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        summary = predict_in_bulk(
            inputs, out, partial(FaceLandmarker, threads=1), {}, part_size, workers, address='local'
        )
        seconds = time.perf_counter() - start
        ends = sorted(path.stat().st_mtime for path in Path(out).glob('images/*.parquet'))
    if len(ends) <= workers:
        raise ValueError(f'found {len(ends)} parts, expected more than the {workers} workers: lower --part-size')
    steady = (len(ends) - workers) * part_size / (ends[-1] - ends[workers - 1])
    return dict(
        workers=workers, images=summary.images, faces=summary.faces, steady=steady, whole=summary.images / seconds
    )


def main(argv=None):
    parser = argparse.ArgumentParser(description='Pictures per second by the number of workers.')
    parser.add_argument('folder', nargs='?', help='of images; a multiple of --part-size, or "steady" is a little high')
    parser.add_argument('--images', type=int, default=400, help='without a folder: how many copies; default: 400')
    parser.add_argument('--part-size', type=int, default=20)
    parser.add_argument('--workers', type=int, nargs='+', default=[1, 2])
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        if not args.folder:
            for n in range(args.images):
                shutil.copy(get_sample_data('grace_hopper.jpg', asfileobj=False), f'{folder}/{n:06d}.jpg')
        rows = [measure([args.folder or folder], workers, args.part_size) for workers in args.workers]
    print(f'{"workers":>7} {"images":>7} {"faces":>7} {"steady/s":>9} {"whole/s":>9}')
    for row in rows:
        print(f'{row["workers"]:>7} {row["images"]:>7} {row["faces"]:>7} {row["steady"]:>9.1f} {row["whole"]:>9.1f}')
    return rows


if __name__ == '__main__':
    main()
