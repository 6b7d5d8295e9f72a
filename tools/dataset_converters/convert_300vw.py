"""Convert 300VW from its official folders of videos and .pts files to COCO-style json of videos.

    python tools/dataset_converters/convert_300vw.py SRC [--out data/300vw] [--broken-frames FILE] [--allow-partial]
        [--extract-frames] [--strict | --allow-left-out] [--zero-based]

SRC holds a folder ``NNN`` for each of the 114 videos, with ``annot/000001.pts``, ... and either ``vid.avi`` or its
frames as ``imgs/000001.jpg`` (or .png), ..., which are taken if both are there. Frame 1 is the first. Written are, in
``<out>/annotations``, with the official number of frames, and of those that count:

    face_landmarks_300vw_train.json     95,192             50 videos
    face_landmarks_300vw_test_1.json    62,846   62,135    31 videos, scenario 1 (category A): well lit
    face_landmarks_300vw_test_2.json    32,872   32,805    19 videos, scenario 2 (category B): unconstrained light
    face_landmarks_300vw_test_3.json    27,687   26,338    14 videos, scenario 3 (category C): arbitrary conditions
    face_landmarks_300vw_test.json     123,405  121,278    the three together

and ``<out>/images``, a link to SRC. An image of the json is a frame: ``file_name`` is its image, or the video for all
frames of it; ``video`` is ``NNN``, and ``frame`` the number of the frame from 0. Test faces have the attributes
``scenario_1``, ``scenario_2`` and ``scenario_3``. With ``--extract-frames`` the frames of ``vid.avi`` are written to
``<out>/images/NNN/imgs/000001.jpg``, ..., in place of the link, and are what ``file_name`` says: decoding a video from
an arbitrary frame is slow.

The annotation of 2127 test frames is known to be bad. ``--broken-frames`` names the list of them that comes with MMPose
(``broken_frames.npy``), or a csv with the columns ``video,frame_1based``; these frames get ``excluded`` 1, and stay.
Without it no frame is excluded.

All videos must be there, unless ``--allow-partial`` is given. A frame is what decodes: a .pts file beyond the end of
its video is left out and reported, frames without a .pts file are reported. Counts are compared with the official ones.

Nothing official says whether the .pts files count pixels from 1, as those of 300W do. They come from the same group, so
they are taken to; the json counts from 0. (``--zero-based`` takes the numbers as they stand, as MMPose's
file does.) Landmarks of a model trained on 300W cannot decide it: in four frames of two videos they were off from the
numbers of the files by -2.5 to 0.5 pixels in x and -0.5 to 2.4 in y, means over the 68.
"""

import argparse
import csv
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tqdm import tqdm

from mmfld.conversion.face_sets import check_geometry, write_files
from mmfld.conversion.image_files import Size, is_image, link_images, own_images
from mmfld.conversion.npy_files import load_object
from mmfld.conversion.problems import ConversionError, Problem, Problems, add_arguments, run, shown
from mmfld.conversion.pts_files import read_pts, report_unread_folders
from mmfld.conversion.text_files import decode_line, read_lines
from mmfld.conversion.video_frames import (
    Frame,
    VideoFace,
    numbered_files,
    open_images,
    open_video,
    pair_with_points,
    video_to_coco,
)

