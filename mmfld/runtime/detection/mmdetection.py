"""Detectors of MMDetection, where that is installed."""
from typing import Optional, Sequence

import numpy as np

from ..boxes import non_maximum_suppression
from .calibration import BoxCalibration


class MMDetFaceDetector:
    """A detector of MMDetection.

    Args:
        model (str | Config, optional): Config. Without one, MMPose's face detector (a YOLOX-s trained on the faces of
            COCO-WholeBody), whose weights MMEngine downloads.
        weights (str, optional): Checkpoint.
        device (str, optional): Defaults to a GPU if there is one.
        cat_ids (Sequence[int]): The categories that are faces. Defaults to ``(0, )``.
        score_thr (float): Defaults to 0.3.
        nms_thr (float): IoU above which the weaker of two boxes is dropped. Defaults to 0.3.
        calibration (BoxCalibration): Of this detector. Defaults to none: its boxes are taken as landmark boxes, which
            a round of refinement mends for boxes not far from them; :meth:`BoxCalibration.fit` measures it.
    """

    def __init__(self,
                 model=None,
                 weights: Optional[str] = None,
                 device: Optional[str] = None,
                 cat_ids: Sequence[int] = (0, ),
                 score_thr: float = 0.3,
                 nms_thr: float = 0.3,
                 calibration: BoxCalibration = BoxCalibration()):
        try:
            from mmdet.apis import DetInferencer  # slow to import, and only needed here
        except ImportError as error:
            raise ImportError(f"detector 'mmdet' needs MMDetection, which does not import ({error}): run "
                              '`pip install --no-deps mmdet==3.3.0`') from error
        if model is None:
            from mmpose.apis.inferencers.utils import default_det_models
            model, weights = default_det_models['face']['model'], weights or default_det_models['face']['weights']
        self.inferencer = DetInferencer(model, weights, device, scope='mmdet', show_progress=False)
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
