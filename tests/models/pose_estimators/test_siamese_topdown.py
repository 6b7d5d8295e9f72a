"""SiameseTopdownPoseEstimator: maps warped back to the crop, their average, and training and prediction with them."""

from copy import deepcopy

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import KEYPOINT_CODECS, MODELS, TRANSFORMS
from mmpose.structures import PoseDataSample

from mmfld.codecs import decoders
from mmfld.models import StackOutput
from mmfld.models.pose_estimators.siamese_topdown import merge_views
from mmfld.structures import get_layout, normalized_to_cells

LAYOUT = get_layout('cofw29')
K = LAYOUT.num_keypoints
PERMUTATION = torch.tensor(LAYOUT.flip_indices)
META_KEYS = ('flip_indices', 'input_size', 'input_center', 'input_scale', 'view_matrices', 'view_flips')
IDENTITY, MIRROR = np.eye(3)[:2], np.diag([-1.0, 1.0, 1.0])[:2]


@pytest.fixture(autouse=True)
def seed():
    init_default_scope('mmpose')
    torch.manual_seed(0)
    np.random.seed(0)


def codec_of(size: int) -> dict:
    return dict(type='ContinuousHeatmap', input_size=(size, size), heatmap_size=(size // 4, size // 4))


def augmentation_of(size: int) -> list:
    return [
        dict(type='RandomFlip', prob=0.5),
        dict(type='RandomFaceSimilarity', rotation=30.0, scale=0.15, shift=0.1, distribution='uniform'),
        dict(type='FaceAffine', input_size=(size, size)),
    ]


def random_face() -> dict:
    """Random points on a smooth random image, up to the crop rule."""
    image = cv2.GaussianBlur(np.random.randint(0, 256, (200, 240, 3), dtype=np.uint8), (0, 0), 2)
    points = np.random.uniform((60, 40), (160, 140), (1, K, 2)).astype(np.float32)
    return TRANSFORMS.build(dict(type='GetFaceCrop', rule='face_220')).transform(
        dict(
            img=image,
            img_shape=image.shape[:2],
            bbox=np.array([[60.0, 40.0, 160.0, 140.0]], np.float32),
            bbox_score=np.ones(1, np.float32),
            keypoints=points,
            keypoints_visible=np.ones((1, K), np.float32),
            flip_indices=list(LAYOUT.flip_indices),
        )
    )


def stacked(samples, key: str) -> torch.Tensor:
    return torch.from_numpy(np.stack([sample.metainfo[key] for sample in samples]))


# ------------------------------------------------------------------------------------------------ maps warped back
@pytest.fixture(scope='module')
def merged_truth() -> dict:
    """Ground-truth maps of 16 faces in two random views each, merged; positions in cells of 64 x 64 maps."""
    init_default_scope('mmpose')
    np.random.seed(0)
    siamese = TRANSFORMS.build(dict(type='SiameseViews', augmentation=augmentation_of(256)))
    views, augment = [], siamese.augmentation
    siamese.augmentation = lambda results: views.append(augment(results)) or views[-1]
    pipeline = Compose(
        [siamese, dict(type='GenerateTarget', encoder=codec_of(256)), dict(type='PackPoseInputs', meta_keys=META_KEYS)]
    )
    samples = [pipeline(random_face())['data_samples'] for _ in range(16)]
    # the landmarks of each view as the network sees them: those of a mirrored view in mirrored order
    points = torch.from_numpy(np.concatenate([view['transformed_keypoints'] for view in views]))
    maps = KEYPOINT_CODECS.build(codec_of(256)).batch_encode(points).unflatten(0, (16, 2))
    flips = stacked(samples, 'view_flips')
    merged, seen = merge_views(maps, stacked(samples, 'view_matrices'), flips, PERMUTATION)

    truth = normalized_to_cells(
        torch.cat([sample.gt_instance_labels.keypoint_labels for sample in samples]), 64, 'half_pixel'
    )
    positions = points.unflatten(0, (16, 2)) / 4 - 0.375
    positions = torch.where(flips[:, :, None, None], positions[:, :, PERMUTATION], positions)
    margin = 4 * 1.5 / 0.85  # 4 standard deviations in a face of magnification 0.85
    inside = ((positions > margin) & (positions < 63 - margin)).all(-1)
    return dict(
        merged=merged,
        seen=seen,
        flips=flips,
        target=torch.stack([sample.gt_fields.heatmaps for sample in samples]),
        error=decoders.expectation(merged) - truth,
        inside=inside,
        inside_crop=((truth > margin) & (truth < 63 - margin)).all(-1),
    )


def test_merged_truth_lies_on_the_targets(merged_truth):
    inside = merged_truth['inside'].all(1) & merged_truth['inside_crop']
    assert inside.sum() > 150 and 4 < merged_truth['flips'].sum() < 28
    # centroids: the interpolation blurs the maps but does not move them; 0.5 pixels would be 0.125 cells
    error = merged_truth['error'][inside]
    assert error.norm(dim=-1).max() < 0.05 and error.norm(dim=-1).mean() < 0.01
    assert error.mean(0).abs().max() < 0.002


def test_truth_that_only_one_view_sees_lies_on_the_targets(merged_truth):
    inside = (merged_truth['inside'].sum(1) == 1) & merged_truth['inside_crop']
    assert inside.sum() > 20
    # where the other view ends within the Gaussian, the two views' blur and sigma differ
    error = merged_truth['error'][inside].norm(dim=-1)
    assert error.max() < 0.2 and error.mean() < 0.05


def test_merged_truth_has_the_amplitude_of_the_targets(merged_truth):
    inside = merged_truth['inside'].all(1) & merged_truth['inside_crop']
    ratio = (merged_truth['merged'].amax((2, 3)) / merged_truth['target'].amax((2, 3)))[inside]
    assert 0.85 < ratio.min() and ratio.max() < 1
    assert ratio.mean().item() == pytest.approx(0.934, abs=0.004)


def random_matrices(batch: int, num_views: int) -> torch.Tensor:
    """(B, V, 2, 3) similarities between [-1, 1], every second one mirrored; float64."""
    angle = torch.empty(batch, num_views, dtype=torch.float64).uniform_(-0.5, 0.5)
    scale = torch.empty_like(angle).uniform_(0.85, 1.15)
    linear = torch.stack([scale * angle.cos(), -scale * angle.sin(), scale * angle.sin(), scale * angle.cos()], -1)
    matrices = torch.cat([linear.unflatten(-1, (2, 2)), torch.empty(batch, num_views, 2, 1).uniform_(-0.2, 0.2)], -1)
    matrices[:, ::2, 0] *= -1
    return matrices


def test_coordinates_come_back_exactly():
    # interpolation is exact for what is linear, so maps of the crop's own coordinates show any misplacement
    height, width = 16, 20
    matrices = random_matrices(4, 2)
    y, x = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing='ij')
    view = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1)
    inverse = torch.linalg.inv(matrices[..., :2])
    crop = torch.einsum('bvij,bvhwj->bvihw', inverse, view - matrices[:, :, None, None, :, 2])
    size = torch.tensor([width, height])[:, None, None]
    merged, seen = merge_views(((crop + 1) * size - 1) / 2, matrices, torch.zeros(4, 2, dtype=bool), torch.arange(2))
    assert 0.6 < seen.double().mean() < 1
    difference = (merged - torch.stack([x, y])).abs() * seen
    # a cell counts as seen up to 0.0005 of the view's side beyond the outermost centres
    assert difference.max() < 0.0012 and difference.flatten().quantile(0.99) < 1e-12  # cells