# split -> video -> number of frames; of the training videos only the sum is known
VIDEOS: dict[str, dict[str, int | None]] = dict(
    train=dict.fromkeys(
        '001 002 003 004 007 009 010 011 013 015 016 017 018 019 020 022 025 027 028 029 031 033 034 035 037 039 041 '
        '043 044 046 047 048 049 053 057 059 112 113 115 119 120 123 138 143 144 160 204 205 223 225'.split()
    ),
    test_1={
        '114': 2997,
        '124': 2997,
        '125': 2997,
        '126': 1334,
        '150': 2811,
        '158': 2997,
        '401': 1783,
        '402': 1849,
        '505': 1365,
        '506': 1797,
        '507': 2467,
        '508': 3184,
        '509': 1918,
        '510': 2581,
        '511': 2324,
        '514': 1455,
        '515': 1735,
        '518': 2218,
        '519': 1725,
        '520': 649,
        '521': 867,
        '522': 2317,
        '524': 2743,
        '525': 2430,
        '537': 2189,
        '538': 2163,
        '540': 980,
        '541': 1111,
        '546': 1993,
        '547': 1346,
        '548': 1524,
    },
    test_2={
        '203': 1435,
        '208': 1795,
        '211': 1435,
        '212': 896,
        '213': 1795,
        '214': 1499,
        '218': 1199,
        '224': 1795,
        '403': 1341,
        '404': 1039,
        '405': 2747,
        '406': 2747,
        '407': 1888,
        '408': 2597,
        '409': 2500,
        '412': 1925,
        '550': 1561,
        '551': 1054,
        '553': 1624,
    },
    test_3={
        '410': 1315,
        '411': 1454,
        '516': 1290,
        '517': 2426,
        '526': 2798,
        '528': 2279,
        '529': 3015,
        '530': 2437,
        '531': 1895,
        '533': 1521,
        '557': 1754,
        '558': 2095,
        '559': 2041,
        '562': 1367,
    },
)
SPLIT_OF = {video: split for split, members in VIDEOS.items() for video in members}
SCENARIOS = ('test_1', 'test_2', 'test_3')
OFFICIAL_FRAMES = dict(train=95192, **{split: sum(VIDEOS[split].values()) for split in SCENARIOS})
# without those whose annotation is known to be bad
OFFICIAL_COUNTED = dict(train=95192, test_1=62135, test_2=32805, test_3=26338)

FILE_NAME = r'(\d{6})'  # of images and .pts files, without suffix

Broken = dict[str, set[int]]  # video -> numbers of frames, from 0


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('src', type=Path, metavar='SRC', help='folder that holds 001, 002, 003, ...')
    parser.add_argument('--out', type=Path, default=Path('data/300vw'), help='default: %(default)s')
    parser.add_argument(
        '--broken-frames', type=Path, metavar='FILE', help='list of the frames to exclude from evaluation, .csv or .npy'
    )
    parser.add_argument('--allow-partial', action='store_true', help='convert the videos that are there')
    parser.add_argument('--extract-frames', action='store_true', help='write the frames of the videos as images')
    parser.add_argument('--zero-based', action='store_true', help='the .pts files count pixels from 0, not from 1')
    add_arguments(parser)
    args = parser.parse_args(argv)
    return run(
        lambda problems: convert(
            args.src, args.out, args.broken_frames, args.allow_partial, args.extract_frames, args.zero_based, problems
        ),
        args,
    )


def convert(
    src: Path,
    out: Path,
    broken_frames: Path | None,
    allow_partial: bool,
    extract: bool,
    zero_based: bool,
    problems: Problems,
) -> None:
    """Read, check and write; see the module."""
    broken = {} if broken_frames is None else read_broken_frames(broken_frames)
    videos = find_videos(src, allow_partial, extract)
    report_unread_folders(src, (src / video / 'annot' for video in SPLIT_OF), problems)
    images = own_images(out) if extract else src
    if not extract:
        link_images(out, src)

    jobs = [
        open_job(source, images / video / 'imgs' if extract else None, problems) for video, source in videos.items()
    ]
    faces: list[tuple[VideoFace, Size]] = []
    # decoding releases the interpreter lock, so threads use all cores
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            decoded = pool.map(lambda job: job(), jobs)
            for (video, source), frames in zip(videos.items(), tqdm(decoded, 'videos', len(videos), unit='video')):
                faces += read_video(video, source, frames, images, zero_based, broken.get(video, set()), problems)
        finally:
            pool.shutdown(cancel_futures=True)
    if not faces:
        raise ConversionError(f'{src}: found no face in {len(videos)} videos')

    splits = [split for split, members in VIDEOS.items() if members.keys() <= videos.keys()]
    check_counts(faces, splits, broken_frames is not None, src, problems)
    contents = {}
    for name, splits in (*((split, [split]) for split in VIDEOS), ('test', SCENARIOS)):
        chosen = [(face, size) for face, size in faces if face.part in splits]
        contents[out / 'annotations' / f'face_landmarks_300vw_{name}.json'] = video_to_coco(chosen) if chosen else None
    write_files(contents, src)
    print(table(faces, videos))
    if broken_frames is None:
        print('no --broken-frames: no frame is excluded')


