"""Finds the landmarks of the faces in images, a folder, a video or camera pictures, and draws and saves them.

The model is the one that comes with the package, or one's own::

    python tools/predict.py photos/ --vis-out-dir outputs/pictures
    python tools/predict.py photos/ --pose2d configs/300w/structured_hg2_mini.py --pose2d-weights checkpoint.pth \
        --vis-out-dir outputs/pictures --pred-out-dir outputs/json

The arguments are those of MMPose's ``demo/inferencer_demo.py``. With ``--track``, faces are followed from
frame to frame, and bear numbers, instead of being searched in every frame::

    python tools/predict.py video.mp4 --track --vis-out-dir outputs
"""

import argparse
import sys

import mmfld  # noqa: F401  prepares the environment and registers the components
from mmfld.apis import FaceLandmarkInferencer, FaceLandmarkTracker
from mmfld.apis.inputs import open_lenient
from mmfld.cli.arguments import orientation
from mmfld.counts import how_many
from mmfld.runtime.media import check_names
from mmfld.shipped import shipped_file, shipped_names


def main() -> int:
    """Predict; 1 if something could not be read or done."""
    parser = argparse.ArgumentParser(allow_abbrev=False, description='Predict facial landmarks')
    parser.add_argument(
        'inputs', nargs='+', metavar='INPUT', help='image, video, folder of images, "webcam" or "webcam:1"'
    )
    parser.add_argument(
        '--pose2d',
        metavar='CONFIG',
        help='config of the model, by default from the checkpoint; or, alone, the name of one of the package',
    )
    parser.add_argument(
        '--pose2d-weights',
        metavar='CHECKPOINT',
        help='checkpoint of the model; without both, the model that comes with the package',
    )
    parser.add_argument(
        '--det-model',
        default='centerface',
        metavar='DETECTOR',
        help='centerface (default), opencv, whole_image, mmdet or mmdet:CONFIG (both with --det-weights)',
    )
    parser.add_argument(
        '--orientation',
        type=orientation,
        help='auto, mixed, upright, or by how many degrees faces are turned clockwise; default: auto '
        'for the model that comes with the package, else upright',
    )
    parser.add_argument(
        '--det-weights', metavar='CHECKPOINT', help='checkpoint of a detector of MMDetection; a URL is downloaded'
    )
    parser.add_argument('--layout', help='convert the landmarks to this layout, e.g. 300w68 with a model for WFLW')
    parser.add_argument('--device', help='e.g. cpu or cuda:0; default: a GPU if there is one')
    parser.add_argument(
        '--batch-size', type=int, metavar='N', help='faces that go through the network together; default: 8'
    )
    parser.add_argument(
        '--refine',
        type=int,
        metavar='N',
        help='take the crop N times again from the predicted landmarks; default: 1, 0 for whole_image',
    )
    parser.add_argument(
        '--track',
        action='store_true',
        help="track the faces through a video, a camera's pictures or a folder with its frames",
    )
    parser.add_argument(
        '--smooth', action='store_const', const={}, help='with --track: smooth the landmarks by a One-Euro filter'
    )
    parser.add_argument('--max-faces', type=int, metavar='N', help='with --track: no more than N faces')
    parser.add_argument('--show', action='store_true', help='show the results in a window; Esc ends a video')
    parser.add_argument('--vis-out-dir', default='', metavar='DIR', help='save the drawn images or video here')
    parser.add_argument('--pred-out-dir', default='', metavar='DIR', help='save the predictions here, as json')
    parser.add_argument('--draw-bbox', action='store_true', help='draw the boxes from which the crops were taken')
    parser.add_argument('--draw-heatmap', action='store_true', help='draw the heatmaps below the image')
    parser.add_argument(
        '--draw-uncertainty',
        action='store_true',
        help='draw the ellipses that should hold 68 %% of the landmarks, of calibrated weights',
    )
    parser.add_argument('--black-background', action='store_true', help='draw on black')
    parser.add_argument('--radius', type=int, help='of landmarks, in pixels; default: in proportion to the face')
    parser.add_argument('--thickness', type=int, help='of lines, in pixels; default: in proportion to the face')
    parser.add_argument('--kpt-thr', type=float, help='draw landmarks of this score and above; default: all')
    args = parser.parse_args()
    if not (args.show or args.vis_out_dir or args.pred_out_dir):
        parser.error('nothing to do with the result: give --show, --vis-out-dir or --pred-out-dir')

    if args.pose2d and not args.pose2d_weights and not shipped_file(args.pose2d, '.pth'):
        parser.error(
            f'--pose2d {args.pose2d} without --pose2d-weights CHECKPOINT would be an untrained network; found none of '
            f'this name in the package, which has {", ".join(shipped_names(".pth"))}'
        )
    for name in ('batch_size', 'refine') if args.track else ('smooth', 'max_faces'):
        if getattr(args, name) is not None:
            parser.error(f'--{name.replace("_", "-")} cannot be used {"with" if args.track else "without"} --track')

    try:
        return run(args)
    except (OSError, ImportError, ValueError, TypeError, KeyError) as error:
        print(f'predict.py: {error.args[0] if isinstance(error, KeyError) else error}', file=sys.stderr)
        return 1


def run(args: argparse.Namespace) -> int:
    sources = [open_lenient(name) for name in args.inputs]  # first, as it is quick to fail
    for folder in filter(None, (args.vis_out_dir, args.pred_out_dir)):
        check_names(sources, folder)
    model = (args.pose2d, args.pose2d_weights, args.device, args.det_model, args.det_weights)
    settings = dict(show_progress=not args.show, layout=args.layout, orientation=args.orientation)
    if args.track:
        predict = FaceLandmarkTracker(*model, smoothing=args.smooth, max_faces=args.max_faces, **settings)
    else:
        predict = FaceLandmarkInferencer(*model, **settings)
    options = {
        name: getattr(args, name)
        for name in ('batch_size', 'refine', 'radius', 'thickness', 'kpt_thr')
        if getattr(args, name) is not None
    }
    options.update(
        show=args.show,
        vis_out_dir=args.vis_out_dir,
        pred_out_dir=args.pred_out_dir,
        draw_bbox=args.draw_bbox,
        draw_heatmap=args.draw_heatmap,
        draw_uncertainty=args.draw_uncertainty,
        black_background=args.black_background,
    )
    images = faces = 0
    broken = False
    try:
        for source in sources:
            try:
                for result in predict(source, **options):
                    images += 1
                    faces += len(result['predictions'][0])
            except ValueError as error:
                if len(sources) == 1:
                    raise
                print(f'predict.py: {error}', file=sys.stderr)
                broken = True
            broken = broken or bool(source.broken)
    except KeyboardInterrupt:  # the way to end a camera without a window, whose files are complete; others end in .part
        pass
    print(f'{how_many(faces, "face")} in {how_many(images, "image")}')
    return 1 if broken else 0


if __name__ == '__main__':
    sys.exit(main())