def test_mirrored_view_of_the_same_maps():
    maps = torch.rand(2, K, 12, 16)
    views = torch.stack([maps, maps[:, PERMUTATION].flip(-1)], 1)
    matrices = torch.tensor(np.stack([IDENTITY, MIRROR])).expand(2, 2, 2, 3)
    merged, seen = merge_views(views, matrices, torch.tensor([[False, True]] * 2), PERMUTATION)
    torch.testing.assert_close(merged, maps, atol=1e-4, rtol=0)
    assert seen.all()


def shifted(cells: float) -> np.ndarray:
    """A view that shows what lies a number of columns, of 8, further left in the crop."""
    return np.array([[1.0, 0.0, 2 * cells / 8], [0.0, 1.0, 0.0]])


def merged_constants(*cells: float):
    """Columns of the average of views of the values 1, 3, 5, ..., and which of the 8 are seen."""
    views = torch.arange(len(cells)).mul(2).add(1.0).view(1, -1, 1, 1, 1).expand(1, -1, 1, 4, 8)
    merged, seen = merge_views(
        views,
        torch.tensor(np.stack([shifted(shift) for shift in cells]))[None],
        torch.zeros(1, len(cells), dtype=bool),
        torch.arange(1),
    )
    assert merged.shape == seen.shape == (1, 1, 4, 8)
    assert (merged == merged[:, :, :1]).all() and (seen == seen[:, :, :1]).all()
    return merged[0, 0, 0].tolist(), seen[0, 0, 0].tolist()


