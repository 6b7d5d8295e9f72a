"""ONNX files: what they say of themselves, what runs them, what is none."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import cv2
import numpy as np
import onnx
import pytest
from matplotlib.cbook import get_sample_data

from mmfld.runtime import LandmarkModel
from mmfld.runtime.landmarker import DEFAULT_MODEL
from mmfld.runtime.network import BACKENDS, Network

PHOTO = get_sample_data('grace_hopper.jpg', asfileobj=False)


@pytest.fixture(scope='module')
def content():
    return DEFAULT_MODEL.read_bytes()


def test_the_model_of_the_package():
    assert DEFAULT_MODEL.stat().st_size <= 3e6
    model = LandmarkModel(DEFAULT_MODEL, threads=1)
    assert model.layout.name == '300w68' and model.input_size == (256, 256)
    assert model.sure == pytest.approx(0.239, abs=0.005) and model.min_score == 0.14
    assert (model.crop_rule, model.crop_padding) == ('landmark_height', 1.1)
    assert 'non-commercial' in model.metadata['licence']
    assert model.outputs == ['landmarks', 'scores', 'covariances', 'visible'] and model.state_shape is None
    assert 3 < model.degrees_of_freedom < 8


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match='none.onnx does not exist'):
        LandmarkModel(tmp_path / 'none.onnx')


@pytest.mark.parametrize('cut', [100, 5000, 2_000_000])
def test_a_file_that_is_cut_off(content, tmp_path, cut):
    (tmp_path / 'cut.onnx').write_bytes(content[:cut])
    with pytest.raises(ValueError, match='cut.onnx: '):
        LandmarkModel(tmp_path / 'cut.onnx')


@pytest.mark.parametrize('text', [b'version https://git-lfs.github.com/spec/v1\n', b'', b'\x00' * 64])
def test_what_is_no_model(tmp_path, text):
    (tmp_path / 'no.onnx').write_bytes(text)
    with pytest.raises(ValueError, match='no.onnx: '):
        LandmarkModel(tmp_path / 'no.onnx')


def test_a_model_of_something_else(content, tmp_path):
    model = onnx.load_from_string(content)
    del model.metadata_props[:]
    onnx.save(model, str(tmp_path / 'other.onnx'))
    with pytest.raises(ValueError, match='other.onnx: found no mmfld.layout, .* `mmfld export`'):
        LandmarkModel(tmp_path / 'other.onnx')


@pytest.mark.parametrize(
    'options, error, message',
    [
        (dict(backend='tensorrt'), ValueError, "unknown backend 'tensorrt', expected one of"),
        (dict(precision='int8'), ValueError, "unknown precision 'int8'"),
        (
            dict(precision='bfloat16', backend='onnxruntime'),
            ValueError,
            "needs backend 'openvino', found 'onnxruntime'",
        ),
        (dict(threads=0), ValueError, 'threads=0'),
    ],
)
def test_wrong_arguments_are_named(content, options, error, message):
    with pytest.raises(error, match=message):
        Network(content, **options)


def test_a_backend_that_is_not_installed(content, monkeypatch):
    monkeypatch.setattr('mmfld.runtime.network.find_spec', lambda name: None)
    for backend, package in (('auto', 'onnxruntime'), ('openvino', 'openvino')):
        with pytest.raises(ImportError, match=f'run `pip install {package}`'):
            Network(content, backend)


@pytest.mark.parametrize('precision, tolerance', [('float32', 0.01), ('bfloat16', 1.0)])
def test_openvino_answers_what_onnxruntime_answers(precision, tolerance):
    crops = [
        np.ascontiguousarray(np.roll(cv2.resize(cv2.imread(PHOTO)[80:360, 130:410], (256, 256)), shift, axis=1))
        for shift in range(-12, 12, 3)
    ]
    expected = LandmarkModel(DEFAULT_MODEL, 'onnxruntime', 1)(np.stack(crops))
    model = LandmarkModel(DEFAULT_MODEL, 'openvino', 1, precision)
    found = model(np.stack(crops))
    assert found.landmarks.dtype == np.float32
    np.testing.assert_allclose(found.landmarks, expected.landmarks, atol=tolerance)
    np.testing.assert_allclose(found.scores, expected.scores, atol=0.03 * tolerance)
    with ThreadPoolExecutor(8) as pool:  # a crop each, at once
        answers = list(pool.map(lambda crop: model(crop[None]).landmarks[0], crops * 3))
    np.testing.assert_allclose(answers, np.tile(found.landmarks, (3, 1, 1)), atol=tolerance)


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('name', ['mmfld_robust_mini', 'mmfld_tiny_mini'])
def test_models_in_8_bits_answer_about_what_the_others_do(name, backend):
    crop = cv2.resize(cv2.imread(PHOTO)[80:360, 130:410], (256, 256))[None]
    whole, small = (LandmarkModel(DEFAULT_MODEL.with_name(f'{name}{end}.onnx'), backend, 1) for end in ('', '_int8'))
    expected = whole(cv2.resize(crop[0], whole.input_size)[None]).landmarks
    found = small(cv2.resize(crop[0], small.input_size)[None]).landmarks
    assert np.abs(found - expected).mean() < 0.005 * 256


def test_unsigned_activations_are_no_model_for_openvino():
    """It computes landmarks from them that are tens of pixels off, on some machines."""
    helper = onnx.helper
    scale, zero = helper.make_tensor('scale', 1, [], [0.1]), helper.make_tensor('zero', onnx.TensorProto.UINT8, [], [3])
    nodes = [
        helper.make_node('QuantizeLinear', ['x', 'scale', 'zero'], ['q']),
        helper.make_node('DequantizeLinear', ['q', 'scale', 'zero'], ['y']),
    ]
    ends = [helper.make_tensor_value_info(name, 1, [None, 4]) for name in 'xy']
    model = helper.make_model(
        helper.make_graph(nodes, 'graph', ends[:1], ends[1:], [scale, zero]),
        opset_imports=[helper.make_opsetid('', 17)],
        ir_version=9,
    ).SerializeToString()
    x = np.float32([[-0.3, 0, 1, 2.04]])
    np.testing.assert_allclose(Network(model, 'onnxruntime', 1)(x)[0], [[-0.3, 0, 1, 2]], atol=1e-6)
    with pytest.raises(ValueError, match='activations of unsigned integers, .* or take onnxruntime'):
        Network(model, 'openvino', 1)


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='Windows has no fork')
def test_openvino_says_that_it_does_not_work_on_in_a_forked_process():
    model = LandmarkModel(DEFAULT_MODEL, 'openvino', 1)
    with ProcessPoolExecutor(1, get_context('fork')) as pool:
        with pytest.raises(RuntimeError, match="does not work on in a forked one: start processes by .*'spawn'"):
            pool.submit(model, np.zeros((1, 256, 256, 3), np.uint8)).result(60)
    with ProcessPoolExecutor(1, get_context('spawn')) as pool:
        found = pool.submit(model, np.zeros((1, 256, 256, 3), np.uint8)).result(120)
    assert found.landmarks.shape == (1, 68, 2)


def test_landmarks_that_are_not_finite_name_the_file(monkeypatch):
    model = LandmarkModel(DEFAULT_MODEL, threads=1)
    crops = np.zeros((1, *model.input_size[::-1], 3), np.uint8)
    found = [np.array(output) for output in model.network(crops)]
    found[0][0, 3] = np.nan
    monkeypatch.setattr(model, 'network', lambda *inputs: found)
    with pytest.raises(
        ValueError, match='mmfld_robust_mini.onnx: this model answers landmarks or scores that are not finite'
    ):
        model(crops)


@pytest.mark.parametrize(
    'content, message',
    [
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:0\n', 'a pointer of git-lfs, .* run `git lfs pull`'),
        (b'PK\x03\x04', 'a zip file, such as a checkpoint, expected what `mmfld export` makes of it'),
    ],
)
def test_a_file_of_another_kind_says_what_to_do(tmp_path, content, message):
    (tmp_path / 'model.onnx').write_bytes(content)
    with pytest.raises(ValueError, match=f'model.onnx: found {message}'):
        LandmarkModel(tmp_path / 'model.onnx')


@pytest.mark.skipif(not hasattr(signal, 'SIGUSR1'), reason='Windows has no such signals')
def test_a_signal_is_handled_after_models_of_openvino():
    """Each of its plugins sets the stack on which Python handles signals, and in the end the one that it had found."""
    script = """
import faulthandler, os, signal
from mmfld.runtime.landmarker import DEFAULT_MODEL
from mmfld.runtime.network import Network

faulthandler.enable()
signal.signal(signal.SIGUSR1, lambda *_: print('handled'))
first, second = (Network(DEFAULT_MODEL, 'openvino', 1) for _ in range(2))
del first
del second
os.kill(os.getpid(), signal.SIGUSR1)
"""
    done = subprocess.run(
        [sys.executable, '-c', script], capture_output=True, text=True, env=os.environ | {'MMFLD_LAZY': '1'}
    )
    assert (done.returncode, done.stdout) == (0, 'handled\n'), done.stderr
