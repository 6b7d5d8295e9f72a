"""Make a set of clips of synthetic faces with exact landmarks, as the COCO-style json of a video set.

    python tools/dataset_converters/make_synthetic_clips.py OUT [--train 120] [--valid 30] [--still 6] [--layout 300w68]

In the training and validation clips the face moves smoothly, and in bursts of 3 to 10 frames something is before it, or
the picture is blurred or dark; these frames have the attribute ``burst`` 1, others 0. In the still clips nothing moves
and nothing but the noise of the camera changes: whatever moves in the landmarks of a model there is its jitter.

Written are, for the parts train, valid and still, the frames ``OUT/images/{part}_NNNN/NNNNNN.jpg`` (or the videos
``OUT/images/{part}_NNNN.mp4``), ``OUT/annotations/face_landmarks_synthetic_clips_{part}.json``, and
``OUT/options.json``. An image of the json is a frame: ``file_name`` is its image, or the video for all frames of it;
``video`` is ``{part}_NNNN``, and ``frame`` the number of the frame from 0.

The clips depend on the options alone; those of a part are the same for any number of clips of it and of the others. A
complete set with the same options is left alone, an interrupted one is made again, and a set with other options is an
error unless ``--overwrite`` replaces it.
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from mmfld.conversion.face_sets import write_json
from mmfld.conversion.synthetic_set import finish, generator, prepare, worker_map
from mmfld.conversion.video_frames import VideoFace, video_to_coco, write_images
from mmfld.synthetic import FRAME_RATE, LAYOUTS, STILL, SyntheticClipGenerator

# index of the first clip: no part reaches the next
FIRST = dict(train=0, valid=10**9, still=2 * 10**9)
FILES = (
    *(f'images/{part}_[0-9][0-9][0-9][0-9]*' for part in FIRST),
    'annotations/face_landmarks_synthetic_clips_*.json',
)


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('out', type=Path, metavar='OUT', help='folder to write to')
    parser.add_argument('--train', type=int, default=120, help='training clips, default: %(default)s')
    parser.add_argument('--valid', type=int, default=30, help='validation clips, default: %(default)s')
    parser.add_argument('--still', type=int, default=6, help='still clips, default: %(default)s')
    parser.add_argument('--train-frames', type=int, default=32, help='of a training clip, default: %(default)s')
    parser.add_argument(
        '--valid-frames', type=int, default=64, help='of a validation or still clip, default: %(default)s'
    )
    parser.add_argument('--layout', choices=LAYOUTS, default='300w68', help='default: %(default)s')
    parser.add_argument('--seed', type=int, default=0, help='default: %(default)s')
    parser.add_argument('--image-size', type=int, default=192, help='side of the frames, default: %(default)s')
    parser.add_argument(
        '--mp4',
        action='store_true',
        help='write a video file for each clip instead of an image for each frame; it is compressed more',
    )
    parser.add_argument('--workers', type=int, default=os.cpu_count(), help='processes, default: all cores')
    parser.add_argument('--overwrite', action='store_true', help='replace a set with other options')
    args = parser.parse_args(argv)
    options = {key: value for key, value in vars(args).items() if key not in ('out', 'workers', 'overwrite')}
    counts = dict(train=args.train, valid=args.valid, still=args.still)
    if min(*counts.values(), args.workers - 1) < 0 or not any(counts.values()):
        parser.error('expected at least one clip, no negative count, and one worker or more')
    generators = partial(make_generators, args.seed, args.image_size, args.train_frames, args.valid_frames)
    try:
        generators()
        complete = prepare(args.out, options, args.overwrite, FILES)
    except ValueError as error:
        parser.error(str(error))
    if complete:
        print(f'{args.out}: holds this set already')
        return 0
    with worker_map(args.workers, generators) as apply:
        for part, count in counts.items():
            if count:
                make = partial(make_clip, args.out / 'images', part, args.layout, args.mp4)
                clips = list(tqdm(apply(make, range(count)), part, count, unit='clip'))
                write_json(
                    args.out / 'annotations' / f'face_landmarks_synthetic_clips_{part}.json',
                    video_to_coco([(face, (args.image_size, args.image_size)) for clip in clips for face in clip]),
                )
    finish(args.out, options)
    return 0


def make_generators(
    seed: int, image_size: int, train_frames: int, valid_frames: int
) -> dict[str, SyntheticClipGenerator]:
    """The generator of each part."""
    return dict(
        train=SyntheticClipGenerator(seed, image_size, train_frames),
        valid=SyntheticClipGenerator(seed, image_size, valid_frames),
        still=SyntheticClipGenerator(seed, image_size, valid_frames, STILL, burst_share=0.0),
    )


def make_clip(folder: Path, part: str, layout: str, mp4: bool, number: int) -> list[VideoFace]:
    """Write one clip and return its annotations; runs in a worker."""
    video = f'{part}_{number:04d}'
    clip = generator()[part][FIRST[part] + number]
    images = [face.image for face in clip]
    paths = write_video(folder / f'{video}.mp4', images) if mp4 else write_images(folder / video, images)
    return [
        VideoFace(
            path.relative_to(folder).as_posix(),
            face.annotations[layout].astype(float),
            part,
            path,
            None,
            (),
            face.attributes,
            video=video,
            frame=frame,
        )
        for frame, (path, face) in enumerate(zip(paths, clip))
    ]


def write_video(path: Path, images: list[np.ndarray]) -> list[Path]:
    """Write all frames to a video; returns the file of each frame."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), FRAME_RATE, images[0].shape[1::-1])
    if not writer.isOpened():
        raise OSError(f'{path}: OpenCV cannot write this video')
    for image in images:
        writer.write(image)
    writer.release()
    return [path] * len(images)


if __name__ == '__main__':
    sys.exit(main())
