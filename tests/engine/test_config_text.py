"""The text of a config is formatted once, and always says what the config says."""

import copy
import pickle

import pytest
from mmengine import Config
from mmengine.config import config as mmengine_config

from mmfld.engine.config_text import FormattedConfig


@pytest.fixture
def formatted(monkeypatch):
    """How often MMEngine formatted code."""
    calls, original = [], mmengine_config.FormatCode
    monkeypatch.setattr(mmengine_config, 'FormatCode', lambda *args, **kw: calls.append(1) or original(*args, **kw))
    return calls


def test_it_is_the_text_of_mmengine_formatted_once(formatted):
    config = Config(dict(model=dict(type='A', sizes=[1, 2]), epochs=3))
    text = config.pretty_text
    config = FormattedConfig.of(config)
    before = len(formatted)
    assert [config.pretty_text for _ in range(3)] == [text] * 3
    assert len(formatted) == before + 1
    assert config.dump() == text and copy.deepcopy(config).pretty_text == text and len(formatted) == before + 1
    assert config.to_dict() == dict(model=dict(type='A', sizes=[1, 2]), epochs=3)
    assert pickle.loads(pickle.dumps(config)).pretty_text == text


@pytest.mark.parametrize('change', [lambda c: c.model.sizes.append(3), lambda c: c.merge_from_dict({'epochs': 4})])
def test_a_config_that_changed_has_another_text(change):
    config = FormattedConfig.of(Config(dict(model=dict(type='A', sizes=[1, 2]), epochs=3)))
    before = config.pretty_text
    change(config)
    assert config.pretty_text == Config(config.to_dict()).pretty_text != before
