"""Models in 8 bits: what they answer, what they say of themselves, and which cannot be made."""

import importlib
import re

import pytest

from mmfld.apis.onnx_export import export_onnx
from mmfld.runtime import LandmarkModel
from mmfld.runtime.landmarker import DEFAULT_MODEL


@pytest.fixture(scope='module')
def tool():
    return importlib.import_module('quantize')


@pytest.fixture
def faces(synthetic_faces):
    return [str(synthetic_faces / 'annotations/synthetic_300w68_train.json'), str(synthetic_faces / 'images')]


def test_a_model_in_8_bits(tool, faces, tmp_path, capsys):
    whole, dst = tmp_path / 'whole.onnx', tmp_path / 'made' / 'int8.onnx'
    export_onnx('configs/300w/mmfld_robust_mini.py', DEFAULT_MODEL.with_suffix('.pth'), whole, flip_test=False)
    capsys.readouterr()
    assert tool.main([*faces, str(dst), '--model', str(whole), '--threads', '1']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines] == ['onnxruntime', 'openvino'] * 2
    (size, error), _, *others = (map(float, re.findall(r'([\d.]+) (?:MB|%)', line)) for line in lines)
    for small, other in others:
        assert small < 0.4 * size and other == pytest.approx(error, abs=0.1)
    assert LandmarkModel(dst, threads=1).metadata == LandmarkModel(whole, threads=1).metadata


def test_what_cannot_be_made_smaller(tool, faces, tmp_path, capsys):
    dst = str(tmp_path / 'int8.onnx')
    for options, message in (
        ([], 'expected a file that `mmfld export` has written without --half'),
        (['--model', str(DEFAULT_MODEL)], 'found weights in half precision, expected an export without --half'),
    ):
        with pytest.raises(SystemExit):
            tool.main([*faces, dst, *options])
        assert message in capsys.readouterr().err
