from .epoch_seed_hook import EpochSeedHook
from .plain_checkpoint_hook import PlainCheckpointHook

__all__ = ['EpochSeedHook', 'PlainCheckpointHook']
