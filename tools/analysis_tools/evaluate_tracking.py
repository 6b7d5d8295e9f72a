"""How a tracker does as it is used: the first box from a detector, then on its own, from landmarks to the next box.

    python tools/analysis_tools/evaluate_tracking.py CONFIG CHECKPOINT
    python tools/analysis_tools/evaluate_tracking.py --ann-file VIDEOS.json --images FOLDER

The first command takes the videos that CONFIG is tested on; with ``--ann-file`` any annotation file of FaceVideoDataset
will do, for any model, and without CONFIG and CHECKPOINT for the one that comes with the package. The annotated face of
each frame is looked for among those that ``FaceLandmarkTracker.track`` returns. Beside this closed loop, the same model
is given the true box of each frame, and that of the frame before, which is what papers report: the difference is the
price of following a face without help.

``mmfld/evaluation/tracking.py`` defines the columns: a frame is lost if no face has an IoU of 0.5 or more with the true
one, and a switch is a match with another number than the match before. NME and flicker (of the error) are means over
matched frames, in percent of the inter-ocular distance; "same frames" are the numbers with true boxes on just those. FR
and AUC are over all frames, where lost ones fail. Frames annotated as ``excluded`` are tracked, but not counted. Of a
video file the frames between annotated ones are tracked, too.
"""

import argparse
import csv
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS
from terminaltables import GithubFlavoredMarkdownTable
from tqdm import tqdm

import mmfld  # noqa: F401  registers the components and prepares the environment
from mmfld.apis import FaceLandmarkTracker
from mmfld.counts import how_many
from mmfld.datasets.transforms.load_video_frame import LoadVideoFrame
from mmfld.engine.endings import run_tool
from mmfld.engine.rows import read_config
from mmfld.evaluation.tracking import LOST, FollowedFace, identity_switches, match_faces, summarize_tracking
from mmfld.runtime.media import VIDEO_SUFFIXES
from mmfld.structures import FaceLayout, get_layout

LOOP = 'closed loop'
SAME = ', same frames'
BOXES = {'true box': 'current', 'true box of the frame before': 'previous'}
COLUMNS = dict(
    frames='d',
    lost='d',
    not_yet_found='d',
    switches='d',
    others='d',
    NME='.3f',
    NME_video='.3f',
    FR='.2f',
    AUC='.4f',
    flicker='.3f',
)


class Seen(NamedTuple):
    """A frame that counts, and what was predicted for it."""

    truth: dict  # of the data set
    faces: list[dict]  # of the tracker
    given: list[np.ndarray]  # (K, 2) landmarks from each of BOXES


class Video(NamedTuple):
    """What is measured of a video."""

    frames: list[Seen]
    track_ids: np.ndarray  # (T, ) of the matched faces, or LOST
    protocols: dict[str, FollowedFace]


def main(argv=None) -> list[dict]:
    args, parser = parse_args(argv)
    tracker = FaceLandmarkTracker(
        args.config, args.checkpoint, args.device, args.det_model, args.det_weights, layout=args.layout
    )
    layout = get_layout(args.layout or tracker.model.dataset_meta['dataset_name'])
    truths = read_truths(args, parser, layout.name)
    videos = {}
    with tqdm(total=len(truths), unit='frame') as progress:
        for video, group in groupby(truths, lambda truth: truth['video']):
            progress.set_description(video)
            seen = list(watch(tracker, list(group), args.count_excluded, progress))
            if seen:
                videos[video] = measure(seen, layout, video)
    if not videos:
        raise ValueError(f'found {how_many(len(truths), "frame")}, annotated as excluded, expected one that counts')
    rows = summarize(list(videos.values()), args.threshold)
    print_tables(rows)
    if args.csv:
        write_csv(args.csv, videos)
        print(f'wrote {args.csv}')
    return rows


