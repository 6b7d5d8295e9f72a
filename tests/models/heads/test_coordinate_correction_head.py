"""CoordinateCorrectionHead: what the displacements learn, and how they move the predictions."""

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample

from mmfld.models import CoordinateCorrectionHead, StackedHeatmapHead, StackOutput
from mmfld.structures import cells_to_normalized, get_layout

LAYOUT = get_layout('cofw29')
K = LAYOUT.num_keypoints
CODEC = dict(type='ContinuousHeatmap', input_size=(80, 64), heatmap_size=(20, 16), encoding='rounded', decoder='argmax')


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)
    np.random.seed(0)


def plain_head(codec: dict) -> StackedHeatmapHead:
    """Without corrections."""
    loss = dict(type='KeypointMSELoss', use_target_weight=True)
    return StackedHeatmapHead('cofw29', 'heatmaps', loss, stack_weights=(1.0, 1.0), decoder=codec)


def make_head(correction: str = 'static', **options) -> CoordinateCorrectionHead:
    return CoordinateCorrectionHead(
        **dict(layout='cofw29', in_channels=8, correction=correction, decoder=CODEC) | options
    )


def random_samples(batch: int = 2) -> list:
    codec, samples = KEYPOINT_CODECS.build(CODEC), []
    for _ in range(batch):
        encoded = codec.encode(np.random.uniform(12, 51, (1, K, 2)).astype(np.float32))
        encoded = {key: torch.from_numpy(value) for key, value in encoded.items()}
        sample = PoseDataSample(
            metainfo=dict(
                flip_indices=list(LAYOUT.flip_indices),
                input_size=(80, 64),
                input_center=np.array([100.5, 50.5]),
                input_scale=np.array([160.0, 128.0]),
            )
        )
        sample.gt_instance_labels = InstanceData(**{key: encoded[key] for key in codec.label_mapping_table})
        sample.gt_fields = PixelData(heatmaps=encoded['heatmaps'])
        sample.gt_instances = InstanceData(bboxes=np.array([[0.0, 0.0, 1.0, 1.0]]), bbox_scores=np.ones(1))
        samples.append(sample)
    return samples


def random_stacks(num_stacks: int = 2, batch: int = 2) -> list:
    return [
        StackOutput(torch.randn(batch, K, 16, 20), features=torch.randn(batch, 8, 16, 20)) for _ in range(num_stacks)
    ]


def one_hot(x: int, y: int) -> torch.Tensor:
    """(1, 1, 16, 20) map with its maximum in one cell."""
    maps = torch.zeros(1, 1, 16, 20)
    maps[..., y, x] = 1
    return maps


# ------------------------------------------------------------------------------------------------ training
@pytest.mark.parametrize(
    'correction, expected',
    [
        ('static', [0.3, -0.4]),  # nearest cell (7, 4)
        ('dynamic', [-1.7, 0.6]),  # maximum in (9, 3)
    ],
)
def test_targets_by_hand(correction, expected):
    label = cells_to_normalized(torch.tensor([[[7.3, 3.6]]]), (20, 16), 'half_pixel')
    found = make_head(correction).correction_targets(one_hot(9, 3), label)
    torch.testing.assert_close(found, torch.tensor([[expected]]), atol=1e-5, rtol=0)


def test_static_targets_are_the_errors_of_the_encoding():
    samples = random_samples()
    labels = torch.cat([sample.gt_instance_labels.keypoint_labels for sample in samples])
    heatmaps = torch.stack([sample.gt_fields.heatmaps for sample in samples])
    # the maximum of a rounded target is its cell
    static, dynamic = (make_head(kind).correction_targets(heatmaps, labels) for kind in ('static', 'dynamic'))
    torch.testing.assert_close(static, dynamic)
    assert static.abs().max() <= 0.5


@pytest.mark.parametrize('correction', ['static', 'dynamic'])
def test_losses_by_hand(correction):
    head, stacks, samples = make_head(correction, correction_weight=0.25), random_stacks(), random_samples()
    samples[1].gt_instance_labels.keypoint_weights[0, 3] = 0
    losses = head.loss(stacks, samples)
    expected = plain_head(CODEC).loss(stacks, samples)
    torch.testing.assert_close(losses.pop('loss_landmark'), expected['loss_landmark'])

    labels = torch.cat([sample.gt_instance_labels.keypoint_labels for sample in samples])
    predicted = head.displacement(stacks[1].features.mean((2, 3))).view(2, K, 2)
    squares = (predicted - head.correction_targets(stacks[1].heatmaps, labels)) ** 2
    squares[1, 3] = 0
    torch.testing.assert_close(losses, dict(loss_correction=0.25 * squares.mean()))


