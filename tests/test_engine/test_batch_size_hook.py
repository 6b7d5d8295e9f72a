"""A training stays with its batch."""
from types import SimpleNamespace

import pytest

from mmfld.engine import BatchSizeHook


def resume(hook, meta, resuming=True):
    hook.after_load_checkpoint(SimpleNamespace(_resume=resuming), dict(meta=meta))


def test_another_batch_is_not_resumed():
    checkpoint = dict(meta={})
    BatchSizeHook(128).before_save_checkpoint(None, checkpoint)
    resume(BatchSizeHook(128, as_configured=False), checkpoint['meta'])
    resume(BatchSizeHook(32, as_configured=False), checkpoint['meta'], resuming=False)
    with pytest.raises(ValueError, match='trained with a batch of 128, found one of 32: choose .* accumulation is 128'):
        resume(BatchSizeHook(32, as_configured=False), checkpoint['meta'])


def test_a_checkpoint_that_names_no_batch_is_resumed_as_the_config_says():
    resume(BatchSizeHook(128), {})
    with pytest.raises(ValueError, match='does not say with which batch.*--no-scale'):
        resume(BatchSizeHook(32, as_configured=False), {})
