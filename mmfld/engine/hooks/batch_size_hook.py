"""Keeps a training to one batch size, also where it is resumed by another number of processes."""

from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.runner import Runner


class BatchSizeHook(Hook):
    """Says what was done for the batch, writes its size into checkpoints and refuses to resume those of another one.

    A checkpoint holds the learning rate and the iterations of its batch, so that going on with another one would mix
    the two.

    Args:
        processes (int): That train together.
        size (int): Faces, or clips, of a forward pass of one process.
        accumulation (int): Passes of a step. Defaults to 1.
        base (int, optional): The batch that the config names.
        messages (Sequence[str]): For the log, if settings were changed for the batch.
        as_configured (bool): Whether nothing was changed.

    Attributes:
        batch_size (int): Faces, or clips, of a step: processes x size x accumulation.
        allow_mismatch (bool): Whether another batch is a warning at the end of an epoch. Defaults to False.
    """

    priority = 'HIGHEST'  # before settings are compared, which may differ because the batch does
    allow_mismatch = False

    def __init__(
        self,
        processes: int,
        size: int,
        accumulation: int = 1,
        base: int | None = None,
        messages: Sequence[str] = (),
        as_configured: bool = True,
    ) -> None:
        self.processes = processes
        self.size = size
        self.accumulation = accumulation
        self.batch_size = processes * size * accumulation
        self.base = base
        self.messages = messages
        self.as_configured = as_configured

    def before_run(self, runner: Runner) -> None:
        for message in self.messages:
            # some configs show nothing less
            runner.logger.warning(message)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        checkpoint['meta'].update(batch_size=self.batch_size, batch=str(self))

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Raise a ValueError if the checkpoint to resume is of another batch, or does not say of which."""
        if not runner._resume or 'optimizer' not in checkpoint:  # without, it is no checkpoint to go on from at all
            return
        meta = checkpoint.get('meta') or {}
        found = meta.get('batch_size')
        if found is None and not self.as_configured:
            raise ValueError(
                'the checkpoint to go on from does not say with which batch it was trained, and the '
                f'config was changed for one of {self.batch_size}: --no-scale goes on without the change'
            )
        if found in (None, self.batch_size):
            return
        before = f'{found} ({meta["batch"]})' if 'batch' in meta else f'{found}'
        message = (
            f'the checkpoint to go on from was trained with a batch of {before}, whose learning rate and '
            f'iterations it holds, found one of {self.batch_size} ({self})'
        )
        ways = 'go on with processes and train_dataloader.batch_size as they were' + ''.join(
            f', or with {way}' for way in self._ways_to(found)
        )
        if meta.get('iterations_of_epoch'):
            raise ValueError(f'{message}: it was saved within an epoch, of which it counts the batches: {ways}')
        if not self.allow_mismatch:
            raise ValueError(f'{message}: {ways}; --allow-mismatch goes on with this batch')
        runner.logger.warning(f'{message}: the training goes on with this one')
        meta['iter'] = meta['epoch'] * runner.max_iters // runner.max_epochs

    def _ways_to(self, batch_size: int) -> list[str]:
        """Arguments with which these processes have a batch of that size."""
        ways = []
        passes, rest = divmod(batch_size, self.processes * self.size)
        if passes > 1 and not rest:
            ways.append('--accumulate' if batch_size == self.base else f'--cfg-options train_cfg.accumulation={passes}')
        if batch_size % self.processes == 0:
            ways.append(f'--cfg-options train_dataloader.batch_size={batch_size // self.processes}')
        return ways

    def __str__(self) -> str:
        factors = f'{self.processes} process{"es" if self.processes > 1 else ""} x {self.size}'
        return factors + (f' x {self.accumulation} accumulated' if self.accumulation > 1 else '')
