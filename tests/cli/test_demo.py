"""``mmfld demo`` as it is typed."""

import sys

import pytest

from mmfld.cli.main import main


@pytest.mark.parametrize(
    'arguments, sentence',
    [
        (['--max-megapixels', '0'], 'found megapixels=0.0, expected a number above 0'),
        (['--max-seconds', 'inf'], "found 'inf', expected a number"),
        (['--port', 'http'], "found 'http', expected a whole number of at least 1"),
        (['--port', '99999'], 'found --port 99999, expected one from 1 to 65535'),
    ],
)
def test_arguments_without_a_meaning_are_told(arguments, sentence, capsys):
    try:
        status = main(['demo', *arguments])
    except SystemExit as end:
        status = end.code
    assert status == 2 and sentence in capsys.readouterr().err


def test_a_model_that_does_not_exist_is_told(capsys):
    assert main(['demo', '--model', 'missing.onnx']) == 1
    assert capsys.readouterr().err == 'mmfld demo: model missing.onnx does not exist\n'


def test_without_gradio_it_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'gradio', None)
    assert main(['demo']) == 1
    assert 'the demo needs mmfld[demo], which does not import' in capsys.readouterr().err
