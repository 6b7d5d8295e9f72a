"""Convert an official checkpoint of FAN for mmfld.

    python tools/model_converters/convert_fan_checkpoint.py SRC DST [--layout LAYOUT] [--overwrite]

SRC is a state dict with the keys of the public FAN (face-alignment package), alone or as ``state_dict`` of a dict. DST
then works with ``tools/test.py CONFIG DST``, with ``FaceLandmarkInferencer(CONFIG, DST)`` and as ``load_from`` of a
training. The number of stacks is found from the weights, and so is the face layout where only one has as many
landmarks; a key too much, too few or of another shape is an error.

What the weights do not tell must stand in the config: the pooling; RGB input in [0, 1], which is
``mean=[0, 0, 0], std=[255, 255, 255], bgr_to_rgb=True`` of the data preprocessor; and for the face-alignment package a
crop that is wider than that of "Subpixel Heatmap Regression", with a side of 1.03 (w + h) of the box of the face around
a centre 0.12 h above that of the box. ``configs/300w/fan_hg4.py`` has all of that for its networks of four stacks,
but its crop starts from the box of the landmarks, not of a detector.

Files are read with ``weights_only=True``, so that nothing in them can run code. A TorchScript archive is code: save its
weights first, with ``torch.save(torch.jit.load(ARCHIVE).state_dict(), SRC)``.
"""

import argparse
import sys

from checkpoint_conversion import choose_weights, command_parser, print_configs, read, rename, report, run, write

from mmfld.models.backbones.fan import convert_fan_state_dict, matching_fan

USERS = dict(max="the authors' training code and 2-stack models", avg='the face-alignment package')  # by pooling


def main(argv=None) -> int:
    return run(convert, command_parser(__doc__).parse_args(argv))


def convert(args: argparse.Namespace) -> None:
    """Read, check, write and report; see the module.

    Raises:
        ValueError: If the file cannot be used; it names the file and what is wrong.
    """
    checkpoint = read(args.src)
    state_dict, source = choose_weights(checkpoint, 'state_dict', True, args.src)
    converted = rename(convert_fan_state_dict, state_dict, args.layout, source, args.src)
    network = matching_fan(converted, args.layout)
    write(args.dst, converted, network, source, args.src)
    report(args.src, args.dst, checkpoint, source, network)
    print_configs(network, ('num_stacks',), 'pooling', USERS)


if __name__ == '__main__':
    sys.exit(main())
