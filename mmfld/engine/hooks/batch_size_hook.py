"""Keeps a training to one batch size, also where it is resumed by another number of processes."""
from typing import Sequence

from mmengine.hooks import Hook
from mmengine.runner import Runner


class BatchSizeHook(Hook):
    """Says what was done for the batch, writes its size into checkpoints and refuses to resume those of another one.

    A checkpoint holds the learning rate and the iterations of its batch, so that going on with another one would mix
    the two.

    Args:
        batch_size (int): Faces, or clips, of a step: processes x batches x accumulation.
        messages (Sequence[str]): For the log, if settings were changed for the batch.
        as_configured (bool): Whether nothing was changed.
    """

    def __init__(self, batch_size: int, messages: Sequence[str] = (), as_configured: bool = True) -> None:
        self.batch_size = batch_size
        self.messages = messages
        self.as_configured = as_configured

    def before_run(self, runner: Runner) -> None:
        for message in self.messages:
            # some configs show nothing less
            runner.logger.warning(message)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        checkpoint['meta']['batch_size'] = self.batch_size

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Raise a ValueError if the checkpoint to resume is of another batch, or does not say of which."""
        if not runner._resume:
            return
        found = checkpoint['meta'].get('batch_size')
        if found is None and not self.as_configured:
            raise ValueError('the checkpoint to go on from does not say with which batch it was trained, and the '
                             f'config was changed for one of {self.batch_size}: --no-scale goes on without the change')
        if found not in (None, self.batch_size):
            raise ValueError(f'the checkpoint to go on from was trained with a batch of {found}, found one of '
                             f'{self.batch_size}: choose train_dataloader.batch_size or --accumulate so that processes '
                             f'x batch_size x accumulation is {found}')
