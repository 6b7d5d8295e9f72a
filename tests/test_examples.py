"""The examples in docstrings print what they say."""

import doctest
from importlib import import_module
from pathlib import Path

import cv2
import pytest
from matplotlib.cbook import get_sample_data

from mmfld import codecs
from mmfld.codecs import decoders
from mmfld.codecs.heatmap_codec import DECODERS
from mmfld.models import losses

PACKAGE = Path(__file__).resolve().parents[1] / 'mmfld'
WITH_EXAMPLES = [
    '.'.join(path.relative_to(PACKAGE.parent).with_suffix('').parts)
    for path in sorted(PACKAGE.rglob('*.py'))
    if '>>> ' in path.read_text(encoding='utf-8')
]


@pytest.mark.parametrize('module', WITH_EXAMPLES)
def test_the_examples_of_a_module_print_what_they_say(module, tmp_path, monkeypatch):
    photograph = cv2.imread(str(get_sample_data('grace_hopper.jpg', asfileobj=False)))
    cv2.imwrite(str(tmp_path / 'photo.jpg'), photograph)
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(import_module(module), optionflags=doctest.ELLIPSIS)
    assert result.attempted and not result.failed


@pytest.mark.parametrize(
    'documented',
    [
        *(getattr(codecs, name) for name in codecs.__all__),
        *(getattr(losses, name) for name in losses.__all__),
        *(getattr(decoders, name) for name in DECODERS),
    ],
    ids=lambda documented: documented.__name__,
)
def test_codecs_decoders_and_losses_have_examples(documented):
    assert '>>> ' in documented.__doc__
