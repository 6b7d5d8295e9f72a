from .epoch_seed_hook import EpochSeedHook
from .plain_checkpoint_hook import PlainCheckpointHook
from .progress_bar_hook import ProgressBarHook

__all__ = ['EpochSeedHook', 'PlainCheckpointHook', 'ProgressBarHook']