def parse_args(argv) -> tuple[argparse.Namespace, argparse.ArgumentParser]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', nargs='?', help='default: the model that comes with the package')
    parser.add_argument('checkpoint', nargs='?')
    parser.add_argument('--ann-file', type=Path, help='annotated videos, default: those that the config is tested on')
    parser.add_argument(
        '--images',
        type=Path,
        help='folder of the frames or videos that --ann-file names, default: '
        'the folder images beside that of --ann-file',
    )
    parser.add_argument(
        '--layout',
        help='of the annotation, to which the landmarks of the model are converted, default: that of the model',
    )
    parser.add_argument('--det-model', default='opencv', metavar='DETECTOR', help='as for tools/predict.py')
    parser.add_argument('--det-weights', metavar='CHECKPOINT', help='checkpoint of a detector of MMDetection')
    parser.add_argument('--threshold', type=float, default=0.08, help='of FR and AUC, a fraction, default: 0.08')
    parser.add_argument('--count-excluded', action='store_true', help='count frames that are annotated badly as well')
    parser.add_argument('--csv', type=Path, metavar='FILE', help='write what is measured of each frame')
    parser.add_argument('--device', help='e.g. cpu or cuda:0; default: a GPU if there is one')
    args = parser.parse_args(argv)
    if (args.config is None) != (args.checkpoint is None):
        parser.error('found a config without a checkpoint, expected both or none')
    if args.config is None and args.ann_file is None:
        parser.error('expected --ann-file, or a config that is tested on videos')
    return args, parser


def read_truths(args: argparse.Namespace, parser: argparse.ArgumentParser, layout: str) -> list[dict]:
    """The annotated frames of all videos in order, with a box for each of ``BOXES``, (4, )."""
    init_default_scope('mmpose')
    if args.ann_file is not None:
        images = args.ann_file.parents[1] / 'images' if args.images is None else args.images
        settings = dict(
            type='FaceVideoDataset',
            layout=layout,
            ann_file=str(args.ann_file.resolve()),
            data_prefix=dict(img=str(images.resolve())),
        )
    else:
        settings = dict(read_config(args.config).test_dataloader.dataset)
        if settings['type'] != 'FaceVideoDataset':
            parser.error(
                f'{args.config}: found a test set of type {settings["type"]}, expected a FaceVideoDataset, or '
                '--ann-file'
            )
    settings.update(clip_length=1, pipeline=[], test_mode=True)
    datasets = [DATASETS.build(dict(settings, box=box)) for box in BOXES.values()]
    if datasets[0].layout.name != layout:
        parser.error(
            f'{args.config}: its test set has the layout {datasets[0].layout.name!r}, the landmarks are in '
            f'{layout!r}; --layout converts them'
        )
    truths = []
    for index in range(len(datasets[0])):
        of_boxes = [dataset.get_data_info(index)['frames'][0] for dataset in datasets]
        truths.append(dict(of_boxes[0], boxes=np.concatenate([truth['bbox'] for truth in of_boxes])))
    return truths


def watch(tracker: FaceLandmarkTracker, truths: list[dict], count_excluded: bool, progress: tqdm) -> Iterator[Seen]:
    """Track through one video."""
    tracker.reset()
    load = LoadVideoFrame()
    annotated = {truth['frame']: truth for truth in truths}
    path, states, last = truths[0]['img_path'], None, None
    is_file = Path(path).suffix.lower() in VIDEO_SUFFIXES
    for number in range(min(annotated), max(annotated) + 1) if is_file else annotated:
        truth = annotated.get(number, dict(img_path=path))
        image = load(dict(img_path=truth['img_path'], frame=number))['img']
        faces = tracker.track(image)
        if number not in annotated:
            continue
        if last is None or number != last + 1:
            states = None
        given, states = tracker.predict_boxes(image, truth['boxes'], states)
        last = number
        progress.update()
        if count_excluded or not truth['raw_ann_info'].get('excluded', 0):
            yield Seen(truth, faces, [face['keypoints'] for face in given])


