"""``mmfld benchmark``: what it prints; the times are those of the machine."""

import re

import pytest
from matplotlib.cbook import get_sample_data

from mmfld.cli import benchmark
from mmfld.cli.main import main

PHOTO = get_sample_data('grace_hopper.jpg', asfileobj=False)
WHAT = ('a face, box given', 'picture of 1280 x 720 with a face', 'frame of 640 x 480, a face followed')


def test_all_take_turns_in_one_table(capsys, monkeypatch):
    monkeypatch.setattr(benchmark, 'BATCHES', (1,))
    monkeypatch.setattr(benchmark, 'ROUNDS', 2)
    options = ['--threads', '1', '--seconds', '0.01', '--backend', 'onnxruntime', 'openvino', '--inferencer']
    assert main(['benchmark', PHOTO, *options, '--precision', 'float32', 'bfloat16']) == 0
    out, err = capsys.readouterr()
    rows = [line.split(' | ') for line in out.splitlines() if ' | ' in line][1:]
    models = ['default, onnxruntime, float32', 'default, openvino, float32', 'default, openvino, bfloat16']
    assert list(dict.fromkeys(row[0] for row in rows)) == [*models, 'inferencer, torch']
    assert all(0 < float(median) <= float(high) for *_, median, high in rows)
    medians = {(model, what): float(median) for model, what, _, median, _ in rows}
    ratios = re.findall(r'^(.*): (.*), 1 threads: ([\d.]+) times as fast$', out, re.MULTILINE)
    assert [(model, what) for model, what, _ in ratios] == [(model, what) for what in WHAT for model in models]
    for model, what, ratio in ratios:
        assert float(ratio) == pytest.approx(medians['inferencer, torch', what] / medians[model, what], abs=0.01)
    assert err.count('round ') == 2 and re.search(r'^memory: \d+ MB after the import, ', out, re.MULTILINE)


def test_a_precision_that_the_backend_does_not_have(capsys):
    assert main(['benchmark', PHOTO, '--threads', '1', '--backend', 'onnxruntime', '--precision', 'bfloat16']) == 2
    assert "precision 'bfloat16' needs backend 'openvino', found 'onnxruntime'" in capsys.readouterr().err
