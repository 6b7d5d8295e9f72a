"""The test pipeline of a model for crops that may be turned, which MMPose's inference does not know."""

from typing import Any

import cv2
import numpy as np
import torch
from mmengine.dataset import Compose
from mmpose.structures import PoseDataSample

from ..runtime.crops import turn, visible_in_image

FRAMING = ('GetFaceCrop', 'GetBBoxCenterScale')  # steps of test pipelines that say where a crop lies


class CropPipeline:
    """Crops by a test pipeline.

    Args:
        pipeline (Compose): All of it.

    Attributes:
        can_turn (bool): Whether what says where a crop lies is told apart from what samples it.
    """

    def __init__(self, pipeline: Compose) -> None:
        self._whole = pipeline
        steps = pipeline.transforms
        framing = [n for n, step in enumerate(steps) if type(step).__name__ in FRAMING]
        self.can_turn = bool(framing)
        if framing:
            self._framing, self._sampling = Compose(steps[: framing[-1] + 1]), Compose(steps[framing[-1] + 1 :])

    def __call__(
        self, image: np.ndarray, box: np.ndarray, angle: float, around: np.ndarray, meta: dict[str, Any]
    ) -> tuple[dict, np.ndarray | None]:
        """A crop, as the model takes it, and the point (2, ) that it is turned around, None if it is not turned.

        Args:
            image (ndarray): (H, W, 3) uint8 in BGR.
            box (ndarray): (4, ) landmark box in the image as it is when it is turned by ``angle`` around its first
                pixel.
            angle (float): Degrees.
            around (ndarray): (4, ) box along the image.
            meta (dict): Of the model's data set.
        """
        results = dict(
            img=image, img_path='', bbox=box[None].astype(np.float32), bbox_score=np.ones(1, np.float32), **meta
        )
        if not angle:
            return self._whole(results), None
        results = self._framing(results)
        center = turn(results['bbox_center'].astype(np.float64), -angle)
        results.update(
            bbox_center=center.astype(np.float32),
            bbox=around[None].astype(np.float32),
            bbox_rotation=np.array([angle], np.float32),
        )
        return self._sampling(results), center


def to_image(sample: PoseDataSample, center: np.ndarray | None, angle: float, image: np.ndarray) -> None:
    """Bring to the image (H, W, 3) what MMPose leaves behind: the turn of a crop around ``center``, covariances, and
    which landmarks lie outside, where nothing is visible."""
    sample.set_metainfo(dict(crop_angle=float(angle)))
    if center is not None:
        turn_back(sample, center, angle)
    instances = sample.pred_instances
    if 'keypoint_covariances' in instances:
        spread_back(sample, angle)
        sides = np.array(image.shape[1::-1])
        instances.keypoints_visible = visible_in_image(instances.keypoints_visible, instances.keypoints, sides)


def turn_back(sample: PoseDataSample, center: np.ndarray, angle: float) -> None:
    """Turn landmarks and heatmaps, which MMPose has mapped to the image as if the crop were upright."""
    keypoints = sample.pred_instances.keypoints
    sample.pred_instances.keypoints = (turn(keypoints - center, -angle) + center).astype(keypoints.dtype)
    if 'pred_fields' in sample and 'heatmaps' in sample.pred_fields:
        maps = sample.pred_fields.heatmaps
        maps = maps.cpu().numpy() if isinstance(maps, torch.Tensor) else maps
        height, width = maps.shape[1:]
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -angle, 1)
        sample.pred_fields.heatmaps = np.stack([cv2.warpAffine(one, matrix, (width, height)) for one in maps])


def spread_back(sample: PoseDataSample, angle: float) -> None:
    """Bring covariances from the network input to the image."""
    instances = sample.pred_instances
    turned = turn(np.eye(2)[None], -angle)[0].T
    back = turned * (np.asarray(sample.metainfo['input_scale']) / sample.metainfo['input_size'])
    covariances = back @ instances.keypoint_covariances @ back.T
    instances.keypoint_covariances = covariances.astype(np.float32)
