"""The config in a checkpoint is read, not run."""

import pytest
from mmengine.config import Config

from mmfld.engine.plain_config import config_of, parse_config
from mmfld.engine.rows import read_config


@pytest.mark.parametrize(
    'name',
    ['configs/wflw/star_hg4.py', 'configs/300vw/attentive1d_tracker.py', 'projects/reproduce/subpixel.yml:table12-lp'],
)
def test_what_mmengine_writes_is_read_as_mmengine_reads_it(name):
    text = read_config(name).pretty_text
    assert parse_config(text)._cfg_dict.to_dict() == Config.fromstring(text, '.py')._cfg_dict.to_dict()


def test_every_kind_of_value():
    content = dict(a=-1.5, b=float('inf'), c=None, d=(1, [2, {'x.y': True}]), e={'f-g': {}}, h={1, 2}, i=(), j='\'"\n')
    assert parse_config(Config(content).pretty_text)._cfg_dict.to_dict() == content


@pytest.mark.parametrize(
    'text',
    [
        'import os',
        '__import__("os").system("touch /tmp/x")',
        'a = open("/etc/passwd")',
        'a = [b for b in range(3)]',
        'a = 1 if True else 2',
        'a = dict(b=print())',
        'a, b = 1, 2',
        'a = 1\na.b = 2',
        'a = dict([1])',
        'a = 9 ** 9',
        'a = (',
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match='the config in the checkpoint'):
        parse_config(text)


def test_a_checkpoint_without_one():
    assert config_of(dict(state_dict={})) is None
    assert config_of(dict(meta=dict(cfg='a = 1'))).a == 1
