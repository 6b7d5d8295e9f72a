"""A top-down estimator that learns from a teacher's heatmaps besides its labels."""

from typing import Any

import torch
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.registry import MODELS
from mmpose.utils.typing import OptConfigType, SampleList
from torch import Tensor, nn

from ..heads import StackedHeatmapHead


@MODELS.register_module()
class DistilledTopdownPoseEstimator(TopdownPoseEstimator):
    """Top-down estimator whose heatmaps of a worse view learn from a teacher's of the view as it is.

    Goes with :class:`~mmfld.datasets.transforms.WorseBesideClean`. The labels are those of the face; besides, the
    Kullback-Leibler divergence of the distribution of each landmark in each stack from the teacher's is added, so that
    the student also learns how sure a landmark is, and that it does not move when the picture becomes worse. The
    teacher is not a part of the checkpoint, and prediction is that of the base class.

    Args:
        teacher (dict, optional): Config of an estimator of the same landmarks, input and heatmap size, with its weights
            as ``init_cfg``. Without it the model is its own teacher: its distributions of the views as they are.
        loss_teacher (float): Weight of the divergence, its mean over landmarks. Defaults to 1e4.
        **kwargs: As the base class.
    """

    def __init__(self, *args: Any, teacher: OptConfigType = None, loss_teacher: float = 1e4, **kwargs: Any):
        super().__init__(*args, **kwargs)
        if type(self.head) is not StackedHeatmapHead:
            raise ValueError(
                f'{type(self).__name__}: found {type(self.head).__name__}, expected StackedHeatmapHead, whose maps are '
                'read as distributions'
            )
        self.teacher = teacher
        self.loss_teacher = loss_teacher
        self._built: list[nn.Module] = []  # in a list it is no submodule: neither trained nor saved

    def distributions(self, clean: Tensor) -> Tensor:
        """What the teacher says of views (B, 3, H, W): (B, K, h, w); it is built when it is first asked."""
        model = self
        if self.teacher is not None:
            if not self._built:
                self._built.append(MODELS.build(self.teacher))
                self._built[0].init_weights()
                self._built[0].eval()
            model = self._built[0].to(clean.device)
        with torch.no_grad():
            maps = model.head.fuse(model.extract_feat(clean)[-1])
            return model.head.decoder.distributions(maps.float())

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict:
        """Losses of a batch.

        Args:
            inputs (Tensor): (B, 3, H, 2 W), worse views and those as they are, side by side.
            data_samples (list[PoseDataSample]): B samples.

        Returns:
            dict[str, Tensor]: The head's losses, and ``loss_teacher``.
        """
        worse, clean = inputs.chunk(2, dim=-1)
        target = self.distributions(clean.contiguous(memory_format=torch.channels_last))
        feats = self.extract_feat(worse.contiguous(memory_format=torch.channels_last))
        losses = self.head.loss(feats, data_samples, train_cfg=self.train_cfg)
        stacks = len(feats)
        weights = self.head.stack_weights or [2.0 ** (s - stacks + 1) for s in range(stacks)]
        known = target.clamp(min=1e-9).log()
        total = 0
        for weight, maps in zip(weights, self.head(feats)):
            said = self.head.decoder.distributions(maps.float()).clamp(min=1e-9).log()
            total = total + weight * (target * (known - said)).sum((2, 3)).mean()
        return {**losses, 'loss_teacher': self.loss_teacher * total}
