"""Changes to a model's ONNX graph before it is stored."""

from collections import Counter
from typing import Any

import numpy as np

LARGE = 64  # numbers of a tensor that is worth a cast


def strip(proto: Any) -> None:
    """Remove where in the code each node comes from, which is as long as the weights of a small model, and name what is
    between the nodes by numbers."""
    del proto.graph.value_info[:], proto.graph.metadata_props[:], proto.metadata_props[:]
    for part in (*proto.graph.node, *proto.graph.initializer, *proto.graph.input, *proto.graph.output):
        del part.metadata_props[:]
        part.doc_string = ''
    kept = {part.name for part in (*proto.graph.initializer, *proto.graph.input, *proto.graph.output)} | {''}
    between = {
        name: f'%{number}'
        for number, name in enumerate(name for node in proto.graph.node for name in node.output if name not in kept)
    }
    for node in proto.graph.node:
        node.name = ''
        for names in (node.input, node.output):
            names[:] = [between.get(name, name) for name in names]


def convolve_batch_norms(proto: Any) -> None:
    """Make a convolution of each channel with one number of a batch norm that follows no convolution.

    onnxruntime folds the others. Such a one, of a pre-activation block, it computes in another memory layout than
    convolutions, which costs two copies and the fusion of the sum behind it.
    """
    import onnx

    weights = {tensor.name: tensor for tensor in proto.graph.initializer}
    folded = set()
    makers = {name: node.op_type for node in proto.graph.node for name in node.output}
    uses = Counter(name for node in proto.graph.node for name in node.input)
    for node in proto.graph.node:
        if node.op_type != 'BatchNormalization':
            continue
        x, *parameters = node.input
        if makers.get(x) == 'Conv' and uses[x] == 1:
            continue
        scale, shift, mean, variance = (onnx.numpy_helper.to_array(weights[name]) for name in parameters)
        epsilon = next((attribute.f for attribute in node.attribute if attribute.name == 'epsilon'), 1e-5)
        factor = scale / np.sqrt(variance + epsilon)
        names = [f'{parameters[0]}.factor', f'{parameters[1]}.rest']
        new = [] if parameters[0] in folded else zip(names, (factor.reshape(-1, 1, 1, 1), shift - mean * factor))
        folded.add(parameters[0])  # a layer may be used more than once
        for name, values in new:
            proto.graph.initializer.append(onnx.numpy_helper.from_array(values.astype(scale.dtype), name))
        node.CopyFrom(onnx.helper.make_node('Conv', [x, *names], node.output, group=len(factor), kernel_shape=[1, 1]))
        for name in parameters:
            uses[name] -= 1
            if not uses[name]:
                proto.graph.initializer.remove(weights[name])


def halve(proto: Any) -> None:
    """Store larger tensors that lose nothing by it in half precision, each with a cast behind it, which runtimes do
    once."""
    import onnx

    casts = []
    for tensor in list(proto.graph.initializer):
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) < LARGE:
            continue
        values = onnx.numpy_helper.to_array(tensor)
        with np.errstate(over='ignore'):
            rounded = values.astype(np.float16)
        if (rounded != values).any():
            continue
        name = f'%half{len(casts)}'
        proto.graph.initializer.remove(tensor)
        proto.graph.initializer.append(onnx.numpy_helper.from_array(rounded, name))
        casts.append(onnx.helper.make_node('Cast', [name], [tensor.name], to=onnx.TensorProto.FLOAT))
    for cast in reversed(casts):
        proto.graph.node.insert(0, cast)
