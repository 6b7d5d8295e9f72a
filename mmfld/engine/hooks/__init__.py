from .batch_size_hook import BatchSizeHook
from .epoch_seed_hook import EpochSeedHook
from .plain_checkpoint_hook import PlainCheckpointHook
from .progress_bar_hook import ProgressBarHook
from .safe_checkpoint_hook import SafeCheckpointHook
from .selecting_ema_hook import SelectingEMAHook

__all__ = ['BatchSizeHook', 'EpochSeedHook', 'PlainCheckpointHook', 'ProgressBarHook', 'SafeCheckpointHook',
           'SelectingEMAHook']
