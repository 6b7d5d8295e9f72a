"""Make clips in which photographed faces move, as the COCO-style json of a video set.

    python tools/dataset_converters/make_moving_clips.py FACES.json OUT [--images DIR] [--clips N] [--frames 16]

Each face of a COCO-style json with all landmarks annotated becomes a clip: its photograph is shifted, turned and zoomed
smoothly, and in bursts of 3 to 10 frames something covers the face, or the picture is smeared or dark; these frames
have the attribute ``burst`` 1, others 0. Landmarks move along, whether they are seen or not. For videos to train or
test on where there are only photographs: neither expression nor view changes, so rendered clips
(``make_synthetic_clips.py``) belong beside them.

Written are the frames ``OUT/images/NNNNN/NNNNNN.jpg``, ``OUT/annotations/face_landmarks_moving_clips.json``, in which
``video`` is NNNNN, the number of the clip, and ``OUT/options.json``. A complete set with the same options is left
alone, an interrupted one is made again, and a set with other options is an error unless ``--overwrite`` replaces it.
"""

import argparse
import hashlib
import os
import sys
from functools import partial
from pathlib import Path

from tqdm import tqdm

from mmfld.conversion.annotations import NamedFace
from mmfld.conversion.coco_files import read_coco
from mmfld.conversion.face_sets import check_faces, write_json
from mmfld.conversion.problems import ConversionError, Problems, add_arguments, run
from mmfld.conversion.synthetic_set import finish, prepare, worker_map
from mmfld.conversion.video_frames import VideoFace, video_to_coco, write_images
from mmfld.runtime.images import read_image
from mmfld.synthetic import moving_face

FILES = ('images/[0-9][0-9][0-9][0-9][0-9]', 'annotations/face_landmarks_moving_clips.json')


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('src', type=Path, metavar='FACES.json', help='COCO-style json')
    parser.add_argument('out', type=Path, metavar='OUT', help='folder to write to')
    parser.add_argument('--images', type=Path, metavar='DIR', help='folder of its images; default: ../images of it')
    parser.add_argument('--clips', type=int, metavar='N', help='of the first N faces alone')
    parser.add_argument('--frames', type=int, default=16, help='of a clip, default: %(default)s')
    parser.add_argument('--image-size', type=int, default=192, help='side of the frames, default: %(default)s')
    parser.add_argument('--seed', type=int, default=0, help='default: %(default)s')
    parser.add_argument('--workers', type=int, default=os.cpu_count(), help='processes, default: all cores')
    parser.add_argument('--overwrite', action='store_true', help='replace a set with other options')
    add_arguments(parser)
    args = parser.parse_args(argv)
    for name, least in dict(clips=1, frames=1, image_size=32, workers=1, seed=0).items():
        value = getattr(args, name)
        if value is not None and value < least:
            parser.error(f'--{name.replace("_", "-")}: found {value}, expected {least} or more')
    return run(lambda problems: make_clips(args, problems), args)


def make_clips(args: argparse.Namespace, problems: Problems) -> None:
    """Write all that the module says."""
    try:
        content = args.src.read_bytes()
    except OSError as error:
        raise ConversionError(f'{args.src}: cannot be read: {error.strerror}') from error
    options = {name: getattr(args, name) for name in ('clips', 'frames', 'image_size', 'seed')}
    options['sha256'] = hashlib.sha256(content).hexdigest()
    try:
        complete = prepare(args.out, options, args.overwrite, FILES)
    except ValueError as error:
        raise ConversionError(str(error)) from error
    if complete:
        print(f'{args.out}: holds this set already')
        return
    images = args.images or args.src.parent.parent / 'images'
    faces = [face for face, _ in check_faces(_annotated(args.src, images, problems), images, problems)][: args.clips]
    if not faces:
        raise ConversionError(f'{args.src}: found no face that can be used')
    make = partial(make_clip, images, args.out / 'images', args.frames, args.image_size, args.seed)
    try:
        with worker_map(args.workers, _nothing) as apply:
            clips = list(tqdm(apply(make, enumerate(faces)), 'clips', len(faces), unit='clip'))
    except (OSError, ValueError) as error:  # an image that is no longer there, or a disk that is full
        raise ConversionError(str(error)) from error
    size = args.image_size, args.image_size
    write_json(
        args.out / 'annotations' / 'face_landmarks_moving_clips.json',
        video_to_coco([(face, size) for clip in clips for face in clip]),
    )
    finish(args.out, options)


def _annotated(src: Path, images: Path, problems: Problems) -> list[NamedFace]:
    """Faces all of whose landmarks have a place."""
    faces = []
    for face in read_coco(src, images, problems):
        missing = int((face.coco_visibility == 0).sum())
        if missing:
            message = f'found {missing} of {len(face.points)} landmarks with v = 0, expected all annotated'
            problems.leave_out(face.problem('missing landmarks', message))
        else:
            faces.append(face)
    return faces


def make_clip(
    images: Path, folder: Path, num_frames: int, image_size: int, seed: int, face: tuple[int, NamedFace]
) -> list[VideoFace]:
    """Write one clip and return its annotations; runs in a worker."""
    number, source = face
    clip = moving_face(read_image(images / source.image), source.points, num_frames, image_size, seed=seed + number)
    paths = write_images(folder / f'{number:05d}', [frame.image for frame in clip])
    return [
        VideoFace(
            path.relative_to(folder).as_posix(),
            frame.landmarks,
            source.part,
            path,
            None,
            (),
            dict(burst=int(frame.burst)),
            visible=None if frame.visible.all() else 1 + frame.visible.astype(int),
            video=f'{number:05d}',
            frame=place,
        )
        for place, (path, frame) in enumerate(zip(paths, clip))
    ]


def _nothing() -> None:
    """What the workers need beside a face."""


if __name__ == '__main__':
    sys.exit(main())
