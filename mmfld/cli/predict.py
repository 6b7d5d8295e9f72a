"""``mmfld predict``: landmarks of what files show."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, redirect_stdout

from ..applications.measures import FaceMeasures
from ..counts import how_many
from ..runtime import FaceLandmarker, FaceTracker
from ..runtime.detection import DETECTORS
from ..runtime.drawing import draw_faces
from ..runtime.media import ResultWriter, Source, check_names
from ..runtime.stream import is_address
from ..runtime.tables import TableWriter, to_dict
from . import predict_bulk
from .arguments import MODEL_HELP, orientation, whole, whole_or_none, wrong_arguments
from .inputs import open_inputs, output_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_common_arguments(parser)
    parser.add_argument(
        '--track',
        action='store_true',
        help='follow the faces of a video, a camera, or a folder whose pictures are its frames, as mmfld track does; '
        'they get numbers, and a face is told from its second frame on',
    )
    predict_bulk.add_arguments(parser)


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of ``mmfld predict`` and ``mmfld track``."""
    parser.add_argument(
        'inputs',
        nargs='+',
        metavar='INPUT',
        help='image, folder of images, video, webcam or webcam:1, or the rtsp:// or http:// address of a video',
    )
    parser.add_argument('--out', required=True, metavar='DIR', help='folder for what is found')
    parser.add_argument('--model', metavar='FILE.onnx', help=MODEL_HELP)
    parser.add_argument('--detector', default='centerface', help=f'{", ".join(DETECTORS)}; default: centerface')
    parser.add_argument('--detector-weights', metavar='FILE', help='of mmdet; a URL is downloaded')
    parser.add_argument(
        '--orientation',
        type=orientation,
        default='auto',
        help='auto (default), mixed (faces of one image are turned differently), upright, or by how '
        'many degrees faces are turned clockwise',
    )
    parser.add_argument('--backend', default='auto', help='auto (default), onnxruntime or openvino')
    parser.add_argument('--precision', default='float32', help='float32 (default) or, with OpenVINO, bfloat16')
    parser.add_argument('--threads', type=whole, help="default: the backend's choice")
    parser.add_argument('--draw', action='store_true', help='save pictures with the landmarks, too')
    parser.add_argument(
        '--draw-uncertainty',
        action='store_true',
        help='with --draw: the ellipses that should hold 68 %% of the landmarks, of a calibrated model',
    )
    parser.add_argument(
        '--measure',
        action='store_true',
        help='tell the head pose (yaw, pitch, roll in degrees), and how far eyes and mouth are open; '
        'with --draw, the axes of the head',
    )
    parser.add_argument(
        '--format',
        choices=('json', 'csv', 'parquet'),
        default='json',
        help='a json file for each input (default), or one table with a row a face',
    )
    parser.add_argument('--smooth', action='store_true', help='calm tracked faces by a One-Euro filter')
    parser.add_argument(
        '--reconnects', type=whole_or_none, help='of an address: how often to connect again, in all; default: 5'
    )
    parser.add_argument(
        '--drop-late', action='store_true', help='of an address: drop frames that come faster than they are looked at'
    )
    parser.add_argument('--strict', action='store_true', help='stop at the first input that cannot be read')


def run(args: argparse.Namespace) -> int:
    """Predict all inputs; 1 if one could not be read."""
    with wrong_arguments():
        if args.smooth and not args.track:
            raise ValueError('--smooth needs --track')
        if args.draw_uncertainty and not args.draw:
            raise ValueError('--draw-uncertainty needs --draw')
        if (args.drop_late or args.reconnects is not None) and not any(map(is_address, args.inputs)):
            name = '--drop-late' if args.drop_late else '--reconnects'
            raise ValueError(f'{name} needs the address of a stream, such as rtsp://HOST/PATH')
        predict_bulk.check(args)
    if args.ray:
        return predict_bulk.run(args)
    with wrong_arguments(), redirect_stdout(sys.stderr):  # what detectors log
        args.out = output_folder(args.out)
        landmarker = FaceLandmarker(
            args.model,
            args.detector,
            args.backend,
            args.threads,
            args.precision,
            args.orientation,
            detector_weights=args.detector_weights,
        )
        if args.draw_uncertainty and landmarker.model.degrees_of_freedom is None:
            raise ValueError(
                f'--draw-uncertainty: {landmarker.model.path} is not calibrated, expected the export of a '
                'checkpoint that mmfld calibrate has written'
            )
    stream = dict(drop_late=args.drop_late)
    if args.reconnects is not None:
        stream.update(reconnects=args.reconnects)
    sources, broken = open_inputs(args.inputs, args.strict, **stream)
    if args.track:
        pictures = [source for source in sources if not source.is_video and source.length == 1]
        if pictures:
            raise argparse.ArgumentError(
                None,
                f'{pictures[0].names[0]} is one picture, expected a video, a camera or a folder of frames to track',
            )
    for source in sources:
        if source.notice:
            print(source.notice, file=sys.stderr)
    if sources and (args.draw or args.format == 'json'):
        check_names(sources, args.out)
    images = faces = 0
    with wrong_arguments():
        measures = FaceMeasures(landmarker.model.layout) if args.measure else None
    with _table(landmarker, measures, args) as table:
        for source in sources:
            try:
                for found in _predict(source, landmarker, table, measures, args):
                    images, faces = images + 1, faces + found
            except ValueError as error:
                if args.strict:
                    raise
                broken.append((getattr(source, 'path', ''), str(error)))
            except KeyboardInterrupt:
                if not source.is_live:  # the way to stop a camera
                    raise
            broken += source.broken
            if source.summary:
                print(f'{source.path}: {source.summary}', file=sys.stderr)
    lost = [source.summary for source in sources if source.summary]
    print('; '.join([f'{how_many(faces, "face")} in {how_many(images, "image")}', *lost]))
    for _, reason in broken:
        print(f'not read: {reason}', file=sys.stderr)
    return 1 if broken else 0


def _table(
    landmarker: FaceLandmarker, measures: FaceMeasures | None, args: argparse.Namespace
) -> AbstractContextManager[TableWriter | None]:
    if args.format == 'json':
        return nullcontext()
    more = measures.names if measures else ()
    return TableWriter(args.out / f'faces.{args.format}', landmarker.model.layout.num_keypoints, more)


def _predict(
    source: Source,
    landmarker: FaceLandmarker,
    table: TableWriter | None,
    measures: FaceMeasures | None,
    args: argparse.Namespace,
) -> Iterator[int]:
    """Yields how many faces there are in each image."""
    degrees = landmarker.model.degrees_of_freedom if args.draw_uncertainty else None
    tracker = None
    if args.track:
        smoothing = dict(rate=source.fps) if source.is_video else {}
        tracker = FaceTracker(landmarker, smoothing if args.smooth else None)
    with ResultWriter(source, str(args.out) if args.draw else '', '' if table else str(args.out)) as writer:
        for frame in source:
            faces = tracker(frame.image, frame.time) if tracker else landmarker(frame.image)
            told = [measures(face) if measures else {} for face in faces]
            if table is None:
                writer.write_instances(frame, [{**to_dict(face), **more} for face, more in zip(faces, told)])
            else:
                table.write(frame, faces, [list(more.values()) for more in told])
            if args.draw:
                picture = draw_faces(frame.image, faces, degrees_of_freedom=degrees)
                for face in faces if measures else ():
                    picture = measures.draw(picture, face)
                writer.write_picture(frame, picture)
            yield len(faces)
