"""Training that is told to stop, as by Slurm at its time limit, and goes on later as if nothing had been."""

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_reduce, is_distributed
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop
from mmpose.registry import LOOPS

from ..sigterm import sigterm_does
from .hooks.safe_checkpoint_hook import SafeCheckpointHook


class Stopped(BaseException):
    """SIGTERM came where nothing has to be saved. No Exception, so that no one mistakes it for a fault."""


class LeaveValidation(Hook):
    """Raises :class:`Stopped` behind a batch of a validation, if its loop may leave.

    Not in the signal's handler, which is called anywhere, also where everything that is raised is caught.
    """

    priority = 'LOWEST'

    def __init__(self, may_leave: Callable[[], bool]) -> None:
        self.may_leave = may_leave

    def after_val_iter(self, *_: Any, **__: Any) -> None:
        if self.may_leave():
            raise Stopped


@LOOPS.register_module()
class StoppableTrainLoop(EpochBasedTrainLoop):
    """Training by epochs, which ends at SIGTERM after the step that it is in, with a checkpoint of that step.

    A training that resumes from there leaves out the batches that this epoch has had, so that it equals one that was
    not interrupted, if the data set's augmentation depends on epoch and sample alone, as that of
    :class:`FaceLandmarkDataset` does. One that resumes at the end of an epoch begins with the validation that is due
    there: it may not have taken place, and the best checkpoint not have been kept.

    In a validation it ends with the batch, since the epoch is saved; with checkpoints in larger intervals, after it.
    Several processes agree about it every :data:`AGREE` steps.

    Args:
        ``*args``, ``**kwargs``: As of MMEngine's ``EpochBasedTrainLoop``.
    """

    AGREE = 10

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stopped_by: Path | None = None  # the checkpoint with which it ended early
        self._behind = 0  # batches of the epoch that a resumed training has behind it
        self._is_resumed = False
        self._is_asked = False
        self._may_leave = False

    def go_on_from(self, meta: dict) -> None:
        """Take over where a checkpoint was written, from its ``meta``."""
        self._is_resumed, self._behind = True, meta.get('iterations_of_epoch', 0)

    def run(self) -> torch.nn.Module:
        """Train, and validate in between, until the last epoch or SIGTERM."""
        self.runner.register_hook(LeaveValidation(lambda: self._may_leave and self._is_asked))
        with sigterm_does(self._ask):
            self.runner.call_hook('before_train')
            try:
                if self._is_resumed and not self._behind and self._epoch:
                    self._validate_if_due()
                while self._epoch < self._max_epochs and not self.stop_training and not self.stopped_by:
                    self.run_epoch()
                    if not self.stopped_by:
                        self._validate_if_due()
                        self._stop_if_asked(self._epoch, 0)
            except Stopped:
                assert self._saver is not None  # only what has been saved may be left
                self.stopped_by = self._saver.last_saved()
            self.runner.call_hook('after_train')
        return self.runner.model

    def run_epoch(self) -> None:
        """Iterate one epoch, or what is left of it."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        batches, behind, self._behind = len(self.dataloader), self._behind, 0
        if behind:
            print_log(
                f'Epoch {self._epoch + 1} goes on after {behind} of its {batches} batches, which are read again first.',
                logger='current',
            )
        for index, batch in enumerate(islice(self.dataloader, behind, None), behind):
            self.run_iter(index, batch)
            if index + 1 < batches and self._stop_if_asked(self._epoch, index + 1):
                return
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    @property
    def _saver(self) -> SafeCheckpointHook | None:
        return next((hook for hook in self.runner.hooks if isinstance(hook, SafeCheckpointHook)), None)

    def _validate_if_due(self) -> None:
        self._decide_current_val_interval()
        if (
            self.runner.val_loop is None
            or self._epoch < self.val_begin
            or self._epoch % self.val_interval
            and self._epoch != self._max_epochs
        ):
            return
        self._may_leave = self._saver is not None and self._saver.has_saved(self._epoch)
        if self._may_leave and self._is_asked:
            raise Stopped
        self.runner.val_loop.run()
        self._may_leave = False

    def _stop_if_asked(self, epoch: int, batches: int) -> bool:
        """Save and say so if SIGTERM came to one of the processes."""
        asked = self._is_asked
        if is_distributed():
            if batches % self.AGREE:
                return False
            every = torch.tensor(float(asked), device=next(self.runner.model.parameters()).device)
            all_reduce(every, 'max')
            asked = bool(every)
        if not asked:
            return False
        if self._saver is None:
            print_log(
                'SIGTERM: the training ends, and nothing is saved: default_hooks.checkpoint is no SafeCheckpointHook.',
                logger='current',
                level=logging.WARNING,
            )
            raise SystemExit(128 + signal.SIGTERM)
        if not batches and self._saver.has_saved(epoch):
            self.stopped_by = self._saver.last_saved()
        else:
            self.stopped_by = self._saver.save_interrupted(
                self.runner, dict(epoch=epoch, iter=self._iter, iterations_of_epoch=batches)
            )
        return True

    def _ask(self, *_: Any) -> None:
        self._is_asked = True


def outlive_sigterm() -> None:
    """For workers of data loaders: the first SIGTERM, perhaps to all processes of a job, must not take them from the
    step that the training still takes. They end ten seconds later, or with the second one, see
    :func:`dismiss_workers`."""
    if hasattr(signal, 'alarm'):  # not on Windows

        def on_sigterm(*_: object) -> None:
            signal.signal(signal.SIGTERM, _end)
            signal.alarm(10)

        signal.signal(signal.SIGTERM, on_sigterm)
        signal.signal(signal.SIGALRM, _end)


def _end(*_: object) -> None:
    os._exit(0)  # as PyTorch's workers do at SIGTERM; a signal would be told as a fault


def dismiss_workers() -> None:
    """At the exit of the process that has the workers, before multiprocessing ends them by SIGTERM: the first one."""
    workers = [process for process in multiprocessing.active_children() if process.daemon]
    for process in workers:
        process.terminate()
    if workers:
        time.sleep(0.2)  # two signals at once would be taken for one