def find_videos(src: Path, allow_partial: bool, extract: bool) -> dict[str, Path]:
    """The videos that are there: name -> file, or folder with the images of the frames.

    Raises:
        ConversionError: If there is none, or one is missing and that is not allowed.
    """
    videos: dict[str, Path] = {}
    missing = []
    for video in SPLIT_OF:
        folder = src / video
        sources = [folder / 'vid.avi'] if extract else [folder / 'imgs', folder / 'vid.avi']
        found = [source for source in sources if source.exists()]
        if found and (folder / 'annot').is_dir():
            videos[video] = found[0]
        else:
            missing.append(video)
    expected = f'annot and {"vid.avi" if extract else "vid.avi or imgs"} in each of {len(SPLIT_OF)} folders'
    if not videos:
        raise ConversionError(f'{src}: found no video, expected {expected}')
    if missing:
        if not allow_partial:
            raise ConversionError(
                f'{src}: found {len(videos)} videos, expected {expected}; missing are '
                f'{" ".join(missing)} (--allow-partial converts the others)'
            )
        print(f'absent videos: {" ".join(missing)}')
    return videos


def open_job(source: Path, images: Path | None, problems: Problems) -> Callable[[], dict[int, Frame]]:
    """What finds the frames of a video, for a thread; see :func:`find_videos` and :func:`open_video`."""
    if source.is_dir():
        files = (path for path in source.iterdir() if is_image(path))
        return partial(open_images, numbered_files(files, FILE_NAME, 1, problems))
    return partial(open_video, source, images)


def read_video(
    video: str,
    source: Path,
    frames: dict[int, Frame],
    root: Path,
    zero_based: bool,
    broken: set[int],
    problems: Problems,
) -> Iterator[tuple[VideoFace, Size]]:
    """The faces of a video with the sizes of their frames, in order.

    Args:
        video (str): Its name.
        source (Path): Its file or folder.
        frames (dict): Number of the frame from 0 -> frame.
        root (Path): ``VideoFace.image`` is relative to it.
        zero_based (bool): Whether the ``.pts`` files count pixels from 0.
        broken (set[int]): Numbers of the frames to exclude, from 0.
        problems (Problems): Takes what is wrong.
    """
    split = SPLIT_OF[video]
    attributes = {}
    if split in SCENARIOS:
        attributes = {f'scenario_{number}': int(split == other) for number, other in enumerate(SCENARIOS, 1)}
    folder = source.parent / 'annot'
    points_files = numbered_files(folder.glob('*.pts'), FILE_NAME, 1, problems)
    if VIDEOS[split][video] not in (None, len(points_files)):
        problems.note(
            Problem(
                'count',
                f'found {len(points_files)} .pts files, expected {VIDEOS[split][video]} of the official video',
                folder,
            )
        )
    unknown = broken - points_files.keys()
    if unknown:
        problems.note(
            Problem(
                'broken frames without points',
                f'found no .pts file for {len(unknown)} of '
                f'{len(broken)} frames of the list, the first is number {min(unknown) + 1}',
                folder,
            )
        )
    for index, path, frame in pair_with_points(points_files, frames, source, problems):
        try:
            points, lines = read_pts(path)
            face = VideoFace(
                frame.file.relative_to(root).as_posix(),
                points if zero_based else points - 1,
                split,
                path,
                None,
                lines,
                attributes,
                fields=dict(excluded=1) if index in broken else {},
                video=video,
                frame=index,
            )
            check_geometry(face, frame.size)
        except Problem as problem:
            problems.leave_out(problem)
        else:
            yield face, frame.size


