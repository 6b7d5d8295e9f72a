"""Detectors of MMDetection, where that is installed."""

from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np

from ..arguments import check_path
from ..boxes import non_maximum_suppression
from .calibration import BoxCalibration


class MMDetFaceDetector:
    """A detector of MMDetection.

    Args:
        model (str | Config, optional): Config. Defaults to that of MMPose's face detector (a YOLOX-s trained on the
            faces of COCO-WholeBody).
        weights (str | Path): Checkpoint; a URL is downloaded, and nothing else is. There is no default.
        device (str, optional): Defaults to a GPU if there is one.
        cat_ids (Sequence[int]): The categories that are faces. Defaults to ``(0, )``.
        score_thr (float): Defaults to 0.3.
        nms_thr (float): IoU above which the weaker of two boxes is dropped. Defaults to 0.3.
        calibration (BoxCalibration): Of this detector. Defaults to none: its boxes are taken as landmark boxes, which
            a round of refinement mends for boxes not far from them; :meth:`BoxCalibration.fit` measures it.
    """

    def __init__(
        self,
        model: Any = None,
        weights: str | Path | None = None,
        device: str | None = None,
        cat_ids: Sequence[int] = (0,),
        score_thr: float = 0.3,
        nms_thr: float = 0.3,
        calibration: BoxCalibration = BoxCalibration(),
    ):
        from ... import load_components

        load_components()
        try:
            from mmdet.apis import DetInferencer  # slow to import, and only needed here
        except ImportError as error:
            raise ImportError(
                f"detector 'mmdet' needs MMDetection, which does not import ({error}): run "
                '`pip install --no-deps mmdet==3.3.0`'
            ) from error
        if model is None or weights is None:
            from mmpose.apis.inferencers.utils import default_det_models

            default = default_det_models['face']
        if weights is None:
            url = f' (that of MMPose is {default["weights"]})' if model is None else ''
            raise ValueError(
                f"detector 'mmdet' needs the weights of a detector, found none, and downloads nothing by "
                f'itself: give a file as detector_weights, or a URL to download it{url}'
            )
        check_path('detector_weights', weights)
        try:
            self.inferencer = DetInferencer(
                default['model'] if model is None else model, str(weights), device, scope='mmdet', show_progress=False
            )
        except (EOFError, RuntimeError, UnpicklingError) as error:
            # torch's own words advise to load it unsafely
            raise ValueError(f'detector_weights {weights}: found no checkpoint that is complete and plain') from error
        self.cat_ids = tuple(cat_ids)
        self.score_thr = score_thr
        self.nms_thr = nms_thr
        self.calibration = calibration

    def __call__(self, image: np.ndarray) -> np.ndarray:
        found = self.inferencer(image, return_datasamples=True)['predictions'][0].pred_instances.numpy()
        kept = np.isin(found.labels, self.cat_ids) & (found.scores > self.score_thr)
        boxes = np.column_stack([found.bboxes, found.scores])[kept].astype(np.float64)
        boxes = boxes[non_maximum_suppression(boxes, self.nms_thr)]
        return np.column_stack([self.calibration(boxes[:, :4]), boxes[:, 4]])
