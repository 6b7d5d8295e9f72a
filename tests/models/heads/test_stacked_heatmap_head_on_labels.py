"""StackedHeatmapHead with annotations as targets, as STAR: its losses, its targets and its decoding."""

import numpy as np
import pytest
import torch
from mmengine.model import BaseModel
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample

from mmfld.codecs import decoders
from mmfld.models import HourglassAAM, StackedHeatmapHead, StackOutput
from mmfld.models.heads.stacked_heatmap_head import landmark_targets
from mmfld.models.losses import AnisotropicDirectionLoss, STARLoss
from mmfld.structures import cells_to_pixels, get_layout

LAYOUT = get_layout('cofw29')
OPTIONS = dict(layout='cofw29', input_size=(64, 64), heatmap_size=(16, 16))
CODEC = dict(type='BoundaryAwareHeatmap', **OPTIONS)
K, E = LAYOUT.num_keypoints, LAYOUT.num_boundaries
REGULARIZATION = dict(type='DistributionRegularization', loss_weight=3.0)
STAR = dict(type='STARLoss')
HEAD = dict(layout='cofw29', target='keypoint_labels', loss_landmark=STAR, decoder=CODEC)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)
    np.random.seed(0)


def make_head(**options) -> StackedHeatmapHead:
    return StackedHeatmapHead(**HEAD | options)


def make_net(**options) -> HourglassAAM:
    return HourglassAAM(
        **dict(layout='cofw29', num_stacks=2, num_levels=2, width=16, heatmap_activation='in_relu') | options
    )


def random_stacks(num_stacks: int, batch: int = 2) -> list:
    return [
        StackOutput(torch.randn(batch, K, 16, 16).relu(), torch.rand(batch, K, 16, 16), torch.rand(batch, E, 16, 16))
        for _ in range(num_stacks)
    ]


def random_samples(codec: str = 'BoundaryAwareHeatmap', batch: int = 2) -> list:
    codec = KEYPOINT_CODECS.build(dict(type=codec, **OPTIONS))
    samples = []
    for _ in range(batch):
        encoded = codec.encode(np.random.uniform(5, 58, (1, K, 2)).astype(np.float32))
        encoded = {key: torch.from_numpy(value) for key, value in encoded.items()}
        sample = PoseDataSample(
            metainfo=dict(
                flip_indices=list(LAYOUT.flip_indices),
                input_size=(64, 64),
                input_center=np.array([100.5, 50.5]),
                input_scale=np.array([128.0, 128.0]),
            )
        )
        sample.gt_instance_labels = InstanceData(**{key: encoded[key] for key in codec.label_mapping_table})
        sample.gt_fields = PixelData(point_heatmaps=encoded['point_heatmaps'])
        sample.gt_fields.set_field(encoded['edge_heatmaps'], 'edge_heatmaps')
        sample.gt_instances = InstanceData(bboxes=np.array([[0.0, 0.0, 1.0, 1.0]]), bbox_scores=np.ones(1))
        samples.append(sample)
    return samples


def labels(samples: list, name: str = 'keypoint_labels') -> torch.Tensor:
    return torch.cat([getattr(sample.gt_instance_labels, name) for sample in samples])


@pytest.mark.parametrize(
    'attention_maps, losses, keys',
    [
        (True, STAR, {'loss_landmark', 'loss_point', 'loss_edge'}),
        (True, [STAR, REGULARIZATION], {'loss_landmark', 'loss_landmark_2', 'loss_point', 'loss_edge'}),
        (False, STAR, {'loss_landmark'}),
        (False, [STAR, REGULARIZATION], {'loss_landmark', 'loss_landmark_2'}),
    ],
)
def test_keys_of_the_losses(attention_maps, losses, keys):
    head, net = make_head(loss_landmark=losses), make_net(attention_maps=attention_maps)
    losses = head.loss(net(torch.rand(2, 3, 64, 64)), random_samples())
    assert losses.keys() == keys | {'sqrt_lambda_1', 'sqrt_lambda_2'}


def test_standard_deviations_along_the_principal_axes_are_logged_and_not_trained():
    head, samples = make_head(attention_maps=False), random_samples()
    along = torch.tensor([0.8, 0.6])
    grid = torch.stack(torch.meshgrid(*[torch.linspace(-1, 1, 16)] * 2, indexing='xy'), -1)
    across = grid @ along.flip(0).mul(torch.tensor([-1, 1]))
    maps = torch.exp(-((grid @ along / 0.3) ** 2 + (across / 0.2) ** 2) / 2).expand(2, K, 16, 16).clone()
    # of a landmark that is not annotated
    samples[0].gt_instance_labels.keypoint_weights[0, 3] = 0
    maps[0, 3] = 1
    losses = head.loss([StackOutput(maps.requires_grad_())], samples)
    # the whole crop is 2 in [-1, 1]
    assert [losses[f'sqrt_lambda_{n}'].item() for n in (1, 2)] == pytest.approx([15, 10], rel=0.02)
    assert not losses['sqrt_lambda_1'].requires_grad
    total, _ = BaseModel.parse_losses(None, losses)
    torch.testing.assert_close(total, losses['loss_landmark'])


