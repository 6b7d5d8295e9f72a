"""The attentive paper's tracker: a detector of one-dimensional heatmaps, refined by the frames before.

"Attentive One-Dimensional Heatmap Regression" (Yin et al., 2020).
"""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.registry import MODELS
from mmpose.utils.typing import ConfigType, OptConfigType, OptMultiConfig, SampleList
from torch import Tensor

from ..heads import CoAttentionMarginalHead, StackedHeatmapHead
from ..layers import TemporalRefinement

Maps = tuple[Tensor, ...]  # over x and over y, or over both together


class TrackState(NamedTuple):
    """What a track remembers of the frames before: V of each axis, however many they were, and where the last crop
    lay."""

    x: Tensor  # (C, L); (C, h, w) of a two-dimensional head, which has no other axis
    y: Tensor | None = None  # (C, L)
    crop: Tensor | None = None  # (4, ): centre in image pixels, side in image pixels, angle in radians


@MODELS.register_module()
class FaceTracker(TopdownPoseEstimator):
    """Top-down estimator for the successive frames of a video: a model, which :class:`mmfld.apis.FaceLandmarkTracker`
    follows faces with.

    Backbone and head are those of a detector and bear the same names, so that a detector's checkpoint is loaded by
    ``load_from``. Trained on the clips of :class:`~mmfld.datasets.FaceVideoDataset`, with a loss on every frame (Eq.
    14).

    Args:
        backbone, head (dict): Of the detector; the head is a :class:`CoAttentionMarginalHead`. With a
            :class:`StackedHeatmapHead`, one refinement by two-dimensional convolutions takes the place of those of the
            axes.
        refinement (dict): Arguments of :class:`TemporalRefinement`, the same for both axes; its ``sigma`` is the
            codec's.
        freeze_detector (bool): Train the refinement alone, not all (Eq. 14). Defaults to True.
        detector_loss_weight (float): Of the loss of the detector's landmarks before refinement, ``loss_detector``,
            unless the detector is frozen. Eq. 14 has none. Defaults to 0.
        min_score (float): A frame whose score, the detector's mean over landmarks of the lower of the two maxima, is
            lower is refined by those before, but not remembered. Defaults to 0.5; for maps of peak 1 a landmark's
            uncertainty is sqrt(3) sigma there.
        move_state (bool): Whether V is moved along with the crop, so that it lies over the same part of the image;
            training needs ``bbox_rotation`` among the ``meta_keys`` of PackPoseInputs. Defaults to False.
        train_cfg, test_cfg, data_preprocessor, init_cfg: Of MMPose's estimators.

    Raises:
        TypeError: If the head is neither of the two.
        ValueError: If ``move_state`` is to go with a two-dimensional head, or the head has no codec.
    """

    def __init__(
        self,
        backbone: ConfigType,
        head: ConfigType,
        refinement: ConfigType = {},
        freeze_detector: bool = True,
        detector_loss_weight: float = 0.0,
        min_score: float = 0.5,
        move_state: bool = False,
        train_cfg: OptConfigType = None,
        test_cfg: OptConfigType = None,
        data_preprocessor: OptConfigType = None,
        init_cfg: OptMultiConfig = None,
        metainfo: dict | None = None,
    ):
        super().__init__(
            backbone,
            head=head,
            train_cfg=train_cfg,
            test_cfg=test_cfg,
            data_preprocessor=data_preprocessor,
            init_cfg=init_cfg,
            metainfo=metainfo,
        )
        if not isinstance(self.head, (CoAttentionMarginalHead, StackedHeatmapHead)):
            raise TypeError(
                f'FaceTracker needs a CoAttentionMarginalHead or a StackedHeatmapHead, found {type(self.head).__name__}'
            )
        if self.head.decoder is None:
            raise ValueError('FaceTracker needs a head with a decoder, whose sigma says how far the refinement reaches')
        axes = 2 if isinstance(self.head, CoAttentionMarginalHead) else 1
        if move_state and axes == 1:
            raise ValueError('move_state needs a CoAttentionMarginalHead: two-dimensional maps are not moved')
        keypoints = self.head.num_keypoints
        refinement = dict(refinement, sigma=self.head.decoder.sigma, dims=3 - axes)
        self.refine_x = TemporalRefinement(keypoints, **refinement)
        self.refine_y = TemporalRefinement(keypoints, **refinement) if axes == 2 else None
        self.freeze_detector = freeze_detector
        self.detector_loss_weight = detector_loss_weight
        self.min_score = min_score
        self.move_state = move_state
        if freeze_detector:
            self.backbone.requires_grad_(False)
            self.head.requires_grad_(False)
        self._seen: tuple[str, int] | None = None  # video and number of the last frame that was predicted
        self._state: TrackState | None = None  # batched, of one video

    def train(self, mode: bool = True) -> 'FaceTracker':
        super().train(mode)
        if self.freeze_detector:  # running means and variances stay as they are
            self.backbone.eval()
            self.head.eval()
        return self

    def refine(
        self, maps: Maps, state: TrackState | None = None, crops: Tensor | None = None
    ) -> tuple[Maps, TrackState]:
        """Refine the detector's heatmaps of T successive frames of B videos.

        Args:
            maps (tuple[Tensor, ...]): (B, T, K, L) over x and over y, or one (B, T, K, h, w).
            state (TrackState, optional): Batched, after the frames before; None at the start of the videos.
            crops (Tensor, optional): (B, T, 4) of the frames, see :class:`TrackState`, for ``move_state``.

        Returns:
            tuple: The refined heatmaps, of the same shapes, and the state after the last frame.
        """
        remembered = maps_score(maps) >= self.min_score if self.min_score > 0 else None
        moves = [None] * len(maps)
        if self.move_state:
            before = crops[:, :1] if state is None else state.crop[:, None]
            moves = self._moves(torch.cat([before, crops[:, :-1]], dim=1), crops)
        refined, sums = zip(
            *(
                refinement(axis, before, move, remembered)
                for refinement, axis, before, move in zip(self._refinements, maps, state or [None] * len(maps), moves)
            )
        )
        crop = crops[:, -1] if self.move_state else None
        return refined, TrackState(*sums, *[None] * (2 - len(sums)), crop)

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict:
        """Losses of a batch of clips of the same length, clip after clip.

        Args:
            inputs (Tensor): (B * T, 3, H, W).
            data_samples (list[PoseDataSample]): B * T, with the metainfo ``clip_frame`` and ``clip_length``.

        Returns:
            dict[str, Tensor]: ``loss_landmark`` of the refined heatmaps, averaged over frames, and with
            ``detector_loss_weight`` ``loss_detector``.
        """
        clip = _clip_shape(data_samples)
        with torch.set_grad_enabled(not self.freeze_detector and torch.is_grad_enabled()):
            detected = _as_tuple(self.head.predict_maps(self.extract_feat(inputs), data_samples))
        crops = None
        if self.move_state:
            if 'bbox_rotation' not in data_samples[0].metainfo:
                raise KeyError(
                    "'bbox_rotation' is missing in the metainfo, which move_state needs in training: "
                    'expected it among the meta_keys of PackPoseInputs'
                )
            crops = _crops(data_samples, inputs).unflatten(0, clip)
        refined, _ = self.refine(tuple(axis.unflatten(0, clip) for axis in detected), crops=crops)
        losses = dict(loss_landmark=self._loss_of(tuple(axis.flatten(0, 1) for axis in refined), data_samples))
        if self.detector_loss_weight and not self.freeze_detector:
            losses['loss_detector'] = self.detector_loss_weight * self._loss_of(detected, data_samples)
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
        crops = _crops(data_samples, inputs) if self.move_state else None
        refined = []
        for first, last in _successive(data_samples):
            place = _place(data_samples[first])
            if place is None or self._seen is None or place != (self._seen[0], self._seen[1] + 1):
                self._state = None
            part = slice(first, last + 1)
            maps, self._state = self.refine(
                tuple(axis[None, part] for axis in detected), self._state, None if crops is None else crops[None, part]
            )
            self._seen = _place(data_samples[last])
            refined.append(maps)
        return self._pack(tuple(torch.cat([axis[0] for axis in maps]) for maps in zip(*refined)), data_samples)

    def stream(
        self, inputs: Tensor, data_samples: SampleList, states: Sequence[TrackState | None]
    ) -> tuple[SampleList, list[TrackState]]:
        """Predict one frame of several tracks, whose states the caller keeps.

        Args:
            inputs (Tensor): (F, 3, H, W), normalised by the data preprocessor.
            data_samples (list[PoseDataSample]): F, one per track.
            states (Sequence): F of what the call for each track's frame before returned; None at its start.

        Returns:
            tuple: F samples with ``pred_instances`` in image coordinates, and F new states.
        """
        detected = self._detect(inputs, data_samples)
        crops = _crops(data_samples, inputs) if self.move_state else None
        empty = TrackState(*(axis.new_zeros(self.refine_x.channels, *axis.shape[2:]) for axis in detected))
        states = [
            state or empty._replace(crop=None if crops is None else crops[track]) for track, state in enumerate(states)
        ]
        batched = TrackState(*(None if parts[0] is None else torch.stack(parts) for parts in zip(*states)))
        maps, state = self.refine(
            tuple(axis[:, None] for axis in detected), batched, None if crops is None else crops[:, None]
        )
        parts = ([None] * len(states) if part is None else part for part in state)
        return self._pack(tuple(axis[:, 0] for axis in maps), data_samples), [TrackState(*one) for one in zip(*parts)]

    @property
    def _refinements(self) -> list[TemporalRefinement]:
        return [self.refine_x] if self.refine_y is None else [self.refine_x, self.refine_y]

    def _detect(self, inputs: Tensor, data_samples: SampleList) -> Maps:
        if self.test_cfg.get('flip_test', False):
            feats = [self.extract_feat(inputs), self.extract_feat(inputs.flip(-1))]
        else:
            feats = self.extract_feat(inputs)
        return _as_tuple(self.head.predict_maps(feats, data_samples, self.test_cfg))

    def _loss_of(self, maps: Maps, data_samples: SampleList) -> Tensor:
        return self.head.loss_of_maps(maps if len(maps) == 2 else maps[0], data_samples)

    def _pack(self, maps: Maps, data_samples: SampleList) -> SampleList:
        output_heatmaps = self.test_cfg.get('output_heatmaps', False)
        preds = self.head.pack(maps if len(maps) == 2 else maps[0], output_heatmaps)
        instances, fields = preds if output_heatmaps else (preds, None)
        return self.add_pred_to_datasample(instances, fields, data_samples)

    def _moves(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
        """Where bins of one crop lie in another, of the same angle: crops (B, T, 4) -> (B, T, 2), scale and shift, of
        each axis."""
        codec = self.head.decoder
        size = after.new_tensor(codec.input_size)
        middle = (size - 1) / 2
        scale = before[..., 2:3] / after[..., 2:3]
        offset = before[..., :2] - after[..., :2]
        cos, sin = after[..., 3].cos(), after[..., 3].sin()
        turned = torch.stack(
            [cos * offset[..., 0] + sin * offset[..., 1], cos * offset[..., 1] - sin * offset[..., 0]], dim=-1
        )
        # the middle of the one crop, in bins of either
        shift = codec.centres(middle + turned * size / after[..., 2:3]) - scale * codec.centres(middle)
        return tuple(torch.stack([scale[..., 0], axis], dim=-1) for axis in shift.unbind(-1))


def maps_score(maps: Maps) -> Tensor:
    """(B, T) scores of frames from maps (B, T, K, L) over x and y or (B, T, K, h, w): the mean over landmarks of the
    maximum, the lower one of two."""
    peaks = [axis.detach().flatten(3).amax(-1) for axis in maps]
    return torch.stack(peaks).amin(0).mean(-1)


def _as_tuple(maps: Tensor | Maps) -> Maps:
    return maps if isinstance(maps, tuple) else (maps,)


def _crops(data_samples: SampleList, like: Tensor) -> Tensor:
    """(B, 4): centres and sides of crops in image pixels, and their angles in radians."""
    rows = []
    for sample in data_samples:
        meta = sample.metainfo
        side = np.asarray(meta['input_scale'], np.float64)
        # FaceAffine's input_center lies half a pixel of the crop further
        centre = meta['input_center'] - 0.5 * side / np.array(meta['input_size'])
        rows.append([*centre, side[0], np.deg2rad(meta.get('bbox_rotation', [0.0])[0])])
    return like.new_tensor(np.array(rows))


def _clip_shape(data_samples: SampleList) -> tuple[int, int]:
    """(B, T) of a batch of clips."""
    lengths = {sample.metainfo.get('clip_length') for sample in data_samples}
    if None in lengths:
        raise KeyError("'clip_length' is missing in the metainfo: FaceTracker is trained on a FaceVideoDataset")
    length = max(lengths)
    if len(lengths) != 1 or len(data_samples) % length:
        raise ValueError(
            f'expected whole clips of one length, found {len(data_samples)} frames of clips of {sorted(lengths)} frames'
        )
    return len(data_samples) // length, length


def _place(sample) -> tuple[str, int] | None:
    """Video and frame number of a sample, if it says."""
    if 'video' not in sample.metainfo:
        return None
    return sample.metainfo['video'], sample.metainfo['frame']


def _successive(data_samples: SampleList) -> list[tuple[int, int]]:
    """First and last index of each run of successive frames of one video."""

    def key(indexed):
        index, sample = indexed
        place = _place(sample)
        return (None, index) if place is None else (place[0], place[1] - index)

    runs = [[index for index, _ in run] for _, run in groupby(enumerate(data_samples), key)]
    return [(run[0], run[-1]) for run in runs]