def test_a_cell_that_one_view_sees_is_that_views():
    merged, _ = merged_constants(0, 3)
    assert merged == pytest.approx([2] * 5 + [1] * 3)


def test_cells_that_no_view_sees_are_zero():
    merged, seen = merged_constants(2, 3)
    assert merged == pytest.approx([2] * 5 + [1] + [0] * 2)
    assert seen == [True] * 6 + [False] * 2


def test_cells_beyond_the_outermost_centre_are_not_seen():
    # half a column further the last cell would be mixed with the padding
    merged, seen = merged_constants(0.5)
    assert merged == pytest.approx([1] * 7 + [0])
    assert seen == [True] * 7 + [False]


def test_average_of_three_views():
    assert merged_constants(0, 0, 4)[0] == pytest.approx([3] * 4 + [2] * 4)


@pytest.mark.parametrize(
    'dtype, expected', [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)]
)
def test_merging_under_autocast_is_in_float32_at_least(dtype, expected):
    maps, matrices, flips = torch.rand(2, 2, K, 8, 8, dtype=dtype), random_matrices(2, 2), torch.rand(2, 2) < 0.5
    with torch.autocast('cpu', dtype=torch.bfloat16):
        merged, _ = merge_views(maps, matrices, flips, PERMUTATION)
    assert merged.dtype == expected
    torch.testing.assert_close(merged, merge_views(maps.to(expected), matrices, flips, PERMUTATION)[0])


# ------------------------------------------------------------------------------------------------ the estimator
BACKBONE = dict(type='FAN', layout='cofw29', num_levels=2, width=16)


def make_model(type: str = 'SiameseTopdownPoseEstimator', **options):
    torch.manual_seed(1)
    return MODELS.build(
        dict(
            type=type,
            backbone=dict(BACKBONE),
            head=dict(
                type='StackedHeatmapHead',
                layout='cofw29',
                target='heatmaps',
                loss_landmark=dict(type='KeypointMSELoss', use_target_weight=True),
                stack_weights=(1.0, 1.0),
                decoder=codec_of(64),
            ),
            data_preprocessor=dict(type='PoseDataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3),
        )
        | options
    )


def make_batch(augmentation: list, faces: list) -> dict:
    pipeline = Compose(
        [
            *augmentation,
            dict(type='GenerateTarget', encoder=codec_of(64)),
            dict(type='PackPoseInputs', meta_keys=META_KEYS),
        ]
    )
    return pseudo_collate([pipeline(deepcopy(face)) for face in faces])


def siamese_batch(faces: list, augmentation=None) -> dict:
    return make_batch([dict(type='SiameseViews', augmentation=augmentation or augmentation_of(64))], faces)


def step(model, batch: dict):
    """Losses of a batch, and the gradients of all parameters."""
    model.zero_grad()
    losses = model(**model.data_preprocessor(batch, True), mode='loss')
    sum(losses.values()).backward()
    return (
        {name: loss.detach() for name, loss in losses.items()},
        {name: parameter.grad for name, parameter in model.named_parameters()},
    )


@pytest.mark.parametrize('training', [True, False])
def test_identical_views_equal_training_with_one_view(training):
    faces, warp = [random_face() for _ in range(3)], augmentation_of(64)[-1:]
    # every image twice: the batch statistics, too, are those of the single images
    found = step(make_model().double().train(training), siamese_batch(faces, warp))
    expected = step(make_model('TopdownPoseEstimator').double().train(training), make_batch(warp, faces))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-9)


class Recorder(torch.nn.Module):
    """In place of a backbone: keeps its inputs and returns given maps."""

    def __init__(self, *maps: torch.Tensor):
        super().__init__()
        self.maps = maps
        self.inputs = []

    def forward(self, x):
        self.inputs.append(x)
        return tuple(StackOutput(maps) for maps in self.maps)


def make_samples(matrices, flips) -> list:
    """Samples with random target maps (K, 4, 8)."""
    samples = []
    for views, mirrored in zip(matrices, flips):
        sample = PoseDataSample(
            metainfo=dict(
                view_matrices=np.array(views, np.float32),
                view_flips=np.array(mirrored),
                flip_indices=list(LAYOUT.flip_indices),
            )
        )
        sample.gt_instance_labels = InstanceData(keypoint_weights=torch.ones(1, K))
        sample.gt_fields = PixelData(heatmaps=torch.rand(K, 4, 8))
        samples.append(sample)
    return samples


