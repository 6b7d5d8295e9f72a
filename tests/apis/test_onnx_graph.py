"""Graphs compute the same after they were changed."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from mmfld.apis.onnx_graph import convolve_batch_norms


def run(model, x):
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider']).run(
        None, {'x': x}
    )[0]


def test_batch_norms_become_convolutions_but_those_behind_one():
    """Three of them, two of which share their numbers."""
    rng = np.random.default_rng(0)
    numbers = [
        numpy_helper.from_array(rng.uniform(0.5, 2, 4).astype(np.float32), name)
        for name in ('scale', 'shift', 'mean', 'variance')
    ]
    kernel = numpy_helper.from_array(rng.normal(size=(4, 4, 1, 1)).astype(np.float32), 'kernel')
    names = ['scale', 'shift', 'mean', 'variance']
    graph = helper.make_graph(
        [
            helper.make_node('BatchNormalization', ['x', *names], ['a'], epsilon=1e-3),
            helper.make_node('Relu', ['a'], ['b']),
            helper.make_node('BatchNormalization', ['b', *names], ['c'], epsilon=1e-3),
            helper.make_node('Conv', ['c', 'kernel'], ['d']),
            helper.make_node('BatchNormalization', ['d', *names], ['y'], epsilon=1e-3),
        ],
        'graph',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, (2, 4, 5, 6))],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, (2, 4, 5, 6))],
        [*numbers, kernel],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=10)
    x = rng.normal(size=(2, 4, 5, 6)).astype(np.float32)
    expected = run(model, x)
    convolve_batch_norms(model)
    onnx.checker.check_model(model, full_check=True)
    assert Counter(node.op_type for node in model.graph.node) == dict(Conv=3, Relu=1, BatchNormalization=1)
    np.testing.assert_allclose(run(model, x), expected, atol=1e-5)
