"""StackedHeatmapHead with heatmaps as targets, as the subpixel paper: errors of the stacks, and decoding."""

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample

from mmfld.models import FAN, StackedHeatmapHead, StackOutput
from mmfld.structures import get_layout

LAYOUT = get_layout('cofw29')
K = LAYOUT.num_keypoints
CODEC = dict(type='ContinuousHeatmap', input_size=(64, 64), heatmap_size=(16, 16))
SQUARED = dict(type='KeypointMSELoss', use_target_weight=True)
HEAD = dict(layout='cofw29', target='heatmaps', loss_landmark=SQUARED, stack_weights=(1.0, 1.0), decoder=CODEC)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)
    np.random.seed(0)


def make_head(**options) -> StackedHeatmapHead:
    return StackedHeatmapHead(**HEAD | options)


def random_points() -> np.ndarray:
    """(1, K, 2) pixels of the input, well inside."""
    return np.random.uniform(12, 51, (1, K, 2)).astype(np.float32)


def samples_of(*faces: np.ndarray) -> list:
    codec, samples = KEYPOINT_CODECS.build(CODEC), []
    for points in faces:
        encoded = {key: torch.from_numpy(value) for key, value in codec.encode(points).items()}
        sample = PoseDataSample(metainfo=dict(flip_indices=list(LAYOUT.flip_indices)))
        sample.gt_instance_labels = InstanceData(**{key: encoded[key] for key in codec.label_mapping_table})
        sample.gt_fields = PixelData(heatmaps=encoded['heatmaps'])
        samples.append(sample)
    return samples


def random_stacks(num_stacks: int, batch: int = 2) -> list:
    return [StackOutput(torch.randn(batch, K, 16, 16)) for _ in range(num_stacks)]


@pytest.mark.parametrize('stack_weights', [None, (0.25, 3.0)])
def test_loss_is_the_sum_of_the_squared_errors_of_the_stacks(stack_weights):
    head = make_head() if stack_weights is None else make_head(stack_weights=stack_weights)
    stacks, samples = random_stacks(2), samples_of(random_points(), random_points())
    weights = torch.rand(2, K)
    for sample, row in zip(samples, weights):
        sample.gt_instance_labels.keypoint_weights = row[None]
    targets = torch.stack([sample.gt_fields.heatmaps for sample in samples])
    expected = sum(
        factor * ((stack.heatmaps - targets) ** 2 * weights[..., None, None]).sum() / (2 * K * 16 * 16)
        for factor, stack in zip(stack_weights or (1.0, 1.0), stacks)
    )
    torch.testing.assert_close(head.loss(stacks, samples), dict(loss_landmark=expected))


def test_loss_of_the_targets_themselves_is_zero():
    samples = samples_of(random_points(), random_points())
    targets = StackOutput(torch.stack([sample.gt_fields.heatmaps for sample in samples]))
    assert make_head().loss([targets, targets], samples)['loss_landmark'] == 0


def test_a_landmark_that_is_not_annotated_gets_no_gradient():
    stacks, samples = random_stacks(2), samples_of(random_points(), random_points())
    samples[1].gt_instance_labels.keypoint_weights[0, 5] = 0
    scores = [stack.heatmaps.requires_grad_() for stack in stacks]
    make_head().loss(stacks, samples)['loss_landmark'].backward()
    for maps in scores:
        assert (maps.grad.abs().amax((2, 3)) == 0).nonzero().tolist() == [[1, 5]]


def test_the_loss_through_the_window_is_the_weighted_sum_over_stacks():
    window = dict(type='LocalSoftArgmaxLoss', loss_weight=2.0)
    stacks, samples = random_stacks(2), samples_of(random_points(), random_points())
    samples[1].gt_instance_labels.keypoint_weights[0, 5] = 0
    labels, weights = (
        torch.cat([sample.gt_instance_labels[key] for sample in samples])
        for key in ('keypoint_labels', 'keypoint_weights')
    )
    head = make_head(stack_weights=(0.25, 3.0), loss_landmark=[SQUARED, window], target=['heatmaps', 'keypoint_labels'])
    losses = head.loss(stacks, samples)
    expected = sum(
        factor * MODELS.build(window)(stack.heatmaps, labels, weights) for factor, stack in zip((0.25, 3.0), stacks)
    )
    torch.testing.assert_close(losses.pop('loss_landmark_2'), expected)
    torch.testing.assert_close(losses, make_head(stack_weights=(0.25, 3.0)).loss(stacks, samples))


@pytest.mark.parametrize('num_stacks', [1, 4])
def test_wrong_number_of_stacks(num_stacks):
    with pytest.raises(ValueError, match=f'2 stack_weights for a network of {num_stacks} stacks'):
        make_head().loss(random_stacks(num_stacks), samples_of(random_points(), random_points()))


def test_a_network_with_maps_that_have_no_loss():
    maps = torch.rand(2, K, 16, 16), torch.rand(2, K, 16, 16), torch.rand(2, LAYOUT.num_boundaries, 16, 16)
    with pytest.raises(ValueError, match='StackedHeatmapHead has no loss for the point and edge.*attention_maps=False'):
        make_head(loss_point=None).loss([StackOutput(*maps)] * 2, samples_of(random_points(), random_points()))


def test_trains_every_parameter_of_the_network():
    net = FAN('cofw29', num_levels=2, width=16)
    sum(make_head().loss(net(torch.rand(1, 3, 64, 64)), samples_of(random_points())).values()).backward()
    assert [name for name, parameter in net.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize(
    'options, limit',
    [
        (dict(), 0.05),
        (dict(decoder='expectation'), 0.1),
        # half a cell in either direction; a Gaussian on its cell has equal neighbours and is not shifted
        (dict(encoding='rounded', decoder='quarter_shift'), 0.5 * 2**0.5),
        (dict(encoding='rounded', decoder='argmax'), 0.5 * 2**0.5),
    ],
)
def test_prediction_decodes_the_last_stack(options, limit):
    codec, points = dict(CODEC, **options), np.concatenate([random_points(), random_points()])
    maps = KEYPOINT_CODECS.build(codec).batch_encode(torch.from_numpy(points))
    preds = make_head(decoder=codec).predict([*random_stacks(1), StackOutput(maps)], samples_of(*points[:, None]))
    errors = np.linalg.norm(np.concatenate([pred.keypoints for pred in preds]) - points, axis=-1) / 4
    assert errors.max() < limit  # cells


def test_flip_test_averages():
    maps, mirrored = random_stacks(2)
    _, fields = make_head().predict(
        [[maps], [mirrored]], samples_of(random_points(), random_points()), dict(flip_test=True, output_heatmaps=True)
    )
    k, partner = LAYOUT.flip_pairs[2]
    expected = (maps.heatmaps[1, k] + mirrored.heatmaps[1, partner].flip(-1)) / 2
    torch.testing.assert_close(fields[1].heatmaps[k], expected)


def test_is_registered_without_parameters():
    head = MODELS.build(dict(type='StackedHeatmapHead', **HEAD))
    assert not list(head.parameters()) and not head.state_dict()
