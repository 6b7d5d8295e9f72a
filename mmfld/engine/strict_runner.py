"""MMEngine's runner, which refuses weights of another model, and whose trainings can be stopped."""

import atexit
import gc
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from mmengine import Config
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from torch import Tensor
from torch.utils.data import DataLoader

from .checkpoint import misfits, weights_in
from .config_text import FormattedConfig
from .dataloaders import require_a_step
from .fields import is_number
from .provenance import other_inputs, other_method
from .stoppable_train_loop import StoppableTrainLoop, dismiss_workers, outlive_sigterm


class StrictRunner(Runner):
    """A runner for ``mmfld train`` and ``mmfld test``.

    * Weights of another model are an error, which lists what is missing, unexpected and misshapen. MMEngine would load
      what fits and leave random numbers elsewhere. Where a config ``starts_from`` a smaller model, nothing of that may
      be left over. In a test, weights of another method are an error as well.
    * A test with other crops than those of the training warns.
    * Training by epochs can be stopped (:class:`StoppableTrainLoop`).
    * The text of the config, which stands in each checkpoint, is formatted once.

    Attributes:
        allow_mismatch (bool): Whether weights that do not fit are a warning. Defaults to False.
    """

    allow_mismatch = False

    def __init__(self, *args: Any, cfg: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, cfg=FormattedConfig.of(cfg) if isinstance(cfg, Config) else cfg, **kwargs)

    def load_checkpoint(self, filename: str, *args: Any, **kwargs: Any) -> dict:
        """Load weights.

        Raises:
            ValueError: If they do not fit the model.
        """
        self._name = filename
        checkpoint = super().load_checkpoint(filename, *args, **kwargs)
        if not isinstance(self._train_loop, BaseLoop):
            for difference in other_inputs(self.cfg, checkpoint):
                print_log(f'{filename}: {difference}', logger='current', level=logging.WARNING)
        return checkpoint

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """Call all hooks; a checkpoint is looked at before them, as they take weights out of it, too."""
        if fn_name == 'after_load_checkpoint':
            self._check(kwargs['checkpoint'])
        super().call_hook(fn_name, **kwargs)

    def _check(self, checkpoint: dict) -> None:
        """Bring the weights to the names of the model, in place, and raise a ValueError if they do not fit it."""
        given = weights_in(checkpoint)
        if 'state_dict' not in checkpoint:  # a file of weights alone
            checkpoint.clear()
        checkpoint['state_dict'] = given
        model = self.model.module if is_model_wrapper(self.model) else self.model
        # weights of a smaller model, to which this one adds parts that begin untrained
        may_lack = isinstance(self._train_loop, BaseLoop) and not self._resume and bool(self.cfg.get('starts_from'))
        faults = misfits(model.state_dict(), given, may_lack)
        if not faults and not isinstance(self._train_loop, BaseLoop):  # a training may begin with weights of any method
            faults = other_method(self.cfg, checkpoint)
        if faults:
            message = f'{self._name} does not fit the model of {self.cfg.filename}: {faults}'
            if not self.allow_mismatch:
                raise ValueError(f'{message}; --allow-mismatch loads what fits')
            print_log(message, logger='current', level=logging.WARNING)

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        """As MMEngine's; what an optimiser refuses names the part of the config.

        Raises:
            ValueError: If an argument has no meaning.
        """
        try:
            wrapper = super().build_optim_wrapper(optim_wrapper)
        except (TypeError, ValueError) as error:
            raise ValueError(f'optim_wrapper: {error}') from error
        for group in getattr(wrapper, 'param_groups', ()):
            if not isinstance(group['lr'], Tensor) and group['lr'] != group['lr']:  # which SGD takes
                raise ValueError(f'optim_wrapper: Invalid learning rate: {group["lr"]}')
        return wrapper

    def build_train_loop(self, loop: Any) -> BaseLoop:
        """Training by epochs can be stopped, unless a config asks for a loop of its own.

        Raises:
            ValueError: If an epoch has no step, or there are no epochs.
        """
        for name in ('max_epochs', 'max_iters', 'val_interval') if isinstance(loop, dict) else ():
            if name in loop and not (is_number(loop[name]) and loop[name] == max(1, int(loop[name]))):
                raise ValueError(f'train_cfg.{name}: found {loop[name]!r}, expected a whole number from 1')
        if isinstance(loop, dict) and loop.get('by_epoch') and 'type' not in loop:
            loop = {**{key: value for key, value in loop.items() if key != 'by_epoch'}, 'type': StoppableTrainLoop}
        loop = super().build_train_loop(loop)
        require_a_step(loop)
        return loop

    @staticmethod
    def build_dataloader(*args: Any, **kwargs: Any) -> DataLoader:
        """As MMEngine's, with workers that leave it to the training when to end."""
        loader = Runner.build_dataloader(*args, **kwargs)
        atexit.unregister(dismiss_workers)
        atexit.register(dismiss_workers)  # once, and before what multiprocessing has registered by now
        loader.worker_init_fn = partial(_begin_worker, loader.worker_init_fn)
        return loader


def _begin_worker(init: Callable[[int], None] | None, number: int) -> None:
    outlive_sigterm()
    gc.freeze()  # looking for garbage in what is inherited would copy the pages that it lies in, 100 MiB of them
    if init is not None:
        init(number)