def measure(frames: list[Seen], layout: FaceLayout, name: str) -> Video:
    """Match the faces of a video with the true one, and measure it under each protocol."""
    gt = np.concatenate([frame.truth['keypoints'] for frame in frames])
    visible = np.concatenate([frame.truth['keypoints_visible'] for frame in frames]) > 0
    ids = [[face['track_id'] for face in frame.faces] for frame in frames]
    matched = match_faces([[face['keypoints'] for face in frame.faces] for frame in frames], ids, gt, visible)
    lost = matched == LOST
    track_ids = np.array([LOST if index == LOST else of_frame[index] for of_frame, index in zip(ids, matched)])
    followed = np.stack(
        [
            np.full(gt.shape[1:], np.nan) if index == LOST else frame.faces[index]['keypoints']
            for frame, index in zip(frames, matched)
        ]
    )

    true = (gt, visible, np.array([frame.truth['frame'] for frame in frames]), layout)
    others = np.array([len(of_frame) for of_frame in ids]) - ~lost
    try:
        protocols = {LOOP: FollowedFace.measure(followed, *true, switches=identity_switches(track_ids), others=others)}
    except ValueError as error:
        raise ValueError(f'video {name!r}: {error}') from error
    for index, protocol in enumerate(BOXES):
        given = np.stack([frame.given[index] for frame in frames])
        protocols[protocol] = FollowedFace.measure(given, *true)
        protocols[protocol + SAME] = FollowedFace.measure(np.where(lost[:, None, None], np.nan, given), *true)
    return Video(frames, track_ids, protocols)


def summarize(videos: list[Video], threshold: float) -> list[dict]:
    """A row for each protocol, over all frames and over those with each attribute."""
    attributes = [[frame.truth['raw_ann_info'].get('attributes', {}) for frame in video.frames] for video in videos]
    # a dict, not a set: in the order of the annotations
    names = {name: None for of_video in attributes for of_frame in of_video for name in of_frame if of_frame[name]}
    subsets = {'all': [np.ones(len(video.frames), bool) for video in videos]}
    for name in names:
        subsets[name] = [np.array([bool(of_frame.get(name, 0)) for of_frame in of_video]) for of_video in attributes]
    rows = []
    for subset, kept in subsets.items():
        for protocol in videos[0].protocols:
            faces = [
                video.protocols[protocol].subset(of_video) for video, of_video in zip(videos, kept) if of_video.any()
            ]
            row = dict(subset=subset, protocol=protocol, **summarize_tracking(faces, threshold))
            if protocol.endswith(SAME):  # what the closed loop lost is not lost here, but left out
                row.update(frames=row['frames'] - row['lost'], lost=None, not_yet_found=None, FR=None, AUC=None)
            rows.append(row)
    return rows


def print_tables(rows: list[dict]) -> None:
    for subset, group in groupby(rows, lambda row: row['subset']):
        cells = [[f'frames: {subset}', *COLUMNS]]
        for row in group:
            cells.append(
                [
                    row['protocol'],
                    *('' if row.get(name) is None else format(row[name], style) for name, style in COLUMNS.items()),
                ]
            )
        table = GithubFlavoredMarkdownTable(cells)
        table.justify_columns = dict.fromkeys(range(1, len(COLUMNS) + 1), 'right')
        print(f'\n{table.table}')


def write_csv(path: Path, videos: dict[str, Video]) -> None:
    """``video``, ``frame``, ``img_path``, ``faces`` (how many), ``track_id`` of the matched one, ``switch`` (0 or 1),
    and NME and flicker by protocol in percent of the inter-ocular distance; empty where there is no value."""
    names = {LOOP: 'loop', **BOXES}
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file)
        writer.writerow(
            [
                'video',
                'frame',
                'img_path',
                'faces',
                'track_id',
                'switch',
                *(f'{name}_{what}_percent' for name in names.values() for what in ('nme', 'flicker')),
            ]
        )
        for name, video in videos.items():
            values = np.stack(
                [
                    of_frames
                    for protocol in names
                    for of_frames in (video.protocols[protocol].errors, video.protocols[protocol].flicker)
                ],
                axis=1,
            )
            for frame, track_id, switch, row in zip(
                video.frames, video.track_ids, video.protocols[LOOP].switches, 100 * values
            ):
                writer.writerow(
                    [
                        name,
                        frame.truth['frame'],
                        frame.truth['img_path'],
                        len(frame.faces),
                        '' if track_id == LOST else track_id,
                        int(switch),
                        *('' if np.isnan(value) else value for value in row),
                    ]
                )


if __name__ == '__main__':
    sys.exit(run_tool(main))
