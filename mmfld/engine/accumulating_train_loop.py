"""Steps whose batch does not fit into one forward pass: gradients are accumulated over several."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmpose.registry import LOOPS
from torch import Tensor
from torch.utils.data import DataLoader

from .stoppable_train_loop import StoppableTrainLoop


@LOOPS.register_module()
class AccumulatingTrainLoop(StoppableTrainLoop):
    """Training by epochs in which an iteration is one step of the optimiser, over ``accumulation`` batches.

    Counted in iterations, everything is as with the large batch: averaged weights, schedules, logs, and the checkpoint
    at the end of an epoch, which is no middle of a step. (With ``accumulative_counts`` of MMEngine's optimiser wrappers
    an iteration is a part of a step, and all of these would have to be corrected.) The last step of an epoch may have
    fewer faces, or is left out with the data loader's ``drop_last``.

    Only batch normalisation differs: its statistics are those of a forward pass, and the running ones are updated in
    each.

    Args:
        runner (Runner): The runner.
        dataloader (DataLoader | dict): Gives the batches of forward passes.
        max_epochs (int): Number of epochs.
        accumulation (int): Batches of a step.
        **kwargs: As of :class:`StoppableTrainLoop`.
    """

    dataloader: Any

    def __init__(
        self, runner: Runner, dataloader: DataLoader | dict, max_epochs: int, accumulation: int, **kwargs: Any
    ) -> None:
        super().__init__(runner, dataloader, max_epochs, **kwargs)
        self.accumulation = accumulation
        self.dataloader = Groups(self.dataloader, accumulation)
        self._max_iters = self._max_epochs * len(self.dataloader)

    def run_iter(self, idx: int, batches: list[dict]) -> None:
        """Take one step; hooks get the list of its batches, and the weighted mean of their losses."""
        self.runner.call_hook('before_train_iter', batch_idx=idx, data_batch=batches)
        outputs = accumulate(self.runner.model, batches, self.runner.optim_wrapper)
        self.runner.call_hook('after_train_iter', batch_idx=idx, data_batch=batches, outputs=outputs)
        self._iter += 1


class Groups:
    """A data loader's batches in lists of ``size``; all else is the data loader's."""

    def __init__(self, dataloader: DataLoader, size: int) -> None:
        self._dataloader = dataloader
        self._size = size

    def __len__(self) -> int:
        batches = len(self._dataloader)
        return batches // self._size if self._dataloader.drop_last else -(-batches // self._size)

    def __iter__(self) -> Iterator[list[dict]]:
        group: list[dict] = []
        for batch in self._dataloader:
            group.append(batch)
            if len(group) == self._size:
                yield group
                group = []
        if group and not self._dataloader.drop_last:
            yield group

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataloader, name)


def accumulate(model: Any, batches: Sequence[dict], optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
    """Take one step with the mean gradient of all faces, or clips, in several batches.

    Args:
        model (nn.Module): With MMEngine's ``train_step``; its loss is a mean over a batch.
        batches (Sequence[dict]): As a data loader gives them, with a list or tensor of ``inputs``.
        optim_wrapper (OptimWrapper): Takes the step.

    Returns:
        dict: The means of what ``train_step`` returns for logging.
    """
    sizes = [len(batch['inputs']) for batch in batches]
    outputs: dict[str, Tensor] = {}
    for number, (batch, size) in enumerate(zip(batches, sizes), 1):
        weight = size / sum(sizes)
        part = _PartOfStep(optim_wrapper, weight, last=number == len(batches))
        for name, value in model.train_step(batch, optim_wrapper=part).items():
            outputs[name] = outputs.get(name, 0) + weight * torch.as_tensor(value).detach()
    return outputs


class _PartOfStep:
    """What ``train_step`` uses of an optimiser wrapper; the last part takes the step, and gathers the gradients of all
    processes."""

    def __init__(self, optim_wrapper: OptimWrapper, weight: float, last: bool) -> None:
        self.optim_wrapper = optim_wrapper
        self.weight = weight
        self.last = last

    @contextmanager
    def optim_context(self, model: Any) -> Iterator[None]:
        with self.optim_wrapper.optim_context(model):
            if self.last or not hasattr(model, 'no_sync'):
                yield
            else:
                with model.no_sync():
                    yield

    def update_params(self, loss: Tensor) -> None:
        self.optim_wrapper.backward(loss * self.weight)
        if self.last:
            self.optim_wrapper.step()
            self.optim_wrapper.zero_grad()
