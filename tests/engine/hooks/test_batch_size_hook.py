"""A training stays with its batch."""

import logging
from types import SimpleNamespace

import pytest

from mmfld.engine.hooks import BatchSizeHook


def resume(hook, meta, resuming=True):
    checkpoint = dict(meta=dict(meta), optimizer={})
    runner = SimpleNamespace(_resume=resuming, max_epochs=4, max_iters=24, logger=logging.getLogger('batch'))
    hook.after_load_checkpoint(runner, checkpoint)
    return checkpoint['meta']


def saved_by(hook, **meta):
    checkpoint = dict(meta=meta)
    hook.before_save_checkpoint(None, checkpoint)
    return checkpoint['meta']


SCALED = dict(base=64, as_configured=False)


def test_another_batch_is_not_resumed():
    meta = saved_by(BatchSizeHook(1, 128))
    assert meta == dict(batch_size=128, batch='1 process x 128')
    resume(BatchSizeHook(2, 32, 2, **SCALED), meta)
    resume(BatchSizeHook(1, 32, **SCALED), meta, resuming=False)
    with pytest.raises(
        ValueError,
        match=r'trained with a batch of 128 \(1 process x 128\), .* found one of 32 '
        r'\(1 process x 32\): ',
    ):
        resume(BatchSizeHook(1, 32, **SCALED), meta)
    with pytest.raises(ValueError, match=r'trained with a batch of 8, '):  # of a version that did not say more
        resume(BatchSizeHook(1, 32), dict(batch_size=8))


@pytest.mark.parametrize(
    'now, ways',
    [
        (BatchSizeHook(1, 4, base=8), ', or with --accumulate, or with --cfg-options train_dataloader.batch_size=8;'),
        (
            BatchSizeHook(1, 4, base=4),
            ', or with --cfg-options train_cfg.accumulation=2, or with --cfg-options train_dataloader.batch_size=8;',
        ),
        (BatchSizeHook(4, 4, base=8), ', or with --cfg-options train_dataloader.batch_size=2;'),
        (BatchSizeHook(3, 4, base=8), ';'),
    ],
)
def test_the_ways_back_to_the_batch_are_named(now, ways):
    with pytest.raises(ValueError) as caught:
        resume(now, saved_by(BatchSizeHook(2, 4)))
    assert f'go on with processes and train_dataloader.batch_size as they were{ways} --allow-mismatch goes on' in str(
        caught.value
    )


def test_another_batch_that_is_allowed_counts_its_own_iterations(caplog):
    now = BatchSizeHook(1, 4)
    now.allow_mismatch = True
    assert resume(now, saved_by(BatchSizeHook(2, 4), epoch=3, iter=9))['iter'] == 3 * 24 // 4
    assert 'trained with a batch of 8 (2 processes x 4)' in caplog.text and 'goes on with this one' in caplog.text
    with pytest.raises(ValueError, match='it was saved within an epoch, of which it counts the batches'):
        resume(now, saved_by(BatchSizeHook(2, 4), epoch=3, iter=10, iterations_of_epoch=1))


def test_a_checkpoint_that_names_no_batch_is_resumed_as_the_config_says():
    resume(BatchSizeHook(1, 128), {})
    with pytest.raises(ValueError, match='does not say with which batch.*--no-scale'):
        resume(BatchSizeHook(1, 32, as_configured=False), {})
