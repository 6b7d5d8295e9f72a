"""Configs that say arguments and heads by their names of before build the same as ever."""

import pytest
import torch
from mmengine import Config
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample

from mmfld.codecs.decoders import local_soft_argmax
from mmfld.codecs.heatmap_codec import HeatmapCodec
from mmfld.engine.combine import complete
from mmfld.engine.rows import REPOSITORY, read_config
from mmfld.models import StackedHeatmapHead, StackOutput, STARHead
from mmfld.old_names import todays

SIZES = dict(input_size=(64, 64), heatmap_size=(16, 16))
LAYOUT = dict(layout='cofw29')
STAR, SQUARED = dict(type='STARLoss'), dict(type='KeypointMSELoss', use_target_weight=True)
STRUCTURED = dict(type='StructuredHeatmapLoss', loss_weight=5000.0)
SMOOTH, WINDOW = dict(type='SoftArgmaxLoss', temperature=0.5), dict(type='LocalSoftArgmaxLoss')
HEADS = [
    (dict(type='STARHead'), dict(target='keypoint_labels', loss_landmark=STAR)),
    (dict(type='STARHead', target_key='keypoint_samples'), dict(target='keypoint_samples', loss_landmark=STAR)),
    (dict(type='STARHead', fuse='none'), dict(target='keypoint_labels', loss_landmark=STAR, attention_maps=False)),
    (dict(type='StructuredHeatmapHead', fuse='mul'), dict(target='keypoint_samples', loss_landmark=STRUCTURED)),
    (
        dict(type='StructuredHeatmapHead', loss_regularization=dict(type='SoftArgmaxLoss', tau=2.0)),
        dict(target='keypoint_samples', loss_landmark=[STRUCTURED, SMOOTH]),
    ),
    (
        dict(type='SubpixelHeatmapHead', loss_window=WINDOW),
        dict(target=['heatmaps', 'keypoint_labels'], loss_landmark=[SQUARED, WINDOW], stack_weights=(1.0, 1.0)),
    ),
]


def sample(seed: int) -> PoseDataSample:
    """With everything that a head may compare with."""
    torch.manual_seed(seed)
    labels = torch.rand(1, 29, 2) - 0.5
    one = PoseDataSample()
    one.gt_instance_labels = InstanceData(
        keypoint_labels=labels,
        keypoint_samples=labels[:, :, None] + 0.01 * torch.randn(1, 29, 10, 2),
        keypoint_weights=torch.ones(1, 29),
    )
    one.gt_fields = PixelData(heatmaps=torch.rand(29, 16, 16))
    return one


@pytest.mark.parametrize('old, new', HEADS, ids=lambda head: str(head.get('type', '')))
def test_a_head_by_its_old_name_has_the_losses_of_before(old, new):
    torch.manual_seed(0)
    stacks = [StackOutput(torch.rand(2, 29, 16, 16)) for _ in range(2)]
    samples = [sample(1), sample(2)]
    losses = [
        MODELS.build(dict(head, **LAYOUT)).loss(stacks, samples) for head in (old, dict(new, type='StackedHeatmapHead'))
    ]
    torch.testing.assert_close(*losses, rtol=0, atol=0)
    assert len(losses[0]) == (2 if isinstance(new['loss_landmark'], list) else 1)


def test_old_heads_can_be_called_with_their_layout_alone():
    head = STARHead('cofw29')
    assert isinstance(head, StackedHeatmapHead) and head.num_keypoints == 29 and head.targets == ('keypoint_labels',)
    assert [loss.loss_weight for loss in (*head.landmark_losses, head.loss_point, head.loss_edge)] == [1, 10, 10]


@pytest.mark.parametrize(
    'old, new',
    [
        (dict(type='HourglassAAM', use_aam=False), dict(attention_maps=False)),
        (dict(type='BoundaryAwareHeatmap', tau=4.0, with_maps=False), dict(temperature=0.25, attention_maps=False)),
        (dict(type='ImageAwareSmoothing', epsilon=0.5), dict(temperature=0.5)),
        (dict(type='ContinuousHeatmap', tau=10.0), dict(temperature=0.1)),
        (dict(type='SoftArgmaxLoss', tau=None), dict(temperature=None)),
        (dict(type='LocalSoftArgmaxLoss', tau=0), dict(temperature=float('inf'))),
        (dict(type='StructuredHeatmapLoss', epsilon=2.0, alpha=3.0), dict(temperature=2.0, alpha=3.0)),
        # a user's file on one of ours
        (dict(type='MarginalHeatmap', temperature=0.1, tau=2.0), dict(temperature=0.5)),
        # what is no temperature
        (dict(type='WeightedAdaptiveWingLoss', epsilon=2.0), dict(epsilon=2.0)),
    ],
    ids=lambda component: component.get('type', ''),
)
def test_arguments_have_todays_names(old, new):
    assert todays(old) == dict(new, type=old['type'])


