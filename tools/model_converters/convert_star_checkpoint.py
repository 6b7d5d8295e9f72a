"""Convert an official checkpoint of STAR, ADNet or "Heatmap Regression without Soft-argmax" for mmfld.

    python tools/model_converters/convert_star_checkpoint.py SRC DST [--weights net_ema] [--layout LAYOUT] [--overwrite]

SRC is what the official code saves, a dict with the weights ``net``, their moving average ``net_ema``, ``optimizer``,
``scheduler`` and ``epoch``, or a state dict alone. DST then works with ``tools/test.py CONFIG DST``, with
``FaceLandmarkInferencer(CONFIG, DST)`` and as ``load_from`` of a training. The number of stacks and whether there is
AAM are found from the weights, and so is the face layout where only one has as many landmarks and boundaries; a key too
much, too few or of another shape, or another definition of the boundaries is an error.

Files are read with ``weights_only=True``, so that nothing in them can run code.
"""

import argparse
import sys

from checkpoint_conversion import choose_weights, command_parser, print_configs, read, rename, report, run, write

from mmfld.models.backbones.hourglass_aam import convert_star_state_dict, matching_hourglass_aam

CROP = 'crop.rule=landmark_height crop.padding=1.'
METHODS = dict(in_relu='STAR, ADNet', none='Heatmap Regression without Soft-argmax')  # by heatmap activation


def main(argv=None) -> int:
    parser = command_parser(__doc__)
    parser.add_argument(
        '--weights',
        choices=('net', 'net_ema'),
        default='net',
        help='which weights of an official checkpoint to take, default: %(default)s',
    )
    return run(convert, parser.parse_args(argv))


def convert(args: argparse.Namespace) -> None:
    """Read, check, write and report; see the module.

    Raises:
        ValueError: If the file cannot be used; it names the file and what is wrong.
    """
    checkpoint = read(args.src)
    state_dict, source = choose_weights(checkpoint, args.weights, args.weights == 'net', args.src)
    converted = rename(convert_star_state_dict, state_dict, args.layout, source, args.src)
    network = matching_hourglass_aam(converted, args.layout)
    write(args.dst, converted, network, source, args.src)

    found = dict(AAM='yes' if network.attention_maps else 'no')
    if network.attention_maps:
        stored = any(key.endswith('e2h_transform.weight') for key in state_dict)
        found['boundaries'] = f'{"equal to" if stored else "not stored in the file, assumed to be"} those of the layout'
    report(args.src, args.dst, checkpoint, source, network, **found)
    print_configs(network, ('num_stacks', 'attention_maps'), 'heatmap_activation', METHODS)
    print(f'It was trained on the crops of the official meta files. Test it with --cfg-options {CROP}, or with')
    print('the config of the same name that ends in _crop-height.py, where there is one')


if __name__ == '__main__':
    sys.exit(main())
