"""SiameseTopdownPoseEstimator: maps warped back to the crop, their average, and training and prediction with them."""
from copy import deepcopy

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
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
IDENTITY, MIRROR = np.eye(3)[:2], np.diag([-1., 1., 1.])[:2]


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
        dict(type='RandomFaceSimilarity', rotation=30., scale=0.15, shift=0.1, distribution='uniform'),
        dict(type='FaceAffine', input_size=(size, size)),
    ]


def random_face() -> dict:
    """Random points on a smooth random image, up to the crop rule."""
    image = cv2.GaussianBlur(np.random.randint(0, 256, (200, 240, 3), dtype=np.uint8), (0, 0), 2)
    points = np.random.uniform((60, 40), (160, 140), (1, K, 2)).astype(np.float32)
    return TRANSFORMS.build(dict(type='GetFaceCrop', rule='face_220')).transform(dict(
        img=image, img_shape=image.shape[:2], bbox=np.array([[60., 40., 160., 140.]], np.float32),
        bbox_score=np.ones(1, np.float32), keypoints=points, keypoints_visible=np.ones((1, K), np.float32),
        flip_indices=list(LAYOUT.flip_indices)))


def stacked(samples, key: str) -> torch.Tensor:
    return torch.from_numpy(np.stack([sample.metainfo[key] for sample in samples]))


# ------------------------------------------------------------------------------------------------ maps warped back
@pytest.fixture(scope='module')
def merged_truth() -> dict:
    """Ground-truth maps of 32 faces in two random views each, merged; positions in cells of 64 x 64 maps."""
    init_default_scope('mmpose')
    np.random.seed(0)
    siamese = TRANSFORMS.build(dict(type='SiameseViews', augmentation=augmentation_of(256)))
    views, augment = [], siamese.augmentation
    siamese.augmentation = lambda results: views.append(augment(results)) or views[-1]
    pipeline = Compose([siamese, dict(type='GenerateTarget', encoder=codec_of(256)),
                        dict(type='PackPoseInputs', meta_keys=META_KEYS)])
    samples = [pipeline(random_face())['data_samples'] for _ in range(32)]
    # the landmarks of each view as the network sees them: those of a mirrored view in mirrored order
    points = torch.from_numpy(np.concatenate([view['transformed_keypoints'] for view in views]))
    maps = KEYPOINT_CODECS.build(codec_of(256)).batch_encode(points).unflatten(0, (32, 2))
    flips = stacked(samples, 'view_flips')
    merged, seen = merge_views(maps, stacked(samples, 'view_matrices'), flips, PERMUTATION)

    truth = normalized_to_cells(
        torch.cat([sample.gt_instance_labels.keypoint_labels for sample in samples]), 64, 'half_pixel')
    positions = points.unflatten(0, (32, 2)) / 4 - 0.375
    positions = torch.where(flips[:, :, None, None], positions[:, :, PERMUTATION], positions)
    margin = 4 * 1.5 / 0.85  # 4 standard deviations in a face of magnification 0.85
    inside = ((positions > margin) & (positions < 63 - margin)).all(-1)
    return dict(
        merged=merged, seen=seen, flips=flips, target=torch.stack([sample.gt_fields.heatmaps for sample in samples]),
        error=decoders.expectation(merged) - truth, inside=inside,
        inside_crop=((truth > margin) & (truth < 63 - margin)).all(-1))


def test_merged_truth_lies_on_the_targets(merged_truth):
    inside = merged_truth['inside'].all(1) & merged_truth['inside_crop']
    assert inside.sum() > 300 and merged_truth['flips'].any(1).sum() > 10
    # the centroid is not moved by the blur of the interpolation, whatever the angle
    error = merged_truth['error'][inside].norm(dim=-1)
    print('ERR', error.mean(), error.max(), inside.sum(), merged_truth['error'][inside].mean(0))
    assert error.max() < 0.05 and error.mean() < 0.005
    assert merged_truth['error'][inside].mean(0).abs().max() < 0.001
