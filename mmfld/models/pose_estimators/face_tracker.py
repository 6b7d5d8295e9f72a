"""The tracker of P3: a detector of one-dimensional heatmaps, refined by the frames before (Yin et al., 2020)."""
from itertools import groupby
from typing import List, NamedTuple, Optional, Sequence, Tuple

import torch
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.registry import MODELS
from mmpose.utils.typing import ConfigType, OptConfigType, OptMultiConfig, SampleList
from torch import Tensor

from ..heads.co_attention_marginal_head import CoAttentionMarginalHead, Marginals, marginal_targets
from ..layers import TemporalRefinement


class TrackState(NamedTuple):
    """What a track remembers of the frames before: (C, L) for each axis, however many they were."""
    x: Tensor
    y: Tensor


@MODELS.register_module()
class FaceTracker(TopdownPoseEstimator):
    """Top-down estimator for the successive frames of a video.

    Backbone and head are those of a detector and bear the same names, so that a detector's checkpoint is loaded by
    ``load_from``. Trained on the clips of :class:`~mmfld.datasets.FaceVideoDataset`, with a loss on every frame (P3,
    Eq. 14).

    Args:
        backbone, head (dict): Of the detector; the head is a :class:`CoAttentionMarginalHead`.
        refinement (dict): Arguments of :class:`TemporalRefinement`, the same for both axes: ``channels``,
            ``kernel_size``, ``decay``.
        freeze_detector (bool): Train the refinement alone. Otherwise backbone and head are trained with it, with the
            loss of the detector's landmarks before refinement added as ``loss_detector``. Defaults to True.
        train_cfg, test_cfg, data_preprocessor, init_cfg: Of MMPose's estimators.
    """

    def __init__(self,
                 backbone: ConfigType,
                 head: ConfigType,
                 refinement: ConfigType = {},
                 freeze_detector: bool = True,
                 train_cfg: OptConfigType = None,
                 test_cfg: OptConfigType = None,
                 data_preprocessor: OptConfigType = None,
                 init_cfg: OptMultiConfig = None,
                 metainfo: Optional[dict] = None):
        super().__init__(
            backbone,
            head=head,
            train_cfg=train_cfg,
            test_cfg=test_cfg,
            data_preprocessor=data_preprocessor,
            init_cfg=init_cfg,
            metainfo=metainfo)
        if not isinstance(self.head, CoAttentionMarginalHead):
            raise TypeError(f'FaceTracker needs a CoAttentionMarginalHead, found {type(self.head).__name__}')
        keypoints = self.head.layout.num_keypoints
        self.refine_x = TemporalRefinement(keypoints, **refinement)
        self.refine_y = TemporalRefinement(keypoints, **refinement)
        self.freeze_detector = freeze_detector
        if freeze_detector:
            self.backbone.requires_grad_(False)
            self.head.requires_grad_(False)
        self._seen: Optional[Tuple[str, int]] = None  # video and number of the last frame that was predicted
        self._state: Optional[TrackState] = None  # batched, of one video

    def train(self, mode: bool = True) -> 'FaceTracker':
        super().train(mode)
        if self.freeze_detector:  # running means and variances stay as they are
            self.backbone.eval()
            self.head.eval()
        return self

    def refine(self, maps: Marginals, state: Optional[TrackState] = None) -> Tuple[Marginals, TrackState]:
        """Refine the detector's heatmaps of T successive frames of B videos.

        Args:
            maps (tuple[Tensor, Tensor]): (B, T, K, L) over x and over y.
            state (TrackState, optional): (B, C, L) each, after the frames before; None at the start of the videos.

        Returns:
            tuple: The refined heatmaps, of the same shapes, and the state after the last frame.
        """
        x, state_x = self.refine_x(maps[0], state.x if state is not None else None)
        y, state_y = self.refine_y(maps[1], state.y if state is not None else None)
        return (x, y), TrackState(state_x, state_y)

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict:
        """Losses of a batch of clips of the same length, clip after clip.

        Args:
            inputs (Tensor): (B * T, 3, H, W).
            data_samples (list[PoseDataSample]): B * T, with the metainfo ``clip_frame`` and ``clip_length``.

        Returns:
            dict[str, Tensor]: ``loss_landmark`` of the refined heatmaps, averaged over frames, and ``loss_detector``
            unless the detector is frozen.
        """
        clip = _clip_shape(data_samples)
        with torch.set_grad_enabled(not self.freeze_detector and torch.is_grad_enabled()):
            detected = self.head(self.extract_feat(inputs))
        (x, y), _ = self.refine(tuple(maps.unflatten(0, clip) for maps in detected))
        targets, weights = marginal_targets(data_samples)
        losses = dict(loss_landmark=self.head.loss_landmark((x.flatten(0, 1), y.flatten(0, 1)), targets, weights))
        if not self.freeze_detector:
            losses['loss_detector'] = self.head.loss_landmark(detected, targets, weights)
        return losses

    def predict(self, inputs: Tensor, data_samples: SampleList) -> SampleList:
        """Predict frames in the order of their videos.

        The state is kept from call to call. It is reset where ``video`` changes in the metainfo or ``frame`` does not
        follow the one before; without these, every image stands alone.

        Args:
            inputs (Tensor): (B, 3, H, W).
            data_samples (list[PoseDataSample]): B.

        Returns:
            list[PoseDataSample]: With ``pred_instances`` in image coordinates.
        """
        detected = self._detect(inputs, data_samples)
        refined = []
        for first, last in _successive(data_samples):
            place = _place(data_samples[first])
            if place is None or self._seen is None or place != (self._seen[0], self._seen[1] + 1):
                self._state = None
            maps, self._state = self.refine(tuple(axis[None, first:last + 1] for axis in detected), self._state)
            self._seen = _place(data_samples[last])
            refined.append(maps)
        x, y = (torch.cat([axis[0] for axis in maps]) for maps in zip(*refined))
        return self._pack((x, y), data_samples)

    def stream(self, inputs: Tensor, data_samples: SampleList,
               states: Sequence[Optional[TrackState]]) -> Tuple[SampleList, List[TrackState]]:
        """Predict one frame of several tracks, whose states the caller keeps.

        Args:
            inputs (Tensor): (F, 3, H, W), normalised by the data preprocessor.
            data_samples (list[PoseDataSample]): F, one per track.
            states (Sequence): F of what the call for each track's frame before returned; None at its start.

        Returns:
            tuple: F samples with ``pred_instances`` in image coordinates, and F new states.
        """
        detected = self._detect(inputs, data_samples)
        empty = detected[0].new_zeros(self.refine_x.cnn3[0].out_channels, detected[0].shape[-1])
        state = TrackState(*(torch.stack([empty if one is None else one[axis] for one in states]) for axis in (0, 1)))
        (x, y), state = self.refine(tuple(axis[:, None] for axis in detected), state)
        return self._pack((x[:, 0], y[:, 0]), data_samples), [TrackState(*one) for one in zip(*state)]

    def _detect(self, inputs: Tensor, data_samples: SampleList) -> Marginals:
        if self.test_cfg.get('flip_test', False):
            feats = [self.extract_feat(inputs), self.extract_feat(inputs.flip(-1))]
        else:
            feats = self.extract_feat(inputs)
        return self.head.predict_maps(feats, data_samples, self.test_cfg)

    def _pack(self, maps: Marginals, data_samples: SampleList) -> SampleList:
        output_heatmaps = self.test_cfg.get('output_heatmaps', False)
        preds = self.head.pack(maps, output_heatmaps)
        instances, fields = preds if output_heatmaps else (preds, None)
        return self.add_pred_to_datasample(instances, fields, data_samples)


def _clip_shape(data_samples: SampleList) -> Tuple[int, int]:
    """(B, T) of a batch of clips."""
    lengths = {sample.metainfo.get('clip_length') for sample in data_samples}
    if None in lengths:
        raise KeyError("'clip_length' is missing in the metainfo: FaceTracker is trained on a FaceVideoDataset")
    length = max(lengths)
    if len(lengths) != 1 or len(data_samples) % length:
        raise ValueError(f'expected whole clips of one length, found {len(data_samples)} frames of clips of '
                         f'{sorted(lengths)} frames')
    return len(data_samples) // length, length


def _place(sample) -> Optional[Tuple[str, int]]:
    """Video and frame number of a sample, if it says."""
    if 'video' not in sample.metainfo:
        return None
    return sample.metainfo['video'], sample.metainfo['frame']


def _successive(data_samples: SampleList) -> List[Tuple[int, int]]:
    """First and last index of each run of successive frames of one video."""
    def key(indexed):
        index, sample = indexed
        place = _place(sample)
        return (None, index) if place is None else (place[0], place[1] - index)

    runs = [[index for index, _ in run] for _, run in groupby(enumerate(data_samples), key)]
    return [(run[0], run[-1]) for run in runs]
