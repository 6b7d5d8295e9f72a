"""Makes the convolutions of an exported model compute with integers of 8 bits: a third of the size, and faster.

    mmfld export CONFIG CHECKPOINT MODEL.onnx
    python tools/analysis_tools/quantize.py ANNOTATIONS.json IMAGES DST.onnx --model MODEL.onnx [--every N]

The ranges of what goes into a convolution are those of the annotated faces, less the outermost 0.01 %; weights have a
range for each channel (static quantisation of onnxruntime). Nothing is trained. Printed is the error of both models on
these faces, with the tight box of the landmarks, by each backend that is installed. What is reported should be measured
on others (``measure_robustness.py --model DST.onnx``). Neither torch nor an OpenMMLab package is needed, but onnx.
"""

import argparse
import logging
import sys
import tempfile
from contextlib import redirect_stdout
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
import onnx
from annotated_faces import add_arguments, nme, read_faces
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from mmfld.counts import how_many
from mmfld.runtime import FaceLandmarker
from mmfld.runtime.boxes import tight_box
from mmfld.runtime.crops import sample
from mmfld.runtime.network import BACKENDS
from mmfld.runtime.orientation import Crops

KEPT = 99.99  # percent of what goes into a convolution
LEAST = 10  # faces


class OneByOne(CalibrationDataReader):
    """Crops (N, H, W, 3) as onnxruntime takes them."""

    def __init__(self, crops: np.ndarray) -> None:
        self.rest = iter(crops)

    def get_next(self) -> dict[str, np.ndarray] | None:
        crop = next(self.rest, None)
        return None if crop is None else dict(crops=crop[None])


def quantized(model: Path, crops: np.ndarray) -> onnx.ModelProto:
    """The model with convolutions in 8 bits.

    Args:
        model (Path): Of ``mmfld export`` without ``--half``.
        crops (ndarray): (N, H, W, 3) uint8 that the ranges are taken from.
    """
    logging.getLogger().setLevel(logging.ERROR)  # it warns of biases that are no constants, and stay as they are
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr):
        prepared, result = Path(folder, 'prepared.onnx'), Path(folder, 'result.onnx')
        quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
        grouped = _name_grouped(prepared)
        quantize_static(
            str(prepared),
            str(result),
            OneByOne(crops),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,  # weights of 7 bits: without VNNI, sums of two products in 16 bits would overflow
            activation_type=QuantType.QInt8,  # OpenVINO 2026.4 computes unsigned ones wrongly without AVX-512
            weight_type=QuantType.QInt8,
            op_types_to_quantize=['Conv'],
            nodes_to_exclude=grouped,  # few multiplications; signed, they take onnxruntime longer than in float32
            calibrate_method=CalibrationMethod.Percentile,
            extra_options=dict(CalibPercentile=KEPT),
        )
        proto = onnx.load(str(result))
    del proto.metadata_props[:]
    proto.metadata_props.extend(onnx.load(str(model)).metadata_props)
    return proto


def _name_grouped(path: Path) -> list[str]:
    """Give all nodes of a file names; those of the convolutions that have groups."""
    proto = onnx.load(str(path))
    for number, node in enumerate(proto.graph.node):
        node.name = f'node_{number}'
    onnx.save(proto, str(path))
    return [
        node.name
        for node in proto.graph.node
        if node.op_type == 'Conv' and any(each.name == 'group' and each.i > 1 for each in node.attribute)
    ]


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument('dst', type=Path, metavar='DST.onnx')
    args = parser.parse_args(argv)
    if args.model is None:
        parser.error('--model: expected a file that `mmfld export` has written without --half')
    landmarker = FaceLandmarker(args.model, 'whole_image', 'onnxruntime', args.threads)
    model, faces = landmarker.model, list(read_faces(args.annotations, args.images, args.every))
    if any(weights.data_type == onnx.TensorProto.FLOAT16 for weights in onnx.load(args.model).graph.initializer):
        parser.error(f'{args.model}: found weights in half precision, expected an export without --half')
    if model.state_shape is not None:
        parser.error(f'{args.model}: found a model that remembers the frames before, expected one of single pictures')
    if len(faces) < LEAST:
        parser.error(f'{args.annotations}: found {how_many(len(faces), "face")}, expected at least {LEAST}')
    images, truth = zip(*((image, landmarks + args.keypoint_offset) for image, landmarks in faces))
    boxes = np.stack([tight_box(landmarks) for landmarks in truth])
    matrices = landmarker.matrices(Crops(np.arange(len(boxes)), boxes, np.zeros(len(boxes))))
    crops = np.concatenate([sample(*each, model.input_size) for each in zip(images, matrices[:, None])])
    args.dst.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(quantized(Path(args.model), crops), str(args.dst))
    for path, backend in product((args.model, args.dst), filter(find_spec, BACKENDS)):
        one = FaceLandmarker(path, 'whole_image', backend, args.threads, orientation='upright')
        found = one.batch(images, boxes[:, None], refine=0)
        errors = [nme(face.landmarks, each, model.layout.eye_corners) for (face,), each in zip(found, truth)]
        print(f'{path}: {Path(path).stat().st_size / 1e6:.2f} MB, NME {np.mean(errors):.3f} % with {backend}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
