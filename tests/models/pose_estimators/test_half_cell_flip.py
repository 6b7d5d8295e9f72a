"""HalfCellFlipTopdownPoseEstimator: the mean of two views half a cell apart, and what it cannot be made of."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from mmfld.codecs.decoders import moved
from mmfld.models.pose_estimators.half_cell_flip import mirrored
from mmfld.models.stack_output import StackOutput
from mmfld.structures import get_layout

LAYOUT = get_layout('cofw29')
CODECS = {
    'STAR': dict(type='BoundaryAwareHeatmap', decoder='expectation'),
    'structured': dict(type='ImageAwareSmoothing', decoder='expectation', temperature=0.5),
    'subpixel': dict(type='ContinuousHeatmap', decoder='expectation'),
}


class Blobs(torch.nn.Module):
    """In place of a backbone: how bright the image is in each cell, to a power, or the logarithm of that."""

    def __init__(self, logarithm: bool):
        super().__init__()
        self.logarithm = logarithm

    def forward(self, x):
        maps = F.avg_pool2d(x[:, :1], 8).clamp(min=1e-3) ** 3
        maps = (maps.log() if self.logarithm else maps).expand(-1, LAYOUT.num_keypoints, -1, -1)
        return (StackOutput(maps, None, None, None),)


def make_model(method: str = 'STAR', type: str = 'HalfCellFlipTopdownPoseEstimator', **options):
    codec = dict(CODECS[method], input_size=(96, 128), heatmap_size=(12, 16))
    if method != 'subpixel':
        codec['layout'] = 'cofw29'
    head = dict(
        type='StackedHeatmapHead',
        layout='cofw29',
        target='keypoint_labels',
        loss_landmark=dict(type='SoftArgmaxLoss'),
        decoder=codec,
    )
    model = MODELS.build(
        dict(
            type=type,
            backbone=dict(type='HourglassAAM', layout='cofw29', num_stacks=1, num_levels=1, width=8),
            head=head | options,
            test_cfg=dict(flip_test=True),
        )
    ).eval()
    model.backbone = Blobs(method != 'STAR')
    return model


def samples(count: int) -> list:
    sample = PoseDataSample(
        metainfo=dict(
            input_size=(96, 128),
            input_center=np.array([48, 64]),
            input_scale=np.array([96, 128]),
            flip_indices=list(LAYOUT.flip_indices),
        )
    )
    sample.gt_instances = InstanceData(bboxes=np.zeros((1, 4)), bbox_scores=np.ones(1))
    return [sample] * count


@torch.no_grad()
def landmarks(model, images) -> np.ndarray:
    return np.stack([one.pred_instances.keypoints[0] for one in model.predict(images, samples(len(images)))])


@pytest.mark.parametrize('method', CODECS)
def test_it_answers_the_mean_of_both_views(method):
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(96.0), indexing='ij')
    images = torch.stack([torch.exp(-((x - at) ** 2 + (y - 70) ** 2) / 200) for at in (40, 43, 46)])[:, None]
    images = images.repeat(1, 3, 1, 1)
    model = make_model(method)
    right, down = model.flip_shift
    assert (right, down) == (4, 4)
    plain = make_model(method, 'TopdownPoseEstimator')
    plain.test_cfg = {}
    first, second = landmarks(plain, images), landmarks(plain, mirrored(images, model.flip_shift))
    second = [95, 0] + [-1, 1] * second[:, list(LAYOUT.flip_indices)] - [right, down]
    np.testing.assert_allclose(landmarks(model, images), (first + second) / 2, atol=0.01)


def test_mirrored_views_repeat_the_first_pixels():
    image = torch.arange(12.0).view(1, 1, 3, 4)
    assert mirrored(image, (1, 2))[0, 0].tolist() == [[2, 1, 0, 0], [2, 1, 0, 0], [2, 1, 0, 0]]
    torch.testing.assert_close(mirrored(image, (0, 0)), image.flip(-1))


def test_moved_maps_keep_their_sum():
    maps = torch.rand(2, 3, 5, 4)
    found = moved(maps, (0.3, 0.9))
    torch.testing.assert_close(found.sum((2, 3)), maps.sum((2, 3)))
    torch.testing.assert_close(
        found[..., 1, 1],
        0.7 * (0.1 * maps[..., 1, 1] + 0.9 * maps[..., 2, 1]) + 0.3 * (0.1 * maps[..., 1, 2] + 0.9 * maps[..., 2, 2]),
    )
    torch.testing.assert_close(moved(maps, (0, 0)), maps)


def test_heads_whose_maps_are_no_distributions_are_refused():
    with pytest.raises(
        ValueError, match='found StackedHeatmapHead with the codec ContinuousHeatmap, expected a Stacked'
    ):
        make_model('subpixel', decoder=dict(type='ContinuousHeatmap', decoder='local_soft_argmax'))
