from .batch_size_hook import BatchSizeHook
from .epoch_seed_hook import EpochSeedHook
from .finite_loss_hook import FiniteLossHook
from .measurable_faces_hook import MeasurableFacesHook
from .plain_checkpoint_hook import PlainCheckpointHook
from .progress_bar_hook import ProgressBarHook
from .resume_hook import ResumeHook
from .safe_checkpoint_hook import SafeCheckpointHook
from .selecting_ema_hook import SelectingEMAHook
from .sync_statistics_hook import SyncStatisticsHook

__all__ = [
    'BatchSizeHook',
    'EpochSeedHook',
    'FiniteLossHook',
    'MeasurableFacesHook',
    'PlainCheckpointHook',
    'ProgressBarHook',
    'ResumeHook',
    'SafeCheckpointHook',
    'SelectingEMAHook',
    'SyncStatisticsHook',
]
