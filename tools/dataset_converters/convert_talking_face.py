"""Convert the Talking Face video (FGNET, "franck") from its frames and .pts files to COCO-style json of a video.

    python tools/dataset_converters/convert_talking_face.py SRC [--out data/talking_face] [--one-based]
        [--strict | --allow-left-out]

SRC holds ``points/franck_00000.pts`` to ``franck_04999.pts`` and the 5000 frames: ``franck_00000.jpg``, ... in SRC or
``SRC/images``, or one video ``franck.avi`` or ``franck.mp4``. Written are
``<out>/annotations/face_landmarks_talking_face_test.json`` and ``<out>/images``, a link to SRC. An image of the json is
a frame: ``file_name`` is its image, or the video for all frames; ``video`` is ``franck``, ``frame`` the number from 0.

The annotation has 68 points, but those of FGNET's scheme (XM2VTS), which are not those of 300W. Errors are measured in
the seven that both have, and divided by the distance of the outer corners of the eyes. So the json is in the layout
``300w68`` with these seven annotated, and all others not (v = 0):

    outer and inner corner of the right eye, inner and outer corner of the left eye, tip of the nose, corners of the
    mouth: 27, 29, 34, 32, 67, 48, 54 of FGNET, counted from 0

(the right eye is the subject's, on the left in the picture). That 29 and 34 are the inner corners
follows from the scheme, but was not seen in the files; no .pts file was at hand to draw one.

Their box is no box of the face. ``landmark_box``, [x1, y1, x2, y2], is the tight box of all 68 points, by which
:class:`~mmfld.datasets.FaceLandmarkDataset` crops: contour, brows and chin reach as far in this scheme as in 300W's.

The numbers of the files are taken as pixels counted from 0, as nothing says otherwise (``--one-based`` subtracts 1).

A video must have as many frames as there are .pts files, as copies are in circulation that cannot be paired with them:
one has 24 frames a second instead of 25 and thus 4800 frames, without every 25th, at half the width and height.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mmfld.conversion.face_sets import check_geometry, official_count, write_files
from mmfld.conversion.image_files import Size, is_image, link_images
from mmfld.conversion.problems import ConversionError, Problem, Problems, add_arguments, run
from mmfld.conversion.pts_files import read_pts, report_unread_folders
from mmfld.conversion.video_frames import (
    Frame,
    VideoFace,
    numbered_files,
    open_images,
    open_video,
    pair_with_points,
    video_to_coco,
)
from mmfld.structures import get_layout

VIDEO = 'franck'
FILE_NAME = rf'{VIDEO}_(\d{{5}})'  # of images and .pts files, without suffix
VIDEO_SUFFIXES = ('.avi', '.mp4')
OFFICIAL_COUNT = official_count('face_landmarks_talking_face_test.json')


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('src', type=Path, metavar='SRC', help='folder that holds points and the frames or the video')
    parser.add_argument('--out', type=Path, default=Path('data/talking_face'), help='default: %(default)s')
    parser.add_argument('--one-based', action='store_true', help='the .pts files count pixels from 1, not from 0')
    add_arguments(parser)
    args = parser.parse_args(argv)
    return run(lambda problems: convert(args.src, args.out, args.one_based, problems), args)


def convert(src: Path, out: Path, one_based: bool, problems: Problems) -> None:
    """Read, check and write; see the module."""
    folder = src / 'points'
    points_files = numbered_files(folder.glob('*.pts'), FILE_NAME, 0, problems)
    if not points_files:
        raise ConversionError(f'{folder}: found no .pts file, expected {VIDEO}_00000.pts, ...')
    report_unread_folders(src, [folder], problems)
    source, frames = find_frames(src, problems)
    if source.is_file() and len(frames) != len(points_files):
        raise ConversionError(
            f'{source}: found {len(frames)} frames, expected {len(points_files)} as there are .pts '
            'files; frames cannot be paired with points if some were dropped'
        )
    faces = list(read_faces(points_files, frames, source, src, one_based, problems))
    if not faces:
        raise ConversionError(f'{src}: found no face with points and a frame')
    link_images(out, src)
    if len(faces) != OFFICIAL_COUNT:
        problems.note(
            Problem('count', f'found {len(faces)} faces, expected {OFFICIAL_COUNT} of the official video', src)
        )
    write_files({out / 'annotations/face_landmarks_talking_face_test.json': video_to_coco(faces)}, src)


def find_frames(src: Path, problems: Problems) -> tuple[Path, dict[int, Frame]]:
    """The video or the folder with the images, and its frames.

    Raises:
        ConversionError: If there is none.
        Problem: If no frame of the video can be decoded.
    """
    for folder in (src, src / 'images'):
        images = [path for path in folder.glob(f'{VIDEO}_*') if is_image(path)]
        if images:
            return folder, open_images(numbered_files(images, FILE_NAME, 0, problems))
    for suffix in VIDEO_SUFFIXES:
        path = src / f'{VIDEO}{suffix}'
        if path.is_file():
            return path, open_video(path)
    raise ConversionError(
        f'{src}: found no frames, expected {VIDEO}_00000.jpg, ... or '
        f'{" or ".join(VIDEO + suffix for suffix in VIDEO_SUFFIXES)}'
    )


def read_faces(
    points_files: dict[int, Path],
    frames: dict[int, Frame],
    source: Path,
    src: Path,
    one_based: bool,
    problems: Problems,
) -> Iterator[tuple[VideoFace, Size]]:
    """The faces with the sizes of their frames, in order; see :func:`pair_with_points`."""
    common = common_points()
    fgnet, own = list(common), list(common.values())
    for index, path, frame in pair_with_points(points_files, frames, source, problems):
        try:
            all_points, all_lines = read_pts(path)
            all_points -= one_based
            points, visible, lines = np.zeros((68, 2)), np.zeros(68, int), [None] * 68
            points[own], visible[own] = all_points[fgnet], 1
            for landmark, line in zip(own, (all_lines[point] for point in fgnet)):
                lines[landmark] = line
            box = [*all_points.min(axis=0), *all_points.max(axis=0)]
            face = VideoFace(
                frame.file.relative_to(src).as_posix(),
                points,
                VIDEO,
                path,
                None,
                lines,
                visible=visible,
                fields=dict(landmark_box=np.round(box, 6).tolist()),
                video=VIDEO,
                frame=index,
            )
            check_geometry(face, frame.size)
            check_inside(face, frame)
        except Problem as problem:
            problems.leave_out(problem)
        else:
            yield face, frame.size


def check_inside(face: VideoFace, frame: Frame) -> None:
    """Raise if a landmark is outside of the frame, as in frames that were made smaller: here all of the face shows."""
    outside = (face.points < -0.5) | (face.points > np.array(frame.size) - 0.5)
    if outside.any():
        landmark = int(outside.any(axis=1).argmax())
        x, y = face.points[landmark]
        raise Problem(
            'landmark outside',
            f'found landmark {landmark} at ({x:g}, {y:g}), expected it in the frame of '
            f'{frame.size[0]} x {frame.size[1]} pixels',
            face.file,
            face.point_lines[landmark],
        )


def common_points() -> dict[int, int]:
    """Point of FGNET's scheme -> landmark of ``300w68``, in the order of the module's list."""
    curves = {boundary.name: boundary.indices for boundary in get_layout('300w68').boundaries}
    right, left, lips, tip = curves['right_eye'], curves['left_eye'], curves['outer_lip'], curves['nose_bridge'][-1]
    return {27: right[0], 29: right[3], 34: left[0], 32: left[3], 67: tip, 48: lips[0], 54: lips[6]}


if __name__ == '__main__':
    sys.exit(main())
