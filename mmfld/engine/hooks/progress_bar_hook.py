"""A progress bar for training, for people who watch; log lines serve everybody else."""

from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from tqdm import tqdm


@HOOKS.register_module()
class ProgressBarHook(Hook):
    """One bar over all iterations, with the current loss and the latest validation result.

    Args:
        key (str): The validation result to show. Defaults to ``'NME'``.
        interval (int): Iterations between updates; the loss is fetched from the device only then. Defaults to 5.
    """

    def __init__(self, key: str = 'NME', interval: int = 5):
        self.key = key
        self.interval = interval

    def before_train(self, runner: Runner) -> None:
        if is_main_process():
            self.shown: dict[str, str] = {}
            self.bar = tqdm(total=runner.max_iters, initial=runner.iter, desc='training', unit='step')

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        if is_main_process() and (
            self.every_n_train_iters(runner, self.interval) or runner.iter + 1 == runner.max_iters
        ):
            if outputs is not None:
                self.shown['loss'] = f'{float(outputs["loss"].detach()):.4g}'
            self.bar.set_postfix(self.shown, refresh=False)
            self.bar.update(runner.iter + 1 - self.bar.n)

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        if is_main_process() and metrics and self.key in metrics:
            self.shown[self.key] = f'{metrics[self.key]:.2f}'
            self.bar.set_postfix(self.shown)

    def after_train(self, runner: Runner) -> None:
        if is_main_process():
            self.bar.close()