@pytest.mark.parametrize('correction', ['static', 'dynamic'])
def test_only_the_loss_of_the_corrections_reaches_the_linear_layer(correction):
    head, stacks, samples = make_head(correction), random_stacks(), random_samples()
    heatmaps, features = [
        [getattr(stack, name).requires_grad_() for stack in stacks] for name in ('heatmaps', 'features')
    ]
    losses = head.loss(stacks, samples)

    def reached(loss):
        inputs = [*head.parameters(), *features, *heatmaps]
        gradients = torch.autograd.grad(losses[loss], inputs, retain_graph=True, allow_unused=True)
        return [gradient is not None and bool(gradient.any()) for gradient in gradients]

    # weight and bias; features and heatmaps of both stacks
    assert reached('loss_correction') == [True, True, False, True, False, False]
    assert reached('loss_landmark') == [False, False, False, False, True, True]


def test_bfloat16():
    head, stacks, samples = make_head('dynamic'), random_stacks(), random_samples()
    expected = head.loss(stacks, samples)
    half = [StackOutput(stack.heatmaps, features=stack.features.bfloat16()) for stack in stacks]
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = head.loss(half, samples)
    torch.testing.assert_close(losses, expected, rtol=0.02, atol=0)


# ------------------------------------------------------------------------------------------------ prediction
@torch.no_grad()
def test_prediction_adds_the_displacements_in_pixels():
    head, stacks, samples = make_head(), random_stacks(), random_samples()
    plain = plain_head(CODEC).predict(stacks, samples)
    moved = [found.keypoints - expected.keypoints for found, expected in zip(head.predict(stacks, samples), plain)]
    cells = head.displacement(stacks[1].features.mean((2, 3))).view(2, 1, K, 2)
    assert cells.abs().max() > 0.1
    np.testing.assert_allclose(moved, 4 * cells, atol=1e-4)


@torch.no_grad()
def test_pixels_of_a_cell_may_differ_between_the_axes():
    codec = dict(CODEC, input_size=(80, 96))
    head, stacks, samples = make_head(decoder=codec), random_stacks(), random_samples()
    plain = plain_head(codec).predict(stacks, samples)
    moved = head.predict(stacks, samples)[0].keypoints - plain[0].keypoints
    np.testing.assert_allclose(moved[0], head.corrections(stacks)[0] * torch.tensor([4.0, 6.0]), atol=1e-4)


@torch.no_grad()
def test_right_displacements_make_the_prediction_exact():
    head, samples = make_head(), random_samples(1)
    maps, labels = samples[0].gt_fields.heatmaps[None], samples[0].gt_instance_labels.keypoint_labels
    head.displacement.weight.zero_()
    head.displacement.bias.copy_(head.correction_targets(maps, labels).flatten())
    found = head.predict([StackOutput(maps, features=torch.rand(1, 8, 16, 20))], samples)[0].keypoints
    np.testing.assert_allclose(found, (labels + 1) * torch.tensor([80, 64]) / 2 - 0.5, atol=1e-4)


@torch.no_grad()
def test_flip_test_mirrors_and_averages_the_displacements():
    head, samples = make_head(), random_samples()
    plain, mirrored = random_stacks(), random_stacks()
    test_cfg = dict(flip_test=True)
    base = plain_head(CODEC).predict([plain, mirrored], samples, test_cfg)
    moved = head.predict([plain, mirrored], samples, test_cfg)[1].keypoints - base[1].keypoints
    first, second = (head.corrections(feats)[1].numpy() for feats in (plain, mirrored))
    k, partner = LAYOUT.flip_pairs[2]
    np.testing.assert_allclose(moved[0, k], 2 * (first[k] + second[partner] * [-1, 1]), atol=1e-4)


def test_estimator_with_flip_test_mirrors_with_its_input():
    model = MODELS.build(
        dict(
            type='TopdownPoseEstimator',
            backbone=dict(type='FAN', layout='cofw29', num_levels=2, width=8),
            head=dict(type='CoordinateCorrectionHead', layout='cofw29', in_channels=8, decoder=CODEC),
            test_cfg=dict(flip_test=True),
        )
    ).eval()
    x = torch.rand(1, 3, 64, 80)
    with torch.no_grad():
        plain, mirrored = (
            model(inputs, random_samples(1), mode='predict')[0].pred_instances.keypoints[0]
            for inputs in (x, x.flip(-1))
        )
    # two image pixels to one of the input, whose middle lies at 99.5
    expected = plain[list(LAYOUT.flip_indices)] * [-1, 1] + [2 * 99.5, 0]
    np.testing.assert_allclose(mirrored, expected, atol=1e-3)


@torch.no_grad()
def test_predictions_with_and_without_output_heatmaps_are_equal():
    head, stacks, samples = make_head(), random_stacks(), random_samples()
    preds, fields = head.predict(stacks, samples, dict(output_heatmaps=True))
    np.testing.assert_array_equal(preds[1].keypoints, head.predict(stacks, samples)[1].keypoints)
    torch.testing.assert_close(fields[1].heatmaps, stacks[-1].heatmaps[1])


# ------------------------------------------------------------------------------------------------ errors
def test_unknown_correction():
    with pytest.raises(ValueError, match="correction must be 'static' or 'dynamic', got 'learned'"):
        make_head('learned')
