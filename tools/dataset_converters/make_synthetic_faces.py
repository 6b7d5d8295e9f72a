"""Make a set of synthetic faces with landmarks in four layouts, as MMPose's COCO-style json.

    python tools/dataset_converters/make_synthetic_faces.py OUT [--train 2000] [--test 200] [--boundary-noise 0.02] ...

Written are ``OUT/images/{train,test}_NNNNNN.jpg``, ``OUT/annotations/synthetic_{layout}_{train,test}.json`` for wflw98,
300w68, cofw29 and aflw19, and ``OUT/options.json``. WFLW-like flags stand in each annotation as ``attributes``. With
boundary noise, the training *and* test annotations are noisy and each holds the exact landmarks as ``keypoints_clean``
[x, y, 1] * K beside them.

The faces depend on the options alone; test faces are the same for any number of training faces. A complete set with the
same options is left alone, an interrupted one is made again, and a set with other options is an error unless
``--overwrite`` replaces it.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
from tqdm import tqdm

from mmfld.conversion.face_sets import Face, to_coco
from mmfld.conversion.synthetic_set import finish, generator, prepare, worker_map
from mmfld.counts import how_many
from mmfld.structures import layout_names
from mmfld.synthetic import LAYOUTS, SyntheticFaceGenerator

# index of the first face: no training set reaches the test faces
FIRST = dict(train=0, test=10**9)
FILES = ('images/train_*.jpg', 'images/test_*.jpg', 'annotations/synthetic_*.json')
JPEG_QUALITY = 94

Annotations = dict[str, tuple[Face, Face]]  # layout -> as annotated, exact


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('out', type=Path, metavar='OUT', help='folder to write to')
    parser.add_argument('--train', type=int, default=2000, help='training faces, default: %(default)s')
    parser.add_argument('--test', type=int, default=200, help='test faces, default: %(default)s')
    parser.add_argument('--seed', type=int, default=0, help='default: %(default)s')
    parser.add_argument('--image-size', type=int, default=256, help='side of the pictures, default: %(default)s')
    parser.add_argument(
        '--boundary-noise',
        type=float,
        default=0.0,
        help='standard deviation of the annotation noise along the facial boundaries in units of the '
        'inter-ocular distance, default: %(default)s',
    )
    parser.add_argument(
        '--flags',
        choices=('natural', 'none'),
        default='natural',
        help='large pose, expression, illumination, make-up, occlusion and blur as often as in WFLW, '
        'or never; default: %(default)s',
    )
    parser.add_argument(
        '--yaw',
        type=float,
        nargs=2,
        metavar=('LOW', 'HIGH'),
        help='turn all heads to either side by so many degrees, 0 to 90; default: mostly within 30',
    )
    parser.add_argument('--workers', type=int, default=os.cpu_count(), help='processes, default: all cores')
    parser.add_argument('--overwrite', action='store_true', help='replace a set with other options')
    args = parser.parse_args(argv)
    options = {key: value for key, value in vars(args).items() if key not in ('out', 'workers', 'overwrite')}
    if args.yaw is None:
        del options['yaw']  # which sets that were made before it came do not have
    counts = dict(train=args.train, test=args.test)
    if min(*counts.values(), args.workers - 1) < 0 or not any(counts.values()):
        parser.error('expected at least one face, no negative count, and one worker or more')
    make_generator = partial(
        SyntheticFaceGenerator, args.seed, args.image_size, args.boundary_noise, args.flags, args.yaw
    )
    try:
        make_generator()
        complete = prepare(args.out, options, args.overwrite, FILES)
    except ValueError as error:
        parser.error(str(error))
    if complete:
        print(f'{args.out}: holds this set already')
        return 0
    for layout in set(layout_names()) - set(LAYOUTS):
        print(f'{layout}: left out, as its landmarks are not on the face model (mmfld/synthetic/landmarks.py)')
    with worker_map(args.workers, make_generator, chunksize=8) as apply:
        for part, count in counts.items():
            if count:
                make_part(args.out, part, count, args.image_size, args.boundary_noise > 0, apply)
    finish(args.out, options)
    return 0


def make_part(out: Path, part: str, count: int, image_size: int, noisy: bool, apply: Callable) -> None:
    """Write the pictures and annotations of one part."""
    faces: list[Annotations] = list(
        tqdm(apply(partial(make_face, out / 'images', part), range(count)), part, count, unit='face')
    )
    size = (image_size, image_size)
    for layout in LAYOUTS:
        content = to_coco([(face[layout][0], size) for face in faces])
        if noisy:
            exact = to_coco([(face[layout][1], size) for face in faces])
            for annotation, clean in zip(content['annotations'], exact['annotations']):
                annotation['keypoints_clean'] = clean['keypoints']
        path = out / 'annotations' / f'synthetic_{layout}_{part}.json'
        path.write_text(json.dumps(content), encoding='utf-8')
        print(f'{path}: {how_many(len(content["annotations"]), "face")}')


def make_face(folder: Path, part: str, number: int) -> Annotations:
    """Write one picture and return its annotations; runs in a worker."""
    face = generator()[FIRST[part] + number]
    name = f'{part}_{number:06d}.jpg'
    path = folder / name
    if not cv2.imwrite(str(path), face.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]):
        raise OSError(f'{path}: cannot be written')
    return {
        layout: tuple(
            Face(name, points[layout].astype(float), part, path, None, (), face.attributes)
            for points in (face.annotations, face.keypoints)
        )
        for layout in LAYOUTS
    }


if __name__ == '__main__':
    sys.exit(main())
