"""Averaged and raw weights are both validated, and the better ones are those of the best checkpoint."""

from typing import Any

from mmengine.hooks import EMAHook
from mmengine.runner import Runner
from mmpose.registry import HOOKS


@HOOKS.register_module()
class SelectingEMAHook(EMAHook):
    """Validates the averaged weights, then the raw ones, and goes on with the results of the better ones.

    So does the STAR reference code (CVPR 2023): early in a training and after a drop of the learning rate the average
    lags behind. Validation takes twice as long.

    A validation reports the metrics of the better weights under their plain names, and the one by which they are chosen
    of both: ``NME``, ``FR``, ..., ``raw/NME``, ``ema/NME``. The log says which are better; files that a metric writes
    are those of the raw weights, which come last.

    A best checkpoint (:class:`CheckpointHook` with ``save_best``; it has no optimizer) has the better weights in
    ``state_dict``, which is what testing and inference load, with this hook or without. Any other checkpoint has the
    averaged ones there, as MMEngine's. The other weights are in ``ema_state_dict``; ``meta['weights']``, ``'raw'`` or
    ``'ema'``, says what ``state_dict`` holds, and every checkpoint can be resumed.

    Args:
        metric (str): By which the weights are chosen; lower is better. Defaults to ``'NME'``.
        **kwargs: Of MMEngine's EMAHook.

    Raises:
        KeyError: If a validation does not report the metric.
    """

    # before RuntimeInfoHook, which takes the metrics into the log
    priority = 'HIGHEST'

    def __init__(self, metric: str = 'NME', **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.metric = metric
        self.raw_is_better = False

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Put the raw weights back, validate them, and leave the metrics of the better weights in ``metrics``."""
        super().after_val_epoch(runner, metrics)
        metrics = {} if metrics is None else metrics
        averaged, raw = dict(metrics), _validate(runner)
        for found in (averaged, raw):
            if self.metric not in found:
                raise KeyError(
                    f'SelectingEMAHook: found the metrics {", ".join(found) or "none"}, expected '
                    f'{self.metric!r} among them'
                )
        scores = {'raw': raw[self.metric], 'ema': averaged[self.metric]}
        self.raw_is_better = scores['raw'] < scores['ema']
        runner.logger.info(
            f'{self.metric} of the raw weights {scores["raw"]:.4f}, of the averaged (EMA) '
            f'{scores["ema"]:.4f}: the {"raw" if self.raw_is_better else "averaged"} ones are better'
        )
        metrics.clear()
        metrics.update(raw if self.raw_is_better else averaged)
        metrics.update({f'{weights}/{self.metric}': score for weights, score in scores.items()})

    def after_val(self, runner: Runner) -> None:
        """What is saved from here on is not the best checkpoint of this validation."""
        self.raw_is_better = False

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the other weights to ``checkpoint``, and say which are where."""
        super().before_save_checkpoint(runner, checkpoint)
        raw = self.raw_is_better and 'optimizer' not in checkpoint
        if raw:
            self._swap_ema_state_dict(checkpoint)
        checkpoint['meta']['weights'] = 'raw' if raw else 'ema'

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Resume both weights, wherever they are."""
        if runner._resume and checkpoint.get('meta', {}).get('weights') == 'raw':
            self._swap_ema_state_dict(checkpoint)
        super().after_load_checkpoint(runner, checkpoint)


def _validate(runner: Runner) -> dict[str, float]:
    """The metrics of the model as it is."""
    loop = runner.val_loop
    for index, batch in enumerate(loop.dataloader):
        loop.run_iter(index, batch)
    return loop.evaluator.evaluate(len(loop.dataloader.dataset))
