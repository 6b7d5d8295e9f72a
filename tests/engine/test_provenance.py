"""Tests that show a network other images than its training are noticed."""

import pytest

from mmfld.engine.provenance import other_inputs
from mmfld.engine.rows import read_config

CONFIG = 'configs/300w/structured_hg2_mini.py'


def differences(**options):
    checkpoint = dict(meta=dict(cfg=read_config(CONFIG, {}).pretty_text))
    options = {key.replace('__', '.'): value for key, value in options.items()}
    return other_inputs(read_config(CONFIG, options), checkpoint)


@pytest.mark.parametrize(
    'options, argument, found, trained',
    [
        (dict(crop__rule='landmark_height'), 'GetFaceCrop.rule', "'landmark_height'", "'longer_side'"),
        (dict(crop__padding=1.5), 'GetFaceCrop.padding', '1.5', '1.05'),
        (dict(model__data_preprocessor__bgr_to_rgb=True), 'PoseDataPreprocessor.bgr_to_rgb', 'True', 'False'),
        (dict(keypoint_offset=(-1.0, 0.0)), 'keypoint_offset', '[-1.0, 0.0]', '[0.0, 0.0]'),
    ],
)
def test_each_is_named_with_both_values(options, argument, found, trained):
    assert differences(**options) == [f'{argument}: found {found}, and the weights were trained with {trained}']


def test_the_same_images_and_what_does_not_change_them():
    assert differences() == []
    # a default that is written out, and things that a test may choose
    assert (
        differences(model__data_preprocessor__pad_value=0, test_dataloader__batch_size=1, codec__outside='ignore') == []
    )


@pytest.mark.parametrize(
    'checkpoint', [{}, dict(meta={}), dict(meta=dict(cfg='no python')), dict(meta=dict(cfg='a = 1'))]
)
def test_checkpoints_that_do_not_tell(checkpoint):
    assert other_inputs(read_config(CONFIG, {}), checkpoint) == []
