"""Several processes validate and save the same network."""

import torch
from mmengine.dist import all_reduce, is_distributed
from mmengine.hooks import EMAHook, Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS


@HOOKS.register_module()
class SyncStatisticsHook(Hook):
    """Averages the running statistics of batch normalisation over all processes at the end of an epoch, those of the
    averaged weights as well.

    Without synchronised batch normalisation, which there is on GPUs only, each process has its own. The faces of a
    validation would then be measured by different networks, of which the first one is saved. (MMEngine's
    ``SyncBuffersHook`` leaves the averaged weights out.)
    """

    priority = 'HIGH'  # before anything is saved

    def after_train_epoch(self, runner: Runner) -> None:
        if not is_distributed():
            return
        averaged = [hook.ema_model for hook in runner.hooks if isinstance(hook, EMAHook)]
        for network in (runner.model, *averaged):
            buffers = [buffer for buffer in network.buffers() if buffer.is_floating_point()]
            if buffers:
                together = torch.cat([buffer.flatten() for buffer in buffers])
                all_reduce(together, 'mean')
                for buffer, part in zip(buffers, together.split([buffer.numel() for buffer in buffers])):
                    buffer.copy_(part.view_as(buffer))
