"""StackedHeatmapHead: fusion, losses of the stacks, decoding and the flip test, with a small network."""

import re

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample

from mmfld.models import HourglassAAM, StackedHeatmapHead, StackOutput
from mmfld.structures import get_layout

LAYOUT = get_layout('cofw29')
CODEC = dict(type='ImageAwareSmoothing', layout='cofw29', input_size=(64, 64), heatmap_size=(16, 16))
STRUCTURED = dict(type='StructuredHeatmapLoss', loss_weight=5000.0)
HEAD = dict(layout='cofw29', target='keypoint_samples', loss_landmark=STRUCTURED, decoder=CODEC)
K, E = LAYOUT.num_keypoints, LAYOUT.num_boundaries
STATISTICS = {'sqrt_lambda_1', 'sqrt_lambda_2'}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)
    np.random.seed(0)


def make_head(**options) -> StackedHeatmapHead:
    return StackedHeatmapHead(**HEAD | options)


def make_net(**options) -> HourglassAAM:
    return HourglassAAM(**dict(layout='cofw29', num_stacks=2, num_levels=2, width=16) | options)


def random_stacks(num_stacks: int, batch: int = 2) -> list:
    return [
        StackOutput(torch.randn(batch, K, 16, 16), torch.rand(batch, K, 16, 16), torch.rand(batch, E, 16, 16))
        for _ in range(num_stacks)
    ]


def random_samples(batch: int = 2) -> list:
    codec = KEYPOINT_CODECS.build(CODEC)
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


def naive_fusion(stack: StackOutput) -> torch.Tensor:
    """Landmark by landmark: the sum of the edge maps of its boundaries, or 1, times point map times heatmap."""
    fused = torch.empty_like(stack.heatmaps)
    for k in range(K):
        edges = [stack.edge_maps[:, e] for e, boundary in enumerate(LAYOUT.boundaries) if k in boundary.indices]
        fused[:, k] = (sum(edges) if edges else 1) * stack.point_maps[:, k] * stack.heatmaps[:, k]
    return fused


def test_fused_maps_equal_the_loops():
    stacks = random_stacks(2)
    torch.testing.assert_close(make_head()(stacks), tuple(map(naive_fusion, stacks)))


def test_a_head_that_leaves_the_attention_maps_alone():
    (stack,) = random_stacks(1)
    assert make_head(attention_maps=False).fuse(stack) is stack.heatmaps


def test_without_attention_maps_the_heatmaps_stay():
    stack = StackOutput(torch.randn(2, K, 16, 16))
    assert make_head().fuse(stack) is stack.heatmaps


def test_fusion_under_autocast_equals_the_loops():
    (stack,) = random_stacks(1)
    half = StackOutput(*(maps.bfloat16() for maps in stack[:3]))
    torch.testing.assert_close(make_head().fuse(half).float(), naive_fusion(stack), rtol=0.05, atol=0.02)


def test_head_owns_no_parameters_and_no_state():
    head = make_head()
    assert not list(head.parameters()) and not head.state_dict()


@pytest.mark.parametrize(
    'attention_maps, keys', [(True, {'loss_landmark', 'loss_point', 'loss_edge'}), (False, {'loss_landmark'})]
)
def test_keys_of_the_losses(attention_maps, keys):
    losses = make_head().loss(make_net(attention_maps=attention_maps)(torch.rand(2, 3, 64, 64)), random_samples())
    assert losses.keys() == keys | STATISTICS


def stack_terms(head, stacks, samples) -> np.ndarray:
    """(S, 3) losses of each stack by itself: landmark, point, edge."""
    labels = [
        torch.cat([getattr(sample.gt_instance_labels, name) for sample in samples])
        for name in ('keypoint_samples', 'keypoint_weights')
    ]
    points = torch.stack([sample.gt_fields.point_heatmaps for sample in samples])
    edges = torch.stack([sample.gt_fields.edge_heatmaps for sample in samples])
    return np.array(
        [
            [
                head.landmark_losses[0](naive_fusion(stack), *labels).item(),
                head.loss_point(stack.point_maps, points).item(),
                head.loss_edge(stack.edge_maps, edges).item(),
            ]
            for stack in stacks
        ]
    )


