"""Milliseconds per frame of tracking faces in a video, and of searching them in every frame.

    python tools/analysis_tools/benchmark_tracking.py video.mp4 configs/300w/structured_hg2_mini.py checkpoint.pth

"tracker" is ``FaceLandmarkTracker.track``, "every frame" is ``FaceLandmarkInferencer`` with its detector and one
refinement; neither draws nor writes, and the frames are decoded before. "detector ms" is the detector's part of the
mean. For several faces, copies of each frame stand side by side: the cost of the crops grows with the faces, that of
the detector with the picture.
"""

import argparse
import sys
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from benchmark_utils import Stopwatch
from mmengine.device import get_device

from mmfld.apis import FaceLandmarkInferencer, FaceLandmarkTracker, build_detector
from mmfld.engine.endings import run_tool
from mmfld.runtime.media import VideoSource


def main(argv=None):
    parser = argparse.ArgumentParser(
        description='Milliseconds per frame of tracking.', formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('video')
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--det-model', default='opencv', metavar='DETECTOR', help='as for tools/predict.py')
    parser.add_argument('--det-weights', metavar='CHECKPOINT', help='checkpoint of a detector of MMDetection')
    parser.add_argument(
        '--copies', type=int, nargs='+', default=[1, 2], help='of the frame, side by side, for several faces'
    )
    parser.add_argument('--frames', type=int, default=100, help='of the start of the video')
    parser.add_argument('--device', default=get_device())
    args = parser.parse_args(argv)

    watch = Stopwatch(args.device)
    find = build_detector(args.det_model, args.det_weights, args.device)

    def detector(image):
        with watch('detector'):
            return find(image)

    model = (args.config, args.checkpoint, args.device, detector)
    tracker, inferencer = FaceLandmarkTracker(*model), FaceLandmarkInferencer(*model)
    methods = {'tracker': tracker.track, 'every frame': lambda frame: next(inferencer(frame))['predictions'][0]}
    video = [frame.image for frame in islice(VideoSource(Path(args.video)), args.frames)]
    print(f'{args.device}, {torch.get_num_threads()} CPU threads, {len(video)} frames')
    print(f'{"copies":>6}  {"method":<12}{"faces":>7}{"p50 ms":>9}{"p90 ms":>9}{"mean ms":>9}{"detector ms":>13}')
    rows = []
    for copies in args.copies:
        frames = [cv2.hconcat([image] * copies) for image in video]
        for name, predict in methods.items():
            for frame in frames[:3]:  # warm up
                predict(frame)
            tracker.reset()
            watch.laps.clear()
            faces = 0
            for frame in frames:
                with watch('frame'):
                    faces += len(predict(frame))
            times = np.array(watch.laps['frame']) * 1000
            p50, p90 = np.percentile(times, (50, 90))
            row = dict(
                copies=copies,
                method=name,
                faces=faces / len(frames),
                p50_ms=p50,
                p90_ms=p90,
                mean_ms=times.mean(),
                detector_ms=sum(watch.laps['detector']) * 1000 / len(frames),
            )
            rows.append(row)
            print(
                f'{copies:>6}  {name:<12}{row["faces"]:>7.2f}{p50:>9.1f}{p90:>9.1f}{row["mean_ms"]:>9.1f}'
                f'{row["detector_ms"]:>13.1f}',
                flush=True,
            )
        print(
            f'{"":>6}  every frame / tracker: {rows[-1]["p50_ms"] / rows[-2]["p50_ms"]:.1f} (median), '
            f'{rows[-1]["mean_ms"] / rows[-2]["mean_ms"]:.1f} (mean)'
        )
    return rows


if __name__ == '__main__':
    sys.exit(run_tool(main))
