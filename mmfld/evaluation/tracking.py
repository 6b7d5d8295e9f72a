"""How a tracker does on its own, as plain NumPy functions: frames lost, identity switches, errors and flicker.

For videos in which one face is annotated. In each frame the tracker gives faces with numbers, and at most one of them
is matched with the true face:

* **lost** is a frame in which no face is matched, as none has an IoU with the true one of at least ``MIN_IOU``. IoU is
  that of the tight boxes around the annotated landmarks, so it works where only some are annotated, too. Frames before
  the first match are lost as well, and also counted apart as **not yet found**.
* **identity switch** is a match whose number is not that of the match before, in whichever frame that was.
* **other faces** are those that are not matched: where there is but one face, they are none.

The face with the number of the match before is matched as long as its IoU suffices, else the one with the largest, as
in CLEAR MOT (Bernardin and Stiefelhagen, 2008): two tracks on one face are not a switch in each frame.

A lost frame has no error. NME and flicker are means over matched frames: compare them on the same ones. FR and AUC are
over all frames, and a lost one is a failure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmpose.structures.bbox import bbox_overlaps

from mmfld.structures import FaceLayout

from .flicker import flicker_per_frame
from .functional import auc, failure_rate, inter_ocular, nme_per_image

MIN_IOU = 0.5
LOST = -1


def match_faces(
    faces: Sequence[np.ndarray], numbers: Sequence[Sequence[int]], gt: np.ndarray, visible: np.ndarray
) -> np.ndarray:
    """Which face of each frame of a video is the annotated one, see the module.

    Args:
        faces (Sequence[np.ndarray]): Of each of T successive frames (N, K, 2) landmarks of its faces, pixels.
        numbers (Sequence[Sequence[int]]): Of each frame the N numbers of their tracks.
        gt (np.ndarray): (T, K, 2) true landmarks, pixels.
        visible (np.ndarray): (T, K) bool, the landmarks that are annotated.

    Returns:
        np.ndarray: (T, ) int, index into the faces of the frame; ``LOST`` where none is matched.
    """
    matched = np.full(len(gt), LOST)
    last = LOST
    for t, (found, ids) in enumerate(zip(faces, numbers)):
        if not len(found):
            continue
        boxes, box = _boxes(np.asarray(found)[:, visible[t]]), _boxes(gt[t : t + 1, visible[t]])
        ious = bbox_overlaps(boxes, box)[:, 0].numpy()
        preference = np.where(ious >= MIN_IOU, ious + (np.asarray(ids) == last), LOST)
        best = int(preference.argmax())
        if preference[best] != LOST:
            matched[t], last = best, ids[best]
    return matched


def identity_switches(numbers: np.ndarray) -> np.ndarray:
    """Matches with another number than the match before.

    >>> identity_switches(np.array([0, 0, LOST, 0, 3, 3])).tolist()
    [False, False, False, False, True, False]

    Args:
        numbers (np.ndarray): (T, ) int, the number of the matched face of each frame of a video, ``LOST`` where none
            is.

    Returns:
        np.ndarray: (T, ) bool, True in the first frame with the new number.
    """
    numbers = np.asarray(numbers)
    switches = np.zeros(len(numbers), bool)
    matched = np.flatnonzero(numbers != LOST)
    switches[matched[1:]] = numbers[matched[1:]] != numbers[matched[:-1]]
    return switches


@dataclass
class FollowedFace:
    """What is measured of the annotated face of a video, frame by frame.

    Args:
        errors (np.ndarray): (T, ) NME as a fraction of the inter-ocular distance; NaN in lost frames.
        flicker (np.ndarray): (T, ) of the error, in the same unit, see :mod:`mmfld.evaluation.flicker`; NaN where it
            is not defined.
        not_yet_found (np.ndarray): (T, ) bool, lost frames before the first match.
        switches (np.ndarray, optional): (T, ) bool, identity switches. None where boxes are given: there is no
            identity.
        others (np.ndarray, optional): (T, ) int, other faces.
    """

    errors: np.ndarray
    flicker: np.ndarray
    not_yet_found: np.ndarray
    switches: np.ndarray | None = None
    others: np.ndarray | None = None

    @classmethod
    def measure(
        cls,
        pred: np.ndarray,
        gt: np.ndarray,
        visible: np.ndarray,
        frames: np.ndarray,
        layout: FaceLayout,
        **identity: np.ndarray,
    ) -> 'FollowedFace':
        """Errors and flicker of predicted landmarks.

        Args:
            pred (np.ndarray): (T, K, 2) landmarks, pixels; NaN in lost frames.
            gt (np.ndarray): (T, K, 2) true landmarks, pixels.
            visible (np.ndarray): (T, K) bool, the landmarks that are annotated.
            frames (np.ndarray): (T, ) int, increasing: the places of the frames in the video.
            layout (FaceLayout): Of the landmarks.
            **identity (np.ndarray): ``switches`` and ``others``.

        Raises:
            ValueError: If a frame lacks an outer eye corner, or they coincide.
        """
        eyes = inter_ocular(gt, visible, layout)
        if not (eyes > 0).all():
            frame = frames[int((eyes > 0).argmin())]
            raise ValueError(
                f'frame {frame}: found an inter-ocular distance of {eyes[frames == frame][0]} pixels, '
                f'expected a positive one from the landmarks {layout.eye_corners} (outer eye corners)'
            )
        errors = nme_per_image(pred, gt, visible, eyes)
        tracks = np.where(visible[..., None], pred, np.nan)
        return cls(
            errors, flicker_per_frame(tracks, gt, frames, eyes), np.isnan(errors).cumprod().astype(bool), **identity
        )

    def subset(self, kept: np.ndarray) -> 'FollowedFace':
        """The frames where ``kept`` (T, ) is True, each with what was measured among all."""
        parts: dict[str, Any] = {name: None if values is None else values[kept] for name, values in vars(self).items()}
        return FollowedFace(**parts)


def summarize_tracking(videos: Sequence[FollowedFace], threshold: float) -> dict[str, float]:
    """The measures of the module over several videos.

    Args:
        videos (Sequence[FollowedFace]): One per video, with one frame or more among all.
        threshold (float): Of FR and AUC, a fraction.

    Returns:
        dict: ``frames``, ``lost`` and ``not_yet_found`` in frames; ``NME``, the mean over matched frames,
        ``NME_video``, first over those of a video and then over videos, and ``flicker``, in percent of the inter-ocular
        distance, NaN where there are none; ``FR`` in percent and ``AUC`` in [0, 1]; if there are identities, the number
        of ``switches`` and of ``others``, the other faces.
    """
    errors = np.concatenate([video.errors for video in videos])
    flicker = np.concatenate([video.flicker for video in videos])
    lost = np.isnan(errors)
    failed = np.where(lost, 1e9, errors)  # beyond any threshold
    means = [_mean(video.errors) for video in videos]
    summary = dict(
        frames=len(errors),
        lost=int(lost.sum()),
        not_yet_found=sum(int(video.not_yet_found.sum()) for video in videos),
        NME=100 * _mean(errors),
        NME_video=100 * _mean(np.array(means)),
        FR=100 * failure_rate(failed, threshold),
        AUC=auc(failed, threshold),
        flicker=100 * _mean(flicker),
    )
    switches = [video.switches.sum() for video in videos if video.switches is not None]
    others = [video.others.sum() for video in videos if video.others is not None]
    if len(switches) == len(others) == len(videos):
        summary.update(switches=int(sum(switches)), others=int(sum(others)))
    return summary


def _mean(values: np.ndarray) -> float:
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else np.nan


def _boxes(points: np.ndarray) -> torch.Tensor:
    """(N, K, 2) -> (N, 4) float64, the tight boxes x1, y1, x2, y2."""
    return torch.from_numpy(np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1).astype(np.float64))