@pytest.mark.parametrize(
    'num_stacks, weights, expected',
    [(4, None, [1 / 8, 1 / 4, 1 / 2, 1]), (2, None, [1 / 2, 1]), (1, None, [1]), (2, [3.0, 5.0], [3, 5])],
)
def test_weights_of_the_stacks(num_stacks, weights, expected):
    head, stacks, samples = make_head(stack_weights=weights), random_stacks(num_stacks), random_samples()
    losses = head.loss(stacks, samples)
    losses = [losses[name].item() for name in ('loss_landmark', 'loss_point', 'loss_edge')]
    np.testing.assert_allclose(losses, np.array(expected) @ stack_terms(head, stacks, samples), rtol=1e-5)


def test_default_weights_of_the_losses_of_the_attention_maps():
    head = make_head()
    assert [loss.loss_weight for loss in (head.loss_point, head.loss_edge)] == [10, 10]


def test_a_loss_on_the_coordinates_besides():
    """Distance between the softmax's mean and the mean of the label samples, weighted over the stacks."""
    coordinates = dict(type='SoftArgmaxLoss', distance='l2', temperature=1.0, loss_weight=3.0)
    stacks, samples = [StackOutput(torch.randn(2, K, 16, 16)) for _ in range(2)], random_samples()
    targets = torch.cat([sample.gt_instance_labels.keypoint_samples for sample in samples])
    cells = torch.linspace(-1, 1, 16)
    expected = 0
    for weight, (scores, *_) in zip((0.5, 1), stacks):
        probabilities = scores.exp() / scores.exp().sum((2, 3), keepdim=True)
        mean = torch.stack([(probabilities.sum(2) * cells).sum(-1), (probabilities.sum(3) * cells).sum(-1)], -1)
        expected += weight * 3 * ((mean[:, :, None] - targets) ** 2).mean()
    losses = make_head(loss_landmark=[STRUCTURED, coordinates]).loss(stacks, samples)
    assert losses.keys() == {'loss_landmark', 'loss_landmark_2'} | STATISTICS
    torch.testing.assert_close(losses['loss_landmark_2'], expected)
    torch.testing.assert_close(losses['loss_landmark'], make_head().loss(stacks, samples)['loss_landmark'])


def test_a_landmark_that_is_not_annotated_gets_no_gradient():
    head, (stack,), samples = make_head(), random_stacks(1), random_samples()
    samples[0].gt_instance_labels.keypoint_weights[0, 3] = 0
    scores = stack.heatmaps.requires_grad_()
    head.loss([stack], samples)['loss_landmark'].backward()
    assert (scores.grad.abs().amax((2, 3)) == 0).nonzero().tolist() == [[0, 3]]


@pytest.mark.parametrize(
    'options', [dict(), dict(heatmap_activation='in_relu'), dict(attention_maps=False), dict(num_stacks=1)]
)
def test_every_parameter_gets_a_gradient(options):
    net = make_net(**options)
    sum(make_head().loss(net(torch.rand(2, 3, 64, 64)), random_samples()).values()).backward()
    assert [name for name, parameter in net.named_parameters() if parameter.grad is None] == []


