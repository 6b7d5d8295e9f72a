"""How much the landmarks of videos flicker in one or several runs, from their prediction files.

    python tools/analysis_tools/measure_flicker.py detector/clip.json tracker/clip.json --one-euro --plot flicker.png

A run is the json file that FaceLandmarkInferencer writes for a video with pred_out_dir=..., or a folder with those of
several videos. In each frame one face is followed: the one that is nearest to that of the frame before, at first the
largest. Flicker is the mean norm of the landmarks' second differences in time, in percent of the mean inter-ocular
distance in the video; all frames that have a face, as both their neighbours, weigh the same. It contains the true
acceleration of the face, so compare runs on the same videos. It says nothing of lag or error: a filter that never moves
does not flicker.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mmfld.counts import how_many
from mmfld.evaluation.flicker import flicker_per_frame, jitter
from mmfld.evaluation.functional import inter_ocular
from mmfld.runtime.one_euro_filter import OneEuroFilter
from mmfld.structures import FaceLayout, get_layout


@dataclass
class Track:
    """One face in one video.

    Args:
        points (ndarray): (T, K, 2) landmarks, pixels.
        frames (ndarray): (T, ) int, the frames with a face.
        eyes (ndarray): (T, ) inter-ocular distances, pixels.
        length (int): Number of frames, also those without a face.
    """

    points: np.ndarray
    frames: np.ndarray
    eyes: np.ndarray
    length: int


Run = dict[str, Track]  # name of a video -> its face


def main(argv=None):
    args = parse_args(argv)
    layout = get_layout(args.layout)
    runs = {}
    for label, path in zip(args.legend, args.runs):
        runs[label] = read_run(path, layout, args.frames)
        if args.one_euro:
            runs[f'{label} + One-Euro'] = {
                video: smooth(track, OneEuroFilter(args.min_cutoff, args.beta, rate=args.fps))
                for video, track in runs[label].items()
            }
    check_same_videos(runs)
    print_table(runs, args.still)
    if args.plot:
        if any(len(run) > 1 for run in runs.values()):
            raise ValueError(f'--plot draws one video, found {len(next(iter(runs.values())))}: name their json files')
        landmark = layout.eye_corners[0] if args.landmark is None else args.landmark
        if not 0 <= landmark < layout.num_keypoints:
            raise ValueError(f'--landmark {landmark}: {layout.name} has the landmarks 0 to {layout.num_keypoints - 1}')
        plot(runs, landmark).savefig(args.plot)
        print(f'wrote {args.plot}')


def parse_args(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('runs', nargs='+', type=Path, metavar='RUN', help='json file of a video, or a folder of them')
    parser.add_argument('--legend', nargs='+', help='a label for each run, its path by default')
    parser.add_argument('--layout', default='300w68', help='of the landmarks, default: 300w68')
    parser.add_argument('--frames', type=int, nargs=2, metavar=('FIRST', 'LAST'), help='only these frames')
    parser.add_argument(
        '--still',
        action='store_true',
        help='the faces keep still: also show jitter, the standard deviation of landmarks over time',
    )
    parser.add_argument('--one-euro', action='store_true', help='also smooth each run with the One-Euro filter')
    parser.add_argument('--min-cutoff', type=float, default=1.0, help='of the filter, Hz, default: 1')
    parser.add_argument('--beta', type=float, default=20.0, help='of the filter, default: 20')
    parser.add_argument(
        '--fps', type=float, default=25.0, help='frames per second of the videos for the filter, default: 25'
    )
    parser.add_argument('--plot', type=Path, metavar='PICTURE', help='draw x of a landmark over time')
    parser.add_argument('--landmark', type=int, help='which one to draw, default: an outer eye corner')
    args = parser.parse_args(argv)
    if args.legend is None:
        args.legend = [str(run) for run in args.runs]
    if len(args.legend) != len(args.runs):
        parser.error(f'--legend has {how_many(len(args.legend), "label")} for {how_many(len(args.runs), "run")}')
    if len(set(args.legend)) != len(args.legend):
        parser.error(f'two runs have the same label: {args.legend}')
    return args


def read_run(path: Path, layout: FaceLayout, limits: Sequence[int] | None = None) -> Run:
    """The tracks of a json file, or of those in a folder.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If one is not the file of a video, see :func:`read_track`.
    """
    files = sorted(path.glob('*.json')) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise FileNotFoundError(f'{path}: found no json file, expected the predictions on a video')
    return {file.stem: read_track(file, layout, limits) for file in files}


def read_track(path: Path, layout: FaceLayout, limits: Sequence[int] | None = None) -> Track:
    """One face of the predictions on a video, in the frames from the first to the last limit.

    Raises:
        ValueError: If the file is not a list of frames with faces of this layout, or no frame has a face.
    """
    try:
        video = json.loads(path.read_text(encoding='utf-8'))
    except json.JSONDecodeError as error:
        raise ValueError(f'{path}: not json ({error}), expected the complete predictions on a video') from error
    if not isinstance(video, list) or not all({'frame_id', 'instances'} <= set(frame) for frame in video):
        raise ValueError(f'{path}: expected the predictions on a video, a list of frames with frame_id and instances')
    if limits is not None:
        video = [frame for frame in video if limits[0] <= frame['frame_id'] <= limits[1]]

    points, frames = [], []
    for frame in video:
        if not frame['instances']:
            continue
        faces = np.array([face['keypoints'] for face in frame['instances']], np.float64)
        if faces.shape[1:] != (layout.num_keypoints, 2):
            raise ValueError(
                f'{path}: frame {frame["frame_id"]}: found keypoints of shape {faces.shape[1:]}, expected '
                f'({layout.num_keypoints}, 2) for layout {layout.name!r}'
            )
        points.append(follow(faces, points[-1] if points else None))
        frames.append(frame['frame_id'])
    if not points:
        raise ValueError(f'{path}: found no face in {how_many(len(video), "frame")}')
    points = np.stack(points)
    eyes = inter_ocular(points, np.ones(points.shape[:2], bool), layout)
    return Track(points, np.array(frames), eyes, len(video))


def follow(faces: np.ndarray, previous: np.ndarray | None) -> np.ndarray:
    """Of the faces (N, K, 2) the one nearest to the previous one (K, 2), or the one with the largest box."""
    if previous is None:
        return faces[np.ptp(faces, axis=1).prod(axis=-1).argmax()]
    return faces[np.linalg.norm(faces - previous, axis=-1).mean(axis=-1).argmin()]


def smooth(track: Track, one_euro: OneEuroFilter) -> Track:
    """The track as the filter gives it in a live application, begun anew after frames without a face."""
    points = np.empty_like(track.points)
    for i, (raw, eyes) in enumerate(zip(track.points, track.eyes)):
        if i and track.frames[i] != track.frames[i - 1] + 1:
            one_euro.reset()
        points[i] = one_euro(raw, eyes)
    return Track(points, track.frames, track.eyes, track.length)


def check_same_videos(runs: dict[str, Run]) -> None:
    first, *others = runs
    for label in others:
        # a single video may have been saved under another name
        if max(len(runs[first]), len(runs[label])) > 1 and set(runs[first]) != set(runs[label]):
            raise ValueError(
                f'{label}: found the videos {sorted(runs[label])}, expected {sorted(runs[first])} as in {first}'
            )


def measure(run: Run) -> tuple[float, float]:
    """Flicker, mean over frames, and jitter, mean over videos; percent of the mean inter-ocular distance."""
    flicker = np.concatenate(
        [flicker_per_frame(track.points, frames=track.frames, normalizer=track.eyes.mean()) for track in run.values()]
    )
    jitters = np.array([jitter(track.points, track.frames, track.eyes.mean()) for track in run.values()])
    return tuple(
        100 * values[~np.isnan(values)].mean() if not np.isnan(values).all() else np.nan
        for values in (flicker, jitters)
    )


def print_table(runs: dict[str, Run], still: bool) -> None:
    rows = [['run', 'videos', 'frames', 'no face', 'flicker %', 'ratio'] + (['jitter %', 'ratio'] if still else [])]
    measured = {label: measure(run)[: 1 + still] for label, run in runs.items()}
    reference = next(iter(measured.values()))
    for label, run in runs.items():
        length = sum(track.length for track in run.values())
        without = length - sum(len(track.frames) for track in run.values())
        rows.append([label, str(len(run)), str(length), str(without)])
        for value, of_first in zip(measured[label], reference):
            rows[-1] += [f'{value:.3f}', f'{value / of_first:.2f}' if of_first > 0 else '-']
    widths = [max(map(len, column)) for column in zip(*rows)]
    for label, *cells in rows:
        print('  '.join([label.ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(cells, widths[1:])]))


def plot(runs: dict[str, Run], landmark: int) -> Figure:
    """x of a landmark over the frames of a video, a line for each run, interrupted where there is no face."""
    figure = Figure(figsize=(10, 4.5), dpi=120, layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for label, run in runs.items():
        (track,) = run.values()
        frames = np.arange(track.frames[0], track.frames[-1] + 1)
        x = np.full(len(frames), np.nan)
        x[track.frames - frames[0]] = track.points[:, landmark, 0]
        axes.plot(frames, x, linewidth=1, label=label)
    axes.set(xlabel='frame', ylabel=f'x of landmark {landmark}, pixels')
    axes.grid(alpha=0.3)
    axes.legend(fontsize='small')
    return figure


if __name__ == '__main__':
    main()
