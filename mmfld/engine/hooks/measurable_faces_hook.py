"""Faces that the metric cannot measure are found before the first epoch, and not after it."""

from collections.abc import Iterator
from typing import Any

from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from mmpose.registry import HOOKS

from mmfld.datasets.transforms import ConvertKeypoints
from mmfld.evaluation import FaceAlignmentMetric

from .epoch_seed_hook import unwrap


@HOOKS.register_module()
class MeasurableFacesHook(Hook):
    """Lets each :class:`FaceAlignmentMetric` of validation and test look through its data before the run begins.

    What it does with faces that have no distance by which it divides is said by its ``without_norm``. Distances of
    landmarks that are clamped to the crop are known only while evaluating.
    """

    def before_run(self, runner: Runner) -> None:
        """Raise a ValueError for faces that would end the evaluation."""
        for loop in (runner._val_loop, runner._test_loop):
            # MMPose's evaluator of several data sets has a metric for each
            if not isinstance(loop, BaseLoop) or type(loop.evaluator) is not Evaluator:
                continue
            datasets: list[Any] = [one for one in unwrap(loop.dataloader.dataset) if hasattr(one, 'faces')]
            for metric in loop.evaluator.metrics:
                if isinstance(metric, FaceAlignmentMetric):
                    for dataset in datasets:
                        metric.check_faces(_as_evaluated(dataset), dataset.ann_file)


def _as_evaluated(dataset: Any) -> Iterator[dict]:
    """The faces in the layout that the pipeline converts them to."""
    conversions = [step.conversion for step in dataset.pipeline.transforms if isinstance(step, ConvertKeypoints)]
    for face in dataset.faces():
        for conversion in conversions:
            face.update(
                keypoints=conversion.keypoints(face['keypoints']),
                keypoints_visible=conversion.scores(face['keypoints_visible']),
            )
        yield face
