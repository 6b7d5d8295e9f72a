"""CoAttention, MarginalBranches, loss and head: the attentive paper's published vectors, shapes and flip test."""

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample
from torch import nn

from mmfld.models import FAN, CoAttentionMarginalHead, MarginalHeatmapLoss, StackOutput
from mmfld.models.layers import CoAttention, MarginalBranches
from mmfld.structures import get_layout

LAYOUT = get_layout('cofw29')
K = LAYOUT.num_keypoints
L = 192
CODEC = dict(type='MarginalHeatmap', input_size=(64, 64), length=L)
SIZES = dict(in_channels=16, feature_size=16, length=L, channels=8)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)
    np.random.seed(0)


class Given(nn.Module):
    """Takes the place of the branches: the 'features' are the maps."""

    feature_size = 16

    def forward(self, maps):
        return maps


def make_head(**options) -> CoAttentionMarginalHead:
    return CoAttentionMarginalHead(**dict(SIZES, layout='cofw29', decoder=CODEC) | options)


def random_points(batch: int = 2) -> np.ndarray:
    """(B, K, 2) pixels of the input, more than 3 sigma inside."""
    return np.random.uniform(5, 58, (batch, K, 2)).astype(np.float32)


def samples_of(points: np.ndarray, codec: dict = CODEC) -> list:
    encoder, samples = KEYPOINT_CODECS.build(codec), []
    for face in points:
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
            **{key: torch.from_numpy(value) for key, value in encoder.encode(face[None]).items()}
        )
        samples.append(sample)
    return samples


def random_features(batch: int = 2) -> list:
    return [StackOutput(None, features=torch.randn(batch, 16, 16, 16))]


def maps_of(points: np.ndarray, codec: dict = CODEC) -> list:
    """Output of a network that finds the points, for a head whose branches are :class:`Given`."""
    return [StackOutput(None, features=KEYPOINT_CODECS.build(codec).batch_encode(torch.from_numpy(points)))]


def test_co_attention_equals_the_published_formula(golden_dir):
    golden = {
        key: torch.from_numpy(value)
        for key, value in np.load(golden_dir / 'formula_vectors.npz').items()
        if key.startswith('ca_')
    }
    layer = CoAttention(positions=5, rows=4, gamma=float(golden['ca_gamma'])).double()
    with torch.no_grad():
        layer.P.copy_(golden['ca_P'])
        layer.Q.copy_(golden['ca_Q'])
        x, y = layer.attend(golden['ca_Dx'], golden['ca_Dy'])
    torch.testing.assert_close(x, golden['ca_Dx_out'], rtol=0, atol=1e-12)
    torch.testing.assert_close(y, golden['ca_Dy_out'], rtol=0, atol=1e-12)


@pytest.mark.parametrize('layout, side', [('position', 4), ('literal', 10)])
def test_layouts_of_co_attention(layout, side):
    layer, x, y = CoAttention(10, 4, layout=layout), torch.randn(2, 3, 4, 10), torch.randn(2, 3, 4, 10)
    assert layer.P.shape == layer.Q.shape == (side, side)
    new_x, new_y = layer(x, y)
    assert new_x.shape == new_y.shape == (2, 3, 4, 10)
    for b in range(2):
        for k in range(3):
            # matrices a x b and b x a of a channel, and its softmax over each row
            dx, dy = (x[b, k].T, y[b, k]) if layout == 'position' else (x[b, k], y[b, k].T)
            w_xy = torch.softmax(dy.T @ layer.P @ dx.T / side**0.5, dim=1)
            w_yx = torch.softmax(dx @ layer.Q @ dy / side**0.5, dim=1)
            out_x, out_y = dx + 0.4 * w_yx @ dy.T, dy + 0.4 * (w_xy @ dx).T
            torch.testing.assert_close(new_x[b, k], out_x.T if layout == 'position' else out_x)
            torch.testing.assert_close(new_y[b, k], out_y if layout == 'position' else out_y.T)


def test_unknown_layout_of_co_attention():
    with pytest.raises(ValueError, match="unknown layout 'rows' of co-attention"):
        CoAttention(8, 4, layout='rows')


