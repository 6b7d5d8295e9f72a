"""What heads have in common that say how far their landmarks may be off."""

from mmengine.structures import InstanceData
from mmpose.models.heads.base_head import BaseHead
from mmpose.utils.typing import OptConfigType
from torch import Tensor

from ...uncertainty.calibration import LandmarkCalibration, Uncertainty

PEAK = 0.2  # of a map's maximum: what is lower has no part in the spread of a peak


class UncertainHead(BaseHead):
    """Base of heads whose maps tell how far a landmark may be off.

    Attributes:
        calibration (LandmarkCalibration, optional): Makes covariances of errors, and the visibility, from the spread of
            the maps. It comes with weights (``mmfld calibrate``), whose file has it beside them.
    """

    def __init__(self, init_cfg: OptConfigType = None):
        super().__init__(init_cfg)
        self.calibration: LandmarkCalibration | None = None

    def spread(self, *maps: Tensor) -> Tensor:
        """(B, K, 2, 2) float32 covariances of the maps, squared pixels of the network input, (x, y) order."""
        raise NotImplementedError

    def uncertainty(self, *maps: Tensor) -> Uncertainty:
        """Of maps as :meth:`predict_maps` gives them.

        Without a calibration the covariances are those of the distributions that the landmarks are read from (STAR
        paper, Eq. 4), which tell where a landmark may lie and not how far it is off, and None where the maps are no
        distributions.
        """
        if self.calibration is not None:
            _, scores = self.decoder.landmarks(*maps)
            return self.calibration(scores, self.spread(*maps))
        return Uncertainty(self.spread(*maps) if self.decoder.has_distributions else None, None)

    def tell_uncertainty(self, preds: list[InstanceData], *maps: Tensor) -> None:
        """Add ``keypoint_covariances`` (1, K, 2, 2) and ``keypoints_visible`` (1, K) to predictions, if the weights are
        calibrated."""
        if self.calibration is None:
            return
        for pred, covariances, visible in zip(preds, *(part.cpu().numpy() for part in self.uncertainty(*maps))):
            pred.set_field(covariances[None], 'keypoint_covariances')
            pred.set_field(visible[None], 'keypoints_visible')