def test_components_take_both_names_and_positions():
    assert MODELS.build(dict(type='DistributionRegularization', sigma=2.0, tau=4.0)).temperature == 0.25
    assert not MODELS.build(dict(type='HourglassAAM', use_aam=False, width=8, num_stacks=1)).attention_maps
    codec = KEYPOINT_CODECS.build(dict(type='ContinuousHeatmap', tau=10.0, **SIZES))
    assert codec.temperature == 0.1 and codec.decoder_options == dict(window=5, temperature=0.1)


def test_a_codec_of_ones_own_goes_on_naming_tau():
    class Own(HeatmapCodec):
        def __init__(self):
            super().__init__((64, 64), (16, 16), 'local_soft_argmax', window=5, tau=10.0)

        def encode(self, *_):
            raise NotImplementedError

    codec = Own()
    assert codec.decoder_options == dict(window=5, temperature=0.1)


def test_a_temperature_in_the_place_of_tau_is_an_error():
    with pytest.raises(TypeError, match='positional argument'):
        local_soft_argmax(torch.zeros(1, 1, 5, 5), 5, 10.0)


@pytest.fixture
def own_config(tmp_path):
    """A user's config with names of before, on one of ours; its path."""
    path = tmp_path / 'own.py'
    path.write_text(
        f'_base_ = [{str(REPOSITORY / "configs/300w/structured_hg2_mini.py")!r}]\n'
        'codec = dict(epsilon=0.5)\n'
        'model = dict(backbone=dict(use_aam=True), head=dict(\n'
        "    fuse='none', loss_regularization=dict(type='SoftArgmaxLoss', tau=2.0)))\n"
        'from mmfld.engine.combine import combine\ncombine(globals())\n'
    )
    return path


def test_a_users_config_on_one_of_ours_may_say_old_names(own_config):
    cfg = read_config(own_config)
    head, (encoder,) = (
        cfg.model.head,
        (step.encoder for step in cfg.train_dataloader.dataset.pipeline if step.type == 'GenerateTarget'),
    )
    for codec in (cfg.codec, head.decoder, encoder):
        assert (codec.temperature, codec.attention_maps) == (0.5, True) and 'epsilon' not in codec
    assert cfg.model.backbone.attention_maps and not head.attention_maps
    assert [loss.type for loss in head.loss_landmark] == ['StructuredHeatmapLoss', 'SoftArgmaxLoss']
    assert head.loss_landmark[1].temperature == 0.5


def test_a_head_by_its_old_name_on_one_of_our_configs_has_its_own_target(tmp_path):
    path = tmp_path / 'own.py'
    path.write_text(
        f'_base_ = [{str(REPOSITORY / "configs/300w/star_hg2_mini.py")!r}]\n'
        "codec = dict(type='ImageAwareSmoothing')\n"
        "model = dict(head=dict(type='StructuredHeatmapHead',\n"
        "    loss_landmark=dict(_delete_=True, type='StructuredHeatmapLoss')))\n"
        'from mmfld.engine.combine import combine\ncombine(globals())\n'
    )
    head = read_config(path).model.head
    assert (head.type, head.target) == ('StackedHeatmapHead', 'keypoint_samples')
    assert head.loss_landmark.type == 'StructuredHeatmapLoss'


def test_options_by_old_names_reach_what_is_combined():
    path = REPOSITORY / 'configs/300w/structured_hg2_mini.py'
    cfg = read_config(path, {'model.backbone.use_aam': True, 'codec.epsilon': 0.5})
    assert cfg.model.backbone.attention_maps and cfg.codec.attention_maps and cfg.model.head.decoder.temperature == 0.5


def test_a_saved_config_with_old_names_is_completed_by_what_it_says():
    cfg = read_config(REPOSITORY / 'configs/300w/structured_hg2_mini.py')
    cfg.model.backbone.use_aam = cfg.model.backbone.pop('attention_maps')
    for codec in (cfg.codec, cfg.model.head.decoder):
        codec.with_maps = codec.pop('attention_maps')
    saved = Config(cfg._cfg_dict)
    complete(saved)
    assert saved.model.head.decoder.with_maps is False and 'attention_maps' not in saved.model.head.decoder
    del saved.model.head['decoder']['with_maps']
    complete(saved)
    assert saved.model.head.decoder.attention_maps is False
