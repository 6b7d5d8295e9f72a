"""A flip test whose two views do not fall into the cells of the heatmaps in the same way."""

from typing import Any

import torch.nn.functional as F
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.registry import MODELS
from mmpose.utils.typing import SampleList
from torch import Tensor

from ..heads import StackedHeatmapHead


@MODELS.register_module()
class HalfCellFlipTopdownPoseEstimator(TopdownPoseEstimator):
    """Top-down estimator whose flip test moves the mirrored input by half a cell of the heatmaps, right and down.

    Where a landmark lies within its cell has a part in its error. A mirrored crop has the cells of the crop, so that
    both views of the usual flip test have that part in common; half a cell apart, the two partly cancel, at no cost.
    What the distributions of both views say is averaged, so that the landmark read as an expectation is the mean of
    both. Without ``test_cfg.flip_test``, and in training, it is the base class.

    Raises:
        ValueError: If the head is no :class:`StackedHeatmapHead`, whose maps are read as distributions.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.flip_shift = half_a_cell(self.head)
        if self.flip_shift is None:
            codec = getattr(self.head, 'decoder', None)
            raise ValueError(
                f'{type(self).__name__}: found {type(self.head).__name__} with the codec {type(codec).__name__}, '
                'expected a StackedHeatmapHead with a codec that reads the maps as distributions'
            )

    def predict(self, inputs: Tensor, data_samples: SampleList) -> SampleList:
        """As the base class, from inputs (B, 3, H, W)."""
        if not self.test_cfg.get('flip_test', False):
            return super().predict(inputs, data_samples)
        feats = [self.extract_feat(view) for view in (inputs, mirrored(inputs, self.flip_shift))]
        preds = self.head.predict(feats, data_samples, test_cfg=dict(self.test_cfg, flip_shift=self.flip_shift))
        instances, fields = preds if isinstance(preds, tuple) else (preds, None)
        return self.add_pred_to_datasample(instances, fields, data_samples)


def half_a_cell(head: Any) -> tuple[int, int] | None:
    """In whole pixels of the input, (x, y); None if the views of a head's flip test cannot be so far apart."""
    codec = getattr(head, 'decoder', None)
    if type(head) is not StackedHeatmapHead or not getattr(codec, 'has_distributions', False):
        return None
    width, height = codec.cell_size
    return round(width / 2), round(height / 2)


def mirrored(inputs: Tensor, shift: tuple[int, int]) -> Tensor:
    """Inputs (B, 3, H, W) moved right and down by whole pixels (x, y), the first rows and columns repeated, then
    mirrored."""
    right, down = shift
    height, width = inputs.shape[-2:]
    if right or down:
        inputs = F.pad(inputs, (right, 0, down, 0), mode='replicate')[..., :height, :width]
    return inputs.flip(-1)