def test_every_view_passes_through_the_network_by_itself():
    views = torch.rand(2, 3, 3, 16, 32)  # B, V
    model = make_model()
    model.backbone = Recorder(torch.rand(6, K, 4, 8))
    model.head.stack_weights = [1.0]
    model.loss(torch.cat(views.unbind(1), dim=-1), make_samples([[IDENTITY] * 3] * 2, [[False] * 3] * 2))
    (found,) = model.backbone.inputs
    torch.testing.assert_close(found, views.flatten(0, 1), rtol=0, atol=0)


def test_loss_by_hand():
    # face 0: a view of everything and a mirrored one; face 1: the two rightmost columns are seen by neither view
    stacks = [torch.rand(4, K, 4, 8) for _ in range(2)]
    samples = make_samples([[IDENTITY, MIRROR], [shifted(2), shifted(2)]], [[False, True], [False, False]])
    targets = torch.stack([sample.gt_fields.heatmaps for sample in samples])
    expected = 0
    for weight, maps in zip([0.5, 2.0], stacks):
        first = (maps[0] + maps[1][PERMUTATION].flip(-1)) / 2
        second = (maps[2] + maps[3])[..., 2:] / 2
        squares = (first - targets[0]).square().sum() + (second - targets[1, ..., :6]).square().sum()
        expected += weight * squares / targets.numel()
    model = make_model()
    model.backbone, model.head.stack_weights = Recorder(*stacks), [0.5, 2.0]
    losses = model.loss(torch.rand(2, 3, 16, 64), samples)
    assert losses.keys() == {'loss_landmark'}
    torch.testing.assert_close(losses['loss_landmark'], expected, rtol=1e-4, atol=0)


def test_every_parameter_gets_a_gradient():
    _, gradients = step(make_model().train(), siamese_batch([random_face()]))
    assert [name for name, gradient in gradients.items() if gradient is None or not gradient.any()] == []


def test_bfloat16():
    batch = siamese_batch([random_face() for _ in range(2)])
    expected, _ = step(make_model().eval(), deepcopy(batch))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses, gradients = step(make_model().eval(), batch)
    assert losses['loss_landmark'].dtype == torch.float32
    torch.testing.assert_close(losses, expected, rtol=0.02, atol=0)
    assert all(gradient.isfinite().all() for gradient in gradients.values())


@pytest.mark.parametrize('flip_test', [False, True])
def test_prediction_is_the_base_classs(flip_test):
    batch = make_batch(augmentation_of(64)[-1:], [random_face() for _ in range(2)])
    found = []
    for type in ('SiameseTopdownPoseEstimator', 'TopdownPoseEstimator'):
        with torch.no_grad():
            found.append(make_model(type, test_cfg=dict(flip_test=flip_test)).eval().test_step(deepcopy(batch)))
    for ours, expected in zip(*found):
        np.testing.assert_array_equal(ours.pred_instances.keypoints, expected.pred_instances.keypoints)


def test_prediction_is_one_pass_of_one_view():
    model = make_model(test_cfg=dict(flip_test=False)).eval()
    model.backbone = Recorder(torch.rand(2, K, 16, 16))
    model.test_step(make_batch(augmentation_of(64)[-1:], [random_face() for _ in range(2)]))
    assert [inputs.shape for inputs in model.backbone.inputs] == [(2, 3, 64, 64)]


# ------------------------------------------------------------------------------------------------ errors
@pytest.mark.parametrize('key', ['view_matrices', 'view_flips'])
def test_meta_keys_that_are_not_packed(key):
    pipeline = Compose(
        [
            dict(type='SiameseViews', augmentation=augmentation_of(64)),
            dict(type='GenerateTarget', encoder=codec_of(64)),
            dict(type='PackPoseInputs', meta_keys=[name for name in META_KEYS if name != key]),
        ]
    )
    with pytest.raises(KeyError, match=f"'{key}' is missing: SiameseViews must be in .* meta_keys of PackPoseInputs"):
        step(make_model(), pseudo_collate([pipeline(random_face())]))


def test_network_with_edge_maps():
    model = make_model(backbone=dict(type='HourglassAAM', layout='cofw29', num_stacks=2, num_levels=2, width=16))
    with pytest.raises(ValueError, match='supports heatmaps alone, not point and edge maps: attention_maps=False'):
        step(model, siamese_batch([random_face()]))