@pytest.mark.parametrize('layout', ['position', 'literal'])
@pytest.mark.parametrize('length', [64, 128, 256, 384, 512, 640, 768])
def test_published_lengths(length, layout):
    branches = MarginalBranches(4, 3, 64, length, channels=2, attention_layout=layout).eval()
    x, y = branches(torch.randn(2, 4, 64, 64))
    assert x.shape == y.shape == (2, 3, length)
    assert branches.deconv_x.kernel_size == branches.deconv_x.stride == (length // 64,)


def test_without_gamma_there_is_no_co_attention():
    names = set(make_head(gamma=0.4).state_dict()) - set(make_head(gamma=0.0).state_dict())
    assert names == {'branches.co_attention.P', 'branches.co_attention.Q'}
    assert make_head(gamma=0.0).branches.co_attention is None


@pytest.mark.parametrize('axis', ['x', 'y'])
def test_without_co_attention_a_position_is_seen_by_the_bins_around_it(axis):
    branches = MarginalBranches(4, 3, 64, 768, channels=4, gamma=0.0).eval()
    features = torch.randn(1, 4, 64, 64)
    changed = features.clone()
    changed[..., 30] += 1  # a column
    if axis == 'y':
        features, changed = features.mT, changed.mT
    with torch.no_grad():
        maps, others = (branches(f)['xy'.index(axis)] for f in (features, changed))
    bins = (maps != others).any(1).nonzero()[:, 1]
    # six convolutions of 3 positions reach six to each side
    assert (bins.min(), bins.max()) == (24 * 12, 37 * 12 - 1)


def test_with_co_attention_a_position_is_seen_everywhere():
    branches = MarginalBranches(4, 3, 64, 768, channels=4).eval()
    features = torch.randn(1, 4, 64, 64)
    changed = features.clone()
    changed[..., 30] += 1
    with torch.no_grad():
        (x, y), (other_x, other_y) = branches(features), branches(changed)
    assert (x != other_x).any(1).all() and (y != other_y).any(1).all()


def test_the_axes_of_transposed_features_change_places():
    branches = MarginalBranches(4, 3, 16, 64, channels=4, gamma=0.0).eval()
    for part in ('cnn1', 'cnn2', 'deconv'):
        getattr(branches, f'{part}_y').load_state_dict(getattr(branches, f'{part}_x').state_dict())
    features = torch.randn(1, 4, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(branches(features.mT), branches(features)[::-1])


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(feature_size=48), 'feature_size must be a power of two, 16 or more, got 48'),
        (dict(feature_size=8), 'feature_size must be a power of two, 16 or more, got 8'),
        (dict(length=100), 'length must be a multiple of the feature_size 16, got 100'),
    ],
)
def test_impossible_sizes(options, message):
    with pytest.raises(ValueError, match=message):
        make_head(decoder=None, **options)


def test_features_of_another_size():
    with pytest.raises(ValueError, match=r'expected features of 16 x 16, got \(32, 32\)'):
        make_head()([StackOutput(None, features=torch.randn(1, 16, 32, 32))])


def test_codec_of_another_length():
    with pytest.raises(ValueError, match='the head predicts 192 bins, but its codec has length 768'):
        make_head(decoder=dict(type='MarginalHeatmap'))


def test_loss_is_the_sum_of_the_squared_distances():
    x, y, target_x, target_y = torch.randn(4, 2, 3, 5, dtype=torch.float64)
    expected = (
        sum(
            ((x[b, n] - target_x[b, n]) ** 2).sum() + ((y[b, n] - target_y[b, n]) ** 2).sum()
            for b in range(2)
            for n in range(3)
        )
        / 2
    )
    torch.testing.assert_close(MarginalHeatmapLoss()((x, y), (target_x, target_y)), expected)


def test_loss_with_weights():
    x, y, target_x, target_y = torch.randn(4, 2, 3, 5, dtype=torch.float64)
    weights = torch.rand(2, 3, dtype=torch.float64)
    expected = (
        sum(
            weights[b, n] * (((x - target_x)[b, n] ** 2).sum() + ((y - target_y)[b, n] ** 2).sum())
            for b in range(2)
            for n in range(3)
        )
        / 2
    )
    torch.testing.assert_close(
        MarginalHeatmapLoss(loss_weight=3.0)((x, y), (target_x, target_y), weights), 3 * expected
    )


def test_loss_of_the_head():
    head, feats, samples = make_head(), random_features(), samples_of(random_points())
    samples[1].gt_instance_labels.keypoint_weights[0, 7] = 0
    maps, expected = head(feats), 0.0
    for b, sample in enumerate(samples):
        labels = sample.gt_instance_labels
        for axis, predicted in zip('xy', maps):
            squares = (predicted[b] - labels[f'keypoint_{axis}_labels'][0]) ** 2
            expected = expected + (squares.sum(-1) * labels.keypoint_weights[0]).sum() / 2
    torch.testing.assert_close(head.loss(feats, samples), dict(loss_landmark=expected))


def test_a_landmark_that_is_not_annotated_gets_no_gradient():
    head, samples = make_head(), samples_of(random_points())
    head.branches = Given()
    maps = torch.randn(2, 2, K, L, requires_grad=True)
    samples[1].gt_instance_labels.keypoint_weights[0, 5] = 0
    head.loss([StackOutput(None, features=tuple(maps))], samples)['loss_landmark'].backward()
    assert (maps.grad.abs().amax((0, 3)) == 0).nonzero().tolist() == [[1, 5]]


def test_loss_of_mmpose_for_simcc():
    codec = dict(CODEC, normalize=True)
    head = make_head(loss_landmark=dict(type='KLDiscretLoss', use_target_weight=True), decoder=codec)
    head.branches = Given()
    points = random_points()
    samples, feats = samples_of(points, codec), random_features()
    maps = [axis.clamp(min=1e-12).log() for axis in maps_of(points, codec)[0].features]
    found = head.loss([StackOutput(None, features=maps)], samples)['loss_landmark']
    # the divergence of the targets from themselves, but for what a map cuts off
    assert 0 <= found < 1e-3
    other = make_head(loss_landmark=dict(type='KLDiscretLoss', use_target_weight=True), decoder=codec)
    assert other.loss(feats, samples)['loss_landmark'] > 0.02


