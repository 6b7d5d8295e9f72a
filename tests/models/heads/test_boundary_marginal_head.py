"""BoundaryMarginalHead: fusion of boundary maps into the features, its losses, and what it shares with a detector."""

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample

from mmfld.models import FAN, BoundaryMarginalHead, CoAttentionMarginalHead, StackOutput
from mmfld.structures import get_layout

LAYOUT = get_layout('cofw29')
K, E, L = LAYOUT.num_keypoints, LAYOUT.num_boundaries, 64
CODEC = dict(type='BoundaryMarginalHeatmap', layout='cofw29', input_size=(64, 64), length=L)
SIZES = dict(in_channels=16, feature_size=16, length=L, channels=8)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)
    np.random.seed(0)


def make_head(**options) -> BoundaryMarginalHead:
    return BoundaryMarginalHead(**dict(SIZES, layout='cofw29', decoder=CODEC) | options)


def random_samples(batch: int = 2, codec: dict = CODEC) -> list:
    encoder, samples = KEYPOINT_CODECS.build(codec), []
    for points in np.random.uniform(5, 58, (batch, 1, K, 2)).astype(np.float32):
        sample = PoseDataSample(
            metainfo=dict(
                flip_indices=list(LAYOUT.flip_indices),
                input_size=(64, 64),
                input_center=np.array([99.5, 99.5]),
                input_scale=np.array([128.0, 128.0]),
            )
        )
        sample.gt_instances = InstanceData(bboxes=np.zeros((1, 4)), bbox_scores=np.ones(1))
        sample.gt_instance_labels = InstanceData(
            **{key: torch.from_numpy(value) for key, value in encoder.encode(points).items()}
        )
        samples.append(sample)
    return samples


def random_features(batch: int = 2) -> list:
    return [StackOutput(None, features=torch.randn(batch, 16, 16, 16))]


def test_shapes():
    (x, y), (edge_x, edge_y) = make_head().forward_both(random_features())
    assert x.shape == y.shape == (2, K, L) and edge_x.shape == edge_y.shape == (2, E, L)


def test_landmarks_are_read_from_the_features_that_boundaries_guide():
    head, feats = make_head().eval(), random_features()
    features = feats[-1].features
    with torch.no_grad():
        edge_x, edge_y = (axis.clamp(min=0) for axis in head.boundary_branches(features))
        boundaries = torch.stack(
            [
                torch.stack([torch.outer(y, x).view(16, 4, 16, 4).mean((1, 3)) for x, y in zip(*axes)])
                for axes in zip(edge_x, edge_y)
            ]
        )
        gate = torch.sigmoid(head.attention[0](torch.cat([features, boundaries], dim=1)))
        torch.testing.assert_close(head(feats), head.branches(features * (1 + gate)))


def test_losses():
    head, feats, samples = make_head(), random_features(), random_samples()
    samples[1].gt_instance_labels.boundary_weights[0, 2] = 0
    landmarks, boundaries = head.forward_both(feats)
    expected = dict.fromkeys(('loss_landmark', 'loss_boundary'), 0.0)
    for b, sample in enumerate(samples):
        labels = sample.gt_instance_labels
        for loss, of, maps in (('loss_landmark', 'keypoint', landmarks), ('loss_boundary', 'boundary', boundaries)):
            for axis, predicted in zip('xy', maps):
                squares = (predicted[b] - labels[f'{of}_{axis}_labels'][0]) ** 2
                expected[loss] = expected[loss] + (squares.sum(-1) * labels[f'{of}_weights'][0]).sum() / 2
    torch.testing.assert_close(head.loss(feats, samples), expected)


def test_a_boundary_of_weight_zero_has_no_part_in_the_loss():
    head, feats, samples = make_head().eval(), random_features(), random_samples()
    for sample in samples:
        sample.gt_instance_labels.boundary_weights[0] = 0
    assert head.loss(feats, samples)['loss_boundary'] == 0


def test_landmarks_alone_train_the_boundaries_as_well():
    head = make_head()
    head.loss(random_features(), random_samples())['loss_landmark'].backward()
    assert all(parameter.grad.isfinite().all() for parameter in head.parameters())
    assert head.boundary_branches.deconv_x.weight.grad.any() and head.attention[0].weight.grad.any()


def test_every_parameter_but_the_last_heatmaps_of_the_network_is_trained():
    net, head = FAN('cofw29', num_levels=2, width=16), make_head()
    sum(head.loss(net(torch.rand(2, 3, 64, 64)), random_samples()).values()).backward()
    assert [name for name, parameter in head.named_parameters() if not parameter.grad.any()] == []
    assert [name for name, parameter in net.named_parameters() if parameter.grad is None] == [
        'out_heatmaps.1.weight',
        'out_heatmaps.1.bias',
    ]


def test_landmarks_by_the_loss_of_mmpose_and_boundaries_by_squares():
    codec = dict(CODEC, normalize=True)
    head = make_head(loss_landmark=dict(type='KLDiscretLoss', use_target_weight=True), decoder=codec)
    feats, samples = random_features(), random_samples(codec=codec)
    losses = head.loss(feats, samples)
    assert all(loss.isfinite() for loss in losses.values())
    assert samples[0].gt_instance_labels.boundary_x_labels.amax(-1).eq(1).all()


def test_parameters_of_a_detector_bear_the_same_names():
    names = set(CoAttentionMarginalHead(layout='cofw29', **SIZES).state_dict())
    additional = set(make_head().state_dict()) - names
    assert names < set(make_head().state_dict())
    assert {name.split('.')[0] for name in additional} == {'boundary_branches', 'attention'}


def test_without_gamma_there_is_no_co_attention():
    assert not [name for name in make_head(gamma=0.0).state_dict() if 'co_attention' in name]


def test_estimator_with_flip_test_mirrors_with_its_input():
    codec = dict(CODEC, grid='half_pixel')  # whose bins the mirror keeps
    model = MODELS.build(
        dict(
            type='TopdownPoseEstimator',
            backbone=dict(type='FAN', layout='cofw29', num_levels=2, width=16),
            head=dict(type='BoundaryMarginalHead', layout='cofw29', decoder=codec, **SIZES),
            test_cfg=dict(flip_test=True),
        )
    ).eval()
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        plain, mirrored = (
            model(inputs, random_samples(1), mode='predict')[0].pred_instances.keypoints[0]
            for inputs in (x, x.flip(-1))
        )
    # pixel p lies at x = 35.5 + 2 p in the image, and is pixel 63 - p of the mirrored input
    expected = plain[list(LAYOUT.flip_indices)] * [-1, 1] + [2 * 35.5 + 2 * 63, 0]
    np.testing.assert_allclose(mirrored, expected, atol=1e-3)


def test_maps_in_mixed_precision_are_float32():
    with torch.autocast('cpu', dtype=torch.bfloat16):
        landmarks, boundaries = make_head().forward_both(random_features())
    assert {maps.dtype for maps in (*landmarks, *boundaries)} == {torch.float32}
