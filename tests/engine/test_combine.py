"""Parts of a config that are said once reach all that need them, or are refused."""

import pytest
from mmengine import Config

from mmfld.engine.rows import REPOSITORY, read_config

STAR = REPOSITORY / 'configs/wflw/star_hg4.py'
ATTENTIVE = REPOSITORY / 'configs/300w/attentive1d_hg4.py'
COMBINE = 'from mmfld.engine.combine import combine\ncombine(globals())\n'


@pytest.fixture
def config(tmp_path):
    """Writes a config on another one; its path."""

    def write(base, text: str):
        bases = ', '.join(repr(str(path)) for path in ([base] if not isinstance(base, list) else base))
        (tmp_path / 'own.py').write_text(f'_base_ = [{bases}]\n{text}')
        return tmp_path / 'own.py'

    return write


def encoder(cfg):
    return next(step.encoder for step in cfg.train_dataloader.dataset.pipeline if step.type == 'GenerateTarget')


@pytest.mark.parametrize('options, text', [({'codec.length': 384}, ''), ({}, 'codec = dict(length=384)\n')])
def test_the_codec_reaches_encoder_decoder_and_head(config, options, text):
    cfg = read_config(config(ATTENTIVE, text + COMBINE), options)
    assert cfg.codec.length == cfg.model.head.decoder.length == encoder(cfg).length == cfg.model.head.length == 384


@pytest.mark.parametrize('name, attention_maps', [('wflw/star_hg4', False), ('300w/structured_hg2_mini', True)])
def test_maps_are_drawn_for_networks_that_have_them(config, name, attention_maps):
    path = REPOSITORY / f'configs/{name}.py'
    changed = [
        read_config(path, {'model.backbone.attention_maps': attention_maps}),
        read_config(config(path, f'model = dict(backbone=dict(attention_maps={attention_maps}))\n{COMBINE}')),
    ]
    for cfg, expected in [(read_config(path), not attention_maps), *((one, attention_maps) for one in changed)]:
        assert (
            encoder(cfg).attention_maps is cfg.codec.attention_maps is cfg.model.head.decoder.attention_maps is expected
        )
    with pytest.raises(ValueError, match=f'found attention_maps={not attention_maps} in .*, expected {attention_maps}'):
        read_config(path, {'model.backbone.attention_maps': attention_maps, 'codec.attention_maps': not attention_maps})


def test_the_layout_reaches_all_that_has_one(config):
    cfg = read_config(STAR, {'layout': 'cofw29'})
    places = (
        cfg,
        cfg.codec,
        cfg.model.backbone,
        cfg.model.head.decoder,
        encoder(cfg),
        cfg.test_evaluator,
        *(cfg[f'{part}_dataloader'].dataset for part in ('train', 'val', 'test')),
    )
    assert {place.layout for place in places} == {'cofw29'}


@pytest.mark.parametrize(
    'options, text',
    [({'crop.rule': 'face_220', 'crop.padding': 1.2}, ''), ({}, "crop = dict(rule='face_220', padding=1.2)\n")],
)
def test_the_crop_reaches_both_pipelines(config, options, text):
    cfg = read_config(config(STAR, text + COMBINE), options)
    for part in ('train', 'val', 'test'):
        (step,) = (step for step in cfg[f'{part}_dataloader'].dataset.pipeline if step.type == 'GetFaceCrop')
        assert (step.rule, step.padding) == ('face_220', 1.2)


def test_a_crop_that_says_what_no_crop_has_is_refused():
    with pytest.raises(ValueError, match="found 'margin' in crop, expected arguments of GetFaceCrop: layout, padding"):
        read_config(STAR, {'+crop.margin': 1.2})


def test_the_seed_reaches_the_training_data():
    cfg = read_config(STAR, {'randomness.seed': 3})
    assert cfg.train_dataloader.dataset.seed == cfg.randomness.seed == 3
    assert 'seed' not in cfg.test_dataloader.dataset


@pytest.mark.parametrize(
    'base, options, text, clamped',
    [
        (STAR, {}, '', True),
        (STAR, {'clamped': False}, '', False),
        (STAR, {}, 'clamped = False\n', False),
        (ATTENTIVE, {}, '', None),
        (ATTENTIVE, {'clamped': True}, '', True),
    ],
)
def test_what_a_method_says_of_the_metric_reaches_it(config, base, options, text, clamped):
    cfg = read_config(config(base, text + COMBINE), options)
    assert cfg.val_evaluator.get('clamped') is cfg.test_evaluator.get('clamped') is clamped


def test_a_metric_of_videos_gets_it_as_well():
    metrics = [dict(type='FaceVideoMetric'), dict(type='FaceVideoMetric', prefix='all_frames', count_excluded=True)]
    assert [metric.clamped for metric in read_config(STAR, {'test_evaluator': metrics}).test_evaluator] == [True, True]


@pytest.mark.parametrize(
    'options, text', [({'keypoint_offset': (-1.0, 0.5)}, ''), ({}, 'keypoint_offset = (-1., .5)\n')]
)
def test_the_offset_of_points_reaches_all_data_sets_that_say_none(config, options, text):
    own = 'test_dataset = dict(keypoint_offset=(2., 0.))\n'
    cfg = read_config(config(ATTENTIVE, text + own + COMBINE), options)
    assert [cfg[f'{part}_dataloader'].dataset.keypoint_offset for part in ('train', 'val', 'test')] == [
        (-1, 0.5),
        (-1, 0.5),
        (2, 0),
    ]
    assert 'keypoint_offset' not in read_config(STAR).train_dataloader.dataset


