"""``mmfld align``: faces cut out of what files show, eyes, nose and mouth at given places."""

import argparse
import sys
from pathlib import Path

import numpy as np

from ..applications.alignment import TEMPLATES, align, check_size, five_points
from ..counts import how_many
from ..runtime import FaceLandmarker
from ..runtime.images import write_image
from ..runtime.media import Source, check_names
from .arguments import MODEL_HELP, orientation, whole, wrong_arguments
from .inputs import open_inputs, output_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('inputs', nargs='+', metavar='INPUT', help='image, folder of images or video')
    parser.add_argument(
        '--out',
        required=True,
        metavar='DIR',
        help='folder for the faces: NAME_FACE.png of an image, NAME_FRAME_FACE.png of a video',
    )
    parser.add_argument('--size', type=whole, default=112, help='pixels of a side; default: 112')
    parser.add_argument('--template', default='arcface', choices=TEMPLATES, help='default: arcface')
    parser.add_argument('--model', metavar='FILE.onnx', help=MODEL_HELP)
    parser.add_argument('--detector', default='centerface', help='default: centerface')
    parser.add_argument('--orientation', type=orientation, default='auto', help='as of mmfld predict; default: auto')
    parser.add_argument('--threads', type=whole, help="default: the backend's choice")


def run(args: argparse.Namespace) -> int:
    """Align all faces; 1 if an input could not be read."""
    with wrong_arguments():
        folder = output_folder(args.out)
        landmarker = FaceLandmarker(args.model, args.detector, threads=args.threads, orientation=args.orientation)
        layout = landmarker.model.layout
        five_points(np.zeros((layout.num_keypoints, 2)), layout)  # says so if it has none
        check_size(args.size)
    sources, broken = open_inputs(args.inputs, strict=False)
    if any(source.is_live for source in sources):
        raise argparse.ArgumentError(None, 'a camera or stream cannot be aligned, expected images or videos')
    if sources:
        check_names(sources, folder)
    inside = next((path for source in sources for path in _files(source) if path.parent == folder.resolve()), None)
    if inside is not None:
        raise argparse.ArgumentError(None, f'--out {folder}: the input {inside} lies in it, expected another folder')
    written: set[Path] = set()
    images = 0
    for source in sources:
        try:
            for frame in source:
                name = f'{source.name}_{frame.index:06d}' if source.is_video else Path(source.name_of(frame.index)).stem
                images += 1
                for number, face in enumerate(landmarker(frame.image)):
                    path = folder / f'{name}_{number}.png'
                    if path in written:
                        raise ValueError(f'{frame.path}: its faces would be saved as those of another input, {path}')
                    write_image(path, align(frame.image, face.landmarks, args.size, args.template, layout).image)
                    written.add(path)
        except ValueError as error:
            broken.append((getattr(source, 'path', ''), str(error)))
        broken += source.broken
    print(f'{how_many(len(written), "face")} in {how_many(images, "image")}')
    for _, reason in broken:
        print(f'not read: {reason}', file=sys.stderr)
    return 1 if broken else 0


def _files(source: Source) -> list[Path]:
    inputs = [source.path] if source.is_video else source.inputs
    return [Path(path).resolve() for path in inputs if isinstance(path, (str, Path))]