@pytest.mark.parametrize('key, number', [('loss_landmark', 0), ('loss_landmark_2', 1)])
def test_losses_of_the_fused_maps_are_weighted_over_the_stacks(key, number):
    head, stacks, samples = make_head(loss_landmark=[STAR, REGULARIZATION]), random_stacks(3), random_samples()
    loss = head.landmark_losses[number]
    of_stacks = [loss(maps, labels(samples), labels(samples, 'keypoint_weights')) for maps in head(stacks)]
    expected = of_stacks[0] / 4 + of_stacks[1] / 2 + of_stacks[2]
    torch.testing.assert_close(head.loss(stacks, samples)[key], expected)


@pytest.mark.parametrize('target, shape', [('keypoint_labels', (2, K, 2)), ('keypoint_samples', (2, K, 10, 2))])
def test_targets(target, shape):
    samples = random_samples('ImageAwareSmoothing')
    found = landmark_targets(samples, target)
    assert found.shape == shape
    torch.testing.assert_close(found, labels(samples, target))


def test_loss_of_label_samples_is_the_mean_over_them():
    head, stacks = make_head(target='keypoint_samples'), random_stacks(1)
    samples = random_samples('ImageAwareSmoothing')
    points = labels(samples, 'keypoint_samples')
    expected = sum(STARLoss()(head.fuse(stacks[0]), points[:, :, s]) for s in range(10)) / 10
    torch.testing.assert_close(head.loss(stacks, samples)['loss_landmark'], expected)


def test_adnet_is_the_head_with_its_loss():
    head, stacks, samples = (
        make_head(loss_landmark=dict(type='AnisotropicDirectionLoss', layout='cofw29')),
        random_stacks(1),
        random_samples(),
    )
    expected = AnisotropicDirectionLoss('cofw29')(head.fuse(stacks[0]), labels(samples))
    torch.testing.assert_close(head.loss(stacks, samples)['loss_landmark'], expected)


def test_a_landmark_that_is_not_annotated_gets_no_gradient():
    head, (stack,), samples = make_head(loss_landmark=[STAR, REGULARIZATION]), random_stacks(1), random_samples()
    samples[0].gt_instance_labels.keypoint_weights[0, 3] = 0
    stack.heatmaps.requires_grad_()
    losses = head.loss([stack], samples)
    (losses['loss_landmark'] + losses['loss_landmark_2']).backward()
    assert (stack.heatmaps.grad.abs().amax((2, 3)) == 0).nonzero().tolist() == [[0, 3]]


@pytest.mark.parametrize('attention_maps', [True, False])
def test_every_parameter_gets_a_finite_gradient(attention_maps):
    net = make_net(attention_maps=attention_maps)
    sum(make_head().loss(net(torch.rand(2, 3, 64, 64)), random_samples()).values()).backward()
    assert all(parameter.grad.isfinite().all() for parameter in net.parameters())


def test_predicts_the_expectation_of_the_fused_maps_of_the_last_stack():
    head, stacks = make_head(), random_stacks(2)
    preds = head.predict(stacks, random_samples())
    cells = decoders.expectation(head.fuse(stacks[-1]))
    expected = cells_to_pixels(cells, (16, 16), (64, 64), 'align_corners')
    np.testing.assert_allclose(np.concatenate([pred.keypoints for pred in preds]), expected, atol=1e-4)


def test_estimator_with_flip_test_mirrors_with_its_input():
    backbone = dict(
        type='HourglassAAM', layout='cofw29', num_stacks=1, num_levels=2, width=16, heatmap_activation='in_relu'
    )
    model = MODELS.build(
        dict(
            type='TopdownPoseEstimator',
            backbone=backbone,
            test_cfg=dict(flip_test=True),
            head=dict(type='StackedHeatmapHead', **HEAD),
        )
    ).eval()
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        plain, mirrored = (
            model(inputs, random_samples(batch=1), mode='predict')[0].pred_instances.keypoints[0]
            for inputs in (x, x.flip(-1))
        )
    # the crop reaches from x = 36 to 164 in the image, its middle pixel lies at 99.5
    expected = plain[list(LAYOUT.flip_indices)] * [-1, 1] + [2 * 99.5, 0]
    np.testing.assert_allclose(mirrored, expected, atol=1e-3)