def test_an_option_of_a_combined_part_goes_over_what_is_said_once():
    cfg = read_config(STAR, {'model.head.decoder.decoder': 'argmax', 'test_dataloader.dataset.data_root': 'here/'})
    assert cfg.model.head.decoder.decoder == 'argmax' and cfg.codec.get('decoder') != 'argmax'
    assert cfg.test_dataloader.dataset.data_root == 'here/' and cfg.train_dataloader.dataset.data_root != 'here/'


@pytest.mark.parametrize(
    'text',
    [
        'codec = dict(heatmap_size=(32, 32))\n',
        "layout = 'cofw29'\n",
        'randomness = dict(seed=5)\n',
        'clamped = False\n',
        'keypoint_offset = (1., 0.)\n',
        "test_dataset = dict(ann_file='own.json')\n",
    ],
)
def test_a_part_changed_behind_the_combination_is_refused(config, text):
    with pytest.raises(ValueError, match='changed after the parts of the config were combined'):
        read_config(config(STAR, text))
    read_config(config(STAR, text + COMBINE))


@pytest.mark.parametrize(
    'text, source',
    [
        ('model = dict(head=dict(decoder=dict(sigma=3.)))\n', 'codec'),
        ("test_dataloader = dict(dataset=dict(ann_file='own.json'))\n", 'test_dataset'),
    ],
)
def test_what_a_file_says_of_combined_parts_is_not_lost(config, text, source):
    with pytest.raises(ValueError, match=f'put together from {source}: say it there'):
        read_config(config(STAR, text + COMBINE))
    read_config(config(STAR, text))  # over the combined part


@pytest.mark.parametrize(
    'text, message',
    [
        ("model = dict(backbone=dict(layout='cofw29'))\n", "layout='cofw29' in HourglassAAM, expected 'wflw98'"),
        ("test_evaluator = dict(layout='cofw29')\n", "layout='cofw29' in FaceAlignmentMetric"),
        ("train_dataset = dict(layout='cofw29')\n", "layout='cofw29' in FaceLandmarkDataset"),
        ("codec = dict(layout='cofw29')\n", "layout='cofw29' in BoundaryAwareHeatmap"),
        ("train_dataset = dict(pipeline=[dict(type='LoadImage')])\n", 'found pipeline in FaceLandmarkDataset'),
        ("train_pipeline = [dict(type='GenerateTarget', encoder=dict(type='MSRAHeatmap'))]\n", 'found encoder='),
        ("test_pipeline = [dict(type='FaceAffine', input_size=(96, 96))]\n", r'input_size=\(96, 96\) in FaceAffine'),
    ],
)
def test_a_component_that_says_another_value_is_refused(config, text, message):
    with pytest.raises(ValueError, match=f'own.py: found .*{message}|own.py: {message}'):
        read_config(config(STAR, text + COMBINE))


def test_the_same_value_said_twice_is_no_fault(config):
    text = "model = dict(backbone=dict(layout='wflw98'), head=dict(loss_landmark=dict(input_size=[256, 256])))\n"
    assert read_config(config(STAR, text + COMBINE)).model.backbone.layout == 'wflw98'


def test_a_data_set_that_is_wrapped_gets_layout_and_pipeline(config):
    text = "train_dataset = dict(_delete_=True, type='RepeatDataset', times=3, dataset=_base_.train_dataset)\n"
    dataset = read_config(config(STAR, text + COMBINE)).train_dataloader.dataset
    assert dataset.times == 3 and dataset.dataset.layout == 'wflw98' and len(dataset.dataset.pipeline) > 3
    assert 'pipeline' not in dataset


def test_a_metric_that_comes_by_option_gets_the_layout():
    metrics = [dict(type='FaceAlignmentMetric'), dict(type='FaceAlignmentMetric', prefix='box', norm='box')]
    cfg = read_config(STAR, {'test_evaluator': metrics})
    assert [metric.layout for metric in cfg.test_evaluator] == ['wflw98'] * 2


def test_parts_that_nobody_combines_are_refused(config):
    bases = [REPOSITORY / f'configs/_base_/{name}.py' for name in ('datasets/wflw', 'methods/star')]
    with pytest.raises(ValueError, match='not combined: end the file with'):
        read_config(config(bases, ''))
    assert read_config(config(bases, COMBINE)).model.head.decoder.layout == 'wflw98'


def test_a_data_set_alone_lacks_a_method(config):
    with pytest.raises(KeyError, match='own.py: a config needs codec'):
        read_config(config(REPOSITORY / 'configs/_base_/datasets/wflw.py', COMBINE))


def test_a_dumped_config_is_the_same_and_takes_no_late_options(tmp_path):
    cfg = read_config(STAR, {'train_cfg.max_epochs': 3})
    cfg.dump(tmp_path / 'dumped.py')
    again = read_config(tmp_path / 'dumped.py')
    assert again.to_dict() == cfg.to_dict() == Config.fromfile(tmp_path / 'dumped.py').to_dict()
    assert read_config(tmp_path / 'dumped.py', {'train_cfg.max_epochs': 5}).train_cfg.max_epochs == 5
    with pytest.raises(ValueError, match="option 'codec.heatmap_size' would reach nothing"):
        read_config(tmp_path / 'dumped.py', {'codec.heatmap_size': (32, 32)})