def read_broken_frames(path: Path) -> Broken:
    """The frames to exclude.

    Args:
        path (Path): A csv with the columns ``video,frame_1based``, or MMPose's ``.npy`` with a dict, name of the video
            -> numbers of the frames from 1.

    Returns:
        dict: Name of the video -> numbers of the frames from 0.

    Raises:
        Problem: If it is no such file, or lists another video or number than 300VW has.
    """
    readers = {'.csv': read_broken_csv, '.npy': read_broken_npy}
    if not path.is_file():
        raise Problem('missing file', 'does not exist', path)
    if path.suffix not in readers:
        raise Problem('unknown format', f'found {path.suffix!r}, expected {" or ".join(readers)}', path)
    broken: Broken = {}
    for video, number, line in readers[path.suffix](path):
        if video not in SPLIT_OF:
            raise Problem('unknown video', f'found {shown(video)}, expected one of 300VW, such as 401', path, line)
        if type(number) is not int or number < 1:  # True is an int too
            raise Problem('bad frame', f'found {shown(number)} for video {video}, expected a number from 1', path, line)
        broken.setdefault(video, set()).add(number - 1)
    return broken


def read_broken_csv(path: Path) -> Iterator[tuple[str, object, int]]:
    """Video, frame and line of each row."""
    header = ['video', 'frame_1based']
    lines = list(read_lines(path)) or [(1, b'')]
    for number, line in lines:
        try:
            row = next(csv.reader([decode_line(line, path, number)]), [])
        except csv.Error as error:  # a field too long for it
            raise Problem(
                'bad row', f'found {len(line)} bytes ({error}), expected {",".join(header)!r}', path, number
            ) from error
        if number == 1 and row != header:
            raise Problem('bad header', f'found {shown(",".join(row))}, expected {",".join(header)!r}', path, number)
        if len(row) != len(header):
            raise Problem('bad row', f'found {shown(",".join(row))}, expected {",".join(header)!r}', path, number)
        if number > 1:
            yield row[0], int(row[1]) if re.fullmatch(r'[0-9]{1,9}', row[1]) else row[1], number


def read_broken_npy(path: Path) -> Iterator[tuple[str, object, None]]:
    """Video and frame of each entry; there are no lines."""
    content = load_object(path)
    if not isinstance(content, dict) or not all(isinstance(numbers, list) for numbers in content.values()):
        raise Problem('wrong type', f'found {type(content).__name__}, expected a dict of lists', path)
    return ((video, number, None) for video, numbers in content.items() for number in numbers)


def check_counts(
    faces: Sequence[tuple[VideoFace, Size]], splits: Sequence[str], with_list: bool, src: Path, problems: Problems
) -> None:
    """Compare the splits that are complete with the official numbers of frames and, with the list, of those that
    count."""
    frames = Counter(face.part for face, _ in faces)
    counted = Counter(face.part for face, _ in faces if 'excluded' not in face.fields)
    for split in splits:
        if frames[split] != OFFICIAL_FRAMES[split]:
            problems.note(
                Problem(
                    'count',
                    f'{split}: found {frames[split]} frames, expected {OFFICIAL_FRAMES[split]} of the official split',
                    src,
                )
            )
        if with_list and counted[split] != OFFICIAL_COUNTED[split]:
            problems.note(
                Problem(
                    'count',
                    f'{split}: found {counted[split]} frames that are not excluded, expected '
                    f'{OFFICIAL_COUNTED[split]} of the official split',
                    src,
                )
            )


def table(faces: Sequence[tuple[VideoFace, Size]], videos: Iterable[str]) -> str:
    """Number of videos, frames, excluded and counted frames of each split."""
    frames = Counter(face.part for face, _ in faces)
    excluded = Counter(face.part for face, _ in faces if 'excluded' in face.fields)
    of_split = Counter(SPLIT_OF[video] for video in videos)
    lines = [f'{"":8}{"videos":>8}{"frames":>9}{"official":>10}{"excluded":>10}{"counted":>9}{"official":>10}']
    for split, members in VIDEOS.items():
        lines.append(
            f'{split:8}{of_split[split]:>5}/{len(members)}{frames[split]:>9}{OFFICIAL_FRAMES[split]:>10}'
            f'{excluded[split]:>10}{frames[split] - excluded[split]:>9}{OFFICIAL_COUNTED[split]:>10}'
        )
    return '\n'.join(lines)


if __name__ == '__main__':
    sys.exit(main())
