"""What is read of an ONNX file, and changed in it, without a package for the format."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from mmfld.runtime.detection import centerface
from mmfld.runtime.landmarker import DEFAULT_MODEL
from mmfld.runtime.onnx_file import read_metadata, with_fixed_weights


def test_metadata_is_what_the_library_reads():
    content = DEFAULT_MODEL.read_bytes()
    properties = {entry.key: entry.value for entry in onnx.load_from_string(content).metadata_props}
    assert {f'mmfld.{key}': value for key, value in read_metadata(content).items()} == properties


def test_weights_that_are_inputs_are_fixed_and_nothing_else_changes():
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [200]) for name in ('a', 'w', 'b', 'v')]
    output = helper.make_tensor_value_info('out', TensorProto.FLOAT, [200])
    nodes = [helper.make_node('Sum', ['a', 'w', 'b', 'v'], ['out'])]
    weights = [numpy_helper.from_array(np.full(200, value, np.float32), name) for name, value in (('w', 1), ('v', 20))]
    model = helper.make_model(helper.make_graph(nodes, 'graph', inputs, [output], weights), producer_name='tests')
    fixed = onnx.load_from_string(with_fixed_weights(model.SerializeToString()))
    assert [each.name for each in fixed.graph.input] == ['a', 'b']
    del model.graph.input[3], model.graph.input[1]
    assert fixed == model


def test_centerface_answers_the_same_with_fixed_weights():
    model = centerface.with_any_size(centerface._model_file().read_bytes())
    image = np.random.default_rng(0).uniform(0, 255, (1, 3, 64, 96)).astype(np.float32)
    answers = []
    for content, adjustable in ((model, 194), (with_fixed_weights(model), 0)):
        session = onnxruntime.InferenceSession(content, providers=['CPUExecutionProvider'])
        assert len(session.get_overridable_initializers()) == adjustable
        answers.append(session.run(None, {session.get_inputs()[0].name: image}))
    for one, other in zip(*answers):
        np.testing.assert_allclose(one, other, atol=1e-4)
