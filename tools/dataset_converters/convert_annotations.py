"""Convert landmarks between annotation tools and MMPose's COCO-style json.

    python tools/dataset_converters/convert_annotations.py IN OUT [--images DIR] [--names a,b,c]
        [--from FORMAT] [--to FORMAT] [--origin X] [--out-origin X] [--without-images] [--overwrite]
        [--strict | --allow-left-out]

IN and OUT are files, or folders of files, in a format that their names and contents tell:

    coco      file.json          in and out   [x, y, v] of each landmark; trainings read it
    imglab    file.xml           in and out   dlib's; whole pixels, and the box is kept as face_box
    pts       folder, file.pts   in and out   any number of points, beside images of the same names
    csv       file.csv           in and out   x0, y0, ... as of mmfld predict, NAME_x, NAME_y, or a row a landmark
    labelme   folder, file.json  in and out   points; those of one group_id are a face; out by --to labelme, a folder
    cvat      file.xml           in           "CVAT for images 1.1": skeletons and points

The middle of the first pixel is (0, 0) here, in COCO-style json, imglab and csv; (1, 1) in .pts files, as 300W counts;
(0.5, 0.5) in CVAT and labelme, which draw on a canvas. Points are shifted accordingly; ``--origin`` and
``--out-origin`` tell of files that count otherwise.

Landmarks with names may stand in any order, and one that a face lacks is not annotated there (v = 0). Their order is
that of ``--names``; else by number if all names are whole numbers; else that of their first coming. The category of the
json tells it. Without names, all faces have as many points as most.

Images are looked for in ``--images``, the folder that names in COCO-style json are relative to, by default that of IN;
each is decoded, and a face without an image, or far outside of it, is left out. ``--without-images`` does without.
Kept are points, their visibility, sizes of images and, where both formats have it, the box; nothing else.
"""

import argparse
import sys
from pathlib import Path

from mmfld.conversion.formats import FORMATS, convert
from mmfld.conversion.problems import add_arguments, run


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('src', type=Path, metavar='IN', help='file or folder')
    parser.add_argument(
        'out', type=Path, metavar='OUT', help='file.json, .xml or .csv, or a folder for .pts or labelme'
    )
    parser.add_argument('--from', dest='source', choices=FORMATS, help='default: what IN is')
    targets = [name for name, kind in FORMATS.items() if kind.write]
    parser.add_argument('--to', dest='target', choices=targets, help='default: what OUT is called')
    parser.add_argument('--images', type=Path, metavar='DIR', help='where the images are; default: where IN is')
    parser.add_argument('--names', type=_names, metavar='a,b,c', help='of the landmarks, in their order')
    parser.add_argument('--origin', type=float, metavar='X', help='of the middle of the first pixel in IN')
    parser.add_argument('--out-origin', type=float, metavar='X', help='likewise in OUT')
    parser.add_argument('--without-images', action='store_true', help='convert though there are no images')
    parser.add_argument('--overwrite', action='store_true', help='replace files that are there')
    add_arguments(parser)
    args = parser.parse_args(argv)
    return run(
        lambda problems: convert(
            args.src,
            args.out,
            problems,
            source=args.source,
            target=args.target,
            images=args.images,
            names=args.names,
            origin=args.origin,
            out_origin=args.out_origin,
            look=not args.without_images,
            overwrite=args.overwrite,
        ),
        args,
    )


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(',')]
    if '' in names:
        raise argparse.ArgumentTypeError(f'found {text!r}, expected names between commas')
    return names


if __name__ == '__main__':
    sys.exit(main())
