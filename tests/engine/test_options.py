"""Options of a command line reach the config, or are errors."""

import re

import pytest

from mmfld.engine.rows import read_config

CONFIG = 'configs/300w/structured_hg2_mini.py'


@pytest.mark.parametrize(
    'option, near',
    [
        ('train_dataloder.batch_size', 'train_dataloader'),
        ('train_dataloader.batchsize', 'batch_size'),
        ('optim_wrapper.optimizer.learning_rate', ''),
        ('optim_wrapper.optimiser.lr', 'optimizer'),
        ('crop.rul', 'rule'),
        ('train_cfg.max_epoch', 'max_epochs'),
        ('default_hooks.checkpoint.intervall', 'interval'),
        ('codec.lenght', ''),
        ('randomness.sed', 'seed'),
        ('param_scheduler.9.end', ''),
        ('env_cfg.mp_cfg.start', 'mp_start_method'),
        ('test_evaluator.norms', 'norm'),
    ],
)
def test_a_key_that_the_config_does_not_have_is_refused_with_the_nearest(option, near):
    with pytest.raises(KeyError, match=re.escape(f"{CONFIG}: option '{option}': found nothing named ")) as refused:
        read_config(CONFIG, {option: 1})
    assert near in refused.value.args[0] and '+ before the key adds what is new' in refused.value.args[0]


def test_a_variable_of_the_file_is_refused_with_the_places_that_have_its_value(tmp_path):
    config = tmp_path / 'plain.py'
    config.write_text(
        'root, epochs, codec = "data/", 7, dict(type="MSRAHeatmap", sigma=2)\n'
        'model = dict(head=dict(decoder=codec))\n'
        'train_dataloader = dict(dataset=dict(data_root=root))\n'
        'train_cfg = dict(by_epoch=True, max_epochs=epochs)\n'
    )
    for option, value, place in (
        ('root', 'other/', 'train_dataloader.dataset.data_root'),
        ('epochs', 3, 'train_cfg.max_epochs'),
        ('codec.sigma', 3, 'model.head.decoder'),
    ):
        variable = option.split('.')[0]
        with pytest.raises(
            KeyError, match=f'{variable} is a variable of the config .* used: {place}; . before the key'
        ):
            read_config(str(config), {option: value})
    assert read_config(str(config), {'+root': 'other/'}).root == 'other/'


@pytest.mark.parametrize(
    'option, value',
    [
        ('train_dataloader.batch_size', 4),
        ('train_dataloader.pin_memory', True),
        ('find_unused_parameters', True),
        ('optim_wrapper.optimizer.weight_decay', 0.1),
        ('default_hooks.checkpoint.published_keys', ['meta']),
        ('load_from', 'some.pth'),
        ('train_cfg.dynamic_intervals', [(3, 1)]),
        ('test_evaluator.out_dir', 'folder'),
        ('val_dataloader.sampler.shuffle', True),
        ('randomness.deterministic', True),
        ('+new.key', 3),
        ('+train_dataloader.key', 4),
        ('optim_wrapper.clip_grad', dict(max_norm=1.0)),
        ('env_cfg.dist_cfg.timeout', 30),
    ],
)
def test_what_there_is_and_what_is_said_to_be_new_is_set(option, value):
    cfg = read_config(CONFIG, {option: value})
    for name in option.removeprefix('+').split('.'):
        cfg = cfg[name]
    assert cfg == value


def test_an_option_can_go_into_what_one_before_it_has_set():
    cfg = read_config(CONFIG, {'+own': dict(a=1), 'own.a': 2})
    assert cfg.own.a == 2


@pytest.mark.parametrize(
    'option, value, message',
    [
        ('train_cfg.max_epochs', 'many', "found 'many', expected a number in the place of 45"),
        ('default_hooks.visualization.enable', 'yes', "found 'yes', expected true or false in the place of False"),
        ('model.backbone', 3, 'found 3, expected settings in the place of .*HourglassAAM'),
        ('codec.input_size', [128], r'found \[128\], expected 2 positive numbers, such as .*128, 128'),
        ('codec.input_size', [0, 0], r'found \[0, 0\], expected 2 positive numbers'),
        ('load_from.a', 1, 'load_from is None, expected a part of the config with settings'),
    ],
)
def test_a_value_of_another_kind_is_refused(option, value, message):
    with pytest.raises((KeyError, ValueError), match=message):
        read_config(CONFIG, {option: value})
