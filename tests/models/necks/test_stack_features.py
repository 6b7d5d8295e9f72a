"""StackFeatures: MMPose's own heads behind a stacked network."""

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample

from mmfld.models import HourglassAAM, StackFeatures, StackOutput
from mmfld.structures import get_layout

LAYOUT = get_layout('cofw29')
BACKBONE = dict(type='HourglassAAM', layout='cofw29', attention_maps=False, num_stacks=2, num_levels=2, width=16)
HEATMAP = dict(type='MSRAHeatmap', input_size=(64, 64), heatmap_size=(16, 16), sigma=1.5)
SIMCC = dict(type='SimCCLabel', input_size=(64, 64), sigma=2.0, simcc_split_ratio=2.0)
HEADS = {
    'heatmap': dict(
        type='HeatmapHead',
        in_channels=16,
        out_channels=29,
        deconv_out_channels=None,
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=HEATMAP,
    ),
    'simcc': dict(
        type='SimCCHead',
        in_channels=16,
        out_channels=29,
        input_size=(64, 64),
        in_featuremap_size=(16, 16),
        deconv_out_channels=None,
        decoder=SIMCC,
    ),
}


def samples_for(decoder: dict, count: int = 2) -> list:
    codec = KEYPOINT_CODECS.build(decoder)
    samples = []
    for _ in range(count):
        encoded = codec.encode(np.random.uniform(8, 56, (1, 29, 2)).astype(np.float32), np.ones((1, 29), np.float32))
        sample = PoseDataSample(
            metainfo=dict(
                flip_indices=list(LAYOUT.flip_indices),
                input_size=(64, 64),
                input_center=np.array([32.0, 32.0]),
                input_scale=np.array([64.0, 64.0]),
            )
        )
        labels = ('keypoint_weights', 'keypoint_x_labels', 'keypoint_y_labels')
        sample.gt_instance_labels = InstanceData(
            **{key: torch.from_numpy(np.asarray(encoded[key])) for key in labels if key in encoded}
        )
        if 'heatmaps' in encoded:
            sample.gt_fields = PixelData(heatmaps=torch.from_numpy(encoded['heatmaps']))
        sample.gt_instances = InstanceData(bboxes=np.array([[0.0, 0.0, 64.0, 64.0]]), bbox_scores=np.ones(1))
        samples.append(sample)
    return samples


def test_takes_the_features_of_each_stack():
    backbone = HourglassAAM('cofw29', attention_maps=False, num_stacks=2, num_levels=2, width=16)
    stacks = backbone(torch.randn(2, 3, 64, 64))
    features = StackFeatures()(stacks)
    assert [feature.shape for feature in features] == [(2, 16, 16, 16)] * 2
    assert all(feature is stack.features for feature, stack in zip(features, stacks))


def test_a_stack_without_features():
    with pytest.raises(ValueError, match='without features'):
        StackFeatures()([StackOutput(torch.zeros(1, 29, 4, 4))])


@pytest.mark.parametrize('name', HEADS)
@pytest.mark.parametrize('flip_test', [False, True])
def test_heads_of_mmpose_learn_and_predict(name, flip_test):
    torch.manual_seed(0)
    np.random.seed(0)
    model = MODELS.build(
        dict(
            type='TopdownPoseEstimator',
            backbone=BACKBONE,
            neck=dict(type='StackFeatures'),
            head=HEADS[name],
            test_cfg=dict(flip_test=flip_test, shift_heatmap=False),
        )
    )
    samples, inputs = samples_for(HEADS[name]['decoder']), torch.randn(2, 3, 64, 64)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    losses = []
    for _ in range(6):
        losses.append(model.loss(inputs, samples)['loss_kpt'])
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < 0.9 * losses[0]
    predicted = model.eval().predict(inputs, samples)
    assert predicted[0].pred_instances.keypoints.shape == (1, 29, 2)