def test_decodes_known_heatmaps_to_input_pixels():
    cells = np.stack([np.arange(K) % 16, np.arange(K) // 2], axis=1)
    scores = torch.zeros(1, K, 16, 16)
    scores[0, torch.arange(K), cells[:, 1], cells[:, 0]] = 100
    preds = make_head().predict([StackOutput(torch.randn(1, K, 16, 16)), StackOutput(scores)], random_samples(1))
    np.testing.assert_allclose(preds[0].keypoints, cells[None] * 64 / 15 - 0.5, atol=1e-4)


def test_scores_of_confident_heatmaps_are_one():
    scores = torch.zeros(1, K, 16, 16)
    scores[..., 3, 5] = 100
    preds = make_head().predict([StackOutput(scores)], random_samples(1))
    np.testing.assert_allclose(preds[0].keypoint_scores, np.ones((1, K)), atol=1e-6)


def test_prediction_is_from_fused_maps():
    stacks = random_stacks(2)
    keypoints = make_head().predict(stacks, random_samples())[1].keypoints
    np.testing.assert_allclose(
        keypoints, KEYPOINT_CODECS.build(CODEC).decode(naive_fusion(stacks[-1])[1])[0], atol=1e-4
    )


def test_output_heatmaps_are_the_fused_maps_of_the_last_stack():
    stacks = random_stacks(2)
    _, fields = make_head().predict(stacks, random_samples(), dict(output_heatmaps=True))
    torch.testing.assert_close(torch.stack([field.heatmaps for field in fields]), naive_fusion(stacks[-1]))


@pytest.fixture
def flip_heatmaps():
    """Fused maps of the flip test of an input and of its mirror image."""
    net, head, x = make_net().eval(), make_head(), torch.rand(2, 3, 64, 64)
    test_cfg = dict(flip_test=True, output_heatmaps=True)
    with torch.no_grad():
        plain, mirrored = net(x), net(x.flip(-1))
        return [
            torch.stack([field.heatmaps for field in head.predict(feats, random_samples(), test_cfg)[1]])
            for feats in ([plain, mirrored], [mirrored, plain])
        ] + [naive_fusion(plain[-1])]


def test_flip_test_of_the_mirror_image_gives_mirrored_maps(flip_heatmaps):
    maps, of_mirror, _ = flip_heatmaps
    torch.testing.assert_close(of_mirror, maps.flip(-1)[:, list(LAYOUT.flip_indices)])


def test_flip_test_changes_the_maps(flip_heatmaps):
    maps, _, plain = flip_heatmaps
    assert not torch.allclose(maps, plain, rtol=0.1)


def test_flip_test_averages():
    stack, mirrored = random_stacks(2)
    _, fields = make_head(attention_maps=False).predict(
        [[stack], [mirrored]], random_samples(), dict(flip_test=True, output_heatmaps=True)
    )
    k, partner = LAYOUT.flip_pairs[2]
    expected = (stack.heatmaps[1, k] + mirrored.heatmaps[1, partner].flip(-1)) / 2
    torch.testing.assert_close(fields[1].heatmaps[k], expected)


def make_estimator(flip_test: bool):
    return MODELS.build(
        dict(
            type='TopdownPoseEstimator',
            backbone=dict(type='HourglassAAM', layout='cofw29', num_stacks=1, num_levels=2, width=16),
            head=dict(type='StackedHeatmapHead', **HEAD),
            test_cfg=dict(flip_test=flip_test),
        )
    ).eval()


def test_estimator_with_flip_test_mirrors_with_its_input():
    model, x = make_estimator(flip_test=True), torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        plain, mirrored = (
            model(inputs, random_samples(1), mode='predict')[0].pred_instances.keypoints[0]
            for inputs in (x, x.flip(-1))
        )
    # the crop reaches from x = 36 to 164 in the image, its middle pixel lies at 99.5
    expected = plain[list(LAYOUT.flip_indices)] * [-1, 1] + [2 * 99.5, 0]
    np.testing.assert_allclose(mirrored, expected, atol=1e-3)


def test_estimator_trains():
    losses = make_estimator(flip_test=False)(torch.rand(2, 3, 64, 64), random_samples(), mode='loss')
    assert all(loss.isfinite() for loss in losses.values())


def test_wrong_number_of_stack_weights():
    with pytest.raises(ValueError, match='3 stack_weights for a network of 2 stacks'):
        make_head(stack_weights=[1, 1, 1]).loss(random_stacks(2), random_samples())


@pytest.mark.parametrize(
    'options, message',
    [
        (
            dict(target='keypoints'),
            "target: found 'keypoints', expected one of ('keypoint_labels', 'keypoint_samples', ",
        ),
        (dict(target=['heatmaps', 'heatmaps']), 'found 2 targets of 1 landmark losses, expected one of each'),
        (dict(loss_landmark=[]), 'found 0 targets of 0 landmark losses, expected one of each'),
    ],
)
def test_bad_targets_are_errors(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make_head(**options)


def test_targets_without_maps_for_a_network_with_attention():
    samples = random_samples()
    for sample in samples:
        del sample.gt_fields
    with pytest.raises(ValueError, match='attention_maps=True'):
        make_head().loss(make_net()(torch.randn(len(samples), 3, 64, 64)), samples)
