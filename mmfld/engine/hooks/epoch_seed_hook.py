"""Tells datasets with reproducible augmentation which epoch begins."""

from collections.abc import Iterator

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from torch.utils.data import Dataset


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Calls ``set_epoch`` of the training dataset before each epoch.

    Wrappers (concatenated, repeated, class-balanced, ...) are looked into through ``dataset`` and ``datasets``.

    Raises:
        TypeError: If no training dataset has ``set_epoch``, so that the hook would have no effect.
    """

    def before_train_epoch(self, runner: Runner) -> None:
        """Set the epoch, counted from 0 over all runs that were resumed."""
        dataset = runner.train_dataloader.dataset
        told = [inner.set_epoch(runner.epoch) for inner in unwrap(dataset) if hasattr(inner, 'set_epoch')]
        if not told:
            raise TypeError(
                f'EpochSeedHook: found training dataset {type(dataset).__name__}, expected one with '
                'set_epoch(), e.g. FaceLandmarkDataset'
            )


def unwrap(dataset: Dataset) -> Iterator[Dataset]:
    """A dataset and all datasets within it."""
    yield dataset
    wrapped = [dataset.dataset] if hasattr(dataset, 'dataset') else getattr(dataset, 'datasets', ())
    for inner in wrapped:
        yield from unwrap(inner)
