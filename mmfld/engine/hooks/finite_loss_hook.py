"""A loss that is no number ends the training before it reaches the weights."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from mmpose.structures import PoseDataSample

from ...repository import runnable
from ..plain_batch import pack
from ..whole_files import save_whole
from .plain_checkpoint_hook import to_plain

SHOWN = 4  # samples in the message
PATIENCE = 20  # steps in a row that a gradient scaler may skip


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Raises before the optimiser's step if a loss is infinite or NaN, and keeps what it takes to look into it.

    The error names epoch, iteration, all loss terms and the samples; weights and batch are written to
    ``WORK_DIR/not_finite.pth`` (with the number of the process behind it, but for the first), which
    ``tools/misc/replay_step.py`` takes the step with again, sample by sample.

    With a gradient scaler (mixed precision in float16) such a step is skipped by the scaler, which then tries a smaller
    scale; so only 20 of them in a row are an error.

    Raises:
        FloatingPointError: While training.
    """

    def __init__(self) -> None:
        self.in_a_row = 0
        self._batch: Any = None

    def before_train(self, runner: Runner) -> None:
        """Look at what the model's ``parse_losses`` returns."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        parse = type(model).parse_losses

        def parse_and_check(losses: dict[str, Any]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
            loss, terms = parse(model, losses)
            self._check(runner, model, loss, terms)
            return loss, terms

        model.parse_losses = parse_and_check

    def after_train(self, runner: Runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        model.__dict__.pop('parse_losses', None)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        self._batch = data_batch

    def _check(
        self, runner: Runner, model: torch.nn.Module, loss: torch.Tensor, terms: dict[str, torch.Tensor]
    ) -> None:
        if loss.isfinite():
            self.in_a_row = 0
            return
        self.in_a_row += 1
        scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
        if scaler is not None and self.in_a_row < PATIENCE:
            return
        again = self._save(runner, model, terms)
        values = ', '.join(f'{name} {float(value):g}' for name, value in terms.items())
        samples = [
            f'{meta.get("id")} ({meta.get("img_path")})'
            for meta in (sample.metainfo for sample in samples_of(self._batch))
        ]
        more = f' and {len(samples) - SHOWN} more' if len(samples) > SHOWN else ''
        times = f'{self.in_a_row} times in a row' if scaler is not None else 'before the step'
        raise FloatingPointError(
            f'epoch {runner.epoch + 1}, iteration {runner.iter + 1}: the loss is not finite, {times}: {values}. '
            f'Samples: {", ".join(samples[:SHOWN])}{more}. {again}'
        )

    def _save(self, runner: Runner, model: torch.nn.Module, terms: dict[str, torch.Tensor]) -> str:
        """Save what it takes to take the step again, and say how, or why that cannot be."""
        rank = get_rank()
        path = Path(runner.work_dir) / f'not_finite{f"_{rank}" if rank else ""}.pth'
        meta = dict(
            cfg=runner.cfg.pretty_text,
            epoch=runner.epoch,
            iter=runner.iter,
            dataset_meta=to_plain(getattr(runner.train_dataloader.dataset, 'metainfo', None), 'dataset_meta'),
        )
        content = dict(
            meta=meta,
            state_dict={name: value.detach().cpu() for name, value in model.state_dict().items()},
            losses={name: float(value) for name, value in terms.items()},
            batch=pack(self._batch),
        )
        try:
            save_whole(content, path)
        except OSError as error:
            return f'The step cannot be taken again, as it could not be saved: {error.args[-1]}'
        return f'`python {runnable("tools/misc/replay_step.py")} {path}` takes the step again'


def samples_of(batch: Any) -> Iterator[PoseDataSample]:
    """All data samples in a batch, or in the batches of an accumulated step."""
    if isinstance(batch, PoseDataSample):
        yield batch
    elif isinstance(batch, dict):
        for value in batch.values():
            yield from samples_of(value)
    elif isinstance(batch, (list, tuple)):
        for value in batch:
            yield from samples_of(value)