def test_every_parameter_but_the_last_heatmaps_of_the_network_is_trained():
    net, head = FAN('cofw29', num_levels=2, width=16), make_head()
    sum(head.loss(net(torch.rand(2, 3, 64, 64)), samples_of(random_points())).values()).backward()
    assert all(parameter.grad.isfinite().all() for parameter in head.parameters())
    assert [name for name, parameter in net.named_parameters() if parameter.grad is None] == [
        'out_heatmaps.1.weight',
        'out_heatmaps.1.bias',
    ]


@pytest.mark.parametrize('decoder, limit', [('argmax', 0.5), ('local_soft_argmax', 0.05)])
def test_prediction(decoder, limit):
    head, points = make_head(decoder=dict(CODEC, decoder=decoder)), random_points()
    head.branches = Given()
    preds = head.predict(maps_of(points), samples_of(points))
    assert preds[0].keypoint_scores.shape == (1, K)
    found = np.concatenate([pred.keypoints for pred in preds])
    assert np.abs(found - points).max() * L / 64 < limit + 1e-3


def test_prediction_is_from_the_last_stack():
    head, points = make_head(), random_points()
    head.branches = Given()
    preds = head.predict([*maps_of(random_points()), *maps_of(points)], samples_of(points))
    assert np.abs(np.concatenate([pred.keypoints for pred in preds]) - points).max() < 0.2


@pytest.mark.parametrize('grid', ['proportional', 'half_pixel'])
@pytest.mark.parametrize('found', ['by both', 'in the input', 'in the mirrored input'])
def test_flip_test_of_a_mirrored_face(grid, found):
    codec = dict(CODEC, grid=grid)
    head, points = make_head(decoder=codec), random_points()
    head.branches = Given()
    mirrored = points[:, list(LAYOUT.flip_indices)] * np.float32([-1, 1]) + np.float32([63, 0])
    feats, flipped = maps_of(points, codec), maps_of(mirrored, codec)
    nothing = [StackOutput(None, features=tuple(torch.zeros(2, 2, K, L)))]
    preds = head.predict(
        [nothing if found == 'in the mirrored input' else feats, nothing if found == 'in the input' else flipped],
        samples_of(points),
        dict(flip_test=True),
    )
    assert np.abs(np.concatenate([pred.keypoints for pred in preds]) - points).max() * L / 64 < 0.5 + 1e-3
    # half of it, unless both find it
    assert preds[0].keypoint_scores.max() == pytest.approx(1 if found == 'by both' else 0.5, abs=0.01)


def test_estimator_with_flip_test_mirrors_with_its_input():
    codec = dict(CODEC, grid='half_pixel')  # whose bins the mirror keeps
    model = MODELS.build(
        dict(
            type='TopdownPoseEstimator',
            backbone=dict(type='FAN', layout='cofw29', num_levels=2, width=16),
            head=dict(type='CoAttentionMarginalHead', layout='cofw29', decoder=codec, **SIZES),
            test_cfg=dict(flip_test=True),
        )
    ).eval()
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        plain, mirrored = (
            model(inputs, samples_of(random_points(1)), mode='predict')[0].pred_instances.keypoints[0]
            for inputs in (x, x.flip(-1))
        )
    # pixel p lies at x = 35.5 + 2 p in the image, and is pixel 63 - p of the mirrored input
    expected = plain[list(LAYOUT.flip_indices)] * [-1, 1] + [2 * 35.5 + 2 * 63, 0]
    np.testing.assert_allclose(mirrored, expected, atol=1e-3)


def test_output_of_heatmaps():
    head, points = make_head(), random_points()
    head.branches = Given()
    (feats,) = maps_of(points)
    preds, fields = head.predict([feats], samples_of(points), dict(output_heatmaps=True))
    x, y = feats.features
    assert preds[1].keypoint_x_labels.shape == preds[1].keypoint_y_labels.shape == (1, K, L)
    np.testing.assert_array_equal(preds[1].keypoint_x_labels[0], x[1].numpy())
    np.testing.assert_array_equal(preds[1].keypoint_y_labels[0], y[1].numpy())
    assert fields[1].heatmaps.shape == (K, 16, 16)
    joint = np.outer(y[1, 3], x[1, 3])  # (L, L)
    np.testing.assert_allclose(fields[1].heatmaps[3].numpy(), joint.reshape(16, 12, 16, 12).mean((1, 3)), atol=1e-6)


def test_drawn_heatmaps_have_nothing_below_zero():
    head = make_head()
    head.branches = Given()
    feats = [StackOutput(None, features=tuple(torch.randn(2, 2, K, L)))]
    _, fields = head.predict(feats, samples_of(random_points()), dict(output_heatmaps=True))
    assert all((field.heatmaps >= 0).all() for field in fields)


def test_maps_in_mixed_precision_are_float32():
    head, feats = make_head(), random_features()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        x, y = head(feats)
    assert (x.dtype, y.dtype) == (torch.float32, torch.float32)
